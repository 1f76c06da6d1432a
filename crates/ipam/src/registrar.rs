//! Carries out claims, so that a decision holds.

use std::sync::Arc;

use basphere_core::ipam::{Claim, Lease, Pools, Purpose, Selection, State, stands, to_confirm};
use thiserror::Error;

use crate::book::Book;
use crate::book::Hindrance::Noted;
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

    /// Reads leases past all caches, for the whole process.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub async fn learn(&self, selection: &Selection) -> Result<(), StoreError> {
        let listed = self.store.list(selection).await?;
        self.book.replace(selection, listed);
        Ok(())
    }

    /// Carries out claims in their order, each by compare-and-swap. What was carried out before one
    /// that fails stays with its holder, who finds it again when the request is decided again; else it
    /// is reclaimed after a while, like everything that nobody carries.
    ///
    /// # Errors
    /// When somebody was faster, or the API server does not do it.
    pub async fn carry_out(&self, claims: &[Claim], pools: &Pools) -> Result<(), Failed> {
        // Two reviews of one process, each with a new block for the same tenant, would only find out
        // afterwards that one was enough.
        let rivals = self.open_block(claims);
        let _noted = match rivals.map_or_else(|| self.book.note(claims), |name| Err(Noted(name))) {
            Ok(noted) => noted,
            Err(hindrance) => {
                if let Noted(name) = hindrance {
                    self.book.settled(&name).await;
                }
                return Err(Failed::Overtaken);
            }
        };
        let mut written = Vec::new();
        for claim in claims {
            match (claim, claim.lease().spec.purpose) {
                // It is reserved, and known as it is stored.
                (Claim::Replace(block), Purpose::Block) => {
                    self.open(claim, block.clone(), pools).await?;
                }
                (_, Purpose::Block) => self.open(claim, self.write(claim).await?, pools).await?,
                _ => written.push((claim, self.write(claim).await?)),
            }
        }
        self.confirm(&written, pools).await
    }

    /// A block that another review of this process is asking for, for a tenant that is to get one.
    fn open_block(&self, claims: &[Claim]) -> Option<String> {
        let mut blocks = claims.iter().map(Claim::lease);
        let block = blocks.find(|lease| lease.spec.purpose == Purpose::Block)?;
        let ledger = self.book.ledger();
        let rival = ledger.of_tenant(&block.spec.tenant).find(|lease| {
            lease.spec.purpose == Purpose::Block
                && lease.spec.pool == block.spec.pool
                && lease.is_noted()
        });
        rival.map(Lease::name)
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
        let selection = Selection::Name(lease.name());
        let listed = self.store.list(&selection).await.map_err(Failed::Store)?;
        let stored = listed.leases.first().cloned();
        self.book.replace(&selection, listed);
        match stored {
            Some(stored) if stored.spec == lease.spec => match lease.spec.purpose {
                // Another process may have reserved it for the same cluster at the same moment, and may be
                // about to give it back: it is written by whoever relies on it.
                Purpose::Endpoint => Err(Failed::Overtaken),
                _ => Ok(stored),
            },
            _ if error == StoreError::Conflict => Err(Failed::Overtaken),
            _ => Err(Failed::Store(error)),
        }
    }

    /// Lets a tenant use a block that is reserved for it, or gives a new one back when there are too many:
    /// other replicas may have made one, too. Nobody uses a block before that.
    async fn open(&self, claim: &Claim, block: Lease, pools: &Pools) -> Result<(), Failed> {
        self.confirm(&[(claim, block.clone())], pools).await?;
        let since = block.spec.since;
        self.write(&Claim::Replace(block.into_state(State::Bound, since)))
            .await
            .map(drop)
    }

    /// Two replicas may have met: looks again at what only all leases together tell, and gives back
    /// what must not stand. Whoever relies on a lease that somebody else has made has written it
    /// since, so that it is not given back.
    async fn confirm(&self, written: &[(&Claim, Lease)], pools: &Pools) -> Result<(), Failed> {
        let claims = written.iter().map(|(claim, lease)| match claim {
            Claim::Create(_) => Claim::Create(lease.clone()),
            Claim::Replace(_) => Claim::Replace(lease.clone()),
        });
        let claims: Vec<_> = claims.collect();
        let selections = to_confirm(&claims);
        for selection in &selections {
            self.learn(selection).await.map_err(Failed::Store)?;
        }
        if selections.is_empty() || stands(&self.book.ledger(), &claims, pools) {
            return Ok(());
        }
        for (claim, lease) in written {
            let is_in_doubt = matches!(lease.spec.purpose, Purpose::Block | Purpose::Endpoint);
            if is_in_doubt && matches!(claim, Claim::Create(_)) {
                self.give_back(lease).await;
            }
        }
        Err(Failed::Overtaken)
    }

    /// Deletes what nobody has been told of, so that it needs no time to cool. That it cannot be
    /// deleted changes nothing: it is reclaimed then.
    async fn give_back(&self, lease: &Lease) {
        if self.store.delete(lease).await.is_ok() {
            self.book.forget(&lease.name(), &lease.uid);
        }
    }
}

#[cfg(test)]
mod tests;
