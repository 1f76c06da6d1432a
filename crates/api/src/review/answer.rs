//! From a decision to what the API server is told.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_core::{Class, Code, Decision, Finding, Phase, Request};
use json_patch::Patch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use serde::Serialize;

use super::parse::Malformed;
use super::{API_VERSION, KIND, Review, text};

/// How long a client should wait before it repeats a request that could not be judged.
const RETRY_AFTER_SECONDS: i32 = 1;

/// An AdmissionReview that carries a response.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

impl Answer {
    /// Whether the request may pass.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.response.allowed
    }

    /// The same with one more annotation in the audit log. The API server puts the webhook's name before its key.
    #[must_use]
    pub fn annotated(mut self, key: &'static str, value: String) -> Self {
        self.response.audit_annotations.insert(key, value);
        self
    }

    /// The HTTP status that the API server's client gets to see: 200 when the request may pass.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.response
            .status
            .as_ref()
            .and_then(|status| status.code)
            .unwrap_or(200)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// The JSON Patch as text in base64: the API declares it as bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The answer to a review that was decided.
#[must_use]
pub fn answer(review: &Review, decision: &Decision, decision_id: &str) -> Answer {
    let request = &review.request;
    let status = (!decision.is_allowed()).then(|| {
        denial(
            &decision.denials,
            Some(About::request(request)),
            decision_id,
        )
    });
    let patch = patch_of(request, decision);
    respond(Response {
        uid: review.uid.clone(),
        allowed: status.is_none(),
        status,
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch,
        audit_annotations: audit(
            decision_id,
            decision.denials.iter().chain(&decision.warnings),
        ),
        warnings: decision.warnings.iter().map(text::warning).collect(),
    })
}

/// What a request is about, as details of a refusal name it.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl<'a> About<'a> {
    fn request(request: &'a Request) -> Self {
        Self {
            group: request.subject.kind.group(),
            kind: request.subject.kind.as_str(),
            name: &request.name,
        }
    }
}

/// The answer to a review that was judged without changing anything.
pub(super) fn answer_about(
    uid: &str,
    about: About<'_>,
    denials: &[Finding],
    warnings: &[Finding],
    decision_id: &str,
) -> Answer {
    let status = (!denials.is_empty()).then(|| denial(denials, Some(about), decision_id));
    respond(Response {
        uid: uid.to_owned(),
        allowed: status.is_none(),
        status,
        patch: None,
        patch_type: None,
        audit_annotations: audit(decision_id, denials.iter().chain(warnings)),
        warnings: warnings.iter().map(text::warning).collect(),
    })
}

/// The answer to a review of something that may pass, once it has been changed so.
pub(super) fn answer_patched(
    uid: &str,
    patch: &Patch,
    warnings: &[Finding],
    more_audit: Option<(&'static str, String)>,
    decision_id: &str,
) -> Answer {
    let patch = encoded(patch);
    let mut audit_annotations = audit(decision_id, warnings);
    audit_annotations.extend(more_audit);
    respond(Response {
        uid: uid.to_owned(),
        allowed: true,
        status: None,
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch,
        audit_annotations,
        warnings: warnings.iter().map(text::warning).collect(),
    })
}

/// The answer to a body that is no review, but has a uid.
#[must_use]
pub fn answer_malformed(uid: &str, malformed: &Malformed, decision_id: &str) -> Answer {
    let findings = std::slice::from_ref(malformed.finding.as_ref());
    refuse(
        uid,
        denial(findings, None, decision_id),
        audit(decision_id, findings),
    )
}

/// The answer to a review that made us fail ourselves.
#[must_use]
pub fn answer_failure(uid: &str, decision_id: &str) -> Answer {
    let message = format!("Basphere failed while judging the request (decision {decision_id})");
    let status = status(500, "InternalError", message, StatusDetails::default());
    refuse(uid, status, audit(decision_id, []))
}

fn refuse(uid: &str, status: Status, audit_annotations: BTreeMap<&'static str, String>) -> Answer {
    respond(Response {
        uid: uid.to_owned(),
        allowed: false,
        status: Some(status),
        patch: None,
        patch_type: None,
        audit_annotations,
        warnings: Vec::new(),
    })
}

fn respond(response: Response) -> Answer {
    Answer {
        api_version: API_VERSION,
        kind: KIND,
        response,
    }
}

/// Only a mutating webhook may return a patch, and never with a denial.
fn patch_of(request: &Request, decision: &Decision) -> Option<String> {
    if request.phase != Phase::Mutate || !decision.is_allowed() {
        return None;
    }
    encoded(&decision.patch)
}

/// A patch as it is sent; nothing when it changes nothing.
fn encoded(patch: &Patch) -> Option<String> {
    if patch.is_empty() {
        return None;
    }
    // A JSON Patch always has a JSON form: its paths and values are text and JSON.
    serde_json::to_vec(patch)
        .ok()
        .map(|bytes| STANDARD.encode(bytes))
}

/// The API server puts the webhook's name before each key.
fn audit<'a>(
    decision_id: &str,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> BTreeMap<&'static str, String> {
    let mut codes: Vec<&str> = findings
        .into_iter()
        .map(|finding| finding.code.as_str())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let mut annotations = BTreeMap::from([("decision", decision_id.to_owned())]);
    if !codes.is_empty() {
        annotations.insert("codes", codes.join(","));
    }
    annotations
}

