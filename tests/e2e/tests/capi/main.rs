//! What the real controllers make of what Basphere admits.
//!
//! All tests share one rig, and each works in a namespace of its own; only the short ones of the traps share a cluster.
#![allow(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail loudly"
)]

mod documents;
mod evidence;
mod explicit;
mod flags;
mod moves;
mod outage;
mod providers;
mod quiet;
mod rolls;
mod suite;
mod topology;
mod traps;
mod versions;
mod view;
