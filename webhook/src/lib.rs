//! The webhook server: HTTP, TLS, watches and metrics around [`basphere_core::decide`].
//!
//! **It decides nothing itself.** What may pass and what is added is core's business; here a
//! request is read, what core wants to know is fetched, and the decision is put on the wire.
//!
//! Reading order: [`serve`] lists the parts, those of a management cluster stand in `tenancy`, those that ask
//! policies in `guard`; [`gate`] is the way of one review,
//! and [`judge`] decides it; [`world`] is what
//! is known of the cluster, [`watch`] and [`site`] keep it up to date, [`reader`] asks live.
//! [`policies`] are asked in the same way, on any cluster; [`images`] of Pods are rewritten on application clusters.
//! Behind all that the controllers of one process of several put right what reviews cannot.

mod audit;
pub mod cli;
pub mod config;
mod controllers;
pub mod desk;
pub mod gate;
mod guard;
pub mod images;
mod install;
pub mod judge;
mod leases;
mod logging;
pub mod metrics;
pub mod peer;
pub mod policies;
mod print;
pub mod reader;
pub mod readiness;
pub mod register;
pub mod router;
pub mod serve;
mod served;
pub mod site;
mod tenancy;
mod tenants;
pub mod till;
pub mod tls;
pub mod watch;
pub mod world;
