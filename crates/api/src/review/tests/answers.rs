use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_core::{Code, Decision, Finding, Phase};
use json_patch::Patch;
use serde_json::{Value, json};

use super::super::{answer, answer_failure, answer_malformed, parse};
use super::{parsed, with};

fn finding(code: Code, path: &str) -> Finding {
    Finding::new(code, path, Value::Null, "no good").hint("use another")
}

fn answered(phase: Phase, decision: &Decision) -> Value {
    let mut review = parsed();
    review.request.phase = phase;
    serde_json::to_value(answer(&review, decision, "d-1")).unwrap()
}

fn denied(denials: Vec<Finding>) -> Value {
    answered(
        Phase::Validate,
        &Decision {
            denials,
            ..Decision::default()
        },
    )
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
    let patch: Patch = serde_json::from_value(
        json!([{"op": "add", "path": "/metadata/labels", "value": {"owner": "kim"}}]),
    )
    .unwrap();
    let decision = Decision {
        patch,
        ..Decision::default()
    };
    let response = &answered(Phase::Mutate, &decision)["response"];
    assert_eq!(response["patchType"], "JSONPatch");
    let bytes = STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    let expected = r#"[{"op":"add","path":"/metadata/labels","value":{"owner":"kim"}}]"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);

    let refused = Decision {
        denials: vec![finding(Code::OwnerForeign, "metadata.labels")],
        ..decision.clone()
    };
    for answer in [
        answered(Phase::Validate, &decision),
        answered(Phase::Mutate, &refused),
    ] {
        assert_eq!(answer["response"].get("patch"), None);
        assert_eq!(answer["response"].get("patchType"), None);
    }
}

#[test]
fn field_errors_are_422_with_causes_that_kubectl_prints() {
    let (version, replicas) = (
        finding(Code::VersionNotOffered, "spec.version"),
        finding(Code::ReplicasEven, "spec.replicas"),
    );
    let answer = denied(vec![version.clone(), replicas.clone()]);
    let response = &answer["response"];
    assert_eq!(response["allowed"], false);
    let status = &response["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(422), &json!("Invalid"))
    );
    assert_eq!(
        status["message"],
        format!("2 problems:\n* {version}\n* {replicas}")
    );
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
    assert_eq!(
        response["auditAnnotations"],
        json!({"decision": "d-1", "codes": "BSP-K001,BSP-K003"})
    );
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
        (
            status["code"].as_i64().unwrap(),
            status["reason"].as_str().unwrap().to_owned(),
        )
    };
    let expect = |number: i64, reason: &str| (number, reason.to_owned());
    use Code::{OwnerForeign, ReadFailed, RequestMalformed, SiteMissing, VersionNotOffered};
    assert_eq!(code(&[VersionNotOffered]), expect(422, "Invalid"));
    assert_eq!(
        code(&[VersionNotOffered, OwnerForeign]),
        expect(403, "Forbidden")
    );
    assert_eq!(
        code(&[OwnerForeign, RequestMalformed]),
        expect(400, "BadRequest")
    );
    assert_eq!(code(&[SiteMissing]), expect(503, "ServiceUnavailable"));
    assert_eq!(
        code(&[ReadFailed, VersionNotOffered]),
        expect(422, "Invalid"),
        "repeating it would not help"
    );
}

#[test]
fn only_what_may_pass_later_tells_when_and_names_the_decision() {
    let status = |code| denied(vec![finding(code, "")])["response"]["status"].clone();
    let missing = status(Code::SiteMissing);
    assert_eq!(
        missing["message"],
        "no good; use another [BSP-R003] (decision d-1)"
    );
    assert_eq!(missing["details"]["retryAfterSeconds"], 1);
    let foreign = status(Code::OwnerForeign);
    assert_eq!(
        foreign["message"],
        finding(Code::OwnerForeign, "").to_string()
    );
    assert_eq!(foreign["details"].get("retryAfterSeconds"), None);
}

#[test]
fn a_warning_has_at_most_120_characters_one_line_and_its_code() {
    let long = "väry long ".repeat(30);
    let warnings = [
        (
            "short",
            "so it is",
            "spec: short; so it is [BSP-W001]".to_owned(),
        ),
        (
            "two\n lines",
            "so it is",
            "spec: two lines; so it is [BSP-W001]".to_owned(),
        ),
        (
            "fits without its hint",
            &long,
            "spec: fits without its hint [BSP-W001]".to_owned(),
        ),
        (
            &long,
            "",
            format!("spec: {}väry long… [BSP-W001]", "väry long ".repeat(9)),
        ),
        (
            &"ä".repeat(200),
            "",
            format!("spec: {}… [BSP-W001]", "ä".repeat(102)),
        ),
    ];
    for (message, hint, expected) in warnings {
        let mut finding = Finding::new(Code::TypeAssumed, "spec", Value::Null, message);
        finding.hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        let decision = Decision {
            warnings: vec![finding],
            ..Decision::default()
        };
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
    assert_eq!(
        answer["response"]["status"]["message"],
        "request.operation: is missing or empty [BSP-R001]"
    );

    let answer = serde_json::to_value(answer_failure("u-1", "d-1")).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 500);
    assert!(
        answer["response"]["status"]["message"]
            .as_str()
            .unwrap()
            .ends_with("(decision d-1)")
    );
}
