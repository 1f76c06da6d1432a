//! What one process knows of all leases, those included that it is asking for at this moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use basphere_core::ipam::{Claim, Lease, Ledger, Selection};

/// The ledger of one process. A watch writes what is stored, and reviews write what they are about to
/// ask for, so that two reviews of one process never ask for the same.
#[derive(Debug, Default)]
pub struct Book {
    ledger: Mutex<Ledger>,
}

impl Book {
    /// What is known now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.lock().clone()
    }

    /// Takes note of a lease as it is stored.
    pub fn observe(&self, lease: Lease) {
        self.lock().observe(lease);
    }

    /// Takes note that a lease was deleted.
    pub fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Takes note of a live list.
    pub fn replace(&self, selection: &Selection, listed: Vec<Lease>) {
        self.lock().replace(selection, listed);
    }

    /// Notes what is about to be asked for, unless what is known says that it cannot be had any more.
    /// Whoever drops the answer takes the note back.
    pub(crate) fn note<'a>(&'a self, claims: &[Claim]) -> Option<Noted<'a>> {
        let mut ledger = self.lock();
        let holds = |claim: &Claim| {
            let known = ledger.get(&claim.lease().name());
            match claim {
                Claim::Create(_) => known.is_none(),
                Claim::Replace(lease) => {
                    known.is_some_and(|known| known.resource_version == lease.resource_version)
                }
            }
        };
        if !claims.iter().all(holds) {
            return None;
        }
        let mut before = Vec::new();
        for claim in claims {
            let mut lease = claim.lease().clone();
            before.push((lease.name(), ledger.get(&lease.name()).cloned()));
            lease.resource_version.clear();
            ledger.put(lease);
        }
        drop(ledger);
        Some(Noted { book: self, before })
    }

    // No writer leaves the ledger half changed, so what a panicking thread left behind is good.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is being asked for. What has not become certain until this is dropped, which happens too when
/// a review runs out of time, is taken back.
pub(crate) struct Noted<'a> {
    book: &'a Book,
    before: Vec<(String, Option<Lease>)>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        let mut ledger = self.book.lock();
        for (name, before) in self.before.drain(..) {
            let is_open = ledger
                .get(&name)
                .is_some_and(|lease| lease.resource_version.is_empty());
            match before {
                _ if !is_open => {}
                Some(before) => ledger.put(before),
                None => drop(ledger.remove(&name)),
            }
        }
    }
}
