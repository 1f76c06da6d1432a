//! Keeps what is known of AddressPools and AddressLeases up to date from watches.

use std::collections::HashMap;
use std::sync::Arc;

use basphere_api::crd::{AddressLease, AddressPool};
use kube::api::Api;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};

use crate::desk::readable;
use crate::readiness::Flag;
use crate::watch::{Change, Follower};
use crate::world::{Note, World};

/// Keeps the AddressPools of the world up to date, for ever.
pub(crate) async fn keep_pools(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<AddressPool> = Follower::new();
    loop {
        follower.start(Api::all(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(pool) => {
                    world.change_pools(|pools| {
                        pools.put(&pool.name_any(), &pool.created(), pool.spec.0.clone());
                    });
                    world.tell(Note::Pools);
                }
                Change::Gone(_, name, _) => {
                    world.change_pools(|pools| pools.remove(&name));
                    world.tell(Note::Pools);
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}

/// Keeps the leases of the world up to date, for ever.
pub(crate) async fn keep_leases(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<AddressLease> = Follower::new();
    // What the watch has shown last. The book may know of a successor already, from the answer to a
    // request, when the watch tells that a lease is gone.
    let mut shown: HashMap<String, String> = HashMap::new();
    loop {
        follower.start(Api::all(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(object) => {
                    if let Some(lease) = readable(object) {
                        let note = Note::Lease(lease.name(), lease.spec.pool.clone());
                        shown.insert(lease.name(), lease.uid.clone());
                        world.book().observe(lease);
                        world.tell(note);
                    }
                }
                Change::Gone(_, name, last) => {
                    if let Some(uid) = shown.remove(&name) {
                        world.book().forget(&name, &uid);
                    }
                    let pool = last.map(|lease| lease.spec.0.pool.clone());
                    world.tell(pool.map_or(Note::Pools, |pool| Note::Lease(name, pool)));
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}
