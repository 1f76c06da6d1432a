//! Carries out claims, so that a decision holds.

use std::sync::Arc;

use basphere_core::ipam::{Claim, Lease, Pools, Selection, SlotKind, stands, to_confirm};
use thiserror::Error;

use crate::book::Book;
use crate::store::{Store, StoreError};

/// Why claims were not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failed {
    /// Somebody was faster. What is known has been brought up to date: decide again.
    #[error("somebody else was faster")]
    Overtaken,
    /// The API server did not answer, or refused.
    #[error("{0}")]
    Store(StoreError),
}

/// Carries out the claims of one process.
#[derive(Debug)]
pub struct Registrar<S> {
    store: S,
    book: Arc<Book>,
}

impl<S: Store> Registrar<S> {
    /// A registrar that writes into this store and this book.
    #[must_use]
    pub fn new(store: S, book: Arc<Book>) -> Self {
        Self { store, book }
    }

    /// What is known.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Carries out claims in their order, each by compare-and-swap. What was carried out before one
    /// that fails stays with its holder, who finds it again when the request is decided again; else it
    /// is reclaimed after a while, like everything that nobody carries.
    ///
    /// # Errors
    /// When somebody was faster, or the API server does not do it.
    pub async fn carry_out(&self, claims: &[Claim], pools: &Pools) -> Result<(), Failed> {
        let Some(_noted) = self.book.note(claims) else {
            return Err(Failed::Overtaken);
        };
        let mut written = Vec::new();
        for claim in claims {
            written.push(self.write(claim).await?);
        }
        self.confirm(claims, &written, pools).await
    }

    async fn write(&self, claim: &Claim) -> Result<Lease, Failed> {
        let lease = claim.lease();
        let outcome = match claim {
            Claim::Create(lease) => self.store.create(lease).await,
            Claim::Replace(lease) => self.store.replace(lease).await,
        };
        let error = match outcome {
            Ok(stored) => {
                self.book.observe(stored.clone());
                return Ok(stored);
            }
            Err(error) => error,
        };
        if let StoreError::Refused(_) = error {
            return Err(Failed::Store(error));
        }
        // Whether it was done, or who was faster, only the API server knows.
        let stored = self.look(&Selection::Name(lease.name())).await?;
        match stored {
            Some(stored) if stored.spec == lease.spec => Ok(stored),
            _ if error == StoreError::Conflict => Err(Failed::Overtaken),
            _ => Err(Failed::Store(error)),
        }
    }

    /// Reads one lease past all caches, and takes note of it.
    async fn look(&self, name: &Selection) -> Result<Option<Lease>, Failed> {
        let listed = self.store.list(name).await.map_err(Failed::Store)?;
        let found = listed.first().cloned();
        // What is only noted as asked for is not taken out by a list; here the answer is certain.
        match (&found, name) {
            (Some(lease), _) => self.book.observe(lease.clone()),
            (None, Selection::Name(name)) => self.book.forget(name),
            (None, _) => {}
        }
        Ok(found)
    }

    /// Two replicas may have met: looks again at what only all leases together tell, and gives back
    /// what must not stand.
    async fn confirm(
        &self,
        claims: &[Claim],
        written: &[Lease],
        pools: &Pools,
    ) -> Result<(), Failed> {
        let selections = to_confirm(claims);
        if selections.is_empty() {
            return Ok(());
        }
        for selection in &selections {
            let listed = self.store.list(selection).await.map_err(Failed::Store)?;
            self.book.replace(selection, listed);
        }
        if stands(&self.book.ledger(), claims, pools) {
            return Ok(());
        }
        // The address before its block.
        for (claim, lease) in claims.iter().zip(written).rev() {
            if matches!(claim, Claim::Create(_)) && !self.is_used(lease) {
                self.give_back(lease).await;
            }
        }
        Err(Failed::Overtaken)
    }

    /// Whether another request has used a new block already.
    fn is_used(&self, lease: &Lease) -> bool {
        let slot = &lease.slot;
        let ledger = self.book.ledger();
        let mut used = ledger.within(SlotKind::Address, &slot.domain, slot.span);
        slot.kind == SlotKind::Block && used.next().is_some()
    }

    /// Deletes what nobody has been told of, so that it needs no time to cool. That it cannot be
    /// deleted changes nothing: it is reclaimed then.
    async fn give_back(&self, lease: &Lease) {
        if self.store.delete(lease).await.is_ok() {
            self.book.forget(&lease.name());
        }
    }
}
