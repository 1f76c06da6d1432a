//! Reads the fields of a review, and words what is wrong with one.

use basphere_core::{Code, Finding};
use serde_json::Value;

/// What is wrong with a field.
pub(super) type Wrong = Box<Finding>;

pub(super) fn constant(value: &Value, path: &str, expected: &str) -> Result<(), Wrong> {
    let text = required_text(value, path)?;
    if text == expected {
        return Ok(());
    }
    Err(malformed(path, value, format!("must be {expected:?}")))
}

pub(super) fn required_text(value: &Value, path: &str) -> Result<String, Wrong> {
    match optional_text(value, path)? {
        text if text.is_empty() => Err(missing(path)),
        text => Ok(text),
    }
}

pub(super) fn optional_text(value: &Value, path: &str) -> Result<String, Wrong> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => Err(mistyped(path, other, "a string")),
    }
}

pub(super) fn missing(path: impl AsRef<str>) -> Wrong {
    malformed(
        path.as_ref(),
        &Value::Null,
        "is missing or empty".to_owned(),
    )
}

pub(super) fn mistyped(path: &str, value: &Value, expected: &str) -> Wrong {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    malformed(
        path,
        &Value::Null,
        format!("is {found} where {expected} is expected"),
    )
}

pub(super) fn malformed(path: &str, value: &Value, message: String) -> Wrong {
    Box::new(Finding::new(
        Code::RequestMalformed,
        path,
        value.clone(),
        message,
    ))
}
