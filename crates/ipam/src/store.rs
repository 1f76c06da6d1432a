//! The API server, as far as leases are concerned.

use basphere_core::ipam::{Lease, Listed, Selection};
use thiserror::Error;

/// Why the API server did not do something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Somebody was faster: what is created exists, or what is replaced or deleted is no longer what
    /// was seen.
    #[error("somebody else has written meanwhile")]
    Conflict,
    /// No answer came; it may have been done.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// It was refused.
    #[error("{0}")]
    Refused(String),
}

/// Where leases are stored. Each call is one request.
pub trait Store: Send + Sync {
    /// Creates a lease and returns it as it is stored.
    fn create(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Replaces a lease whose UID and resource version are still the same, and returns it.
    fn replace(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Deletes a lease whose UID and resource version are still the same.
    fn delete(&self, lease: &Lease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads leases, past all caches.
    fn list(
        &self,
        selection: &Selection,
    ) -> impl Future<Output = Result<Listed, StoreError>> + Send;
}
