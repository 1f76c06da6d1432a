//! The bundles in `policies/`: what their suites claim holds here, Gatekeeper says the same, and nothing has drifted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod layout;
mod suites;
mod verdicts;
