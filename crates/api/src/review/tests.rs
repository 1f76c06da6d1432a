use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_core::{Code, Decision, Finding, Kind, Operation, Phase};
use json_patch::Patch;
use serde_json::{Value, json};

use super::{Malformed, Review, answer, answer_failure, answer_malformed, parse};

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
    assert_eq!((request.namespace.as_str(), request.name.as_str()), ("user-kim", "demo"));
    assert_eq!(request.requester.username, "kim");
    assert_eq!(request.requester.groups, ["tenants", "system:authenticated"]);
    assert!(request.dry_run);
    assert_eq!(request.object, Some(json!({"metadata": {"name": "demo"}})));
    assert_eq!(request.old_object, None);
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for pointer in ["/request/name", "/request/dryRun", "/request/oldObject", "/request/userInfo/groups"] {
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
        ("/apiVersion", set(json!("admission.k8s.io/v1beta1")), RequestMalformed, "apiVersion"),
        ("/apiVersion", set(json!(1)), RequestMalformed, "apiVersion"),
        ("/kind", None, RequestMalformed, "kind"),
        ("/kind", set(json!("ConversionReview")), RequestMalformed, "kind"),
        ("/request/kind", None, RequestMalformed, "request.kind"),
        ("/request/kind", set(json!("Cluster")), RequestMalformed, "request.kind"),
        ("/request/kind/group", None, RequestMalformed, "request.kind.group"),
        ("/request/kind/group", set(json!("apps")), RequestNotASubject, "request.kind"),
        ("/request/kind/version", set(json!([])), RequestMalformed, "request.kind.version"),
        ("/request/kind/version", set(json!("v1alpha3")), RequestNotASubject, "request.kind"),
        ("/request/kind/kind", set(json!("")), RequestMalformed, "request.kind.kind"),
        ("/request/kind/kind", set(json!("Pod")), RequestNotASubject, "request.kind"),
        ("/request/subResource", set(json!("status")), RequestNotASubject, "request.subResource"),
        ("/request/subResource", set(json!(3)), RequestMalformed, "request.subResource"),
        ("/request/operation", None, RequestMalformed, "request.operation"),
        ("/request/operation", set(json!("create")), RequestMalformed, "request.operation"),
        ("/request/operation", set(json!({})), RequestMalformed, "request.operation"),
        ("/request/name", set(json!({})), RequestMalformed, "request.name"),
        ("/request/namespace", None, RequestMalformed, "request.namespace"),
        ("/request/namespace", set(json!(7)), RequestMalformed, "request.namespace"),
        ("/request/userInfo", None, RequestMalformed, "request.userInfo"),
        ("/request/userInfo", set(json!("kim")), RequestMalformed, "request.userInfo"),
        ("/request/userInfo/username", None, RequestMalformed, "request.userInfo.username"),
        ("/request/userInfo/username", set(json!(["kim"])), RequestMalformed, "request.userInfo.username"),
        ("/request/userInfo/groups", set(json!("tenants")), RequestMalformed, "request.userInfo.groups"),
        ("/request/userInfo/groups", set(json!([1])), RequestMalformed, "request.userInfo.groups"),
        ("/request/dryRun", set(json!("true")), RequestMalformed, "request.dryRun"),
        ("/request/object", None, RequestMalformed, "request.object"),
        ("/request/object", set(Value::Null), RequestMalformed, "request.object"),
        ("/request/object", set(json!([])), RequestMalformed, "request.object"),
        ("/request/oldObject", set(json!("")), RequestMalformed, "request.oldObject"),
    ];
    for (pointer, value, code, path) in table {
        let case = format!("{pointer} = {value:?}");
        let Malformed { uid, finding } = parse(Phase::Mutate, &with(pointer, value)).unwrap_err();
        assert_eq!(uid.as_deref(), Some("u-1"), "{case}");
        assert_eq!((finding.code, finding.path.as_str()), (code, path), "{case}");
    }
}

#[test]
fn an_update_needs_both_objects_and_a_deletion_the_old_one() {
    let missing = |operation: &str| {
        parse(Phase::Validate, &with("/request/operation", Some(json!(operation)))).unwrap_err().finding
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

fn finding(code: Code, path: &str) -> Finding {
    Finding::new(code, path, Value::Null, "no good").hint("use another")
}

fn answered(phase: Phase, decision: &Decision) -> Value {
    let mut review = parsed();
    review.request.phase = phase;
    serde_json::to_value(answer(&review, decision, "d-1")).unwrap()
}

fn denied(denials: Vec<Finding>) -> Value {
    answered(Phase::Validate, &Decision { denials, ..Decision::default() })
}

#[test]
fn an_allowed_review_carries_the_uid_and_nothing_that_is_not_needed() {
    assert_eq!(
        answered(Phase::Mutate, &Decision::default()),
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": "u-1", "allowed": true, "auditAnnotations": {"decision": "d-1"}},
        })
    );
}

