//! The fields that a schema does not know: what an API server would prune.

use serde_json::{Map, Value};

use super::props::Schema;
use crate::decode::join;

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// The paths of unknown fields of a resource, sorted. At the root, and where the schema says that a value is a
/// resource, `apiVersion`, `kind` and `metadata` are always known.
pub(super) fn fields_of_resource(schema: &Schema, resource: &Value) -> Vec<String> {
    fields(schema, resource, true)
}

/// The paths of unknown fields of any value, sorted.
pub(super) fn fields_of_value(schema: &Schema, value: &Value) -> Vec<String> {
    fields(schema, value, schema.embedded)
}

fn fields(schema: &Schema, value: &Value, is_resource: bool) -> Vec<String> {
    let mut search = Search {
        unknown: Vec::new(),
    };
    match value {
        Value::Object(fields) => {
            search.object(
                Some(schema),
                fields,
                schema.preserves_unknown(),
                is_resource,
                "",
            );
        }
        _ => search.value(Some(schema), value, schema.preserves_unknown(), ""),
    }
    search.unknown.sort();
    search.unknown
}

struct Search {
    unknown: Vec<String>,
}

impl Search {
    /// Looks at a value. `lenient` is where unknown fields are preserved, which lists hand on to their items.
    fn value(&mut self, schema: Option<&Schema>, value: &Value, lenient: bool, path: &str) {
        match value {
            Value::Object(fields) => {
                let is_resource = schema.is_some_and(|schema| schema.embedded);
                self.object(schema, fields, lenient, is_resource, path);
            }
            Value::Array(items) => {
                let schema = schema.and_then(Schema::item);
                if schema.is_none() && lenient {
                    return;
                }
                let lenient = lenient || schema.is_some_and(Schema::preserves_unknown);
                for (index, item) in items.iter().enumerate() {
                    self.value(schema, item, lenient, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn object(
        &mut self,
        schema: Option<&Schema>,
        fields: &Map<String, Value>,
        lenient: bool,
        is_resource: bool,
        path: &str,
    ) {
        for (name, value) in fields {
            if is_resource && META.contains(&name.as_str()) {
                continue;
            }
            match schema.and_then(|schema| known(schema, name)) {
                Some(next) => {
                    let lenient = next.is_some_and(Schema::preserves_unknown);
                    self.value(next, value, lenient, &join(path, name));
                }
                None if lenient => {}
                None => self.unknown.push(join(path, name)),
            }
        }
    }
}

/// What a known field is looked at with. `additionalProperties: true` knows every field and nothing of what is in it.
fn known<'a>(schema: &'a Schema, name: &str) -> Option<Option<&'a Schema>> {
    match schema.properties.get(name) {
        Some(property) => Some(Some(property)),
        None => schema
            .additional
            .as_ref()
            .map(|_| schema.additional_schema()),
    }
}
