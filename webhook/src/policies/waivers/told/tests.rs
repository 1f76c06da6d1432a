use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stored(expires: &str, status: PolicyWaiverStatus) -> Stored {
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "PolicyWaiver",
        "metadata": {"name": "a", "uid": "u-1", "generation": 3},
        "spec": {
            "reason": "so", "expires": expires, "grantedBy": "root",
            "constraints": [{"kind": "*", "name": "*"}], "match": {"namespaces": ["*"]},
        },
        "status": status,
    }))
    .unwrap();
    Stored::of(&object)
}

fn shown(status: &PolicyWaiverStatus) -> [String; 4] {
    let condition = &status.conditions[0];
    let since = condition.last_transition_time.0.to_string();
    [
        condition.status.clone(),
        condition.reason.clone(),
        condition.message.clone(),
        since,
    ]
}

#[test]
fn a_waiver_says_whether_it_holds_and_since_when() {
    let end = "2026-12-31T00:00:00Z";
    let first = next_status(
        &stored(end, Default::default()),
        None,
        at("2026-01-02T03:04:05.678Z"),
    );
    let held = [
        "True",
        "InForce",
        "until 2026-12-31",
        "2026-01-02T03:04:05Z",
    ];
    assert_eq!(shown(&first), held);
    assert_eq!(first.observed_generation, Some(3));
    let later = next_status(
        &stored(end, first.clone()),
        None,
        at("2026-12-30T23:59:59Z"),
    );
    assert_eq!(later, first);
    let over = next_status(&stored(end, first), None, at(end));
    let gone = [
        "False",
        "Expired",
        "it waives nothing since 2026-12-31",
        end,
    ];
    assert_eq!(shown(&over), gone);
    let bad = next_status(&stored("never", Default::default()), None, at(end));
    let words = "it waives nothing: spec.expires: must be a time such as 2026-12-31T00:00:00Z, and is \"never\"";
    assert_eq!(shown(&bad), ["False", "Unreadable", words, end]);
}

#[test]
fn what_was_counted_is_added_to_what_others_have_written() {
    let written = PolicyWaiverStatus {
        used: 5,
        last_used: Some(at("2026-01-03T00:00:00Z")),
        ..Default::default()
    };
    let uses = |last: &str| Uses {
        uid: "u-1".to_owned(),
        count: 2,
        last: at(last),
    };
    let before = stored("2026-12-31T00:00:00Z", written);
    let now = at("2026-01-04T00:00:00Z");
    let next = next_status(&before, Some(&uses("2026-01-03T12:00:00.5Z")), now);
    assert_eq!(
        (next.used, next.last_used),
        (7, Some(at("2026-01-03T12:00:00Z")))
    );
    let next = next_status(&before, Some(&uses("2026-01-02T00:00:00Z")), now);
    assert_eq!(
        (next.used, next.last_used),
        (7, Some(at("2026-01-03T00:00:00Z")))
    );
}
