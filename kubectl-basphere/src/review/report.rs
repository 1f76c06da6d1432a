//! The result of a review. Its serialised form is documented in `review --help`, and stable.

use basphere_core::Finding;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The result of a review.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    api_version: &'static str,
    kind: &'static str,
    pub(super) allowed: bool,
    pub(super) items: Vec<Item>,
}

/// What became of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) file: String,
    pub(super) document: usize,
    pub(super) line: usize,
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) operation: &'static str,
    pub(super) judged: bool,
    pub(super) allowed: bool,
    /// Why it could not be judged, though it should have been.
    pub(super) error: Option<String>,
    #[serde(serialize_with = "findings")]
    pub(super) denials: Vec<Finding>,
    #[serde(serialize_with = "findings")]
    pub(super) warnings: Vec<Finding>,
    pub(super) needs_cluster: Vec<String>,
    pub(super) object: Option<Value>,
    /// The object as it reaches the server.
    #[serde(skip)]
    pub(super) sent: Value,
}

impl Report {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self {
            api_version: "basphere.dev/v1alpha1",
            kind: "ReviewResult",
            allowed: items.iter().all(|item| item.allowed),
            items,
        }
    }
}

/// A finding with every field present, so that scripts need not ask whether one is there.
#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    path: &'a str,
    value: &'a Value,
    message: &'a str,
    hint: Option<&'a str>,
}

fn findings<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(|finding| Entry {
        code: finding.code.as_str(),
        path: &finding.path,
        value: &finding.value,
        message: &finding.message,
        hint: finding.hint.as_deref(),
    }))
}
