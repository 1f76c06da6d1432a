//! Policies in Gatekeeper's format, run in process: ConstraintTemplates, Constraints, and what they say of a review.
//!
//! It knows Rego and the shape of Kubernetes' objects, and no Kubernetes client: whoever calls it brings the documents,
//! the review, and what `data.inventory` is to have.

pub mod audit;
mod builtins;
pub mod compiled;
pub mod constraint;
mod decode;
pub mod expansion;
pub mod explain;
pub mod inventory;
mod machine;
pub mod matching;
mod names;
mod numbers;
mod pattern;
mod plan;
pub mod policies;
pub mod program;
pub mod review;
pub mod schema;
pub mod session;
pub mod suite;
pub mod syntax;
pub mod template;
mod values;
pub mod waiver;

pub use builtins::json::push_text as push_json_text;
pub use compiled::Compiled;
pub use constraint::Constraint;
pub use decode::WrongType;
pub use inventory::{Inventory, Need, Versioned};
pub use matching::Match;
pub use numbers::as_untyped_json;
pub use policies::Policies;
pub use review::{Review, Source};
pub use session::{Outcome, Session};
pub use template::Template;
pub use waiver::Waiver;
