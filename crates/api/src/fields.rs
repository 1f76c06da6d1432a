//! Which fields and kinds the API has.
//!
//! An API server refuses a field that its schema does not have before any webhook is called. A
//! review without a server knows the fields from a table that is made from Cluster API's and CAPV's
//! own schemas; with one it reads the server's.

mod kinds;
mod nearest;
mod node;
mod openapi;
mod table;

use std::sync::Arc;

use basphere_core::{Code, Finding, Subject};
use serde_json::Value;

pub use kinds::{is_ours, not_served, unknown_kind};
pub use openapi::{Published, served_versions};
pub use table::{Table, sources};

use node::{Node, Step};

/// The fields of one kind in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Arc<Node>);

impl Fields {
    /// The fields that a CRD's `openAPIV3Schema` has, or a published schema.
    #[must_use]
    pub fn from_schema(schema: &Value) -> Self {
        Self(Arc::new(Node::resource(schema)))
    }

    /// The fields that the embedded table has.
    #[must_use]
    pub fn embedded(subject: Subject) -> Option<Self> {
        table::embedded(subject.version).kind(subject.kind.as_str())
    }

    /// One finding for each field of `object` that the API does not have, in the object's order.
    /// What stands inside an unknown field is not looked at.
    #[must_use]
    pub fn unknown(&self, subject: Subject, object: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.0.visit(object, &mut Vec::new(), &mut |path, value| {
            findings.push(self.finding(subject, path, value));
        });
        findings
    }

    fn finding(&self, subject: Subject, path: &[Step<'_>], value: &Value) -> Finding {
        // A whole subtree would drown the message, and its own fields may hold what is secret.
        let value = match value {
            Value::Object(_) | Value::Array(_) => Value::Null,
            scalar => scalar.clone(),
        };
        let finding = Finding::new(
            Code::UnknownField,
            node::written(path),
            value,
            "unknown field",
        );
        match nearest::hint(&self.0, subject, path) {
            Some(hint) => finding.hint(hint),
            None => finding,
        }
    }
}
