//! Putting in what a schema says where a value says nothing.

use serde_json::Value;

use super::props::Schema;

impl Schema {
    /// Applies defaults within what is there: of fields that are missing, and of nulls that may not be.
    pub(crate) fn apply_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, property) in &self.properties {
                    let Some(default) = &property.default else {
                        continue;
                    };
                    if fields
                        .get(name)
                        .is_none_or(|value| property.is_no_null(value))
                    {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                for (name, value) in fields.iter_mut() {
                    match (self.properties.get(name), self.additional_schema()) {
                        (Some(schema), _) => schema.apply_defaults(value),
                        (None, Some(schema)) => schema.replace_and_apply(value),
                        (None, None) => {}
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = self.item() {
                    items
                        .iter_mut()
                        .for_each(|item| schema.replace_and_apply(item));
                }
            }
            _ => {}
        }
    }

    fn replace_and_apply(&self, value: &mut Value) {
        if self.is_no_null(value) {
            *value = self.default.clone().unwrap_or_default();
        }
        self.apply_defaults(value);
    }

    /// Whether the value is null and may not be.
    fn is_no_null(&self, value: &Value) -> bool {
        value.is_null() && !self.nullable
    }
}
