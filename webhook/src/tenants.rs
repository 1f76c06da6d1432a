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

/// What a watch has shown of a Tenant.
#[derive(Clone)]
struct Shown {
    uid: String,
    parent: Option<String>,
}

/// Keeps the Tenants of the world up to date, for ever.
pub(crate) async fn keep_tenants(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<DynamicObject> = Follower::new();
    // What the watch has shown last: a successor of the name may be known already when it tells that
    // a Tenant is gone, and only this tells who was above it.
    let mut shown: HashMap<String, Shown> = HashMap::new();
    loop {
        follower.start(tenants(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(tenant) => {
                    let record = record(&tenant);
                    let name = tenant.name_any();
                    let now = Shown {
                        uid: record.uid.clone(),
                        parent: record.account.spec.parent.clone(),
                    };
                    let before = shown.insert(name.clone(), now.clone());
                    world.records().put(record);
                    world.tell(Note::Tenant(name));
                    let parent = before.and_then(|before| before.parent);
                    tell_left(
                        &world,
                        parent.filter(|parent| now.parent.as_ref() != Some(parent)),
                    );
                }
                Change::Gone(_, name, _) => {
                    let before = shown.remove(&name);
                    if let Some(before) = &before {
                        world.records().remove(&name, &before.uid);
                    }
                    world.tell(Note::Tenant(name));
                    tell_left(&world, before.and_then(|before| before.parent));
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}

/// A group that a tenant has left holds what is not its own any more.
fn tell_left(world: &World, parent: Option<String>) {
    if let Some(parent) = parent {
        world.tell(Note::Tenant(parent));
    }
}
