//! Bad input, sent through the router as it comes from the wire: each is answered in words, none ends
//! the server, and none passes by accident.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod bodies;
mod fields;
mod objects;
mod odd;
mod reviews;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use axum::Router;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::Stored;

const PHASES: [&str; 2] = ["/mutate", "/validate"];

/// The server as it is, over the example Site and an empty namespace of kim's.
fn server() -> Router {
    support::reviews(&support::world(), &Stored::nothing(), basphere_core::decide)
}

/// A review that creates a Cluster, which passes.
fn review() -> Value {
    support::creation(&support::cluster())
}

/// The review with the value at a pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    put(review(), pointer, value)
}

/// Puts a value at a pointer; the objects above it are made where they are missing.
fn put(mut object: Value, pointer: &str, value: Value) -> Value {
    let mut here = &mut object;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        here = match key.parse::<usize>() {
            Ok(index) => here.get_mut(index).unwrap(),
            Err(_) => &mut here[key],
        };
    }
    *here = value;
    object
}

/// What a body must be answered with.
enum Expected {
    /// Words and this HTTP status, since nobody can be addressed by a review.
    Words(StatusCode, &'static str),
    /// A review that refuses: the Status' code, a finding's code and its path.
    Refused(i32, &'static str, &'static str),
    /// A review that allows.
    Passes,
}

/// Sends a body to both webhooks.
async fn check(router: &Router, case: &str, body: impl AsRef<[u8]>, expected: &Expected) {
    for phase in PHASES {
        let case = format!("{case}, {phase}");
        let (status, answer) = support::post(router, phase, body.as_ref().to_vec()).await;
        match expected {
            Expected::Words(code, words) => {
                let text = String::from_utf8(answer).unwrap();
                assert_eq!(status, *code, "{case}: {text}");
                assert!(
                    text.contains(words) && text.ends_with('\n'),
                    "{case}: {text}"
                );
                assert!(text.len() < 1000, "{case}: {text}");
            }
            Expected::Refused(code, finding, path) => {
                let response = response(&case, status, &answer);
                refused(&case, &response, *code, finding, path);
            }
            Expected::Passes => {
                let response = response(&case, status, &answer);
                assert_eq!(response["allowed"], true, "{case}: {response}");
            }
        }
    }
}

/// What is in an AdmissionReview that answers `u-1`.
fn response(case: &str, status: StatusCode, answer: &[u8]) -> Value {
    let text = String::from_utf8_lossy(answer);
    assert_eq!(status, StatusCode::OK, "{case}: {text}");
    let answer: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1", "{case}");
    assert_eq!(answer["kind"], "AdmissionReview", "{case}");
    assert_eq!(answer["response"]["uid"], "u-1", "{case}");
    answer["response"].clone()
}

fn refused(case: &str, response: &Value, code: i32, finding: &str, path: &str) {
    assert_eq!(response["allowed"], false, "{case}: {response}");
    assert!(response.get("patch").is_none(), "{case}: {response}");
    let status = &response["status"];
    let reason = match code {
        400 => "BadRequest",
        403 => "Forbidden",
        422 => "Invalid",
        other => panic!("{case}: nothing is answered with {other}"),
    };
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(code), &json!(reason)),
        "{case}: {status}"
    );
    let mark = format!("[{finding}]");
    let causes = status["details"]["causes"].as_array().unwrap();
    let is_told = causes.iter().any(|cause| {
        cause["field"].as_str().unwrap_or_default() == path
            && cause["message"].as_str().unwrap().ends_with(&mark)
    });
    assert!(is_told, "{case}: no {mark} at {path:?} in {causes:#?}");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains(path) && message.contains(&mark),
        "{case}: {message}"
    );
}

/// The object that comes out of the mutating webhook, which must let it pass.
async fn completed(router: &Router, review: &Value) -> Value {
    let response = support::ask(router, "/mutate", review).await;
    assert_eq!(response["allowed"], true, "{response}");
    let mut object = review["request"]["object"].clone();
    if let Some(patch) = response["patch"].as_str() {
        let patch = STANDARD.decode(patch).unwrap();
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    object
}
