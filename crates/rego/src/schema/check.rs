//! Holding a value to a schema, as kube-openapi's validator does.

use serde_json::{Map, Value};

use super::props::{Additional, Schema};
use super::{Findings, Problems, formats, numbers};
use crate::decode::{join, short};

impl Schema {
    /// Holds a value to the schema.
    ///
    /// # Errors
    ///
    /// Everything that does not hold.
    pub(crate) fn check(&self, value: &Value, path: &str) -> Result<(), Problems> {
        let mut findings = Findings::default();
        self.look_at(value, path, &mut findings);
        findings.into_result()
    }

    fn holds(&self, value: &Value) -> bool {
        let mut findings = Findings::default();
        self.look_at(value, "", &mut findings);
        findings.0.is_empty()
    }

    fn look_at(&self, value: &Value, path: &str, findings: &mut Findings) {
        self.check_type(value, path, findings);
        if value.is_null() {
            self.check_allowed(value, path, findings);
            return;
        }
        self.check_alternatives(value, path, findings);
        match value {
            Value::String(text) => self.check_text(text, path, findings),
            Value::Number(number) => {
                numbers::check(self, number.as_f64().unwrap_or_default(), path, findings);
            }
            Value::Array(items) => self.check_items(items, path, findings),
            Value::Object(fields) => self.check_fields(fields, path, findings),
            Value::Null | Value::Bool(_) => {}
        }
        self.check_allowed(value, path, findings);
    }

    fn check_type(&self, value: &Value, path: &str, findings: &mut Findings) {
        let types = self.types();
        let format = formats::enforced(self);
        let fits = match value {
            Value::Null => types.is_empty() || self.nullable,
            // A format stands for the type of texts, and, in kube-openapi, of lists.
            Value::String(_) | Value::Array(_) if is_formatted_text(types, format) => true,
            _ if types.is_empty() => format.is_none(),
            Value::Bool(_) => types.contains(&"boolean"),
            Value::String(_) => types.contains(&"string"),
            Value::Array(_) => types.contains(&"array"),
            Value::Object(_) => types.contains(&"object"),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                types.contains(&"number") || types.contains(&"integer") && numbers::is_whole(number)
            }
        };
        if !fits {
            let expected = if types.is_empty() {
                "string".to_owned()
            } else {
                types.join(" or ")
            };
            let detail = format!("must be of type {expected}, and is {}", short(value));
            findings.add(path, detail);
        }
    }

    fn check_allowed(&self, value: &Value, path: &str, findings: &mut Findings) {
        if self.allowed.is_empty()
            || self
                .allowed
                .iter()
                .any(|allowed| is_the_same(value, allowed))
        {
            return;
        }
        let allowed: Vec<String> = self.allowed.iter().map(ToString::to_string).collect();
        let allowed = allowed.join(", ");
        findings.add(
            path,
            format!("must be one of {allowed}, and is {}", short(value)),
        );
    }

    fn check_alternatives(&self, value: &Value, path: &str, findings: &mut Findings) {
        if !self.any_of.is_empty() && !self.any_of.iter().any(|schema| schema.holds(value)) {
            findings.add(
                path,
                format!("must hold by one schema of anyOf, and is {}", short(value)),
            );
        }
        let holding = self
            .one_of
            .iter()
            .filter(|schema| schema.holds(value))
            .count();
        if !self.one_of.is_empty() && holding != 1 {
            let detail =
                format!("must hold by exactly one schema of oneOf, and holds by {holding}");
            findings.add(path, detail);
        }
        for schema in &self.all_of {
            schema.look_at(value, path, findings);
        }
        if self.not.as_ref().is_some_and(|schema| schema.holds(value)) {
            findings.add(
                path,
                format!(
                    "must not hold by the schema of not, and is {}",
                    short(value)
                ),
            );
        }
    }

    /// The first thing that is wrong, as kube-openapi stops there.
    fn check_text(&self, text: &str, path: &str, findings: &mut Findings) {
        if let Some(format) = formats::enforced(self)
            && !formats::holds(format, text)
        {
            findings.add(path, format!("must be of format {format}, and is {text:?}"));
        }
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(most) = self.bounds.max_length.filter(|most| length > *most) {
            findings.add(
                path,
                format!("must be at most {most} characters long, and is {text:?}"),
            );
        } else if let Some(least) = self.bounds.min_length.filter(|least| length < *least) {
            findings.add(
                path,
                format!("must be at least {least} characters long, and is {text:?}"),
            );
        } else if let Some(pattern) = &self.pattern
            && !pattern
                .compiled
                .as_ref()
                .is_ok_and(|regex| regex.is_match(text))
        {
            findings.add(
                path,
                format!("must match {:?}, and is {text:?}", pattern.text),
            );
        }
    }

    fn check_items(&self, items: &[Value], path: &str, findings: &mut Findings) {
        if let Some(schema) = self.item() {
            for (index, item) in items.iter().enumerate() {
                schema.look_at(item, &format!("{path}[{index}]"), findings);
            }
        }
        let bounds = (self.bounds.min_items, self.bounds.max_items);
        check_size(items.len(), bounds, "items", path, findings);
    }

    fn check_fields(&self, fields: &Map<String, Value>, path: &str, findings: &mut Findings) {
        let bounds = (self.bounds.min_properties, self.bounds.max_properties);
        check_size(fields.len(), bounds, "properties", path, findings);
        for (name, value) in fields {
            let path = join(path, name);
            match (self.properties.get(name), &self.additional) {
                (Some(schema), _) => schema.look_at(value, &path, findings),
                (None, Some(Additional::Schema(schema))) => schema.look_at(value, &path, findings),
                (None, Some(Additional::Allowed(false))) => findings.add(&path, "is forbidden"),
                (None, Some(Additional::Allowed(true)) | None) => {}
            }
        }
        for name in &self.required {
            if !fields.contains_key(name) {
                findings.add(&join(path, name), "is required");
            }
        }
    }
}

