use basphere_core::Code;
use serde_json::json;

use super::*;

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "u-1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "name": "a"},
    })
}

#[test]
fn a_review_of_any_kind_is_read_and_answered() {
    let plain = parse_plain(review().to_string().as_bytes()).unwrap();
    assert_eq!(plain.uid, "u-1");
    let says = |code, words| Finding::new(code, "", Value::Null, words);
    let denials = [says(Code::PolicyViolated, "[one] no")];
    let answer = json!(answer_plain(&plain, &denials, &[], "d-1"));
    assert_eq!(answer["response"]["allowed"], false);
    let status = &answer["response"]["status"];
    assert_eq!(status["code"], 403);
    assert_eq!(status["message"], "Forbidden: [one] no [BSP-G001]");
    assert_eq!(status["details"]["kind"], "Pod");
    assert_eq!(status["details"]["name"], "a");
    let warnings = [says(Code::PolicyWarns, "[one] hm")];
    let answer = json!(answer_plain(&plain, &[], &warnings, "d-1"));
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(
        answer["response"]["warnings"],
        json!(["[one] hm [BSP-G002]"])
    );
}

#[test]
fn what_is_no_review_is_told_under_its_uid_where_it_has_one() {
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut review = review();
        change(&mut review);
        let malformed = parse_plain(review.to_string().as_bytes()).unwrap_err();
        (malformed.uid, malformed.finding.path)
    };
    let uid = || Some("u-1".to_owned());
    assert_eq!(
        broken(&|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1")),
        (uid(), "apiVersion".to_owned())
    );
    assert_eq!(
        broken(&|review| review["kind"] = json!(1)),
        (uid(), "kind".to_owned())
    );
    assert_eq!(
        broken(&|review| review["request"]["uid"] = json!("")),
        (None, "request.uid".to_owned())
    );
    assert_eq!(
        broken(&|review| review["request"] = json!([])),
        (None, "request".to_owned())
    );
    assert_eq!(
        broken(&|review| review["request"] = Value::Null),
        (None, "request".to_owned())
    );
    assert_eq!(parse_plain(b"{").unwrap_err().uid, None);
    assert_eq!(parse_plain(b"[]").unwrap_err().finding.path, "apiVersion");
}
