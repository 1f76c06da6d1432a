//! What must hold, whatever is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_api::review::{Answer, Review, answer, answer_malformed, parse};
use basphere_core::{Decision, Operation, Phase, Request, Snapshot};
use serde_json::Value;

use crate::world::{certainly, snapshots};

/// Reads bytes as a review of both phases, and answers.
///
/// # Panics
/// When an answer is not what the API server must get.
pub fn reviews(body: &[u8]) {
    for phase in [Phase::Mutate, Phase::Validate] {
        match parse(phase, body) {
            Ok(review) => answered(&review),
            Err(malformed) => {
                let Some(uid) = &malformed.uid else { continue };
                let answer = on_the_wire(&answer_malformed(uid, &malformed, "d-1"));
                assert_eq!(answer["response"]["uid"], uid.as_str());
                assert_eq!(answer["response"]["allowed"], false);
                assert_eq!(answer["response"]["status"]["code"], 400);
            }
        }
    }
    with_a_uid(body);
}

/// Whatever has a uid is answered by it, however wrong the rest is. Written anew, so that no key is
/// there twice: of two uids none can be told to be the right one.
fn with_a_uid(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let uid = value.pointer("/request/uid").and_then(Value::as_str);
    let Some(uid) = uid.filter(|uid| !uid.is_empty()) else {
        return;
    };
    let found = match parse(Phase::Mutate, value.to_string().as_bytes()) {
        Ok(review) => Some(review.uid),
        Err(malformed) => malformed.uid,
    };
    assert_eq!(found.as_deref(), Some(uid));
}

fn answered(review: &Review) {
    for snapshot in snapshots() {
        let decision = certainly(&review.request, snapshot);
        let answer = on_the_wire(&answer(review, &decision, "d-1"));
        let response = &answer["response"];
        assert_eq!(response["uid"], review.uid.as_str());
        assert_eq!(response["allowed"], decision.is_allowed());
        if decision.is_allowed() {
            assert!(response.get("status").is_none(), "{response}");
        } else {
            let status = &response["status"];
            assert!(
                status["code"].as_i64().is_some_and(|code| code >= 400),
                "{status}"
            );
            let causes = status["details"]["causes"].as_array().map(Vec::len);
            assert_eq!(causes, Some(decision.denials.len()));
        }
        let patch = patch_of(response);
        assert_eq!(
            patch.is_some(),
            review.request.phase == Phase::Mutate
                && decision.is_allowed()
                && !decision.patch.is_empty()
        );
    }
}

fn on_the_wire(answer: &Answer) -> Value {
    let bytes = serde_json::to_vec(answer).expect("an answer has a JSON form");
    serde_json::from_slice(&bytes).expect("what we write can be read")
}

fn patch_of(response: &Value) -> Option<Value> {
    let text = response.get("patch")?.as_str().expect("the patch is text");
    let bytes = STANDARD.decode(text).expect("the patch is in base64");
    Some(serde_json::from_slice(&bytes).expect("the patch is JSON"))
}

/// Decides a review, applies what was added, and decides again.
///
/// # Panics
/// When the second decision differs, or a patch leads elsewhere.
pub fn decides(body: &[u8]) {
    let Ok(Review { mut request, .. }) = parse(Phase::Mutate, body) else {
        return;
    };
    for snapshot in snapshots() {
        let first = certainly(&request, snapshot);
        assert!(
            first.missed.is_empty(),
            "everything is certain: {:?}",
            first.missed
        );
        let (Some(object), Some(completed)) = (&request.object, &first.object) else {
            assert_eq!(request.operation, Operation::Delete);
            let is_own = request.subject.kind.group() == "basphere.dev";
            assert!(is_own || first.is_allowed(), "deletion is never blocked");
            continue;
        };
        let mut patched = object.clone();
        json_patch::patch(&mut patched, &first.patch).expect("the patch applies");
        assert_eq!(
            &patched, completed,
            "the patch leads to the completed object"
        );

        let before = request.object.replace(completed.clone());
        comes_to_rest(&request, snapshot, &first);
        request.phase = Phase::Validate;
        let validated = certainly(&request, snapshot);
        assert!(validated.patch.is_empty(), "validation adds nothing");
        if first.is_allowed() {
            assert_eq!(
                validated.denials,
                [],
                "what mutation admits, validation admits"
            );
        }
        request.phase = Phase::Mutate;
        request.object = before;
    }
}

fn comes_to_rest(request: &Request, snapshot: &Snapshot, first: &Decision) {
    let second = certainly(request, snapshot);
    assert!(
        second.patch.is_empty(),
        "completing twice changes something: {:?}",
        second.patch
    );
    assert_eq!(second.denials, first.denials);
}
