use basphere_api::crd::SiteStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{judge, next_status};
use crate::world::World;

fn site() -> Value {
    let text = include_str!("../../../deploy/examples/site.yaml");
    serde_saphyr::from_str(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn the_example_is_taken() {
    let world = World::default();
    assert_eq!(judge(&world, &site()).reason, "InForce");
    assert!(world.has_site());
}

#[test]
fn a_bad_site_leaves_the_last_good_one_in_force() {
    let world = World::default();
    let unreadable = json!({"spec": {"nodeSpecs": 7}});
    let mut inconsistent = site();
    inconsistent["spec"]["defaults"]["nodeSpec"] = json!("huge");
    for (bad, reason) in [
        (&unreadable, "Unreadable"),
        (&inconsistent, "Inconsistent"),
        (&Value::Null, "Unreadable"),
    ] {
        let verdict = judge(&world, bad);
        assert_eq!((verdict.is_ready, verdict.reason), (false, reason));
        assert!(!world.has_site());
        assert!(
            !verdict.message.contains("stays in force"),
            "{}",
            verdict.message
        );
    }
    judge(&world, &site());
    let before = world.snapshot("user-kim").unwrap().site;
    let verdict = judge(&world, &inconsistent);
    assert!(
        verdict.message.contains("spec.defaults.nodeSpec"),
        "{}",
        verdict.message
    );
    assert!(
        verdict
            .message
            .ends_with("; the last good Site stays in force"),
        "{}",
        verdict.message
    );
    assert_eq!(world.snapshot("user-kim").unwrap().site, before);
}

#[test]
fn status_is_written_only_when_it_says_something_new() {
    let world = World::default();
    let good = judge(&world, &site());
    let bad = judge(&world, &Value::Null);

    let first = next_status(&SiteStatus::default(), Some(1), &good, at(10)).unwrap();
    assert_eq!(first.observed_generation, Some(1));
    assert_eq!(
        (
            first.conditions[0].type_.as_str(),
            first.conditions[0].status.as_str()
        ),
        ("Ready", "True")
    );
    assert_eq!(next_status(&first, Some(1), &good, at(20)), None);

    let second = next_status(&first, Some(2), &good, at(20)).unwrap();
    assert_eq!(
        second.conditions[0].last_transition_time.0,
        at(10),
        "it is as ready as before"
    );

    let third = next_status(&second, Some(3), &bad, at(30)).unwrap();
    assert_eq!(
        (
            third.conditions[0].status.as_str(),
            third.conditions[0].reason.as_str()
        ),
        ("False", "Unreadable")
    );
    assert_eq!(third.conditions[0].last_transition_time.0, at(30));
}
