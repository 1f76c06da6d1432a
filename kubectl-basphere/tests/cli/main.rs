//! The built program, as people and kubectl call it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod complete;
mod failures;
mod fields;
mod five_lines;
mod ipam;
mod live;
mod mixed;
mod page;
mod policy;
mod program;
mod quota;
mod resource_sets;
mod review;
mod server;
