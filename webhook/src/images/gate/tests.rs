use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::images::file::parse;
use crate::images::file::tests::SITE;

const KEPT: &str = "harbor.corp.example:8443/docker-hub-proxy/library/nginx:1";

fn gate() -> ImageGate {
    let rules = Rulebook::default();
    rules.put(parse(SITE).unwrap().1);
    ImageGate::new(Arc::new(rules), Arc::default())
}

fn review(user: &str, image: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "operation": "CREATE",
            "namespace": "default",
            "userInfo": {"username": user},
            "object": {"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "web", "image": image}]}},
        },
    })
}

fn response(gate: &ImageGate, review: &Value) -> Value {
    match gate.answer(review.to_string().as_bytes()) {
        Reply::Review(answer) => json!(answer)["response"].clone(),
        Reply::BadRequest(words) => panic!("{words}"),
    }
}

#[test]
fn a_person_is_given_a_patch_and_told_of_it() {
    let gate = gate();
    let response = response(&gate, &review("kim", "nginx:1"));
    assert_eq!(response["allowed"], true);
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let path = "/spec/containers/0/image";
    assert_eq!(
        patch,
        json!([{"op": "replace", "path": path, "value": KEPT}])
    );
    let warnings = format!("spec.containers[0].image: the site keeps it as {KEPT} [BSP-M007]");
    assert_eq!(response["warnings"], json!([warnings]));
    let audit = &response["auditAnnotations"];
    assert_eq!(audit["rewritten"], format!("nginx:1 -> {KEPT}"));
    assert_eq!(audit["codes"], "BSP-M007");
    let metrics = gate.metrics.render().unwrap();
    assert!(
        metrics.contains("basphere_images_rewritten_total 1\n"),
        "{metrics}"
    );
}

#[test]
fn the_cluster_itself_is_not_warned() {
    let user = "system:serviceaccount:kube-system:replicaset-controller";
    let response = response(&gate(), &review(user, "nginx:1"));
    assert!(response["patch"].is_string());
    assert_eq!(response["warnings"], Value::Null);
    assert_eq!(
        response["auditAnnotations"]["rewritten"],
        format!("nginx:1 -> {KEPT}")
    );
}

#[test]
fn whatever_needs_no_change_passes_as_it_is() {
    let gate = gate();
    let mut other = review("kim", "nginx");
    other["request"]["kind"] = json!({"group": "example.com", "version": "v1", "kind": "Pod"});
    let mut stored = review("kim", "nginx");
    stored["request"]["oldObject"] = stored["request"]["object"].clone();
    for review in [
        review("kim", KEPT),
        review("kim", "evil.example/a"),
        other,
        stored,
    ] {
        let response = response(&gate, &review);
        assert_eq!(response["allowed"], true, "{review}");
        assert_eq!(response["patch"], Value::Null, "{review}");
        assert_eq!(
            response["auditAnnotations"]["rewritten"],
            Value::Null,
            "{review}"
        );
    }
}

#[test]
fn without_rules_everything_passes_as_it_is() {
    let gate = ImageGate::new(Arc::default(), Arc::default());
    let response = response(&gate, &review("kim", "nginx"));
    assert_eq!(response["allowed"], true);
    assert_eq!(response["patch"], Value::Null);
}

#[test]
fn of_many_images_some_are_told() {
    let images: Vec<_> = (0..40)
        .map(|index| Rewritten {
            pointer: Default::default(),
            written: format!("a{index}"),
            instead: "b".to_owned(),
        })
        .collect();
    let told = told(&images);
    assert_eq!(told.matches(" -> ").count(), 32);
    assert!(told.ends_with("; and 8 more"), "{told}");
}
