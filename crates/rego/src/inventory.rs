//! What is stored, as Rego sees it under `data.inventory`, and what of it a policy asks for.
//!
//! It is made of values that Rego takes as they are. A copy is a reference count: whoever holds one sees what there was
//! at that moment, and a change copies the way to the object, not the objects.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

pub use regorus::Value as Shown;
use serde::Deserialize;
use serde_json::Value;

use crate::numbers;
use crate::plan::Asked;
use crate::syntax::{Place, SourceError};
use crate::template::group_version_kind;

/// The annotation of a template that names the kinds that it asks for, in Gatekeeper's words.
pub const ANNOTATION: &str = "metadata.gatekeeper.sh/requires-sync-data";

/// A kind in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versioned {
    /// `apps/v1`, or `v1`.
    pub group_version: String,
    /// The kind.
    pub kind: String,
}

impl Versioned {
    /// The group, empty for the core's, and the version.
    #[must_use]
    pub fn group_and_version(&self) -> (&str, &str) {
        self.group_version
            .split_once('/')
            .unwrap_or(("", &self.group_version))
    }
}

impl fmt::Display for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group_version, self.kind)
    }
}

/// Objects that a policy looks for in `data.inventory`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Those of a kind in this version.
    Version(Versioned),
    /// Those of a kind in whatever group and version it is served.
    Kind(String),
    /// Those of kinds that stand for each other: each group's in one version.
    OneOf(Vec<Versioned>),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(versioned) => versioned.fmt(f),
            Self::Kind(kind) => f.write_str(kind),
            Self::OneOf(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                f.write_str(&all.join(" or "))
            }
        }
    }
}

/// What a template asks for, of its Rego and its annotation.
///
/// # Errors
/// The module and the place of a reference of which the kind cannot be told, where no annotation tells it.
pub(crate) fn needs(
    asked: &[Asked],
    annotated: &[Vec<Versioned>],
) -> Result<BTreeSet<Need>, (usize, SourceError)> {
    let mut needs = BTreeSet::new();
    let is_annotated = |kind: &String| annotated.iter().flatten().any(|it| it.kind == *kind);
    for one in asked {
        let Some(kinds) = &one.kinds else {
            if annotated.is_empty() {
                return Err((one.module, untold(one.at)));
            }
            continue;
        };
        for kind in kinds {
            match &one.group_versions {
                Some(versions) => needs.extend(versions.iter().map(|group_version| {
                    Need::Version(Versioned {
                        group_version: group_version.clone(),
                        kind: kind.clone(),
                    })
                })),
                None if is_annotated(kind) => {}
                None => drop(needs.insert(Need::Kind(kind.clone()))),
            }
        }
    }
    if !asked.is_empty() {
        needs.extend(annotated.iter().cloned().map(Need::OneOf));
    }
    Ok(needs)
}

fn untold(at: Place) -> SourceError {
    let message = format!(
        "which kinds are looked for in data.inventory cannot be told here: the annotation {ANNOTATION} has to name them"
    );
    SourceError::new(at, message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clause {
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    kinds: Vec<String>,
}

/// Reads the annotation as Gatekeeper does: a list of requirements, each of which is a list of clauses of which one is
/// enough. It may stand in quotes, and nobody looks at what follows.
///
/// # Errors
/// When it is something else.
pub(crate) fn read_annotation(text: &str) -> Result<Vec<Vec<Versioned>>, serde_json::Error> {
    let text = text.trim_matches(['\n', '"']);
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Vec<Vec<Clause>>>();
    let requirements = documents.next().transpose()?.unwrap_or_default();
    let expanded = requirements.into_iter().map(|clauses| {
        let all = clauses.iter().flat_map(expand);
        // The order says nothing, and equal ones are one.
        let all: BTreeSet<Versioned> = all.collect();
        all.into_iter().collect::<Vec<_>>()
    });
    Ok(expanded.filter(|all| !all.is_empty()).collect())
}

fn expand(clause: &Clause) -> Vec<Versioned> {
    let mut all = Vec::new();
    for group in &clause.groups {
        for version in &clause.versions {
            let group_version = match group.as_str() {
                "" => version.clone(),
                group => format!("{group}/{version}"),
            };
            all.extend(clause.kinds.iter().map(|kind| Versioned {
                group_version: group_version.clone(),
                kind: kind.clone(),
            }));
        }
    }
    all
}

/// So many names of fields are kept at least before it is looked which of them nobody uses.
const FEWEST_NAMES: usize = 1024;

/// Objects, by where Rego finds them.
#[derive(Debug, Clone)]
pub struct Inventory {
    whole: Shown,
    /// Names of fields, of which every object has the same.
    names: HashSet<Arc<str>>,
    /// With so many names it is looked which of them nobody uses.
    most_names: usize,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            whole: Shown::new_object(),
            names: HashSet::new(),
            most_names: FEWEST_NAMES,
        }
    }
}

