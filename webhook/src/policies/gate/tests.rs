use basphere_rego::{Versioned, Waiver};
use serde_json::json;

use super::*;

/// A gate with one policy about everything.
fn gate(rego: &str) -> PolicyGate {
    let shelf = Arc::new(Shelf::default());
    let mut policies = Policies::default();
    let template = json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "one"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "One"}}},
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh",
                "rego": format!("package one\n\n{rego}\n"),
            }],
        },
    });
    policies.add_template(&template).unwrap();
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "One",
        "metadata": {"name": "a"},
    });
    policies.add_constraint(&constraint).unwrap();
    shelf.put(policies);
    let namespaces = [(
        "team".to_owned(),
        json!({"kind": "Namespace", "metadata": {"name": "team"}}),
    )];
    PolicyGate::new(
        shelf,
        Arc::new(Namespaces::of(namespaces)),
        Arc::default(),
        Arc::new(Metrics::default()),
    )
}

/// The response to an update of a Pod by somebody.
async fn response(gate: &PolicyGate, user: &str) -> Value {
    let pod = |image: &str| {
        let metadata = json!({"name": "a", "namespace": "team"});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"image": image}})
    };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "name": "a",
            "namespace": "team",
            "operation": "UPDATE",
            "userInfo": {"username": user},
            "object": pod("new"),
            "oldObject": pod("old"),
        },
    });
    match gate.answer(review.to_string().as_bytes()).await {
        Reply::Review(answer) => json!(answer)["response"].clone(),
        Reply::BadRequest(words) => panic!("{words}"),
    }
}

async fn message(gate: &PolicyGate) -> String {
    let response = response(gate, "kim").await;
    assert_eq!(response["allowed"], false);
    response["status"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_policy_that_fails_denies_and_says_which() {
    let twice = "x = 1 { true }\nx = 2 { true }\nviolation[{\"msg\": \"no\"}] { x == 3 }";
    let message = message(&gate(twice)).await;
    assert!(message.starts_with("Forbidden: [a] "), "{message}");
    assert!(
        message.contains("must not produce multiple outputs"),
        "{message}"
    );
}

#[tokio::test]
async fn a_policy_that_takes_too_long_denies() {
    let endless = "violation[{\"msg\": \"no\"}] {\n  r := numbers.range(1, 3000)\n  r[i] * r[j] * r[k] < 0\n}";
    let started = Instant::now();
    let message = message(&gate(endless)).await;
    assert!(message.starts_with("Forbidden: [a] "), "{message}");
    assert!(message.contains("time"), "{message}");
    assert!(started.elapsed() >= LIMIT);
}

#[tokio::test]
async fn without_policies_nothing_passes() {
    let gate = PolicyGate {
        shelf: Arc::default(),
        ..gate("violation[{\"msg\": \"no\"}] { false }")
    };
    let response = response(&gate, "kim").await;
    assert_eq!(response["status"]["code"], 503);
    let message = response["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("no policies have been loaded yet [BSP-G004]"),
        "{message}"
    );
}

/// What is the controller's own doing is held against it.
#[tokio::test]
async fn a_controller_is_spared_only_what_was_so_before() {
    let both = r#"violation[{"msg": "always"}] { true }
violation[{"msg": msg}] { msg := sprintf("is %v", [input.review.object.spec.image]) }"#;
    let gate = gate(both);
    let response = response(&gate, "system:serviceaccount:a:b").await;
    assert_eq!(response["allowed"], false);
    assert_eq!(
        response["status"]["message"],
        "Forbidden: [a] is new [BSP-G001]"
    );
    assert_eq!(response["warnings"], json!(["[a] always [BSP-G003]"]));
}

#[tokio::test]
async fn who_is_anonymous_is_no_controller() {
    let gate = gate("violation[{\"msg\": \"always\"}] { true }");
    for (user, allowed) in [
        ("system:anonymous", false),
        ("kim", false),
        ("systemic", false),
        ("system:node:one", true),
    ] {
        assert_eq!(response(&gate, user).await["allowed"], allowed, "{user}");
    }
}

/// What it looks for in vain while nothing is known, it may not answer.
#[tokio::test]
async fn a_policy_waits_for_what_it_looks_for() {
    let only_one = r#"violation[{"msg": msg}] {
  count([1 | data.inventory.cluster.v1.Node[_]]) != 1
  msg := "not one node"
}"#;
    let gate = gate(only_one);
    let node = Versioned {
        group_version: "v1".to_owned(),
        kind: "Node".to_owned(),
    };
    let need = Need::Version(node.clone());
    for (user, words) in [
        ("kim", "waits for v1 Node: nobody has looked for it yet"),
        // It was so before, too, and that is no reason.
        (
            "system:node:a",
            "waits for v1 Node: its first list is not in yet",
        ),
    ] {
        let response = response(&gate, user).await;
        assert_eq!(response["status"]["code"], 503);
        let message = response["status"]["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("[a] {words} [BSP-G006]")),
            "{message}"
        );
        gate.stock.keep([(need.clone(), vec![node.clone()])].into());
    }
    gate.stock.explain(&node, "it may not be listed".to_owned());
    let words = message(&gate).await;
    assert!(
        words.starts_with("[a] waits for v1 Node: it may not be listed "),
        "{words}"
    );
    gate.stock.know(&node);
    gate.stock
        .explain(&node, "the watch was interrupted".to_owned());
    assert_eq!(
        message(&gate).await,
        "Forbidden: [a] not one node [BSP-G001]"
    );
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}});
    gate.stock.put(&node, object);
    assert_eq!(response(&gate, "kim").await["allowed"], true);
    gate.stock.remove(&node, "", "a");
    assert_eq!(
        message(&gate).await,
        "Forbidden: [a] not one node [BSP-G001]"
    );
}