/// The Status of a refusal: the gravest class names the HTTP code, the message has every finding.
fn denial(findings: &[Finding], about: Option<About<'_>>, decision_id: &str) -> Status {
    let (code, reason) = findings
        .iter()
        .map(|finding| http_status(finding.code))
        .max()
        .unwrap_or(FORBIDDEN)
        .into();
    let mut message = text::message(findings);
    if code >= 500 {
        message.push_str(&format!(" (decision {decision_id})"));
    }
    let mut details = StatusDetails {
        causes: Some(findings.iter().map(cause).collect()),
        ..Default::default()
    };
    if let Some(About { group, kind, name }) = about {
        details.group = Some(group.to_owned());
        details.kind = Some(kind.to_owned());
        details.name = Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    if code == UNAVAILABLE.code {
        details.retry_after_seconds = Some(RETRY_AFTER_SECONDS);
    }
    status(code, reason, message, details)
}

fn status(code: i32, reason: &str, message: String, details: StatusDetails) -> Status {
    Status {
        status: Some("Failure".to_owned()),
        code: Some(code),
        reason: Some(reason.to_owned()),
        message: Some(message),
        details: Some(details),
        ..Status::default()
    }
}

/// kubectl prints causes for 422 Invalid only; programs may read them for every code.
fn cause(finding: &Finding) -> StatusCause {
    let reason = match finding.code.class() {
        Class::Field(reason) => reason,
        Class::Forbidden | Class::Warning => "FieldValueForbidden",
        Class::BadRequest => "FieldValueInvalid",
        Class::Unavailable => "UnexpectedServerResponse",
    };
    StatusCause {
        reason: Some(reason.to_owned()),
        message: Some(finding.text()),
        field: Some(finding.path.clone()).filter(|path| !path.is_empty()),
    }
}

/// An HTTP code with the reason that Kubernetes gives it; ordered by which one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HttpStatus {
    rank: u8,
    code: i32,
    reason: &'static str,
}

impl From<HttpStatus> for (i32, &'static str) {
    fn from(status: HttpStatus) -> Self {
        (status.code, status.reason)
    }
}

/// Repeating helps only when nothing else is wrong, so this one comes last.
const UNAVAILABLE: HttpStatus = HttpStatus {
    rank: 0,
    code: 503,
    reason: "ServiceUnavailable",
};
const INVALID: HttpStatus = HttpStatus {
    rank: 1,
    code: 422,
    reason: "Invalid",
};
const FORBIDDEN: HttpStatus = HttpStatus {
    rank: 2,
    code: 403,
    reason: "Forbidden",
};
const BAD_REQUEST: HttpStatus = HttpStatus {
    rank: 3,
    code: 400,
    reason: "BadRequest",
};

fn http_status(code: Code) -> HttpStatus {
    match code.class() {
        Class::Unavailable => UNAVAILABLE,
        Class::Field(_) => INVALID,
        Class::Forbidden | Class::Warning => FORBIDDEN,
        Class::BadRequest => BAD_REQUEST,
    }
}
