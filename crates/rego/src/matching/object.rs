//! What matching reads of objects, as `unstructured` reads them: what has another type than it should is not there.

use serde_json::{Map, Value};

use super::MatchError;
use crate::template::group_version_kind;

/// An object of a review.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    value: &'a Value,
}

impl<'a> Object<'a> {
    /// Reads an object, which must have a kind.
    pub(super) fn read(value: &'a Value, field: &'static str) -> Result<Self, MatchError> {
        let (group, _, kind) = group_version_kind(value);
        if kind.is_empty() {
            let json = value.to_string();
            return Err(MatchError::NoObject { field, json });
        }
        Ok(Self { group, kind, value })
    }

    pub(super) fn is_namespace(&self) -> bool {
        (self.group, self.kind) == ("", "Namespace")
    }

    pub(super) fn name(&self) -> &'a str {
        metadata_text(self.value, "name")
    }

    pub(super) fn namespace(&self) -> &'a str {
        metadata_text(self.value, "namespace")
    }

    pub(super) fn generate_name(&self) -> &'a str {
        metadata_text(self.value, "generateName")
    }

    pub(super) fn labels(&self) -> Labels<'a> {
        Labels::of(self.value)
    }
}

/// The Namespace that an object is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Namespace<'a>(&'a Value);

impl<'a> Namespace<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self(value)
    }

    pub(super) fn name(&self) -> &'a str {
        metadata_text(self.0, "name")
    }

    pub(super) fn labels(&self) -> Labels<'a> {
        Labels::of(self.0)
    }
}

/// The labels of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels<'a>(Option<&'a Map<String, Value>>);

impl<'a> Labels<'a> {
    /// None at all if one of them is neither text nor null.
    fn of(object: &'a Value) -> Self {
        let labels = metadata(object, "labels").and_then(Value::as_object);
        let is_label = |value: &Value| value.is_string() || value.is_null();
        Self(labels.filter(|labels| labels.values().all(is_label)))
    }

    /// The value of a label; that of `null` is empty.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.0?
            .get(key)
            .map(|value| value.as_str().unwrap_or_default())
    }
}

fn metadata<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(name)
}

fn metadata_text<'a>(object: &'a Value, name: &str) -> &'a str {
    metadata(object, name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
