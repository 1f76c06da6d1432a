//! From files to policies: all of them or none, so that nobody is held to half a set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use basphere_api::manifest;
use basphere_rego::policies::LoadError;
use basphere_rego::{Compiled, Constraint, Policies, Template, Waiver};
use serde_json::Value;

/// Files by their paths, with their texts.
pub type Files = BTreeMap<PathBuf, String>;

/// What is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

/// Where one document stands.
pub(super) struct Document<'a> {
    file: &'a Path,
    pub(super) value: Value,
}

impl Document<'_> {
    pub(super) fn problem(&self, what: impl fmt::Display) -> Problem {
        Problem {
            file: self.file.to_owned(),
            what: what.to_string(),
        }
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        let found = self.value.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    }
}

/// Takes every ConstraintTemplate and every constraint of some files of YAML or JSON. Other documents, such as suites
/// and the objects of their cases, are none of ours.
///
/// # Errors
/// Everything that is wrong, in the order of the files.
pub fn read(files: &Files) -> Result<Policies, Vec<Problem>> {
    let mut problems = Vec::new();
    let (mut templates, mut constraints) = (Vec::new(), Vec::new());
    for (file, text) in files {
        match documents(file, text) {
            Ok(documents) => {
                for document in documents {
                    if Template::is_template(&document.value) {
                        templates.push(document);
                    } else if Constraint::is_constraint(&document.value) {
                        constraints.push(document);
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    let mut policies = Policies::default();
    let mut known = BTreeSet::new();
    for document in &templates {
        let name = document.text("/metadata/name");
        if !known.insert(("ConstraintTemplate", name)) {
            problems.push(document.problem(twice("ConstraintTemplate", name)));
            continue;
        }
        // What it looks for has to be told, or it would see nothing and say yes to everything.
        let compiled = Compiled::new(&document.value);
        match compiled.and_then(|it| it.needs().map(|_| it)) {
            Ok(compiled) => drop(policies.put_template(&compiled)),
            Err(error) => problems.push(document.problem(error)),
        }
    }
    for document in &constraints {
        let (kind, name) = (document.text("/kind"), document.text("/metadata/name"));
        if !known.insert((kind, name)) {
            problems.push(document.problem(twice(kind, name)));
        } else if let Err(error) = policies.add_constraint(&document.value) {
            // What is wrong with its template has been said.
            let is_told = |template: &str| known.contains(&("ConstraintTemplate", template));
            if !matches!(&error, LoadError::NoTemplate(template) if is_told(template)) {
                problems.push(document.problem(format!("{kind} {name}: {error}")));
            }
        }
    }
    if problems.is_empty() {
        return Ok(policies);
    }
    problems.sort_by(|one, other| one.file.cmp(&other.file));
    Err(problems)
}

/// Whether a file has a ConstraintTemplate, a constraint or an exception in it.
pub(crate) fn holds_policies(file: &Path, text: &str) -> bool {
    let is_policy = |document: &Document<'_>| {
        let it = &document.value;
        Template::is_template(it) || Constraint::is_constraint(it) || Waiver::is_waiver(it)
    };
    documents(file, text).is_ok_and(|documents| documents.iter().any(is_policy))
}

pub(super) fn twice(kind: &str, name: &str) -> String {
    format!("{kind} {name} stands in two documents")
}

pub(super) fn documents<'a>(file: &'a Path, text: &str) -> Result<Vec<Document<'a>>, Problem> {
    let read = manifest::documents(text.as_bytes()).map_err(|error| Problem {
        file: file.to_owned(),
        what: format!("no YAML: {error}"),
    })?;
    let values = read.into_iter().flat_map(|document| items(document.object));
    Ok(values.map(|value| Document { file, value }).collect())
}

/// The objects of a List, or the object itself.
fn items(mut value: Value) -> Vec<Value> {
    let is_list = value.get("kind").and_then(Value::as_str) == Some("List");
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        Some(other) => {
            if let Some(fields) = value.as_object_mut() {
                fields.insert("items".to_owned(), other);
            }
            vec![value]
        }
        None => vec![value],
    }
}

#[cfg(test)]
mod tests;
