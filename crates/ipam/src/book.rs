//! What one process knows of all leases, those included that it is asking for at this moment.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use basphere_core::ipam::{Claim, Lease, Ledger, Listed, Selection};

/// So many deletions are remembered. Only an answer that was under way meanwhile can still show what
/// was deleted.
const REMEMBERED: usize = 4096;

/// The ledger of one process. A watch writes what is stored, and reviews write what they are about to
/// ask for, so that two reviews of one process never ask for the same.
#[derive(Debug, Default)]
pub struct Book {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// What is stored, and what is asked for in its place.
    ledger: Ledger,
    /// What is asked for, by the lease's name.
    notes: HashMap<String, Note>,
    /// So many reviews have made notes.
    noted: u64,
    /// UIDs of leases that were deleted; none comes back.
    gone: HashSet<String>,
    /// The same, the oldest first.
    order: VecDeque<String>,
    /// Who waits for what is only asked for.
    waiting: Vec<Waker>,
}

/// What one review asks for.
#[derive(Debug)]
struct Note {
    /// Which review's it is: another one may have noted the same lease by the time this one ends.
    of: u64,
    /// What was stored when it was noted.
    before: Option<Lease>,
    /// What is asked for.
    asked: Lease,
}

impl Pages {
    /// Changes what is stored beneath these notes. Only news end a note: an old list, or an event that
    /// comes late, does not show what was asked for meanwhile.
    fn change(&mut self, names: Vec<String>, change: impl FnOnce(&mut Ledger)) {
        let lifted = names.into_iter().filter_map(|name| {
            let note = self.lift(&name)?;
            Some((name, note))
        });
        let lifted: Vec<_> = lifted.collect();
        change(&mut self.ledger);
        for (name, note) in lifted {
            let version = |lease: &Lease| lease.resource_version.clone();
            if self.ledger.get(&name).map(version) == note.before.as_ref().map(version) {
                self.ledger.put(note.asked.clone());
                self.notes.insert(name, note);
            }
        }
    }

    /// Takes a note out, so that what is stored shows again.
    fn lift(&mut self, name: &str) -> Option<Note> {
        let note = self.notes.remove(name)?;
        match &note.before {
            Some(before) => self.ledger.put(before.clone()),
            None => drop(self.ledger.remove(name)),
        }
        Some(note)
    }

    fn bury(&mut self, uid: &str) {
        if uid.is_empty() || !self.gone.insert(uid.to_owned()) {
            return;
        }
        self.order.push_back(uid.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }
}

/// Why claims cannot be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// Another review of this process is asking for that lease.
    Noted(String),
    /// Something has changed since it was decided.
    Changed,
}

impl Book {
    /// What is known now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.lock().ledger.clone()
    }

    /// Takes note of a lease as it is stored.
    pub fn observe(&self, lease: Lease) {
        let mut pages = self.lock();
        if !pages.gone.contains(&lease.uid) {
            pages.change(vec![lease.name()], |ledger| ledger.observe(lease));
        }
    }

    /// Takes note that the lease of that name and UID was deleted; another one may have its name by
    /// now.
    pub fn forget(&self, name: &str, uid: &str) {
        let mut pages = self.lock();
        pages.bury(uid);
        pages.change(vec![name.to_owned()], |ledger| {
            if ledger.get(name).is_some_and(|lease| lease.uid == uid) {
                ledger.remove(name);
            }
        });
    }

    /// Takes note of a live list.
    pub fn replace(&self, selection: &Selection, mut listed: Listed) {
        let mut pages = self.lock();
        listed
            .leases
            .retain(|lease| !pages.gone.contains(&lease.uid));
        let noted = pages.notes.keys().cloned().collect();
        pages.change(noted, |ledger| ledger.replace(selection, listed));
    }

    /// Notes what is about to be asked for, unless what is known says that it cannot be had any more.
    /// Whoever drops the answer takes the note back.
    pub(crate) fn note<'a>(&'a self, claims: &[Claim]) -> Result<Noted<'a>, Hindrance> {
        let mut pages = self.lock();
        for claim in claims {
            let known = pages.ledger.get(&claim.lease().name());
            let holds = match (claim, known) {
                (_, Some(known)) if known.is_noted() => {
                    return Err(Hindrance::Noted(known.name()));
                }
                (Claim::Create(_), known) => known.is_none(),
                (Claim::Replace(lease), known) => {
                    known.is_some_and(|known| known.resource_version == lease.resource_version)
                }
            };
            if !holds {
                return Err(Hindrance::Changed);
            }
        }
        pages.noted += 1;
        let of = pages.noted;
        let mut names = Vec::new();
        for claim in claims {
            let mut asked = claim.lease().clone();
            asked.note();
            let name = asked.name();
            let before = pages.ledger.get(&name).cloned();
            pages.ledger.put(asked.clone());
            pages.notes.insert(name.clone(), Note { of, before, asked });
            names.push(name);
        }
        drop(pages);
        Ok(Noted {
            book: self,
            of,
            names,
        })
    }

    /// Waits until nobody of this process is asking for that lease any more.
    pub(crate) async fn settled(&self, name: &str) {
        poll_fn(|context| {
            let mut pages = self.lock();
            if !pages.notes.contains_key(name) {
                return Poll::Ready(());
            }
            pages.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    // No writer leaves the pages half changed, so what a panicking thread left behind is good.
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is being asked for. What has not become certain until this is dropped, which happens too when
/// a review runs out of time, is taken back.
#[derive(Debug)]
pub(crate) struct Noted<'a> {
    book: &'a Book,
    of: u64,
    names: Vec<String>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        let mut pages = self.book.lock();
        for name in &self.names {
            if pages.notes.get(name).is_some_and(|note| note.of == self.of) {
                drop(pages.lift(name));
            }
        }
        let waiting = std::mem::take(&mut pages.waiting);
        drop(pages);
        for waker in waiting {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
