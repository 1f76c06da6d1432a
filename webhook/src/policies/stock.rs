//! What `data.inventory` is in admission: the objects of those kinds that policies ask for, as they are stored.
//!
//! Whoever reviews takes a [`Look`]: what there was at that moment, for the price of two reference counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use basphere_rego::inventory::Shown;
use basphere_rego::{Inventory, Need, Versioned};
use serde_json::Value;
use tokio::sync::watch;

/// How far the objects of a kind are known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listing {
    /// Its first list is not in.
    Awaited,
    /// It could not be had, for this reason.
    Failed(String),
    Known,
}

/// The objects, and which of them are known.
#[derive(Debug)]
pub struct Stock {
    state: RwLock<State>,
    changed: watch::Sender<()>,
}

impl Default for Stock {
    fn default() -> Self {
        Self {
            state: RwLock::default(),
            changed: watch::Sender::new(()),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    inventory: Inventory,
    kinds: BTreeMap<Versioned, Kind>,
    /// What each need comes to, as far as the API server has it; nothing where it was not asked yet.
    needs: BTreeMap<Need, Vec<Versioned>>,
    answers: Arc<BTreeMap<Need, Option<String>>>,
}

#[derive(Debug)]
struct Kind {
    listing: Listing,
    objects: BTreeSet<(String, String)>,
}

/// What there was at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// As Rego sees it.
    pub inventory: Shown,
    answers: Arc<BTreeMap<Need, Option<String>>>,
}

impl Look {
    /// Why that which is asked for is not known; nothing if it is.
    #[must_use]
    pub fn missing(&self, need: &Need) -> Option<String> {
        match self.answers.get(need) {
            Some(answer) => answer.clone(),
            None => Some(format!("waits for {need}: nobody has looked for it yet")),
        }
    }
}

impl Stock {
    /// What there is now.
    #[must_use]
    pub fn look(&self) -> Look {
        let state = self.read();
        Look {
            inventory: state.inventory.shown().clone(),
            answers: Arc::clone(&state.answers),
        }
    }

    /// How many objects of each kind are known.
    #[must_use]
    pub fn counts(&self) -> Vec<(Versioned, usize)> {
        let state = self.read();
        let kinds = state.kinds.iter();
        kinds
            .map(|(of, kind)| (of.clone(), kind.objects.len()))
            .collect()
    }

    /// Whether of all of these it is known what there is, or why that cannot be known.
    #[must_use]
    pub fn is_settled(&self, needs: &BTreeSet<Need>) -> bool {
        let state = self.read();
        needs.iter().all(|need| {
            let kept = state.needs.get(need);
            kept.is_some_and(|kept| {
                let kinds = kept.iter().filter_map(|of| state.kinds.get(of));
                kinds
                    .map(|kind| &kind.listing)
                    .all(|it| *it != Listing::Awaited)
            })
        })
    }

    /// Tells when something is known that was not.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// From now on this is kept: what each need comes to. What nothing comes to is forgotten.
    pub fn keep(&self, needs: BTreeMap<Need, Vec<Versioned>>) {
        let mut state = self.write();
        let wanted: BTreeSet<&Versioned> = needs.values().flatten().collect();
        let unwanted = state.kinds.keys().filter(|of| !wanted.contains(of));
        for of in unwanted.cloned().collect::<Vec<_>>() {
            state.forget(&of);
        }
        for of in wanted {
            state.kinds.entry(of.clone()).or_insert_with(|| Kind {
                listing: Listing::Awaited,
                objects: BTreeSet::new(),
            });
        }
        state.needs = needs;
        state.answer();
    }

    /// Takes note of an object.
    pub fn put(&self, of: &Versioned, object: Value) {
        let mut state = self.write();
        let key = key(&object);
        // Nobody wants it any more.
        let Some(kind) = state.kinds.get_mut(of) else {
            return;
        };
        kind.objects.insert(key);
        state.inventory.put(object);
    }

    /// An object is gone.
    pub fn remove(&self, of: &Versioned, namespace: &str, name: &str) {
        let mut state = self.write();
        let key = (namespace.to_owned(), name.to_owned());
        let kind = state.kinds.get_mut(of);
        if kind.is_some_and(|kind| kind.objects.remove(&key)) {
            state.inventory.remove(of, namespace, name);
        }
    }

    /// All objects of a kind are known.
    pub fn know(&self, of: &Versioned) {
        self.set(of, Listing::Known);
    }

    /// Why a kind cannot be listed. One that was listed before is known all the same.
    pub fn explain(&self, of: &Versioned, why: String) {
        let listing = self.read().kinds.get(of).map(|kind| kind.listing.clone());
        if listing.is_some_and(|listing| listing != Listing::Known) {
            self.set(of, Listing::Failed(why));
        }
    }

    fn set(&self, of: &Versioned, listing: Listing) {
        let mut state = self.write();
        if let Some(kind) = state.kinds.get_mut(of) {
            kind.listing = listing;
        }
        state.answer();
        drop(state);
        self.changed.send_replace(());
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // No writer leaves it half changed, so what a panicking thread left behind is good.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, of: &Versioned) {
        if let Some(kind) = self.kinds.remove(of) {
            for (namespace, name) in kind.objects {
                self.inventory.remove(of, &namespace, &name);
            }
        }
    }

    fn answer(&mut self) {
        let kinds = &self.kinds;
        let answers = self.needs.iter().map(|(need, kept)| {
            let missing = kept.iter().find_map(|of| match &kinds.get(of)?.listing {
                Listing::Known => None,
                Listing::Awaited => Some(format!("waits for {of}: its first list is not in yet")),
                Listing::Failed(why) => Some(format!("waits for {of}: {why}")),
            });
            (need.clone(), missing)
        });
        self.answers = Arc::new(answers.collect());
    }
}

fn key(object: &Value) -> (String, String) {
    let text = |pointer| {
        let found = object.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    (text("/metadata/namespace"), text("/metadata/name"))
}

#[cfg(test)]
mod tests;
