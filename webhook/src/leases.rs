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
use crate::world::World;

/// Keeps the AddressPools of the world up to date, for ever.
pub(crate) async fn keep_pools(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<AddressPool> = Follower::new();
    loop {
        follower.start(Api::all(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(pool) => world.change_pools(|pools| {
                    pools.put(&pool.name_any(), &pool.created(), pool.spec.0.clone());
                }),
                Change::Gone(_, name) => world.change_pools(|pools| pools.remove(&name)),
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
                        shown.insert(lease.name(), lease.uid.clone());
                        world.book().observe(lease);
                    }
                }
                Change::Gone(_, name) => {
                    if let Some(uid) = shown.remove(&name) {
                        world.book().forget(&name, &uid);
                    }
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}