fn is_formatted_text(types: &[&str], format: Option<&str>) -> bool {
    format.is_some() && !types.contains(&"integer")
}

fn check_size(
    size: usize,
    (least, most): (Option<i64>, Option<i64>),
    what: &str,
    path: &str,
    findings: &mut Findings,
) {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    if let Some(least) = least.filter(|least| size < *least) {
        findings.add(
            path,
            format!("must have at least {least} {what}, and has {size}"),
        );
    }
    if let Some(most) = most.filter(|most| size > *most) {
        findings.add(
            path,
            format!("must have at most {most} {what}, and has {size}"),
        );
    }
}

/// Whether a value is the one that `enum` allows, by Go's conversions: the value is read with floats alone, the
/// allowed ones with integers, to which a float at the top is cut, and within lists and objects they differ.
fn is_the_same(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (_, Value::Null) => false,
        (Value::Number(value), Value::Number(allowed)) => {
            let value = value.as_f64().unwrap_or_default();
            let value = if allowed.is_f64() {
                value
            } else {
                value.trunc()
            };
            allowed.as_f64() == Some(value)
        }
        _ => is_deeply_the_same(value, allowed),
    }
}

fn is_deeply_the_same(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (Value::Number(value), Value::Number(allowed)) => {
            allowed.is_f64() && value.as_f64() == allowed.as_f64()
        }
        (Value::Array(values), Value::Array(allowed)) => {
            values.len() == allowed.len()
                && values
                    .iter()
                    .zip(allowed)
                    .all(|(value, allowed)| is_deeply_the_same(value, allowed))
        }
        (Value::Object(values), Value::Object(allowed)) => {
            values.len() == allowed.len()
                && values.iter().all(|(key, value)| {
                    allowed
                        .get(key)
                        .is_some_and(|allowed| is_deeply_the_same(value, allowed))
                })
        }
        _ => value == allowed,
    }
}
