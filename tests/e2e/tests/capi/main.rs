//! What the real controllers make of what Basphere admits.
//!
//! All tests share one rig, and each works in a namespace of its own.
#![allow(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail loudly"
)]

mod explicit;
mod moves;
mod outage;
mod providers;
mod suite;
mod topology;
mod versions;
mod view;