/// A gate with one policy and waivers of it, each until then.
fn waived(rego: &str, expires: &[&str]) -> PolicyGate {
    let gate = gate(rego);
    let waivers = expires.iter().enumerate().map(|(index, expires)| {
        let document = json!({
            "apiVersion": "basphere.dev/v1alpha1",
            "kind": "PolicyWaiver",
            "metadata": {"name": format!("w-{index}")},
            "spec": {
                "reason": "it is mended", "expires": expires, "grantedBy": "root",
                "constraints": [{"kind": "One", "name": "a"}], "match": {"namespaces": ["team"]},
            },
        });
        Waiver::read(&document).unwrap()
    });
    gate.shelf.waivers().put_files(waivers.collect());
    gate
}

const NO: &str = "violation[{\"msg\": \"no\"}] { true }";

#[tokio::test]
async fn what_a_waiver_excuses_is_a_warning_and_in_the_audit_log() {
    let gate = waived(NO, &["2001-01-01T00:00:00Z", "2999-12-31T00:00:00Z"]);
    let response = response(&gate, "kim").await;
    assert_eq!(response["allowed"], true);
    let words = "[a] no (waived until 2999-12-31 by w-1: it is mended) [BSP-G005]";
    assert_eq!(response["warnings"], json!([words]));
    assert_eq!(response["auditAnnotations"]["waivers"], "w-1=One/a");
    assert_eq!(response["auditAnnotations"]["codes"], "BSP-G005");
    let metrics = gate.metrics.render().unwrap();
    for line in [
        "basphere_policy_waived_total{waiver=\"w-1\",constraint=\"One/a\"} 1",
        "basphere_policy_results_total{constraint=\"One/a\",action=\"waived\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn an_expired_waiver_excuses_nothing() {
    let gate = waived(NO, &["2001-01-01T00:00:00Z"]);
    assert_eq!(message(&gate).await, "Forbidden: [a] no [BSP-G001]");
    let metrics = gate.metrics.render().unwrap();
    assert!(!metrics.contains("policy_waived_total{"), "{metrics}");
}
