//! What is known of one object in a ledger: what is stored, and what requests under way may make of it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Size};
use crate::Kind;

/// One object. Its UID is its key, so that a namesake is never taken for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The object's kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// What the stored object asks for; nothing while it was never seen stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Ask>,
    /// The resource version that this was read at.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
    /// What requests that were let in may make of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
}

/// What one request that was let in would make of an object. It is stored, or comes to nothing, as soon
/// as the object's resource version is another than the one that the request was let in over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The resource version of the stored object that the request changes; empty for one that creates it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub over: String,
    /// What the object will ask for.
    pub ask: Ask,
    /// When the request was let in.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// Whether one resource version is newer than another. They are numbers of etcd's revisions; what is none
/// is newer when it differs.
pub(super) fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

impl Entry {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            stored: None,
            seen: String::new(),
            pending: Vec::new(),
        }
    }

    /// All that the object may ask for once the requests under way are done.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        let pending = self.pending.iter().map(|pending| &pending.ask);
        self.stored.iter().chain(pending)
    }

    /// The newest that is known of it.
    pub(super) fn newest(&self) -> Option<&Ask> {
        self.asks().last()
    }

    /// Takes note of the object as it is stored at a resource version. What older requests would have made
    /// of it is decided by that.
    pub(super) fn see(&mut self, version: &str, ask: Ask) {
        if self.stored.is_some() && is_newer(&self.seen, version) {
            return;
        }
        // Who made it was known when it came, and is not learnt from what people can write.
        let group = match self.newest() {
            Some(known) => known.group.clone(),
            None => ask.group.clone(),
        };
        self.stored = Some(Ask { group, ..ask });
        version.clone_into(&mut self.seen);
        self.pending
            .retain(|pending| !pending.over.is_empty() && !is_newer(version, &pending.over));
    }

    /// The largest size that a template may have had.
    pub(super) fn largest(&self) -> Option<Size> {
        self.asks().filter_map(|ask| ask.size).reduce(Size::max)
    }

    /// Takes note that no request changes it any more: of a template such a size is left.
    pub(super) fn settle(&mut self, size: Option<Size>) {
        self.stored = Some(Ask {
            size,
            ..Ask::default()
        });
        self.pending.clear();
    }

    /// Takes note of what a request would make of it.
    pub(super) fn promise(&mut self, over: &str, ask: Ask, now: Timestamp) {
        let pending = Pending {
            over: over.to_owned(),
            ask,
            since: now,
        };
        let same = self
            .pending
            .iter_mut()
            .find(|known| known.over == pending.over && known.ask == pending.ask);
        match same {
            Some(same) => same.since = now,
            None => self.pending.push(pending),
        }
    }
}
