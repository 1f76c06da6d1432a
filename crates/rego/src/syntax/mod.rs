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

/// Reads a module, and brings it into the form that OPA evaluates.
///
/// # Errors
/// Where OPA would not take it.
pub(crate) fn read(source: &str, version: Version) -> Result<tree::Module, SourceError> {
    let mut module = parser::parse(source, version)?;
    names::resolve(&mut module)?;
    expand::expand(&mut module);
    Ok(module)
}
