//! AdmissionReview `admission.k8s.io/v1`: from bytes to [`Review`], from a decision to [`Answer`].

mod answer;
mod parse;
#[cfg(test)]
mod tests;
mod text;

pub use answer::{Answer, answer, answer_failure, answer_malformed};
pub use parse::{Malformed, Review, parse};

/// The `apiVersion` of the reviews that we take and give.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The `kind` of the same.
pub const KIND: &str = "AdmissionReview";
