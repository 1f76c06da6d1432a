//! What an API server asks of every schema of a CustomResourceDefinition, besides being structural.

use serde_json::Value;

use super::props::{Additional, Items, Schema};
use super::{Findings, Problems, structural, unknown};
use crate::decode::join;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

impl Schema {
    /// Whether a CustomResourceDefinition may have the schema for a field.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) fn check_schema(&self, path: &str) -> Result<(), Problems> {
        let mut findings = Findings::default();
        structural::check(self, path, &mut findings);
        if findings.0.is_empty() {
            check_defaults(self, path, &mut findings);
        }
        check_node(self, path, &mut findings);
        findings.into_result()
    }
}

/// Every default holds by its schema, and has no field that its schema does not know.
fn check_defaults(schema: &Schema, path: &str, findings: &mut Findings) {
    if let Some(default) = &schema.default {
        let path = format!("{path}.default");
        for field in unknown::fields_of_value(schema, default) {
            findings.add(&path, format!("must not have the unknown field {field}"));
        }
        if let Err(problems) = schema.check(default, &path) {
            findings.0.extend(problems.0);
        }
        check_resources(schema, default, &path, findings);
    }
    if let Some(item) = schema.item() {
        check_defaults(item, &format!("{path}.items"), findings);
    }
    for (name, property) in &schema.properties {
        check_defaults(property, &format!("{path}.properties[{name}]"), findings);
    }
}

/// What is a resource by its schema says of which kind it is. Of constraints an API server asks it, and Gatekeeper's
/// client does not; of defaults both do.
fn check_resources(schema: &Schema, value: &Value, path: &str, findings: &mut Findings) {
    match value {
        Value::Object(fields) => {
            for name in ["apiVersion", "kind"] {
                let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
                if schema.embedded && text.is_empty() {
                    findings.add(&join(path, name), "is required of a resource");
                }
            }
            for (name, value) in fields {
                let next = schema.properties.get(name).or(schema.additional_schema());
                if let Some(next) = next {
                    check_resources(next, value, &join(path, name), findings);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(next) = schema.item() {
                    check_resources(next, item, &format!("{path}[{index}]"), findings);
                }
            }
        }
        _ => {}
    }
}

fn check_node(schema: &Schema, path: &str, findings: &mut Findings) {
    if !schema.kind.is_empty() && !TYPES.contains(&schema.kind.as_str()) {
        let detail = format!(
            "must be one of {}, and is {:?}",
            TYPES.join(", "),
            schema.kind
        );
        findings.add(&format!("{path}.type"), detail);
    }
    for name in &schema.unsupported {
        findings.add(&format!("{path}.{name}"), "is not supported");
    }
    if matches!(schema.items, Some(Items::Places)) {
        findings.add(
            &format!("{path}.items"),
            "must be one schema, and is a list of them",
        );
    }
    if schema.unique_items {
        findings.add(&format!("{path}.uniqueItems"), "must not be true");
    }
    if !schema.properties.is_empty() && restricts_additional(schema) {
        let detail = "and properties are mutually exclusive";
        findings.add(&format!("{path}.additionalProperties"), detail);
    }
    if schema.preserve_unknown == Some(false) {
        let path = format!("{path}.x-kubernetes-preserve-unknown-fields");
        findings.add(&path, "must be true or undefined");
    }
    check_map_type(schema, path, findings);
    check_list_type(schema, path, findings);
    for (path, next) in children(schema, path) {
        check_node(next, &path, findings);
    }
}

fn restricts_additional(schema: &Schema) -> bool {
    match &schema.additional {
        Some(Additional::Allowed(allowed)) => !allowed,
        Some(Additional::Schema(_)) => true,
        None => false,
    }
}

fn children<'a>(schema: &'a Schema, path: &str) -> Vec<(String, &'a Schema)> {
    let mut children = Vec::new();
    if let Some(next) = schema.additional_schema() {
        children.push((format!("{path}.additionalProperties"), next));
    }
    if let Some(next) = schema.item() {
        children.push((format!("{path}.items"), next));
    }
    for (name, next) in &schema.properties {
        children.push((format!("{path}.properties[{name}]"), next));
    }
    let lists = [
        ("allOf", &schema.all_of),
        ("oneOf", &schema.one_of),
        ("anyOf", &schema.any_of),
    ];
    for (name, schemas) in lists {
        for (index, next) in schemas.iter().enumerate() {
            children.push((format!("{path}.{name}[{index}]"), next));
        }
    }
    if let Some(next) = &schema.not {
        children.push((format!("{path}.not"), next));
    }
    children
}

