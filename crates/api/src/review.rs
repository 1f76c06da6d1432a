//! AdmissionReview `admission.k8s.io/v1`: from bytes to [`Review`], from a decision to [`Answer`].

mod answer;
mod fields;
mod parse;
mod plain;
#[cfg(test)]
mod tests;
mod text;

pub use answer::{Answer, answer, answer_failure, answer_malformed};
pub use parse::{Malformed, Review, parse};
pub use plain::{Plain, answer_changed, answer_plain, parse_plain};

/// The `apiVersion` of the reviews that we take and give.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The `kind` of the same.
pub const KIND: &str = "AdmissionReview";
