//! `policy verify` and `policy test` beside `gator verify` and `gator test`, which are built from their Go module: the
//! same text on stdout, the same exit code, and something on stderr where gator has something.
//!
//! Three things may differ: how long it took, what is said of a template or a constraint that is refused (by another
//! compiler, in its own words; that it is refused, and where in the report, is compared), and the warning that mutators
//! are not applied.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod audit;
mod side_by_side;
mod verify;
