//! The audit on a real API server, with the definitions of reports that other programs read: what was stored before
//! there was a policy is found, told once, and told no more when it is mended, whoever leads.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod cluster;
mod reported;
mod statuses;
#[path = "../support/mod.rs"]
mod support;
