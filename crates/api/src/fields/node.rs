//! A schema, of which nothing is left but the names of its fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What may stand in one place. A plain value is a node that has nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) fields: BTreeMap<String, Arc<Node>>,
    pub(super) others: Others,
    /// What each element of a list is.
    pub(super) items: Option<Arc<Node>>,
}

/// What becomes of keys that are no fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Others {
    /// They are unknown.
    #[default]
    Unknown,
    /// They are kept, with whatever they hold.
    Kept,
    /// They are the keys of a map with such values.
    Map(Arc<Node>),
}

/// One step on the way to a field of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

impl Node {
    /// A whole object: its metadata is never part of a CRD's schema.
    pub(super) fn resource(schema: &Value) -> Self {
        let mut node = Self::from_schema(schema);
        node.add_identity();
        node
    }

    fn add_identity(&mut self) {
        let identity = [
            ("apiVersion", Self::default()),
            ("kind", Self::default()),
            ("metadata", object_meta()),
        ];
        for (name, node) in identity {
            self.fields.insert(name.to_owned(), Arc::new(node));
        }
    }

    fn from_schema(schema: &Value) -> Self {
        let is_set = |key: &str| schema.get(key) == Some(&Value::Bool(true));
        let fields = schema.get("properties").and_then(Value::as_object);
        let shared = |schema: &Value| Arc::new(Self::from_schema(schema));
        let others = match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => Others::Map(shared(values)),
            Some(Value::Bool(true)) => Others::Kept,
            _ if is_set("x-kubernetes-preserve-unknown-fields") => Others::Kept,
            _ => Others::Unknown,
        };
        let mut node = Self {
            fields: fields
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), shared(schema)))
                .collect(),
            others,
            items: schema.get("items").map(shared),
        };
        if is_set("x-kubernetes-embedded-resource") {
            node.add_identity();
        }
        node
    }

    /// The node of a key; `None` for what is unknown, and for what is kept whatever it holds.
    pub(super) fn child(&self, key: &str) -> Option<&Self> {
        match (self.fields.get(key), &self.others) {
            (Some(field), _) | (None, Others::Map(field)) => Some(field),
            _ => None,
        }
    }

    /// Calls `found` for each field of `value` that this node does not have.
    pub(super) fn visit<'a>(
        &self,
        value: &'a Value,
        path: &mut Vec<Step<'a>>,
        found: &mut impl FnMut(&[Step<'a>], &'a Value),
    ) {
        match value {
            Value::Object(object) => self.visit_object(object, path, found),
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for (index, value) in list.iter().enumerate() {
                    path.push(Step::Index(index));
                    items.visit(value, path, found);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn visit_object<'a>(
        &self,
        object: &'a Map<String, Value>,
        path: &mut Vec<Step<'a>>,
        found: &mut impl FnMut(&[Step<'a>], &'a Value),
    ) {
        for (key, value) in object {
            path.push(Step::Field(key));
            match self.child(key) {
                Some(child) => child.visit(value, path, found),
                // The API server drops what says nothing before it looks for unknown fields.
                None if self.others == Others::Kept || value.is_null() => {}
                None => found(path, value),
            }
            path.pop();
        }
    }
}

/// A path as kubectl writes it.
pub(super) fn written(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) if name.contains(['.', '/']) => text.push_str(&format!("[{name}]")),
            Step::Field(name) => text.push_str(&format!(".{name}")),
        }
    }
    text
}

/// The fields that the metadata of every object has.
fn object_meta() -> Node {
    let map = || Node {
        others: Others::Map(Arc::new(Node::default())),
        ..Node::default()
    };
    let list = |items: Node| Node {
        items: Some(Arc::new(items)),
        ..Node::default()
    };
    let plain = |names: &[&str]| Node {
        fields: names
            .iter()
            .map(|name| ((*name).to_owned(), Arc::default()))
            .collect(),
        ..Node::default()
    };
    let mut meta = plain(&[
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ]);
    let owner = plain(&[
        "apiVersion",
        "blockOwnerDeletion",
        "controller",
        "kind",
        "name",
        "uid",
    ]);
    let mut manager = plain(&[
        "apiVersion",
        "fieldsType",
        "manager",
        "operation",
        "subresource",
        "time",
    ]);
    let kept = Node {
        others: Others::Kept,
        ..Node::default()
    };
    manager.fields.insert("fieldsV1".to_owned(), Arc::new(kept));
    for (name, node) in [
        ("annotations", map()),
        ("labels", map()),
        ("managedFields", list(manager)),
        ("ownerReferences", list(owner)),
    ] {
        meta.fields.insert(name.to_owned(), Arc::new(node));
    }
    meta
}