impl Inventory {
    /// As Rego sees it.
    #[must_use]
    pub fn shown(&self) -> &Shown {
        &self.whole
    }

    /// Takes an object, in the place of one of its kind, version, namespace and name.
    pub fn put(&mut self, mut object: Value) {
        let path = path_of(&object);
        numbers::as_untyped_json(&mut object);
        let object = self.convert(object);
        put(&mut self.whole, &path, object);
        if self.names.len() > self.most_names {
            self.names.retain(|name| Arc::strong_count(name) > 1);
            self.most_names = FEWEST_NAMES.max(2 * self.names.len());
        }
    }

    /// Forgets an object; what it was in goes with it if nothing else is there.
    pub fn remove(&mut self, of: &Versioned, namespace: &str, name: &str) {
        let path = path(&of.group_version, &of.kind, namespace, name);
        remove(&mut self.whole, &path);
    }

    fn name(&mut self, name: String) -> Shown {
        if let Some(known) = self.names.get(name.as_str()) {
            return Shown::String(Arc::clone(known));
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        Shown::String(name)
    }

    fn convert(&mut self, value: Value) -> Shown {
        match value {
            Value::Object(fields) => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, value)| (self.name(name), self.convert(value)));
                Shown::from(fields.collect::<BTreeMap<_, _>>())
            }
            Value::Array(items) => {
                let items = items.into_iter().map(|item| self.convert(item));
                Shown::from(items.collect::<Vec<_>>())
            }
            scalar => Shown::from(scalar),
        }
    }
}

/// Where an object is. Version and kind stand together before the name also for what has a namespace.
fn path_of(object: &Value) -> Vec<Shown> {
    let (group, version, kind) = group_version_kind(object);
    let group_version = match group {
        "" => version.to_owned(),
        _ => format!("{group}/{version}"),
    };
    let text = |name: &str| {
        let metadata = object.get("metadata");
        let text = metadata.and_then(|metadata| metadata.get(name));
        text.and_then(Value::as_str).unwrap_or_default()
    };
    path(&group_version, kind, text("namespace"), text("name"))
}

fn path(group_version: &str, kind: &str, namespace: &str, name: &str) -> Vec<Shown> {
    let scope = match namespace {
        "" => vec!["cluster"],
        namespace => vec!["namespace", namespace],
    };
    let path = scope.into_iter().chain([group_version, kind, name]);
    path.map(Shown::from).collect()
}

/// Puts a value at a path. What others hold a copy of is copied on the way, level by level; its objects are not.
fn put(root: &mut Shown, path: &[Shown], value: Shown) {
    let Some((first, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    if root.as_object().is_err() {
        *root = Shown::new_object();
    }
    let Ok(fields) = root.as_object_mut() else {
        return;
    };
    if let Some(next) = fields.get_mut(first) {
        return put(next, rest, value);
    }
    let mut next = Shown::new_object();
    put(&mut next, rest, value);
    fields.insert(first.clone(), next);
}

fn remove(root: &mut Shown, path: &[Shown]) {
    let (Some((first, rest)), Ok(fields)) = (path.split_first(), root.as_object_mut()) else {
        return;
    };
    if let Some(next) = fields.get_mut(first).filter(|_| !rest.is_empty()) {
        remove(next, rest);
        if !next.as_object().is_ok_and(|left| left.is_empty()) {
            return;
        }
    }
    fields.remove(first);
}

#[cfg(test)]
mod tests;
