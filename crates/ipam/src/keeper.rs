//! Keeps leases true to their holders: binds, releases, and deletes what has cooled.

use std::sync::Arc;

use basphere_core::Timestamp;
use basphere_core::ipam::{
    Delays, Holder, Holding, Lease, Selection, SlotKind, State, Step, due, next,
};
use tracing::debug;

use crate::book::Book;
use crate::store::{Store, StoreError};

/// What is known of the objects that hold leases.
pub trait Holders: Send + Sync {
    /// What a cache tells of a lease's holder; never that it is gone.
    fn cached(&self, lease: &Lease) -> Holding;

    /// What the API server tells of a lease's holder, past all caches: everything that may carry the
    /// lease is read.
    fn live(&self, lease: &Lease) -> impl Future<Output = Result<Holding, StoreError>> + Send;

    /// Who has the lease from now on, when its holder only stood in for somebody: the infrastructure of
    /// a Cluster that was not there yet.
    fn successor(&self, _lease: &Lease) -> Option<Holder> {
        None
    }

    /// Told of each step that was taken, for Events and metrics.
    fn taken(&self, lease: &Lease, step: &Step);
}

/// Takes the steps of leases' lives.
#[derive(Debug)]
pub struct Keeper<S, H> {
    store: S,
    holders: H,
    book: Arc<Book>,
}

impl<S: Store, H: Holders> Keeper<S, H> {
    /// A keeper of the leases in this book.
    #[must_use]
    pub fn new(store: S, holders: H, book: Arc<Book>) -> Self {
        Self {
            store,
            holders,
            book,
        }
    }

    /// Who knows of holders.
    #[must_use]
    pub fn holders(&self) -> &H {
        &self.holders
    }

    /// Takes the next step of a lease, and tells when it must be looked at again although nothing
    /// changes.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses. A conflict is none: the lease as it is now
    /// has been read, and is to be looked at again.
    pub async fn keep(
        &self,
        name: &str,
        now: Timestamp,
        delays: Delays,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(lease) = self.book.ledger().get(name).cloned() else {
            return Ok(None);
        };
        // A review is writing it at this moment; the watch tells when that is done.
        if lease.is_noted() {
            return Ok(None);
        }
        let lease = match self.hand_over(lease).await {
            Err(StoreError::Conflict) => {
                self.look(name).await?;
                return Ok(Some(now));
            }
            handed => handed?,
        };
        let mut step = next(&lease, &self.holders.cached(&lease), now, delays);
        if step == Step::Look || step == Step::Delete {
            step = next(&lease, &self.holders.live(&lease).await?, now, delays);
        }
        let written = self.take(&lease, &step, now).await;
        match written {
            Ok(()) => {}
            Err(StoreError::Conflict) => {
                self.look(name).await?;
                return Ok(Some(now));
            }
            Err(error) => return Err(error),
        }
        if !matches!(step, Step::Wait | Step::Look) {
            debug!(lease = name, ?step, "kept");
            self.holders.taken(&lease, &step);
        }
        let lease = self.book.ledger().get(name).cloned();
        Ok(lease.and_then(|lease| due(&lease, delays)))
    }

    /// Gives the lease to whom its holder stood in for; how far its life is stays the same.
    async fn hand_over(&self, mut lease: Lease) -> Result<Lease, StoreError> {
        let Some(successor) = self.holders.successor(&lease) else {
            return Ok(lease);
        };
        debug!(lease = lease.name(), %successor, "handed over");
        lease.spec.holder = successor;
        self.replace(lease).await
    }

    async fn take(&self, lease: &Lease, step: &Step, now: Timestamp) -> Result<(), StoreError> {
        match step {
            Step::Wait | Step::Look => Ok(()),
            Step::Bind { uid } => {
                // A holder that is seen under its UID for the first time is no new holder.
                let mut bound = match lease.spec.state {
                    State::Bound => lease.clone(),
                    _ => lease.clone().into_state(State::Bound, now),
                };
                bound.spec.holder.uid = Some(uid.clone());
                self.replace(bound).await.map(drop)
            }
            Step::Release => self.put_into(lease, State::Releasing, now).await,
            Step::MoveAway => self.put_into(lease, State::MovedAway, now).await,
            Step::Delete if self.is_used(lease).await? => Ok(()),
            Step::Delete => {
                self.store.delete(lease).await?;
                self.book.forget(&lease.name(), &lease.uid);
                Ok(())
            }
        }
    }

    async fn put_into(
        &self,
        lease: &Lease,
        state: State,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let lease = lease.clone().into_state(state, now);
        self.replace(lease).await.map(drop)
    }

    async fn replace(&self, lease: Lease) -> Result<Lease, StoreError> {
        let stored = self.store.replace(&lease).await?;
        self.book.observe(stored.clone());
        Ok(stored)
    }

    /// A block stays as long as anything in it is leased.
    async fn is_used(&self, lease: &Lease) -> Result<bool, StoreError> {
        let slot = &lease.slot;
        if slot.kind != SlotKind::Block {
            return Ok(false);
        }
        let selection = Selection::Tenant(lease.spec.tenant.clone());
        let listed = self.store.list(&selection).await?;
        self.book.replace(&selection, listed);
        let ledger = self.book.ledger();
        let mut within = ledger.within(SlotKind::Address, &slot.domain, slot.span);
        Ok(within.next().is_some())
    }

    async fn look(&self, name: &str) -> Result<(), StoreError> {
        let selection = Selection::Name(name.to_owned());
        let listed = self.store.list(&selection).await?;
        self.book.replace(&selection, listed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
