//! Quotas as callers of `decide` and `judge` see them: what is charged, what is refused and in which
//! words, and what a ledger holds whatever comes late.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    reason = "a test may fail loudly, in its helpers too"
)]

mod charged;
mod five_lines;
mod forged;
mod late;
mod limits;
mod measures;
mod objects;
mod order;
mod pass;
mod properties;
mod tenants;
mod world;
