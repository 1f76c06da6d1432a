//! A small API server for tests of this crate.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use basphere_core::ipam::{Lease, Listed, Selection};

use crate::store::{Store, StoreError};

/// An API server that lets every request wait once on its way.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    revision: u64,
    leases: BTreeMap<String, Lease>,
    /// All that was stored, by address and state.
    log: Vec<String>,
    is_next_answer_lost: bool,
}

impl Table {
    pub(crate) fn put(&self, lease: &Lease) -> Lease {
        let mut rows = self.0.lock().unwrap();
        rows.revision += 1;
        let uid = if lease.uid.is_empty() {
            format!("uid-{}", rows.revision)
        } else {
            lease.uid.clone()
        };
        let stored = Lease {
            uid,
            resource_version: rows.revision.to_string(),
            ..lease.clone()
        };
        let line = format!("{} {}", stored.slot.text(), stored.spec.state.as_str());
        rows.log.push(line);
        rows.leases.insert(stored.name(), stored.clone());
        stored
    }

    fn check(&self, seen: Option<&Lease>, name: &str) -> Result<(), StoreError> {
        let rows = self.0.lock().unwrap();
        let is_so = match (rows.leases.get(name), seen) {
            (Some(stored), Some(seen)) => stored.resource_version == seen.resource_version,
            (None, None) => true,
            _ => false,
        };
        is_so.then_some(()).ok_or(StoreError::Conflict)
    }

    fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        let is_lost = std::mem::take(&mut self.0.lock().unwrap().is_next_answer_lost);
        if is_lost {
            return Err(StoreError::Unanswered("lost".to_owned()));
        }
        Ok(answer)
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        let rows = self.0.lock().unwrap();
        rows.leases
            .values()
            .map(|lease| lease.slot.text())
            .collect()
    }

    pub(crate) fn lose_next_answer(&self) {
        self.0.lock().unwrap().is_next_answer_lost = true;
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }
}

async fn on_its_way() {
    let mut has_waited = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut has_waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl Store for Arc<Table> {
    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        on_its_way().await;
        self.check(None, &lease.name())?;
        self.answer(self.put(lease))
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        on_its_way().await;
        self.check(Some(lease), &lease.name())?;
        self.answer(self.put(lease))
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        on_its_way().await;
        self.check(Some(lease), &lease.name())?;
        let mut rows = self.0.lock().unwrap();
        rows.revision += 1;
        rows.leases.remove(&lease.name());
        Ok(())
    }

    async fn list(&self, selection: &Selection) -> Result<Listed, StoreError> {
        on_its_way().await;
        let rows = self.0.lock().unwrap();
        let leases = rows.leases.values().filter(|lease| selection.has(lease));
        Ok(Listed {
            revision: rows.revision,
            leases: leases.cloned().collect(),
        })
    }
}

/// So many answers later.
pub(crate) fn poll<F: Future>(future: &mut Pin<&mut F>, times: usize) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}
