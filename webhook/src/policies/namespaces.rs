//! The Namespaces as a watch shows them, whole: policies select by their labels, and Rego may look at all of them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::Value;
use tracing::warn;

use crate::readiness::Flag;
use crate::watch::{Change, Follower};

/// The Namespaces that are known, and where to ask for one that is not.
pub struct Namespaces {
    known: RwLock<HashMap<String, Arc<Value>>>,
    client: Option<Client>,
}

impl Namespaces {
    /// None is known yet; one that is asked for is read live.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            known: RwLock::default(),
            client: Some(client),
        }
    }

    /// Some that are known, and no others.
    #[must_use]
    pub fn of(namespaces: impl IntoIterator<Item = (String, Value)>) -> Self {
        let known = namespaces.into_iter();
        Self {
            known: RwLock::new(known.map(|(name, it)| (name, Arc::new(it))).collect()),
            client: None,
        }
    }

    /// A Namespace, nothing for an empty name; one that the watch has not shown is read live, since it may be a
    /// moment old.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn get(&self, name: &str) -> kube::Result<Option<Arc<Value>>> {
        if name.is_empty() {
            return Ok(None);
        }
        match (self.known(name), &self.client) {
            (Some(known), _) => Ok(Some(known)),
            (None, None) => Ok(None),
            (None, Some(client)) => {
                let live = Api::<Namespace>::all(client.clone()).get_opt(name).await?;
                Ok(live.as_ref().and_then(json).map(Arc::new))
            }
        }
    }

    fn known(&self, name: &str) -> Option<Arc<Value>> {
        // No writer leaves it half changed, so what a panicking thread left behind is good.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    fn note(&self, change: Change<Namespace>, synced: &Flag) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Put(namespace) => {
                if let Some(value) = json(&namespace) {
                    known.insert(namespace.name_any(), Arc::new(value));
                }
            }
            Change::Gone(_, name, _) => drop(known.remove(&name)),
            Change::Synced => synced.set(true),
        }
    }
}

/// As the API server shows it, without what nobody reads.
fn json(namespace: &Namespace) -> Option<Value> {
    let mut namespace = namespace.clone();
    namespace.metadata.managed_fields = None;
    let value = serde_json::to_value(&namespace);
    value
        .inspect_err(|error| warn!(error = %error, "a Namespace has no JSON form"))
        .ok()
}

/// Keeps them up to date, for ever.
pub async fn keep_policy_namespaces(client: Client, namespaces: Arc<Namespaces>, synced: Flag) {
    let mut follower: Follower<Namespace> = Follower::new();
    loop {
        follower.start(Api::all(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            namespaces.note(change, &synced);
        }
        follower.wait().await;
    }
}
