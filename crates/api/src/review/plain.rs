//! Reviews of any kind of object, for policies: nothing is read here but what an answer needs.

use basphere_core::Finding;
use json_patch::Patch;
use serde_json::Value;

use super::answer::{About, Answer, answer_about, answer_patched};
use super::fields::{Wrong, constant, malformed, missing, mistyped, required_text};
use super::parse::{Malformed, uid_at_least};
use super::{API_VERSION, KIND};

/// A review of whatever kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    /// What the answer must carry.
    pub uid: String,
    /// The `AdmissionRequest`, an object.
    pub request: Value,
}

/// Reads the body of a call, whatever it is about.
///
/// # Errors
/// When the body is no AdmissionReview of version v1.
pub fn parse_plain(body: &[u8]) -> Result<Plain, Malformed> {
    let review = serde_json::from_slice::<Value>(body).map_err(|error| Malformed {
        uid: uid_at_least(body),
        finding: malformed(
            "",
            &Value::Null,
            format!("the body cannot be read: {error}"),
        ),
    })?;
    read(review).map_err(|(uid, finding)| Malformed { uid, finding })
}

fn read(mut review: Value) -> Result<Plain, (Option<String>, Wrong)> {
    let field = |name: &str| review.get(name).unwrap_or(&Value::Null);
    let uid = field("request").get("uid").and_then(Value::as_str);
    let uid = uid.filter(|uid| !uid.is_empty()).map(str::to_owned);
    let with_uid = |finding| (uid.clone(), finding);
    constant(field("apiVersion"), "apiVersion", API_VERSION).map_err(with_uid)?;
    constant(field("kind"), "kind", KIND).map_err(with_uid)?;
    match field("request") {
        Value::Object(fields) => {
            let uid = fields.get("uid").unwrap_or(&Value::Null);
            required_text(uid, "request.uid").map_err(with_uid)?;
        }
        Value::Null => return Err(with_uid(missing("request"))),
        other => return Err(with_uid(mistyped("request", other, "an object"))),
    }
    let request = review.get_mut("request").map(Value::take);
    Ok(Plain {
        uid: uid.unwrap_or_default(),
        request: request.unwrap_or_default(),
    })
}

/// The answer to a review that was judged by something other than core.
#[must_use]
pub fn answer_plain(
    plain: &Plain,
    denials: &[Finding],
    warnings: &[Finding],
    decision_id: &str,
) -> Answer {
    let text = |pointer: &str| {
        let found = plain.request.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    };
    let about = About {
        group: text("/kind/group"),
        kind: text("/kind/kind"),
        name: text("/name"),
    };
    answer_about(&plain.uid, about, denials, warnings, decision_id)
}

/// The answer to a review of something that may pass, once it has been changed so; `audit` is what the audit log says
/// of it, by a key.
#[must_use]
pub fn answer_changed(
    plain: &Plain,
    patch: &Patch,
    warnings: &[Finding],
    audit: Option<(&'static str, String)>,
    decision_id: &str,
) -> Answer {
    answer_patched(&plain.uid, patch, warnings, audit, decision_id)
}

#[cfg(test)]
mod tests;
