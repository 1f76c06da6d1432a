//! Exceptions from policies: which waivers there are, what they excuse, and how often they were used.
//!
//! They come from the directory of policies and from the cluster, where its definition is there. What one means is said
//! by `basphere_rego::waiver`; [`watched`] follows those of the cluster, and [`told`] writes into their status whether
//! they hold, and what was counted of them.

mod excuses;
mod files;
mod told;
mod watched;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;
use basphere_api::crd::PolicyWaiverStatus;
use basphere_rego::Waiver;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use tokio::sync::Notify;
use tracing::{info, warn};

pub use excuses::Excuses;
pub(super) use files::of_files;
pub(crate) use told::{keep_told, settle};
pub(crate) use watched::keep_waivers;

/// A waiver that can be used. Whether it holds at a moment is asked then.
#[derive(Clone, Debug)]
pub struct InForce {
    waiver: Waiver,
    /// That of the object; nothing for one that stands in a file.
    uid: Option<String>,
}

impl AsRef<Waiver> for InForce {
    fn as_ref(&self) -> &Waiver {
        &self.waiver
    }
}

/// A waiver as the cluster has it.
#[derive(Clone, Debug)]
struct Stored {
    uid: String,
    generation: Option<i64>,
    status: PolicyWaiverStatus,
    /// Why it waives nothing, if it cannot be read.
    read: Result<InForce, String>,
}

/// How often a waiver was used, which nobody has written down yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Uses {
    uid: String,
    count: i64,
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Known {
    files: Vec<Waiver>,
    stored: BTreeMap<String, Stored>,
}

/// All waivers.
#[derive(Debug, Default)]
pub struct Waivers {
    known: RwLock<Known>,
    in_force: ArcSwap<Vec<InForce>>,
    uses: Mutex<BTreeMap<String, Uses>>,
    /// A waiver is another, or was used.
    news: Notify,
}

impl Waivers {
    /// The waivers that can be used.
    #[must_use]
    pub fn in_force(&self) -> Arc<Vec<InForce>> {
        self.in_force.load_full()
    }

    /// Those of the files are these from now on.
    pub fn put_files(&self, waivers: Vec<Waiver>) {
        self.change(|known| known.files = waivers);
    }

    /// The cluster has this one.
    pub fn put_stored(&self, object: &DynamicObject) {
        let (name, stored) = (object.name_any(), Stored::of(object));
        self.change(|known| {
            let before = known.stored.get(&name);
            if before.is_none_or(|before| before.is_another(&stored)) {
                stored.tell(&name);
            }
            known.stored.insert(name, stored);
        });
    }

    /// The cluster has one of the name no more.
    pub fn remove_stored(&self, name: &str) {
        self.change(|known| {
            if known.stored.remove(name).is_some() {
                info!(waiver = name, "a waiver is gone");
            }
        });
    }

    /// The cluster has none at all.
    fn clear_stored(&self) {
        self.change(|known| known.stored.clear());
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        // No writer leaves it half changed, so what a panicking thread left behind is good.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        let files = known.files.iter().cloned();
        let files = files.map(|waiver| InForce { waiver, uid: None });
        let stored = known.stored.values();
        let stored = stored.filter_map(|stored| stored.read.as_ref().ok().cloned());
        self.in_force.store(Arc::new(files.chain(stored).collect()));
        drop(known);
        self.news.notify_one();
    }

    /// Counts one use of each waiver that has excused something.
    pub fn count(&self, excuses: &Excuses) {
        let mut is_news = false;
        for waiver in excuses.waivers() {
            if let Some(uid) = &waiver.uid {
                self.add(&waiver.waiver.name, uid, 1, excuses.at());
                is_news = true;
            }
        }
        if is_news {
            self.news.notify_one();
        }
    }

    fn add(&self, name: &str, uid: &str, count: i64, last: Timestamp) {
        let mut all = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Uses {
            uid: uid.to_owned(),
            count: 0,
            last,
        };
        let uses = all.entry(name.to_owned()).or_insert_with(fresh);
        if uses.uid != uid {
            // Another one of the name: nobody asks for the count of the one before any more.
            *uses = fresh();
        }
        uses.count = uses.count.saturating_add(count);
        uses.last = uses.last.max(last);
    }

    fn take_uses(&self) -> BTreeMap<String, Uses> {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *uses)
    }

    fn has_uses(&self) -> bool {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        !uses.is_empty()
    }

    /// Those of the cluster, by name.
    fn stored(&self) -> BTreeMap<String, Stored> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.stored.clone()
    }
}

impl Stored {
    fn of(object: &DynamicObject) -> Self {
        let uid = object.uid().unwrap_or_default();
        let read = serde_json::to_value(object)
            .map_err(|error| error.to_string())
            .and_then(|document| Waiver::read(&document).map_err(|error| error.to_string()));
        let status = object.data.get("status").cloned().unwrap_or(Value::Null);
        Self {
            generation: object.metadata.generation,
            status: serde_json::from_value(status).unwrap_or_default(),
            read: read.map(|waiver| InForce {
                waiver,
                uid: Some(uid.clone()),
            }),
            uid,
        }
    }

    fn is_another(&self, other: &Self) -> bool {
        (&self.uid, self.generation) != (&other.uid, other.generation)
    }

    fn tell(&self, name: &str) {
        match &self.read {
            Err(problem) => warn!(waiver = name, problem, "a waiver waives nothing"),
            Ok(InForce { waiver, .. }) => info!(
                waiver = name,
                expires = %waiver.expires,
                granted_by = waiver.granted_by,
                reason = waiver.reason,
                "a waiver is known"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
