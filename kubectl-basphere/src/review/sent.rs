//! One object on its way to the server, and what the server does to its metadata.

use basphere_core::Subject;
use serde_json::{Value, json};

use super::state::set_uid;

/// What stands in for the random end of a generated name.
const GENERATED: &str = "00000";

/// One object on its way to the server.
pub(super) struct Sent {
    pub(super) subject: Subject,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) object: Value,
    pub(super) stored: Option<Value>,
    /// How many objects stand before it in the stream.
    pub(super) before: usize,
}

impl Sent {
    /// The API server generates names between the two calls.
    pub(super) fn with_generated_name(&self, mut object: Value) -> Value {
        let generate = text(&object, "/metadata/generateName");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
            && !generate.is_empty()
            && !metadata.contains_key("name")
        {
            metadata.insert("name".to_owned(), json!(format!("{generate}{GENERATED}")));
        }
        object
    }

    /// And a UID, whatever is written there. Two objects whose names are generated are two.
    pub(super) fn with_uid(&self, mut object: Value) -> Value {
        let name = if self.name.is_empty() {
            format!("{}{}", text(&object, "/metadata/generateName"), self.before)
        } else {
            self.name.clone()
        };
        if self.stored.is_none()
            && let Some(metadata) = object.get_mut("metadata")
        {
            set_uid(metadata, self.subject.kind, &self.namespace, &name);
        }
        object
    }
}

pub(super) fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// What no person writes or reads is left out of what is shown.
pub(super) fn without_bookkeeping(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    object
}
