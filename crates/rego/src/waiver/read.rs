//! From a document to a waiver. Whatever is unknown is refused: a word that is misspelt would widen what is waived.

use jiff::Timestamp;
use serde_json::Value;

use super::{Constraints, Subject, VERSION, Waiver, WaiverError};
use crate::decode::At;
use crate::matching::{Glob, Match};
use crate::template::group_version_kind;

/// What `spec` may say.
const SPEC: [&str; 7] = [
    "reason",
    "expires",
    "grantedBy",
    "requestedBy",
    "constraints",
    "match",
    "subjects",
];
/// What `spec.match` may say.
const MATCH: [&str; 6] = [
    "kinds",
    "namespaces",
    "excludedNamespaces",
    "labelSelector",
    "namespaceSelector",
    "name",
];
const SELECTOR: [&str; 2] = ["matchLabels", "matchExpressions"];

impl Waiver {
    /// Reads a waiver.
    ///
    /// # Errors
    /// Whatever makes it none that can be used: what it does not say, says in vain or says in words that nobody knows.
    pub fn read(document: &Value) -> Result<Self, WaiverError> {
        let version = group_version_kind(document).1;
        if version != VERSION {
            let detail = format!("must be of version {VERSION}, and is of {version:?}");
            return Err(WaiverError::new("apiVersion", detail));
        }
        let root = At::root(document);
        let name = root.field("metadata")?.field("name")?;
        let spec = root.field("spec")?;
        only(&spec, &SPEC)?;
        let requested_by = spec.field("requestedBy")?;
        let (criteria, subjects) = (spec.field("match")?, spec.field("subjects")?);
        check_match(&criteria)?;
        check_place(&criteria, &subjects)?;
        let constraints = spec.field("constraints")?;
        if constraints.items()?.is_empty() {
            let detail = "names no constraint; write kind and name, \"*\" for all";
            return Err(WaiverError::new(&constraints.path, detail));
        }
        Ok(Self {
            name: said(&name)?.to_owned(),
            reason: said(&spec.field("reason")?)?.to_owned(),
            granted_by: said(&spec.field("grantedBy")?)?.to_owned(),
            requested_by: requested_by.text()?.map(str::to_owned),
            expires: time(&spec.field("expires")?)?,
            constraints: all(&constraints, read_constraints)?,
            matches: Match::read(criteria.value)?,
            subjects: all(&subjects, read_subject)?,
        })
    }
}

fn all<T>(list: &At, read: impl Fn(&At) -> Result<T, WaiverError>) -> Result<Vec<T>, WaiverError> {
    list.items()?.iter().map(read).collect()
}

/// Refuses every field but those.
fn only(at: &At, known: &[&str]) -> Result<(), WaiverError> {
    let mut names = at.fields()?.into_iter().flatten().map(|(name, _)| name);
    match names.find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("has no field {name:?}; there are {}", known.join(", "));
            Err(WaiverError::new(&at.path, detail))
        }
    }
}

/// A text that is there and says something.
fn said<'a>(at: &At<'a>) -> Result<&'a str, WaiverError> {
    let text = at.text_or_empty()?;
    match text.trim() {
        "" => Err(WaiverError::new(&at.path, "is required")),
        _ => Ok(text),
    }
}

fn time(at: &At) -> Result<Timestamp, WaiverError> {
    let text = said(at)?;
    text.parse().map_err(|_| {
        let detail = format!("must be a time such as 2026-12-31T00:00:00Z, and is {text:?}");
        WaiverError::new(&at.path, detail)
    })
}

/// A name, which may have an asterisk at either end.
fn glob(at: &At) -> Result<Glob, WaiverError> {
    let text = said(at)?;
    let inner = text.strip_prefix('*').unwrap_or(text);
    let inner = inner.strip_suffix('*').unwrap_or(inner);
    if inner.contains('*') {
        let detail = format!("may have an asterisk at its ends only, and is {text:?}");
        return Err(WaiverError::new(&at.path, detail));
    }
    Ok(Glob::new(text))
}

fn read_constraints(at: &At) -> Result<Constraints, WaiverError> {
    only(at, &["kind", "name"])?;
    Ok(Constraints {
        kind: glob(&at.field("kind")?)?,
        name: glob(&at.field("name")?)?,
    })
}

fn read_subject(at: &At) -> Result<Subject, WaiverError> {
    only(at, &["kind", "name", "namespace"])?;
    let (kind, namespace) = (at.field("kind")?, at.field("namespace")?);
    let name = glob(&at.field("name")?)?;
    let kind_said = said(&kind)?;
    if kind_said == "ServiceAccount" {
        let namespace = glob(&namespace)?;
        return Ok(Subject::ServiceAccount { namespace, name });
    }
    if namespace.value.is_some() {
        let detail = "only a ServiceAccount has one";
        return Err(WaiverError::new(&namespace.path, detail));
    }
    match kind_said {
        "User" => Ok(Subject::User(name)),
        "Group" => Ok(Subject::Group(name)),
        other => {
            let detail = format!("must be User, Group or ServiceAccount, and is {other:?}");
            Err(WaiverError::new(&kind.path, detail))
        }
    }
}

/// What [`Match::read`] leaves to the schema of a constraint.
fn check_match(criteria: &At) -> Result<(), WaiverError> {
    only(criteria, &MATCH)?;
    for kinds in criteria.field("kinds")?.items()? {
        only(&kinds, &["apiGroups", "kinds"])?;
        for name in ["apiGroups", "kinds"] {
            let names = kinds.field(name)?;
            if names.texts()?.is_empty() {
                let detail = "is required, with \"*\" for all";
                return Err(WaiverError::new(&names.path, detail));
            }
        }
    }
    for name in ["namespaces", "excludedNamespaces"] {
        all(&criteria.field(name)?, glob)?;
    }
    if criteria
        .fields()?
        .is_some_and(|fields| fields.contains_key("name"))
    {
        glob(&criteria.field("name")?)?;
    }
    for name in ["labelSelector", "namespaceSelector"] {
        let selector = criteria.field(name)?;
        only(&selector, &SELECTOR)?;
        for requirement in selector.field("matchExpressions")?.items()? {
            only(&requirement, &["key", "operator", "values"])?;
        }
    }
    Ok(())
}

/// Kinds, names and labels are what whoever writes an object chooses: they alone are no bound.
fn check_place(criteria: &At, subjects: &At) -> Result<(), WaiverError> {
    let selector = criteria.field("namespaceSelector")?;
    let mut is_bound = !criteria.field("namespaces")?.items()?.is_empty();
    is_bound |= !selector.field("matchLabels")?.entries()?.is_empty();
    is_bound |= !selector.field("matchExpressions")?.items()?.is_empty();
    is_bound |= !subjects.items()?.is_empty();
    if is_bound {
        return Ok(());
    }
    let detail = "would waive for everybody everywhere: name match.namespaces, match.namespaceSelector or subjects; \
                  namespaces: [\"*\"] says everywhere";
    Err(WaiverError::new("spec", detail))
}
