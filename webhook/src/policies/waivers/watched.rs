//! Follows the waivers of the cluster, where it has any.

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::runtime::watcher;
use tracing::{info, warn};

use super::Waivers;
use crate::readiness::Flag;
use crate::watch::{Change, Follower};

/// As untyped objects: one that does not fit the type must be reported, and not end the watch.
pub(super) fn api(client: Client) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<basphere_api::PolicyWaiver>(&());
    Api::all_with(client, &resource)
}

/// Keeps the waivers of the cluster up to date, for ever. Nobody waits for them where the cluster has not their
/// definition, or lets nobody read them.
pub(crate) async fn keep_waivers(client: Client, waivers: Arc<Waivers>, synced: Flag) {
    let api = api(client);
    let mut follower: Follower<DynamicObject> = Follower::new();
    let mut was_there = true;
    loop {
        match look(&api).await {
            Ok(true) => {
                was_there = true;
                follower.start(api.clone(), watcher::Config::default());
                while let Some(change) = follower.next().await {
                    match change {
                        Change::Put(object) => waivers.put_stored(&object),
                        Change::Gone(_, name, _) => waivers.remove_stored(&name),
                        Change::Synced => synced.set(true),
                    }
                }
                waivers.clear_stored();
            }
            Ok(false) => {
                if was_there {
                    info!("the cluster has no PolicyWaivers that can be read");
                }
                was_there = false;
                synced.set(true);
            }
            Err(error) => warn!(error = %error, "PolicyWaivers cannot be read"),
        }
        follower.wait().await;
    }
}

/// Whether there are waivers to be watched.
async fn look(api: &Api<DynamicObject>) -> kube::Result<bool> {
    match api.list(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Ok(false),
        Err(error) => Err(error),
    }
}
