//! Watches those kinds that the policies in force ask `data.inventory` for, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use basphere_rego::{Need, Versioned};
use kube::api::{Api, ApiResource, DynamicObject, TypeMeta};
use kube::discovery::{ApiCapabilities, Discovery, verbs};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{info, warn};

use super::Shelf;
use super::stock::Stock;
use crate::metrics::Metrics;
use crate::readiness::Flag;
use crate::watch::{Change, Follower, is_status};

/// How often it is looked whether the API server has other kinds by now.
const LOOK: Duration = Duration::from_secs(10);
/// So long it takes before a kind that is not served any more is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the stock in step with what policies ask for, for ever. The flag is set once all of it is known, or it is known
/// why it cannot be had: from then on those policies alone wait that ask for what is missing.
pub async fn keep_stock(
    client: Client,
    shelf: Arc<Shelf>,
    stock: Arc<Stock>,
    metrics: Arc<Metrics>,
    settled: Flag,
) {
    let mut changes = shelf.changes();
    let mut supply = Supply {
        client,
        stock,
        tasks: JoinSet::new(),
        watches: BTreeMap::new(),
        ended: Arc::default(),
        told: BTreeSet::new(),
    };
    let mut known = supply.stock.changes();
    loop {
        let needs = shelf.current().map(|policies| policies.needs());
        if let Some(needs) = &needs {
            supply.arrange(needs).await;
        }
        let look_again = tokio::time::sleep(LOOK);
        tokio::pin!(look_again);
        loop {
            metrics.policies.stocked(&supply.stock.counts());
            if needs
                .as_ref()
                .is_some_and(|needs| supply.stock.is_settled(needs))
            {
                settled.set(true);
            }
            tokio::select! {
                // The shelf lives as long as the process, and so does the stock.
                changed = changes.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                Ok(()) = known.changed() => {}
                () = supply.ended.notified() => break,
                () = &mut look_again => break,
            }
        }
    }
}

struct Supply {
    client: Client,
    stock: Arc<Stock>,
    tasks: JoinSet<()>,
    watches: BTreeMap<Versioned, AbortHandle>,
    /// A watch has ended, since its kind is not served any more.
    ended: Arc<Notify>,
    /// What was said to be served nowhere.
    told: BTreeSet<Need>,
}

impl Supply {
    async fn arrange(&mut self, needs: &BTreeSet<Need>) {
        while self.tasks.try_join_next().is_some() {}
        self.watches.retain(|_, handle| !handle.is_finished());
        if needs.is_empty() {
            self.watches.values().for_each(AbortHandle::abort);
            self.watches.clear();
            self.stock.keep(BTreeMap::new());
            return;
        }
        let served = match discover(&self.client).await {
            Ok(served) => served,
            // What is watched is watched on; what is new waits.
            Err(error) => {
                return warn!(error = %error, "cannot ask which kinds the API server has");
            }
        };
        let mut kept = BTreeMap::new();
        let mut resources = BTreeMap::new();
        for need in needs {
            let mut found = resolve(need, &served);
            // A watch knows better than a list of kinds, in which a server that is away may be missing.
            let watched = self.watches.keys().filter(|of| is_meant(need, of));
            let missing = watched.filter(|of| !found.iter().any(|it| versioned(it) == **of));
            let missing: Vec<Versioned> = missing.cloned().collect();
            let mut all: Vec<Versioned> = found.iter().map(versioned).collect();
            if found.is_empty() {
                all.extend(missing);
            }
            self.tell(need, all.is_empty());
            resources.extend(found.drain(..).map(|it| (versioned(&it), it)));
            kept.insert(need.clone(), all);
        }
        let wanted: BTreeSet<Versioned> = kept.values().flatten().cloned().collect();
        self.watches.retain(|of, handle| {
            let stays = wanted.contains(of);
            if !stays {
                handle.abort();
            }
            stays
        });
        self.stock.keep(kept);
        for (of, resource) in resources {
            if !self.watches.contains_key(&of) {
                let watch = supply(
                    Api::all_with(self.client.clone(), &resource),
                    of.clone(),
                    Arc::clone(&self.stock),
                    Arc::clone(&self.ended),
                );
                self.watches.insert(of, self.tasks.spawn(watch));
            }
        }
    }

    /// Says once that nothing is served of what is asked for.
    fn tell(&mut self, need: &Need, is_nothing: bool) {
        match is_nothing {
            true if self.told.insert(need.clone()) => info!(
                need = %need,
                "a policy asks for a kind that the API server does not have: to it there are no such objects"
            ),
            true => {}
            false => drop(self.told.remove(need)),
        }
    }
}

async fn discover(client: &Client) -> kube::Result<Discovery> {
    match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => Ok(discovery),
        // An API server that is older than 1.30.
        Err(_) => Discovery::new(client.clone()).run().await,
    }
}

