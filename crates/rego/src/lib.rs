//! Policies in Gatekeeper's format, run in process: ConstraintTemplates, Constraints, and what they say of a review.
//!
//! It knows Rego and the shape of Kubernetes' objects, and no Kubernetes client: whoever calls it brings the documents,
//! the review, and what `data.inventory` is to have.

mod builtins;
mod machine;
mod plan;
pub mod program;
pub mod review;
pub mod source;

pub use review::{Review, Source};
