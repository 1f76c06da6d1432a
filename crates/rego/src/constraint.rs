//! Constraints: a template's Rego with parameters, the objects that it is asked about, and what follows from a violation.
//!
//! A constraint is accepted if Gatekeeper's client accepts it, by the checks of `client.AddConstraint` in their order:
//! metadata, label selectors, then the CRD of its template (see [`crate::schema`]), then actions.

mod actions;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::decode::{At, WrongType};
use crate::matching::{Match, SelectorError};
use crate::names;
use crate::schema::Problems;
use crate::template::{Template, group_version_kind};
use crate::{numbers, values};

pub use actions::{Action, Point};

/// The API group of constraints.
pub const GROUP: &str = "constraints.gatekeeper.sh";
/// The versions that constraints may have.
pub const VERSIONS: [&str; 2] = ["v1beta1", "v1alpha1"];

/// A constraint that holds by its template.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// The kind that its template gives.
    pub kind: String,
    /// Its name, which is unique within the kind.
    pub name: String,
    /// What Rego sees as `input.parameters`, with defaults: `{}` where there are none.
    pub parameters: Value,
    /// Which objects it is asked about.
    pub matches: Match,
    /// The document with defaults and without its status, as results show it.
    pub document: Value,
    actions: actions::Actions,
    /// The parameters as a value of Rego, once they were asked for.
    shown: OnceLock<regorus::Value>,
}

/// Why a document is no constraint that can be used.
#[derive(Debug, Error)]
pub enum ConstraintError {
    /// It does not say what it is.
    #[error("invalid Constraint: {path}: {detail}")]
    Invalid {
        /// Where it stands.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A selector is none.
    #[error("invalid Constraint: {0}")]
    Selector(#[from] SelectorError),
    /// It has fields that its template's schema does not know.
    #[error("invalid Constraint: unknown fields: {}", .0.join(", "))]
    UnknownFields(Vec<String>),
    /// It does not hold by the schema of its template.
    #[error("schema validation failed: {0}")]
    Schema(Problems),
}

impl ConstraintError {
    fn invalid(path: &str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// Whether it is the schema that it fails: what `invalid: true` asks for in a suite.
    #[must_use]
    pub fn is_of_schema(&self) -> bool {
        matches!(self, Self::Schema(_))
    }
}

impl From<WrongType> for ConstraintError {
    fn from(wrong: WrongType) -> Self {
        let detail = format!("must be {}, and is {}", wrong.expected, wrong.found);
        Self::invalid(&wrong.path, detail)
    }
}

impl Constraint {
    /// Whether a document is of the group of constraints, whatever its kind and version.
    #[must_use]
    pub fn is_constraint(document: &Value) -> bool {
        group_version_kind(document).0 == GROUP
    }

    /// The name of the template that a constraint asks for: its kind in lower case.
    ///
    /// # Errors
    ///
    /// Who has no name, no kind or another group is no constraint.
    pub fn template_name(document: &Value) -> Result<String, ConstraintError> {
        let (group, _, kind) = group_version_kind(document);
        if name_of(document).is_empty() {
            return Err(ConstraintError::invalid("metadata.name", "is required"));
        }
        if kind.is_empty() {
            return Err(ConstraintError::invalid("kind", "is required"));
        }
        if group != GROUP {
            let detail = format!("must be of the group {GROUP:?}, and is of {group:?}");
            return Err(ConstraintError::invalid("apiVersion", detail));
        }
        Ok(kind.to_lowercase())
    }

    /// Reads a constraint of a template.
    ///
    /// # Errors
    ///
    /// What Gatekeeper finds wrong with it first.
    pub fn read(document: &Value, template: &Template) -> Result<Self, ConstraintError> {
        Self::template_name(document)?;
        let criteria = criteria(document)?;
        let matches = Match::read_selectors(criteria.as_ref())?;
        check_identity(document, template)?;
        let crd = template.crd();
        crd.check(document).map_err(ConstraintError::Schema)?;
        let unknown = crd.unknown_fields(document);
        if !unknown.is_empty() {
            return Err(ConstraintError::UnknownFields(unknown));
        }
        let mut document = document.clone();
        crd.apply_defaults(&mut document);
        if let Some(fields) = document.as_object_mut() {
            fields.remove("status");
        }
        let spec = At::root(&document).field("spec")?;
        let parameters = spec.field("parameters")?.value.cloned();
        let mut parameters = parameters.unwrap_or_else(|| Value::Object(Map::new()));
        numbers::as_object(&mut parameters);
        Ok(Self {
            kind: template.kind.clone(),
            name: name_of(&document).to_owned(),
            parameters,
            matches: matches.with_criteria(criteria.as_ref())?,
            actions: actions::Actions::read(&spec)?,
            document,
            shown: OnceLock::new(),
        })
    }

    /// What Rego sees as `input.parameters`, made once.
    pub(crate) fn shown_parameters(&self) -> &regorus::Value {
        self.shown.get_or_init(|| values::value(&self.parameters))
    }

    /// `spec.enforcementAction` as it is written: `deny` where it is not.
    #[must_use]
    pub fn enforcement_action(&self) -> &str {
        self.actions.named()
    }

    /// Whether different points take different actions.
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        self.actions.is_scoped()
    }

    /// The actions of `spec.scopedEnforcementActions` at a point as they are written, each once; none where the
    /// constraint is not scoped.
    #[must_use]
    pub fn scoped_actions(&self, point: Point) -> Vec<&str> {
        self.actions.scoped_at(point)
    }

    /// What follows from a violation at a point, each action once. Where there is none, the constraint is not asked
    /// there at all.
    #[must_use]
    pub fn actions_for(&self, point: Point) -> Vec<Action> {
        self.actions.at(point)
    }

    /// What Gatekeeper's webhook would refuse of the actions although its client, and `gator`, take it: words that no
    /// action and no point has. Nothing follows from these.
    #[must_use]
    pub fn unrecognized_actions(&self) -> Vec<String> {
        self.actions.unrecognized()
    }
}

/// `metadata.name`, empty where it is no text.
fn name_of(document: &Value) -> &str {
    let name = document.pointer("/metadata/name");
    name.and_then(Value::as_str).unwrap_or_default()
}

/// `spec.match`, if there is one. A `null` within `spec` is refused later, by the schema.
fn criteria(document: &Value) -> Result<Option<Value>, ConstraintError> {
    let criteria = At::root(document).field("spec")?.field("match")?;
    criteria.fields()?;
    Ok(criteria.value.cloned())
}

fn check_identity(document: &Value, template: &Template) -> Result<(), ConstraintError> {
    let (_, version, kind) = group_version_kind(document);
    let name = name_of(document);
    if !names::is_subdomain(name) {
        let detail = format!("must be a DNS subdomain in lower case, and is {name:?}");
        return Err(ConstraintError::invalid("metadata.name", detail));
    }
    if kind != template.kind {
        let detail = format!("must be {:?}, and is {kind:?}", template.kind);
        return Err(ConstraintError::invalid("kind", detail));
    }
    if !VERSIONS.contains(&version) {
        let detail = format!(
            "must be of version {}, and is of {version:?}",
            VERSIONS.join(" or ")
        );
        return Err(ConstraintError::invalid("apiVersion", detail));
    }
    Ok(())
}
