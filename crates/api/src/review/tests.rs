mod answers;

use basphere_core::{Code, Kind, Operation, Phase};
use serde_json::{Value, json};

use super::{Malformed, Review, parse};

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "cluster.x-k8s.io", "version": "v1beta1", "kind": "Cluster"},
            "resource": {"group": "cluster.x-k8s.io", "version": "v1beta1", "resource": "clusters"},
            "name": "demo",
            "namespace": "user-kim",
            "operation": "CREATE",
            "userInfo": {"username": "kim", "groups": ["tenants", "system:authenticated"]},
            "object": {"metadata": {"name": "demo"}},
            "oldObject": null,
            "dryRun": true,
            "options": {"kind": "CreateOptions"},
        },
    })
}

/// The review with the value at a pointer replaced; `None` takes it away.
fn with(pointer: &str, value: Option<Value>) -> Vec<u8> {
    let mut review = review();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = review.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(field.to_owned(), value),
        None => parent.remove(field),
    };
    serde_json::to_vec(&review).unwrap()
}

fn parsed() -> Review {
    parse(Phase::Mutate, review().to_string().as_bytes()).unwrap()
}

#[test]
fn a_complete_review_is_read() {
    let Review { uid, request } = parsed();
    assert_eq!(uid, "u-1");
    assert_eq!(request.phase, Phase::Mutate);
    assert_eq!(request.operation, Operation::Create);
    assert_eq!(request.subject.kind, Kind::Cluster);
    assert_eq!(request.subject.api_version(), "cluster.x-k8s.io/v1beta1");
    assert_eq!(
        (request.namespace.as_str(), request.name.as_str()),
        ("user-kim", "demo")
    );
    assert_eq!(request.requester.username, "kim");
    assert_eq!(
        request.requester.groups,
        ["tenants", "system:authenticated"]
    );
    assert!(request.dry_run);
    assert_eq!(request.object, Some(json!({"metadata": {"name": "demo"}})));
    assert_eq!(request.old_object, None);
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for pointer in [
        "/request/name",
        "/request/dryRun",
        "/request/oldObject",
        "/request/userInfo/groups",
    ] {
        parse(Phase::Validate, &with(pointer, None)).unwrap();
        parse(Phase::Validate, &with(pointer, Some(Value::Null))).unwrap();
    }
}