fn check_map_type(schema: &Schema, path: &str, findings: &mut Findings) {
    let Some(kind) = &schema.map_type else {
        return;
    };
    if schema.kind != "object" {
        findings.add(
            &format!("{path}.type"),
            "must be object if x-kubernetes-map-type is there",
        );
    }
    if !matches!(kind.as_str(), "atomic" | "granular") {
        let detail = format!("must be atomic or granular, and is {kind:?}");
        findings.add(&format!("{path}.x-kubernetes-map-type"), detail);
    }
}

fn check_list_type(schema: &Schema, path: &str, findings: &mut Findings) {
    let kind = schema.lists.kind.as_deref();
    let kind_path = format!("{path}.x-kubernetes-list-type");
    if kind.is_some() && schema.kind != "array" {
        findings.add(
            &format!("{path}.type"),
            "must be array if x-kubernetes-list-type is there",
        );
    }
    if !schema.lists.keys.is_empty() && kind != Some("map") {
        findings.add(
            &kind_path,
            "must be map if x-kubernetes-list-map-keys is there",
        );
    }
    match kind {
        None | Some("atomic") => {}
        Some("set") => check_set(schema, path, findings),
        Some("map") => check_list_map(schema, path, findings),
        Some(other) => {
            findings.add(
                &kind_path,
                format!("must be atomic, set or map, and is {other:?}"),
            );
        }
    }
}

fn check_set(schema: &Schema, path: &str, findings: &mut Findings) {
    let Some(item) = schema.item() else {
        return;
    };
    check_items_not_null(item, "set", path, findings);
    let lists_merge = item.kind == "array"
        && item
            .lists
            .kind
            .as_deref()
            .is_some_and(|kind| kind != "atomic");
    let objects_merge = item.kind == "object" && item.map_type.as_deref() != Some("atomic");
    if lists_merge {
        findings.add(
            &format!("{path}.items.x-kubernetes-list-type"),
            "must be atomic within a set",
        );
    } else if objects_merge {
        findings.add(
            &format!("{path}.items.x-kubernetes-map-type"),
            "must be atomic within a set",
        );
    }
}

fn check_list_map(schema: &Schema, path: &str, findings: &mut Findings) {
    let keys_path = format!("{path}.x-kubernetes-list-map-keys");
    if schema.lists.keys.is_empty() {
        findings.add(
            &keys_path,
            "must not be empty if x-kubernetes-list-type is map",
        );
    }
    let Some(item) = schema.item() else {
        findings.add(
            &format!("{path}.items"),
            "is required if x-kubernetes-list-type is map",
        );
        return;
    };
    check_items_not_null(item, "map", path, findings);
    if item.kind != "object" {
        findings.add(
            &format!("{path}.items.type"),
            "must be object if x-kubernetes-list-type is map",
        );
        return;
    }
    for (index, key) in schema.lists.keys.iter().enumerate() {
        if schema
            .lists
            .keys
            .iter()
            .take(index)
            .any(|earlier| earlier == key)
        {
            findings.add(&keys_path, format!("names {key:?} twice"));
        }
        let Some(property) = item.properties.get(key) else {
            findings.add(
                &keys_path,
                format!("names {key:?}, which is no property of the items"),
            );
            continue;
        };
        let path = format!("{path}.items.properties[{key}]");
        if matches!(property.kind.as_str(), "array" | "object") {
            findings.add(
                &format!("{path}.type"),
                "must be a scalar: it is a key of the list",
            );
        }
        if !item.required.contains(key) && property.default.is_none() {
            findings.add(
                &format!("{path}.default"),
                "is required, or the property is: it is a key of the list",
            );
        }
        if property.nullable {
            findings.add(
                &format!("{path}.nullable"),
                "must not be true: it is a key of the list",
            );
        }
    }
}

fn check_items_not_null(item: &Schema, kind: &str, path: &str, findings: &mut Findings) {
    if item.nullable {
        let detail = format!("must not be true if x-kubernetes-list-type is {kind}");
        findings.add(&format!("{path}.items.nullable"), detail);
    }
}
