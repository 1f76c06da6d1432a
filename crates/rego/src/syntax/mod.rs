//! Rego's source, read as OPA reads it.
//!
//! regorus' own parser and compiler differ from OPA's in places where a policy's verdict depends on it: what a newline
//! ends, what `not` covers, what may be chained. A module is therefore parsed here by OPA's grammar, and brought into
//! the form that OPA evaluates: each operand by itself, in order.

mod expand;
mod lexer;
mod names;
pub(crate) mod parser;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]
mod tests;
pub(crate) mod tree;

pub use tree::Place;

use std::collections::{BTreeMap, BTreeSet};

use crate::template::Version;

/// Why a module cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {message}", at.line, at.column)]
pub struct SourceError {
    /// Where.
    pub at: Place,
    /// What is wrong there.
    pub message: String,
}

impl SourceError {
    pub(crate) fn new(at: Place, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

/// Reads modules that belong together, and brings them into the form that OPA evaluates. The first one is a package of
/// its own, whatever it is called.
///
/// # Errors
/// Where OPA would not take one, with its number.
pub(crate) fn read_all(
    sources: &[&str],
    version: Version,
) -> Result<Vec<tree::Module>, (usize, SourceError)> {
    let mut modules = Vec::with_capacity(sources.len());
    for (number, source) in sources.iter().enumerate() {
        modules.push(parser::parse(source, version).map_err(|error| (number, error))?);
    }
    let mut names: BTreeMap<Option<Vec<String>>, BTreeSet<String>> = BTreeMap::new();
    let package =
        |number: usize, module: &tree::Module| (number > 0).then(|| module.package.clone());
    for (number, module) in modules.iter().enumerate() {
        let rules = module.rules.iter().map(|rule| rule.head.name.clone());
        names
            .entry(package(number, module))
            .or_default()
            .extend(rules);
    }
    for (number, module) in modules.iter_mut().enumerate() {
        let rules = names.get(&package(number, module)).cloned();
        names::resolve(module, &rules.unwrap_or_default()).map_err(|error| (number, error))?;
        expand::expand(module);
    }
    Ok(modules)
}
