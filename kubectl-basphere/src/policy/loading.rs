//! What is wrong with templates, constraints and objects, in gator's words where it has any.

use basphere_rego::constraint::ConstraintError;
use basphere_rego::policies::LoadError;
use basphere_rego::template::TemplateError;
use serde_json::{Map, Value};

use super::go_json;

/// Why a template or a constraint is not taken, as Gatekeeper's client says it.
pub(super) fn refusal(error: &LoadError) -> String {
    match error {
        LoadError::Template(error) => template_refusal(error),
        LoadError::Rego { error, .. } => format!("invalid ConstraintTemplate: {error}"),
        LoadError::Constraint(error) => constraint_refusal(error),
        LoadError::NoTemplate(name) => {
            format!("missing ConstraintTemplate: template {name:?} not found")
        }
    }
}

/// A template that has no Rego is refused in our words: it is not wrong, and CEL is what it may have.
fn template_refusal(error: &TemplateError) -> String {
    match error {
        TemplateError::UnknownVersion(version) => format!(
            "no kind \"ConstraintTemplate\" is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\""
        ),
        TemplateError::CelOnly { .. } | TemplateError::NoRego { .. } => error.to_string(),
        other => format!("invalid ConstraintTemplate: {other}"),
    }
}

fn constraint_refusal(error: &ConstraintError) -> String {
    match error {
        ConstraintError::UnknownFields(fields) => {
            format!("invalid Constraint: unknown fields: [{}]", fields.join(" "))
        }
        ConstraintError::Invalid { path, detail }
            if path == "metadata.name" && detail == "is required" =>
        {
            "invalid Constraint: missing metadata.name".to_owned()
        }
        ConstraintError::Invalid { path, .. } if path == "spec.scopedEnforcementActions" => {
            format!("missing required field: {path} must be defined")
        }
        other => other.to_string(),
    }
}

/// An object as `unstructured` has it, which must have a kind.
pub(super) fn object(fields: Map<String, Value>) -> Result<Value, String> {
    let kind = fields
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind.is_empty() {
        let json = go_json::compact(&Value::Object(fields));
        return Err(format!("Object 'Kind' is missing in '{json}'"));
    }
    Ok(Value::Object(fields))
}

/// What an object is, as Go writes a GroupVersionKind.
pub(super) fn kind(object: &Value) -> String {
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    format!("{group}/{version}, Kind={}", text("kind"))
}

/// `metadata.name` or `metadata.namespace`, empty where there is none.
pub(super) fn metadata<'a>(object: &'a Value, name: &str) -> &'a str {
    let text = object
        .get("metadata")
        .and_then(|metadata| metadata.get(name));
    text.and_then(Value::as_str).unwrap_or_default()
}
