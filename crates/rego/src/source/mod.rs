//! Rego's source, read as OPA reads it and written as regorus understands it.
//!
//! regorus' own parser and compiler differ from OPA's in places where a policy's verdict depends on it: what a newline
//! ends, what `not` covers, what may be chained. A module is therefore parsed here by OPA's grammar, checked as OPA's
//! compiler does, brought into the form that OPA evaluates (each operand by itself, in order), and printed.

mod expand;
mod lexer;
mod names;
pub(crate) mod parser;
mod print;
pub mod tree;

use tree::Place;

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

/// A module in the form that is evaluated.
#[derive(Debug, Clone)]
pub struct Normal {
    /// Its text.
    pub text: String,
    /// The place in the source that each line stands for, the first line first.
    pub places: Vec<Place>,
}

/// Reads a module and writes it anew, as a package of this name or of its own.
///
/// # Errors
/// Where OPA would not take it.
pub fn normalize(
    source: &str,
    version: tree::Version,
    package: Option<&str>,
) -> Result<Normal, SourceError> {
    let mut module = parser::parse(source, version)?;
    names::resolve(&mut module)?;
    expand::expand(&mut module);
    let package = package.map_or_else(|| module.package.clone(), |name| vec![name.to_owned()]);
    let print::Printed { text, places } = print::print(&module, &package);
    Ok(Normal { text, places })
}
