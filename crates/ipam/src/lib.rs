//! Reservations and charges: how what [`basphere_core`] decides is made to hold at the API server, and how
//! leases live on afterwards.
//!
//! Everything here is asynchronous over [`Store`] and knows neither sockets nor clocks, so that the
//! simulation in `tests/` drives the very code that the webhook runs, one answer of a modelled API
//! server at a time.

pub mod accounts;
mod book;
mod keeper;
mod registrar;
mod store;
#[cfg(test)]
mod table;

pub use book::Book;
pub use keeper::{Holders, Keeper};
pub use registrar::{Failed, Registrar};
pub use store::{Store, StoreError};
