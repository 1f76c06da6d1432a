//! What an API server publishes below `/openapi/v3`.

use std::collections::BTreeMap;

use basphere_core::Finding;
use serde_json::Value;

use super::Fields;
use super::kinds::no_such_kind;
use super::nearest::spelled_like;

/// The kinds of one group version with their fields, as the server publishes them.
#[derive(Clone, Debug, Default)]
pub struct Published {
    kinds: BTreeMap<String, Fields>,
}

impl Published {
    /// Reads `/openapi/v3/apis/<group>/<version>`; `None` when the document has no kinds.
    #[must_use]
    pub fn from_document(document: &Value, api_version: &str) -> Option<Self> {
        let schemas = document.pointer("/components/schemas")?.as_object()?;
        let mut kinds = BTreeMap::new();
        for schema in schemas.values() {
            // A schema of several kinds, such as DeleteOptions, is that of no object.
            if let Some([kind]) = schema
                .get("x-kubernetes-group-version-kind")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                && let Some(name) = kind_of(kind, api_version)
            {
                kinds.insert(name.to_owned(), Fields::from_schema(schema));
            }
        }
        (!kinds.is_empty()).then_some(Self { kinds })
    }

    /// The fields of a kind; `None` when the server has no such kind.
    #[must_use]
    pub fn kind(&self, kind: &str) -> Option<&Fields> {
        self.kinds.get(kind)
    }

    /// Why this kind is none; `None` when the server has it.
    #[must_use]
    pub fn unknown_kind(&self, api_version: &str, kind: &str) -> Option<Finding> {
        if self.kinds.contains_key(kind) {
            return None;
        }
        let nearest = spelled_like(kind, self.kinds.keys().map(String::as_str));
        Some(no_such_kind(
            api_version,
            kind,
            nearest.map(|(nearest, _)| nearest),
        ))
    }
}

fn kind_of<'a>(kind: &'a Value, api_version: &str) -> Option<&'a str> {
    let text = |field: &str| kind.get(field).and_then(Value::as_str);
    let (group, version) = api_version.split_once('/')?;
    (text("group") == Some(group) && text("version") == Some(version))
        .then(|| text("kind"))
        .flatten()
}

/// The versions of a group, as `group/version`, of the index at `/openapi/v3`.
#[must_use]
pub fn served_versions(index: &Value, group: &str) -> Vec<String> {
    let prefix = format!("apis/{group}/");
    let paths = index.get("paths").and_then(Value::as_object);
    paths
        .into_iter()
        .flatten()
        .filter(|(path, _)| path.starts_with(&prefix))
        .filter_map(|(path, _)| path.strip_prefix("apis/").map(str::to_owned))
        .collect()
}
