//! What we say of a policy is what Gatekeeper says of it, who asks OPA.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod generated;
mod matching;
mod modules;
mod oracle;
mod probes;
