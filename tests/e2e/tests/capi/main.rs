//! What the real controllers make of what Basphere admits.
//!
//! All tests share one rig, and each works in a namespace of its own.

mod explicit;
mod moves;
mod outage;
mod providers;
mod suite;
mod versions;
mod view;
