//! Reading JSON of which nothing is certain.

use std::collections::BTreeMap;

use serde_json::Value;

/// The text at a JSON pointer, if there is one.
pub(crate) fn text_at<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The labels of an object that are text.
pub(crate) fn labels(object: &Value) -> BTreeMap<&str, &str> {
    object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

/// Whether a value says nothing: v1beta1 writes `""`, `{}` and `[]` where it means unset.
pub(crate) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A map key as one token of a JSON pointer.
pub(crate) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The map key that one token of a JSON pointer stands for.
pub(crate) fn key(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A JSON pointer in kubectl's notation: `spec.devices[0].name`, `metadata.labels[a.b/c]`.
pub(crate) fn field_path(pointer: &str) -> String {
    let mut path = String::with_capacity(pointer.len());
    for token in pointer.split('/').skip(1) {
        let key = key(token);
        let is_index = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
        let is_plain = key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if is_index || !is_plain {
            path.push_str(&format!("[{key}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&key);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{field_path, token};

    #[test]
    fn pointers_read_as_kubectl_writes_fields() {
        assert_eq!(
            field_path("/spec/network/devices/0/dhcp4"),
            "spec.network.devices[0].dhcp4"
        );
        let pointer = format!("/metadata/labels/{}", token("basphere.dev/owner"));
        assert_eq!(field_path(&pointer), "metadata.labels[basphere.dev/owner]");
    }
}
