//! The ConfigMaps that a ClusterResourceSet names: those of the stream, and those that are stored.

use std::sync::Arc;

use basphere_core::images::config_maps_of;
use basphere_core::{ApiVersion, Kind, Lookup, Snapshot, Subject};

use super::Judge;
use crate::review::sent::Sent;

impl Judge {
    /// Puts them into a snapshot. Only of a cluster it is certain that what it does not tell is not there.
    pub(super) fn look_at_payloads(&self, sent: &Sent, snapshot: &mut Snapshot) {
        if sent.subject.kind != Kind::ClusterResourceSet {
            return;
        }
        let subject = Subject {
            kind: Kind::ConfigMap,
            version: ApiVersion::V1,
        };
        let room = self.rooms.get(&sent.namespace);
        let objects = [Some(&sent.object), sent.stored.as_ref()];
        let names = objects.into_iter().flatten().flat_map(config_maps_of);
        for name in names {
            let known = room.and_then(|room| room.config_maps.get(name)).cloned();
            let stored = || self.world.get(subject, &sent.namespace, name);
            let found = match known {
                Some(map) => Some(map),
                None => match stored() {
                    Ok(found) => found.map(Arc::new),
                    Err(_) => continue,
                },
            };
            let is_certain = found.is_some() || self.world.cluster().is_some();
            snapshot
                .config_maps
                .extend(found.map(|map| (name.to_owned(), map)));
            if is_certain {
                snapshot.live.insert(Lookup::ConfigMap(name.to_owned()));
            }
        }
    }
}