#[test]
fn a_patch_is_the_base64_of_its_json_and_comes_only_from_mutation_that_passes() {
    let patch: Patch =
        serde_json::from_value(json!([{"op": "add", "path": "/metadata/labels", "value": {"owner": "kim"}}])).unwrap();
    let decision = Decision { patch, ..Decision::default() };
    let response = &answered(Phase::Mutate, &decision)["response"];
    assert_eq!(response["patchType"], "JSONPatch");
    let bytes = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let expected = r#"[{"op":"add","path":"/metadata/labels","value":{"owner":"kim"}}]"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);

    let refused = Decision { denials: vec![finding(Code::OwnerForeign, "metadata.labels")], ..decision.clone() };
    for answer in [answered(Phase::Validate, &decision), answered(Phase::Mutate, &refused)] {
        assert_eq!(answer["response"].get("patch"), None);
        assert_eq!(answer["response"].get("patchType"), None);
    }
}

#[test]
fn field_errors_are_422_with_causes_that_kubectl_prints() {
    let (version, replicas) = (finding(Code::VersionNotOffered, "spec.version"), finding(Code::ReplicasEven, "spec.replicas"));
    let answer = denied(vec![version.clone(), replicas.clone()]);
    let response = &answer["response"];
    assert_eq!(response["allowed"], false);
    let status = &response["status"];
    assert_eq!((&status["code"], &status["reason"]), (&json!(422), &json!("Invalid")));
    assert_eq!(status["message"], format!("2 problems:\n* {version}\n* {replicas}"));
    assert_eq!(
        status["details"],
        json!({
            "group": "cluster.x-k8s.io",
            "kind": "Cluster",
            "name": "demo",
            "causes": [
                {"reason": "FieldValueNotSupported", "message": version.text(), "field": "spec.version"},
                {"reason": "FieldValueInvalid", "message": replicas.text(), "field": "spec.replicas"},
            ],
        })
    );
    assert_eq!(response["auditAnnotations"], json!({"decision": "d-1", "codes": "BSP-K001,BSP-K003"}));
}

#[test]
fn the_gravest_class_names_the_code_and_the_message_has_all() {
    let code = |codes: &[Code]| {
        let answer = denied(codes.iter().map(|code| finding(*code, "")).collect());
        let status = answer["response"]["status"].clone();
        let message = status["message"].as_str().unwrap().to_owned();
        for code in codes {
            assert!(message.contains(code.as_str()), "{message}");
        }
        (status["code"].as_i64().unwrap(), status["reason"].as_str().unwrap().to_owned())
    };
    let expect = |number: i64, reason: &str| (number, reason.to_owned());
    use Code::{OwnerForeign, ReadFailed, RequestMalformed, SiteMissing, VersionNotOffered};
    assert_eq!(code(&[VersionNotOffered]), expect(422, "Invalid"));
    assert_eq!(code(&[VersionNotOffered, OwnerForeign]), expect(403, "Forbidden"));
    assert_eq!(code(&[OwnerForeign, RequestMalformed]), expect(400, "BadRequest"));
    assert_eq!(code(&[SiteMissing]), expect(503, "ServiceUnavailable"));
    assert_eq!(code(&[ReadFailed, VersionNotOffered]), expect(422, "Invalid"), "repeating it would not help");
}

#[test]
fn only_what_may_pass_later_tells_when_and_names_the_decision() {
    let status = |code| denied(vec![finding(code, "")])["response"]["status"].clone();
    let missing = status(Code::SiteMissing);
    assert_eq!(missing["message"], "no good; use another [BSP-R003] (decision d-1)");
    assert_eq!(missing["details"]["retryAfterSeconds"], 1);
    let foreign = status(Code::OwnerForeign);
    assert_eq!(foreign["message"], finding(Code::OwnerForeign, "").to_string());
    assert_eq!(foreign["details"].get("retryAfterSeconds"), None);
}

#[test]
fn a_warning_has_at_most_120_characters_one_line_and_its_code() {
    let long = "väry long ".repeat(30);
    let warnings = [
        ("short", "so it is", "spec: short; so it is [BSP-W001]".to_owned()),
        ("two\n lines", "so it is", "spec: two lines; so it is [BSP-W001]".to_owned()),
        ("fits without its hint", &long, "spec: fits without its hint [BSP-W001]".to_owned()),
        (&long, "", format!("spec: {}väry long… [BSP-W001]", "väry long ".repeat(9))),
        (&"ä".repeat(200), "", format!("spec: {}… [BSP-W001]", "ä".repeat(102))),
    ];
    for (message, hint, expected) in warnings {
        let mut finding = Finding::new(Code::TypeAssumed, "spec", Value::Null, message);
        finding.hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        let decision = Decision { warnings: vec![finding], ..Decision::default() };
        let answer = answered(Phase::Validate, &decision);
        let warning = answer["response"]["warnings"][0].as_str().unwrap();
        assert_eq!(warning, expected);
        assert!(warning.chars().count() <= 120, "{warning}");
        assert_eq!(answer["response"]["allowed"], true);
        assert_eq!(answer["response"]["auditAnnotations"]["codes"], "BSP-W001");
    }
}

#[test]
fn unreadable_reviews_and_failures_are_answered_by_uid() {
    let malformed = parse(Phase::Mutate, &with("/request/operation", None)).unwrap_err();
    let answer = serde_json::to_value(answer_malformed("u-1", &malformed, "d-1")).unwrap();
    assert_eq!(answer["response"]["uid"], "u-1");
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 400);
    assert_eq!(answer["response"]["status"]["message"], "request.operation: is missing or empty [BSP-R001]");

    let answer = serde_json::to_value(answer_failure("u-1", "d-1")).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 500);
    assert!(answer["response"]["status"]["message"].as_str().unwrap().ends_with("(decision d-1)"));
}
