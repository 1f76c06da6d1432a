//! Policies in Gatekeeper's format, run in process: ConstraintTemplates, Constraints, and what they say of a review.
//!
//! It knows Rego and the shape of Kubernetes' objects, and no Kubernetes client: whoever calls it brings the documents,
//! the review, and what `data.inventory` is to have.

pub mod constraint;
mod decode;
pub mod matching;
mod names;
mod numbers;
mod pattern;
pub mod review;
pub mod schema;
pub mod template;

pub use constraint::Constraint;
pub use decode::WrongType;
pub use matching::Match;
pub use numbers::as_untyped_json;
pub use review::{Review, Source};
pub use template::Template;
