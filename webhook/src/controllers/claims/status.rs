//! What a claim is told, in the conditions of either version of its API.

use basphere_core::Timestamp;
use serde_json::{Map, Value, json};

use crate::controllers::carriers::text;

/// The condition that says whether a claim has its address.
const READY: &str = "Ready";

/// What became of a claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    is_ready: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    /// It has its address.
    pub(super) fn fulfilled() -> Self {
        Self {
            is_ready: true,
            reason: "AddressAllocated",
            message: String::new(),
        }
    }

    /// It has none.
    pub(super) fn failed(reason: &'static str, message: String) -> Self {
        Self {
            is_ready: false,
            reason,
            message,
        }
    }
}

/// What must be written into a claim's status; `None` when it says so already.
pub(super) fn status_patch(claim: &Value, verdict: &Verdict, now: Timestamp) -> Option<Value> {
    let is_old_api = text(claim, "/apiVersion") == Some("ipam.cluster.x-k8s.io/v1beta1");
    // Each API has conditions of its own form, and those of the other one below.
    let (new, old) = if is_old_api {
        ("/status/v1beta2/conditions", "/status/conditions")
    } else {
        (
            "/status/conditions",
            "/status/deprecated/v1beta1/conditions",
        )
    };
    let (new, is_new_same) = with_ready(claim, new, new_condition(claim, verdict), now);
    let (old, is_old_same) = with_ready(claim, old, old_condition(verdict), now);
    let address = verdict
        .is_ready
        .then(|| text(claim, "/metadata/name"))
        .flatten();
    let is_named = text(claim, "/status/addressRef/name") == address;
    if is_new_same && is_old_same && is_named {
        return None;
    }
    let status = if is_old_api {
        json!({"addressRef": named(address), "conditions": old, "v1beta2": {"conditions": new}})
    } else {
        let old = json!({"v1beta1": {"conditions": old}});
        json!({"addressRef": named(address), "conditions": new, "deprecated": old})
    };
    Some(json!({
        "metadata": {
            "uid": claim.pointer("/metadata/uid"),
            "resourceVersion": claim.pointer("/metadata/resourceVersion"),
        },
        "status": status,
    }))
}

/// In a merge patch `null` takes a field out.
fn named(address: Option<&str>) -> Value {
    address.map_or(Value::Null, |name| json!({"name": name}))
}

fn status(verdict: &Verdict) -> &'static str {
    if verdict.is_ready { "True" } else { "False" }
}

/// The condition as Kubernetes' own API has it.
fn new_condition(claim: &Value, verdict: &Verdict) -> Value {
    json!({
        "type": READY,
        "status": status(verdict),
        "reason": verdict.reason,
        "message": verdict.message,
        "observedGeneration": claim.pointer("/metadata/generation"),
    })
}

/// The condition as Cluster API had it: what is well needs no reason.
fn old_condition(verdict: &Verdict) -> Value {
    if verdict.is_ready {
        return json!({"type": READY, "status": status(verdict)});
    }
    json!({
        "type": READY,
        "status": status(verdict),
        "severity": "Error",
        "reason": verdict.reason,
        "message": verdict.message,
    })
}

/// The conditions at a pointer with this one among them, and whether it was there already. When its
/// status stays the same, so does the time of its transition.
fn with_ready(claim: &Value, pointer: &str, mut wanted: Value, now: Timestamp) -> (Value, bool) {
    let stored = claim.pointer(pointer).and_then(Value::as_array);
    let stored = stored.cloned().unwrap_or_default();
    let (mine, mut others): (Vec<_>, Vec<_>) = stored
        .into_iter()
        .partition(|condition| text(condition, "/type") == Some(READY));
    let before = mine.into_iter().next().unwrap_or(Value::Null);
    let since = match text(&before, "/lastTransitionTime") {
        Some(since) if before.get("status") == wanted.get("status") => since.to_owned(),
        _ => now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    if let Some(fields) = wanted.as_object_mut() {
        fields.insert("lastTransitionTime".to_owned(), since.into());
    }
    let is_same = sorted(&before) == sorted(&wanted);
    others.push(wanted);
    (Value::Array(others), is_same)
}

fn sorted(condition: &Value) -> Map<String, Value> {
    let mut fields: Vec<_> = condition.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(key, _)| key.as_str());
    fields
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(version: &str) -> Value {
        json!({
            "apiVersion": format!("ipam.cluster.x-k8s.io/{version}"),
            "metadata": {"name": "c", "uid": "u", "resourceVersion": "7", "generation": 1},
        })
    }

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn conditions_stand_where_the_version_of_the_api_has_them() {
        let verdict = Verdict::failed("PoolExhausted", "pool nodes has no address left".to_owned());
        let new = status_patch(&claim("v1beta2"), &verdict, now()).unwrap();
        let old = status_patch(&claim("v1beta1"), &verdict, now()).unwrap();
        assert_eq!(
            new["status"]["conditions"],
            old["status"]["v1beta2"]["conditions"]
        );
        assert_eq!(
            old["status"]["conditions"],
            new["status"]["deprecated"]["v1beta1"]["conditions"]
        );
        let condition = &new["status"]["conditions"][0];
        assert_eq!(condition["reason"], "PoolExhausted");
        assert_eq!(condition["observedGeneration"], 1);
        assert_eq!(old["status"]["conditions"][0]["severity"], "Error");
        assert_eq!(new["status"]["addressRef"], Value::Null);
    }

    #[test]
    fn what_is_said_already_is_not_written_again() {
        for version in ["v1beta1", "v1beta2"] {
            let mut stored = claim(version);
            let patch = status_patch(&stored, &Verdict::fulfilled(), now()).unwrap();
            assert_eq!(patch["status"]["addressRef"]["name"], "c");
            json_patch::merge(&mut stored, &patch);
            let later = now() + jiff::SignedDuration::from_secs(60);
            assert_eq!(status_patch(&stored, &Verdict::fulfilled(), later), None);
            let failed = Verdict::failed("PoolNotReady", "x".to_owned());
            let patch = status_patch(&stored, &failed, later).unwrap();
            let text = patch.to_string();
            assert!(text.contains("2026-01-02T03:05:05Z"), "{text}");
        }
    }
}
