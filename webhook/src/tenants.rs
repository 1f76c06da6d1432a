//! Keeps what is known of Tenants up to date from a watch.

use std::collections::HashMap;
use std::sync::Arc;

use kube::api::DynamicObject;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};

use crate::readiness::Flag;
use crate::till::{record, tenants};
use crate::watch::{Change, Follower};
use crate::world::{Note, World};

/// Keeps the Tenants of the world up to date, for ever.
pub(crate) async fn keep_tenants(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<DynamicObject> = Follower::new();
    // What the watch has shown last: a successor of the name may be known already when it tells that
    // a Tenant is gone.
    let mut shown: HashMap<String, String> = HashMap::new();
    loop {
        follower.start(tenants(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(tenant) => {
                    let record = record(&tenant);
                    let name = tenant.name_any();
                    shown.insert(name.clone(), record.uid.clone());
                    world.records().put(record);
                    world.tell(Note::Tenant(name));
                }
                Change::Gone(_, name, _) => {
                    if let Some(uid) = shown.remove(&name) {
                        world.records().remove(&name, &uid);
                    }
                    world.tell(Note::Tenant(name));
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}