/// What a need comes to, as far as it is served.
fn resolve(need: &Need, served: &Discovery) -> Vec<ApiResource> {
    let exactly = |of: &Versioned| {
        let (group, version) = of.group_and_version();
        let resources = served.get(group)?.versioned_resources(version);
        let mut found = resources.into_iter().filter(|it| it.0.kind == of.kind);
        found.find(can_be_watched).map(|it| it.0)
    };
    match need {
        Need::Version(of) => exactly(of).into_iter().collect(),
        Need::Kind(kind) => {
            let groups = served.groups();
            let all = groups.filter_map(|group| {
                let preferred = group.recommended_resources();
                let others = group.resources_by_stability();
                let mut all = preferred.into_iter().chain(others);
                all.find(|it| it.0.kind == *kind && can_be_watched(it))
            });
            all.map(|it| it.0).collect()
        }
        Need::OneOf(all) => one_version_each(all.iter().filter_map(exactly), |group| {
            Some(served.get(group)?.preferred_version_or_latest().to_owned())
        }),
    }
}

fn can_be_watched((_, capabilities): &(ApiResource, ApiCapabilities)) -> bool {
    capabilities.supports_operation(verbs::LIST) && capabilities.supports_operation(verbs::WATCH)
}

/// One version of each group's kind, the preferred one if it is among them: two would be the same objects twice.
fn one_version_each(
    all: impl Iterator<Item = ApiResource>,
    preferred: impl Fn(&str) -> Option<String>,
) -> Vec<ApiResource> {
    let mut chosen: BTreeMap<(String, String), ApiResource> = BTreeMap::new();
    for resource in all {
        let key = (resource.group.clone(), resource.kind.clone());
        let is_preferred = preferred(&resource.group).as_ref() == Some(&resource.version);
        if is_preferred || !chosen.contains_key(&key) {
            chosen.insert(key, resource);
        }
    }
    chosen.into_values().collect()
}

/// Whether objects of a kind can be what is asked for.
fn is_meant(need: &Need, of: &Versioned) -> bool {
    match need {
        Need::Version(asked) => asked == of,
        Need::Kind(kind) => *kind == of.kind,
        Need::OneOf(all) => all.contains(of),
    }
}

fn versioned(resource: &ApiResource) -> Versioned {
    Versioned {
        group_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
    }
}

/// Follows one kind for as long as it is served.
async fn supply(api: Api<DynamicObject>, of: Versioned, stock: Arc<Stock>, ended: Arc<Notify>) {
    info!(
        kind = of.kind,
        version = of.group_version,
        "watching for policies"
    );
    let mut follower = Follower::new();
    follower.start(api, watcher::Config::default());
    while let Some(step) = follower.step().await {
        match step {
            Ok(Change::Put(object)) => note(&of, object, &stock),
            Ok(Change::Gone(namespace, name, _)) => stock.remove(&of, &namespace, &name),
            Ok(Change::Synced) => stock.know(&of),
            Err(error) => {
                let why = why(&error);
                warn!(kind = of.kind, version = of.group_version, error = %error, "{why}");
                stock.explain(&of, why);
                follower.wait().await;
            }
        }
    }
    // What is not served has no objects; whether it is served in another version is looked at next.
    tokio::time::sleep(PAUSE).await;
    ended.notify_one();
}

fn why(error: &watcher::Error) -> String {
    match is_status(error, 403) {
        true => "it may not be listed and watched: a ClusterRole with the label \
                 basphere.dev/aggregate-to-inventory has to grant that"
            .to_owned(),
        false => "its list could not be had".to_owned(),
    }
}

/// What is being deleted counts as gone, as it does in Gatekeeper. Who wrote which field is nothing that a verdict
/// could rest on, and often half of an object.
fn note(of: &Versioned, mut object: DynamicObject, stock: &Stock) {
    if object.metadata.deletion_timestamp.is_some() {
        let namespace = object.namespace().unwrap_or_default();
        return stock.remove(of, &namespace, &object.name_any());
    }
    object.metadata.managed_fields = None;
    object.types = Some(TypeMeta {
        api_version: of.group_version.clone(),
        kind: of.kind.clone(),
    });
    match serde_json::to_value(object) {
        Ok(object) => stock.put(of, object),
        Err(error) => warn!(kind = of.kind, error = %error, "an object has no JSON form"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(api_version: &str) -> ApiResource {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: "Ingress".to_owned(),
            plural: "ingresses".to_owned(),
        }
    }

    /// The same objects in two versions would be two of each.
    #[test]
    fn of_versions_that_stand_for_each_other_one_of_each_group_is_watched() {
        let chosen = |preferred: &str| -> Vec<String> {
            let all = ["a.io/v1", "a.io/v2", "b.io/v1"].map(resource);
            let chosen = one_version_each(all.into_iter(), |_| Some(preferred.to_owned()));
            chosen.iter().map(|it| it.api_version.clone()).collect()
        };
        assert_eq!(chosen("v2"), ["a.io/v2", "b.io/v1"]);
        assert_eq!(chosen("v1"), ["a.io/v1", "b.io/v1"]);
        assert_eq!(chosen("v3"), ["a.io/v1", "b.io/v1"]);
    }
}
