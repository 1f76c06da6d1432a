//! What a review knows of one namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basphere_core::quota::{CHARGED, Observed, observe};
use basphere_core::{Inventory, Kind, Lookup, NamespaceFacts, Site};
use serde_json::Value;

use super::world::World;
use crate::connection::is_forbidden;

/// What is known of one namespace.
#[derive(Clone, Default)]
pub(crate) struct Room {
    pub(super) facts: Option<NamespaceFacts>,
    pub(super) inventory: Arc<Inventory>,
    /// What its objects ask for.
    pub(crate) observed: Vec<Observed>,
    /// ConfigMaps that earlier objects of the stream would store.
    pub(super) config_maps: BTreeMap<String, Arc<Value>>,
    /// What was read from the cluster, so that absence is certain.
    pub(super) live: BTreeSet<Lookup>,
}

impl Room {
    /// Reads a namespace. What cannot be read is left open, and said; only of a cluster it is certain
    /// that what it does not tell is not there.
    pub(crate) fn read(
        world: &World,
        site: &Site,
        namespace: &str,
        notices: &mut Vec<String>,
    ) -> Self {
        let mut room = Self::default();
        if namespace.is_empty() {
            return room;
        }
        let is_live = world.cluster().is_some();
        match world.namespace(namespace) {
            Ok(facts) => {
                room.facts = facts;
                room.note(is_live, Lookup::Namespace);
            }
            Err(error) => notices.push(not_read(&error, &format!("namespace {namespace}"))),
        }
        let looked_up: Vec<Kind> = Inventory::kinds().collect();
        let sizes = CHARGED.into_iter().filter(|kind| !looked_up.contains(kind));
        for kind in looked_up.iter().copied().chain(sizes) {
            match world.list(namespace, kind) {
                Ok(objects) => {
                    Arc::make_mut(&mut room.inventory).replace(kind, &objects);
                    let observed = objects.iter().filter_map(|of| observe(site, kind, of));
                    room.observed.extend(observed);
                    room.note(is_live, Lookup::All(kind));
                }
                Err(error) => notices.push(not_read(
                    &error,
                    &format!("{} in {namespace}", kind.plural()),
                )),
            }
        }
        room
    }

    fn note(&mut self, is_live: bool, lookup: Lookup) {
        if is_live {
            self.live.insert(lookup);
        }
    }

    /// The tenant that the namespace belongs to; empty when there is none.
    pub(crate) fn owner(&self, site: &Site, namespace: &str) -> String {
        let facts = self.facts.as_ref();
        let label = facts.and_then(|facts| facts.owner_label.as_deref());
        site.namespace_owner(namespace, label).unwrap_or_default()
    }
}

pub(super) fn not_read(error: &anyhow::Error, what: &str) -> String {
    if is_forbidden(error) {
        format!("you may not read {what}: what depends on it is not sure")
    } else {
        format!("cannot read {what} ({error:#}): what depends on it is not sure")
    }
}
