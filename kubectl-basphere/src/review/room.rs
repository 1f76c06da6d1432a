//! What a review knows of one namespace.

use std::collections::BTreeSet;
use std::sync::Arc;

use basphere_core::{Inventory, Lookup, NamespaceFacts};

use super::cluster::Cluster;
use crate::connection::is_forbidden;

/// What is known of one namespace.
#[derive(Clone, Default)]
pub(super) struct Room {
    pub(super) facts: Option<NamespaceFacts>,
    pub(super) inventory: Arc<Inventory>,
    /// What was read from the cluster, so that absence is certain.
    pub(super) live: BTreeSet<Lookup>,
}

impl Room {
    /// Reads a namespace live. What cannot be read is left open, and said.
    pub(super) fn read(cluster: &Cluster, namespace: &str, notices: &mut Vec<String>) -> Self {
        let mut room = Self::default();
        if namespace.is_empty() {
            return room;
        }
        match cluster.namespace(namespace) {
            Ok(facts) => {
                room.facts = facts;
                room.live.insert(Lookup::Namespace);
            }
            Err(error) => notices.push(not_read(&error, &format!("namespace {namespace}"))),
        }
        for kind in Inventory::kinds() {
            match cluster.list(Some(namespace), kind) {
                Ok(objects) => {
                    Arc::make_mut(&mut room.inventory).replace(kind, &objects);
                    room.live.insert(Lookup::All(kind));
                }
                Err(error) => notices.push(not_read(
                    &error,
                    &format!("{} in {namespace}", kind.plural()),
                )),
            }
        }
        room
    }
}

pub(super) fn not_read(error: &anyhow::Error, what: &str) -> String {
    if is_forbidden(error) {
        format!("you may not read {what}: what depends on it is not sure")
    } else {
        format!("cannot read {what} ({error:#}): what depends on it is not sure")
    }
}
