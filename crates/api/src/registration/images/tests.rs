use serde_json::{Value, json};

use super::*;
use crate::registration::Endpoint;

fn webhooks(hosts: &[&str]) -> Value {
    let registration = Registration {
        endpoint: Endpoint::Url("https://127.0.0.1:9443".to_owned()),
        ca_bundle: None,
    };
    json!(
        registration
            .images(&hosts.iter().copied().collect())
            .webhooks
    )
}

#[test]
fn pods_alone_are_sent_and_pass_while_nobody_answers() {
    let webhooks = webhooks(&["harbor.corp.example:8443"]);
    let webhook = &webhooks[0];
    let rules: Vec<_> = webhook["rules"].as_array().unwrap().iter().collect();
    let about: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule["apiGroups"].clone(),
                rule["resources"].clone(),
                rule["operations"].clone(),
            )
        })
        .collect();
    assert_eq!(
        about,
        [
            (json!([""]), json!(["pods"]), json!(["CREATE", "UPDATE"])),
            (
                json!([""]),
                json!(["pods/ephemeralcontainers"]),
                json!(["UPDATE"])
            ),
        ]
    );
    assert_eq!(webhook["failurePolicy"], "Ignore");
    assert_eq!(webhook["sideEffects"], "None");
    assert_eq!(webhook["reinvocationPolicy"], "IfNeeded");
    assert_eq!(webhook["timeoutSeconds"], 2);
    let excluded = &webhook["namespaceSelector"]["matchExpressions"][0];
    assert_eq!(excluded["operator"], "NotIn");
    assert!(
        excluded["values"]
            .as_array()
            .unwrap()
            .contains(&json!("kube-system"))
    );
}

#[test]
fn pods_of_the_sites_images_need_no_call() {
    let webhooks = webhooks(&["a.example", "b.example:8443"]);
    let conditions = webhooks[0]["matchConditions"].as_array().unwrap();
    let expression = conditions[2]["expression"].as_str().unwrap();
    let of_volumes = "object.?spec.?volumes.orValue([]).exists(item, item.?image.?reference.hasValue() && \
                      !(item.?image.?reference.orValue('').startsWith('a.example/') || \
                      item.?image.?reference.orValue('').startsWith('b.example:8443/')))";
    assert!(expression.ends_with(of_volumes), "{expression}");
}

#[test]
fn without_hosts_nothing_is_sent() {
    assert_eq!(webhooks(&[]), json!([]));
}
