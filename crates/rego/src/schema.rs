//! Schemas of constraints: what a ConstraintTemplate says of `spec.parameters`, within the CRD that Gatekeeper makes.
//!
//! It does what Gatekeeper's client does, in its order, and nothing more, so that a file means the same to both:
//!
//! 1. A schema that no CustomResourceDefinition may have is refused with its template: it must be structural, and its
//!    defaults must hold by it (`CreateCRD`, `pkg/client/crds/validate.go`, and apiextensions' `validation.go`).
//! 2. A constraint is checked **as it was written**, before defaults are applied, and by kube-openapi's rules: a `null`
//!    where the schema does not say `nullable` is refused, while an API server would take it away.
//! 3. A field that the schema does not know is an **error and is not pruned** (`crds.ValidateCR`).
//! 4. Then **defaults are applied** (`templateClient.ApplyDefaultParams`), within what is there: no `spec.parameters`,
//!    no defaults within them. Rego sees `{}` then.
//!
//! `gator verify` and `gator test` go the same way, through `client.AddConstraint`. CEL rules
//! (`x-kubernetes-validations`) are run by neither of them, nor here; an API server runs them when it stores a
//! constraint.
//!
//! The crate `jsonschema` is not used: OpenAPI's `nullable`, `x-kubernetes-int-or-string`, formats that are not enforced
//! on unknown names, and kube-openapi's own ways would each have to be translated or undone.

mod check;
mod crd;
mod defaults;
mod definition;
mod formats;
mod legacy;
mod numbers;
mod openapi;
mod props;
mod structural;
#[cfg(test)]
mod tests;
mod unknown;

use std::fmt;

use thiserror::Error;

pub(crate) use crd::Crd;
pub(crate) use definition::definition;
pub(crate) use props::Schema;

/// One thing that is wrong with a value, or with a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, as kubectl writes paths: `spec.parameters.labels[0].key`.
    pub path: String,
    /// What is wrong, with the value.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.detail)
    }
}

/// Everything that is wrong with a value, or with a schema. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Problems(pub Vec<Problem>);

/// What was found while something is looked at.
#[derive(Debug, Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, path: &str, detail: impl Into<String>) {
        self.0.push(Problem {
            path: path.to_owned(),
            detail: detail.into(),
        });
    }

    fn into_result(mut self) -> Result<(), Problems> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        self.0.dedup();
        Err(Problems(self.0))
    }
}
