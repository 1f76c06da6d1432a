//! Which address comes next, and why there is none.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod any;
mod meanwhile;
mod named;
mod world;
