use serde_json::{Value, json};

use super::*;
use crate::registration::Endpoint;

fn webhooks(kinds: &[(&str, &str)]) -> Value {
    let registration = Registration {
        endpoint: Endpoint::Url("https://127.0.0.1:9443".to_owned()),
        ca_bundle: None,
    };
    let kinds = kinds.iter();
    let kinds = kinds.map(|(group, kind)| ((*group).to_owned(), (*kind).to_owned()));
    json!(registration.policies(&kinds.collect()).webhooks)
}

fn condition(webhooks: &Value, index: usize, name: &str) -> String {
    let conditions = webhooks[index]["matchConditions"].as_array().unwrap();
    let mut named = conditions
        .iter()
        .filter(|condition| condition["name"] == name);
    named.next().unwrap()["expression"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn only_what_is_asked_about_is_sent() {
    let webhooks = webhooks(&[("", "Pod"), ("apps", "*")]);
    let rules: Vec<_> = webhooks[0]["rules"].as_array().unwrap().iter().collect();
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0]["apiGroups"], json!([""]));
    assert_eq!(
        rules[0]["resources"],
        json!(["*", "pods/ephemeralcontainers"])
    );
    assert_eq!(rules[1]["apiGroups"], json!(["apps"]));
    assert_eq!(rules[1]["resources"], json!(["*"]));
    for rule in rules {
        assert_eq!(rule["operations"], json!(["CREATE", "UPDATE"]));
    }
    assert_eq!(
        condition(&webhooks, 0, "kinds"),
        "request.kind.group == '' && request.kind.kind == 'Pod' || request.kind.group == 'apps'"
    );
}

#[test]
fn who_asks_about_everything_is_spared_what_happens_all_the_time() {
    let webhooks = webhooks(&[("*", "*"), ("", "Pod")]);
    assert_eq!(webhooks[0]["rules"].as_array().unwrap().len(), 1);
    let kinds = condition(&webhooks, 0, "kinds");
    assert!(kinds.contains("'coordination.k8s.io/Lease'"), "{kinds}");
    assert!(kinds.starts_with("!("), "{kinds}");
}

#[test]
fn people_wait_while_nobody_answers_and_the_cluster_does_not() {
    let webhooks = webhooks(&[("", "Pod")]);
    let policies = [0, 1].map(|index| webhooks[index]["failurePolicy"].as_str().unwrap());
    assert_eq!(policies, ["Fail", "Ignore"]);
    let senders = [0, 1].map(|index| condition(&webhooks, index, "sender"));
    assert_eq!(senders[0], format!("!{}", senders[1]));
}

#[test]
fn without_constraints_nothing_is_sent() {
    assert_eq!(webhooks(&[]), json!([]));
}

#[test]
fn a_name_cannot_leave_its_quotes() {
    let webhooks = webhooks(&[("", "a' || true || '")]);
    assert_eq!(
        condition(&webhooks, 0, "kinds"),
        "request.kind.group == '' && request.kind.kind == 'atrue'"
    );
}
