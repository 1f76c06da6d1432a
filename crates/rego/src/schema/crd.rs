//! The CustomResourceDefinition that Gatekeeper makes of a ConstraintTemplate: what constraints of a kind are held to.

use serde_json::{Value, json};

use super::props::Schema;
use super::{Problems, unknown};
use crate::decode::{At, WrongType};

/// The schema of constraints of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Crd {
    root: Schema,
}

impl Crd {
    /// Of the schema of `spec.parameters`; without one, a constraint has no parameters.
    ///
    /// # Errors
    ///
    /// Never: what is read is written here.
    pub(crate) fn new(parameters: Option<Schema>) -> Result<Self, WrongType> {
        let mut root = Schema::read(&At::root(&frame()))?;
        if let (Some(spec), Some(parameters)) = (root.properties.get_mut("spec"), parameters) {
            spec.properties.insert("parameters".to_owned(), parameters);
        }
        Ok(Self { root })
    }

    /// Holds a constraint to the schema, unknown fields aside.
    ///
    /// # Errors
    ///
    /// Everything that does not hold.
    pub(crate) fn check(&self, constraint: &Value) -> Result<(), Problems> {
        self.root.check(constraint, "")
    }

    /// The paths of fields that the schema does not know.
    pub(crate) fn unknown_fields(&self, constraint: &Value) -> Vec<String> {
        unknown::fields_of_resource(&self.root, constraint)
    }

    pub(crate) fn apply_defaults(&self, constraint: &mut Value) {
        self.root.apply_defaults(constraint);
    }
}

pub(super) fn frame() -> Value {
    json!({
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}},
            "spec": {
                "type": "object",
                "properties": {
                    "match": match_schema(),
                    "enforcementAction": {"type": "string", "default": "deny"},
                    "scopedEnforcementActions": list_of(&json!({
                        "type": "object",
                        "properties": {
                            "action": {"type": "string"},
                            "enforcementPoints": list_of(&json!({
                                "type": "object",
                                "properties": {"name": {"type": "string"}},
                            })),
                        },
                    })),
                },
            },
            "status": {"x-kubernetes-preserve-unknown-fields": true},
        },
    })
}

/// That a requirement has a key and an operator is looked at with the selectors, before.
fn match_schema() -> Value {
    let text = json!({"type": "string"});
    let glob = json!({"type": "string", "pattern": r"^\*?[-:a-z0-9]*\*?$"});
    let requirement = json!({
        "type": "object",
        "properties": {"key": text, "operator": text, "values": list_of(&text)},
    });
    let selector = json!({
        "type": "object",
        "properties": {
            "matchExpressions": list_of(&requirement),
            "matchLabels": {"type": "object", "additionalProperties": text},
        },
    });
    let kinds = json!({
        "type": "object",
        "properties": {"apiGroups": list_of(&text), "kinds": list_of(&text)},
    });
    json!({
        "type": "object",
        "properties": {
            "excludedNamespaces": list_of(&glob),
            "kinds": list_of(&kinds),
            "labelSelector": selector,
            "name": glob,
            "namespaceSelector": selector,
            "namespaces": list_of(&glob),
            "scope": text,
            "source": {"type": "string", "enum": ["All", "Generated", "Original"]},
        },
    })
}

fn list_of(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}
