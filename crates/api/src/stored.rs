//! What is stored, as it is looked through for policies: which kinds, and page by page.
//!
//! It asks nobody itself. Who looks through a cluster sends the requests of [`Pages`] and hands in the answers.

mod kinds;
mod pages;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]
mod tests;

use serde_json::Value;

use crate::registration::SYSTEM_NAMESPACES;

pub use kinds::{Stored, asked, served};
pub use pages::{LARGEST_PAGE, Pages};

/// Whether an object is in, or is, a namespace that the API server asks nobody about: what would never be refused is
/// not held against anybody afterwards.
#[must_use]
pub fn is_left_out(object: &Value) -> bool {
    let metadata = |name: &str| {
        let text = object.get("metadata").and_then(|it| it.get(name));
        text.and_then(Value::as_str).unwrap_or_default()
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let namespace = match (text("apiVersion"), text("kind")) {
        (Some("v1"), Some("Namespace")) => metadata("name"),
        _ => metadata("namespace"),
    };
    SYSTEM_NAMESPACES.contains(&namespace)
}