#[test]
fn every_wrong_field_is_named() {
    use Code::{RequestMalformed, RequestNotASubject};
    let set = |value: Value| Some(value);
    let table: Vec<(&str, Option<Value>, Code, &str)> = vec![
        ("/apiVersion", None, RequestMalformed, "apiVersion"),
        (
            "/apiVersion",
            set(json!("admission.k8s.io/v1beta1")),
            RequestMalformed,
            "apiVersion",
        ),
        ("/apiVersion", set(json!(1)), RequestMalformed, "apiVersion"),
        ("/kind", None, RequestMalformed, "kind"),
        (
            "/kind",
            set(json!("ConversionReview")),
            RequestMalformed,
            "kind",
        ),
        ("/request/kind", None, RequestMalformed, "request.kind"),
        (
            "/request/kind",
            set(json!("Cluster")),
            RequestMalformed,
            "request.kind",
        ),
        (
            "/request/kind/group",
            None,
            RequestMalformed,
            "request.kind.group",
        ),
        (
            "/request/kind/group",
            set(json!("apps")),
            RequestNotASubject,
            "request.kind",
        ),
        (
            "/request/kind/version",
            set(json!([])),
            RequestMalformed,
            "request.kind.version",
        ),
        (
            "/request/kind/version",
            set(json!("v1alpha3")),
            RequestNotASubject,
            "request.kind",
        ),
        (
            "/request/kind/kind",
            set(json!("")),
            RequestMalformed,
            "request.kind.kind",
        ),
        (
            "/request/kind/kind",
            set(json!("Pod")),
            RequestNotASubject,
            "request.kind",
        ),
        (
            "/request/subResource",
            set(json!("status")),
            RequestNotASubject,
            "request.subResource",
        ),
        (
            "/request/subResource",
            set(json!(3)),
            RequestMalformed,
            "request.subResource",
        ),
        (
            "/request/operation",
            None,
            RequestMalformed,
            "request.operation",
        ),
        (
            "/request/operation",
            set(json!("create")),
            RequestMalformed,
            "request.operation",
        ),
        (
            "/request/operation",
            set(json!({})),
            RequestMalformed,
            "request.operation",
        ),
        (
            "/request/name",
            set(json!({})),
            RequestMalformed,
            "request.name",
        ),
        (
            "/request/namespace",
            None,
            RequestMalformed,
            "request.namespace",
        ),
        (
            "/request/namespace",
            set(json!(7)),
            RequestMalformed,
            "request.namespace",
        ),
        (
            "/request/userInfo",
            None,
            RequestMalformed,
            "request.userInfo",
        ),
        (
            "/request/userInfo",
            set(json!("kim")),
            RequestMalformed,
            "request.userInfo",
        ),
        (
            "/request/userInfo/username",
            None,
            RequestMalformed,
            "request.userInfo.username",
        ),
        (
            "/request/userInfo/username",
            set(json!(["kim"])),
            RequestMalformed,
            "request.userInfo.username",
        ),
        (
            "/request/userInfo/groups",
            set(json!("tenants")),
            RequestMalformed,
            "request.userInfo.groups",
        ),
        (
            "/request/userInfo/groups",
            set(json!([1])),
            RequestMalformed,
            "request.userInfo.groups",
        ),
        (
            "/request/dryRun",
            set(json!("true")),
            RequestMalformed,
            "request.dryRun",
        ),
        ("/request/object", None, RequestMalformed, "request.object"),
        (
            "/request/object",
            set(Value::Null),
            RequestMalformed,
            "request.object",
        ),
        (
            "/request/object",
            set(json!([])),
            RequestMalformed,
            "request.object",
        ),
        (
            "/request/oldObject",
            set(json!("")),
            RequestMalformed,
            "request.oldObject",
        ),
    ];
    for (pointer, value, code, path) in table {
        let case = format!("{pointer} = {value:?}");
        let Malformed { uid, finding } = parse(Phase::Mutate, &with(pointer, value)).unwrap_err();
        assert_eq!(uid.as_deref(), Some("u-1"), "{case}");
        assert_eq!(
            (finding.code, finding.path.as_str()),
            (code, path),
            "{case}"
        );
    }
}

#[test]
fn an_update_needs_both_objects_and_a_deletion_the_old_one() {
    let missing = |operation: &str| {
        parse(
            Phase::Validate,
            &with("/request/operation", Some(json!(operation))),
        )
        .unwrap_err()
        .finding
    };
    assert_eq!(missing("UPDATE").path, "request.oldObject");
    assert_eq!(missing("DELETE").path, "request.oldObject");
}

#[test]
fn without_a_uid_there_is_nobody_to_answer() {
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"not json".to_vec(),
        b"[]".to_vec(),
        br#"{"request""#.to_vec(),
        b"{\"request\": {\"uid\": \"\xff\"}}".to_vec(),
        with("/request", None),
        with("/request", Some(json!("u-1"))),
        with("/request/uid", None),
        with("/request/uid", Some(json!(""))),
        with("/request/uid", Some(json!(7))),
    ];
    for body in bodies {
        let malformed = parse(Phase::Mutate, &body).unwrap_err();
        let case = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(malformed.uid, None, "{case}");
        assert_eq!(malformed.finding.code, Code::RequestMalformed, "{case}");
    }
}

#[test]
fn the_uid_is_found_in_a_body_that_cannot_be_read_as_a_whole() {
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep = format!(r#"{{"request": {{"object": {{"a": {nested}}}, "uid": "u-2"}}}}"#);
    let twice = r#"{"request": {"uid": "u-2", "operation": "CREATE", "operation": "DELETE"}}"#;
    for body in [deep.as_str(), twice] {
        let malformed = parse(Phase::Mutate, body.as_bytes()).unwrap_err();
        assert_eq!(malformed.uid.as_deref(), Some("u-2"));
        assert_eq!(malformed.finding.code, Code::RequestMalformed);
    }
}

#[test]
fn managed_fields_are_left_out() {
    let managed = json!({"name": "demo", "managedFields": [{"manager": "kubectl"}], "labels": {}});
    let body = with("/request/object/metadata", Some(managed));
    let object = parse(Phase::Mutate, &body).unwrap().request.object;
    assert_eq!(
        object,
        Some(json!({"metadata": {"name": "demo", "labels": {}}}))
    );
}
