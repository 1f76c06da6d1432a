//! Fulfils IPAddressClaims whose pool is one of our AddressPools, by the contract of Cluster API for
//! IPAM providers, out of the same leases as everything else.

mod allocate;
mod objects;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use basphere_api::AddressPool;
use basphere_core::{Kind, Timestamp};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::carriers::{annotation, text};
use super::events::{Teller, Told};
use super::objects::{Id, Objects};
use super::queue::{Queue, Requests, work};
use crate::desk::{Desk, KubeStore};
use crate::reader::Reader;
use crate::register::FIELD_MANAGER;
use crate::served::Served;
use crate::world::World;
use allocate::Unfulfilled;
use objects::{Refs, address_object, is_deleting, pool_of};
use status::{Verdict, status_patch};

/// Keeps a claim until its IPAddress is gone.
pub(crate) const RELEASE: &str = "basphere.dev/release-address";
/// Keeps an IPAddress as long as its claim is there.
pub(crate) const PROTECT: &str = "ipam.cluster.x-k8s.io/protect-address";
const PAUSED: &str = "cluster.x-k8s.io/paused";
/// So many claims are worked on at once.
const AT_ONCE: usize = 4;

/// Fulfils claims.
pub(crate) struct Claims {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) served: Arc<Served>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) teller: Teller,
    pub(crate) waiting: Waiting,
}

/// Claims that wait for an address of a pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<BTreeMap<Id, String>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Id, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claims that wait for this pool; without one, for any.
    pub(crate) fn of(&self, pool: Option<&str>) -> Vec<Id> {
        let waiting = self.lock();
        let fits = |of: &str| pool.is_none_or(|pool| pool == of);
        let found = waiting.iter().filter(|(_, of)| fits(of));
        found.map(|(id, _)| id.clone()).collect()
    }
}

/// Works on claims, by their names, for ever.
pub(crate) async fn keep(claims: Claims, queue: (Queue<Id>, Requests<Id>)) {
    let claims = &claims;
    work(queue, AT_ONCE, |id: Id| async move {
        claims.fulfil(&id).await?;
        Ok::<_, anyhow::Error>(None::<Timestamp>)
    })
    .await;
}

impl Claims {
    async fn fulfil(&self, id: &Id) -> Result<()> {
        self.waiting.lock().remove(id);
        let (namespace, name) = (&id.namespace, &id.name);
        let claim = self
            .reader
            .object(namespace, Kind::IPAddressClaim, name)
            .await?;
        let address = self.reader.object(namespace, Kind::IPAddress, name).await?;
        let Some(claim) = claim else {
            // Its claim was torn away from it, in spite of the finalizer.
            return match address {
                Some(address) if pool_of(&address).is_some() => self.let_go(id, &address).await,
                _ => Ok(()),
            };
        };
        let Some(pool) = pool_of(&claim) else {
            return Ok(());
        };
        if self.is_paused(&claim).await? {
            return Ok(());
        }
        if is_deleting(&claim) {
            return match address {
                Some(address) => self.let_go(id, &address).await,
                None => self.set_finalizer(id, &claim, RELEASE, false).await,
            };
        }
        self.set_finalizer(id, &claim, RELEASE, true).await?;
        let outcome = self.allocate(&claim, pool, address.as_ref()).await?;
        let verdict = match outcome {
            Ok(found) => {
                if address.is_none() {
                    self.create_address(id, &claim, pool, found).await?;
                }
                Verdict::fulfilled()
            }
            Err(unfulfilled) => self.postpone(id, &claim, pool, unfulfilled),
        };
        self.write_status(id, &verdict).await
    }

    /// Whether the contract says to leave the claim alone: it or its Cluster is paused, or its Cluster
    /// is not there, which holds up no deletion.
    async fn is_paused(&self, claim: &Value) -> Result<bool> {
        if annotation(claim, PAUSED).is_some() {
            return Ok(true);
        }
        let label = claim
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(basphere_core::keys::CLUSTER_NAME))
            .and_then(Value::as_str);
        let Some(cluster) = text(claim, "/spec/clusterName").or(label) else {
            return Ok(false);
        };
        let namespace = text(claim, "/metadata/namespace").unwrap_or_default();
        let cluster = self
            .reader
            .object(namespace, Kind::Cluster, cluster)
            .await?;
        Ok(cluster.map_or(!is_deleting(claim), |cluster| {
            let is_paused = cluster.pointer("/spec/paused") == Some(&Value::Bool(true));
            is_paused || annotation(&cluster, PAUSED).is_some()
        }))
    }

    /// Says why there is no address, and remembers to look again when there may be one.
    fn postpone(&self, id: &Id, claim: &Value, pool: &str, why: Unfulfilled) -> Verdict {
        self.waiting.lock().insert(id.clone(), pool.to_owned());
        if why.reason == allocate::EXHAUSTED {
            self.teller.tell(Told {
                kind: Kind::IPAddressClaim.as_str().to_owned(),
                namespace: id.namespace.clone(),
                name: id.name.clone(),
                uid: text(claim, "/metadata/uid").map(str::to_owned),
                is_warning: true,
                reason: allocate::EXHAUSTED,
                note: why.message.clone(),
            });
        }
        Verdict::failed(why.reason, why.message)
    }

    async fn api(&self, kind: Kind, namespace: &str) -> Result<(Api<DynamicObject>, String)> {
        let resource = self.served.get(&self.client, kind).await?;
        let resource = resource.with_context(|| format!("{kind} is not served any more"))?;
        let api = Api::namespaced_with(self.client.clone(), namespace, &resource);
        Ok((api, resource.api_version))
    }

    async fn create_address(
        &self,
        id: &Id,
        claim: &Value,
        pool: &str,
        found: std::net::IpAddr,
    ) -> Result<()> {
        let (api, api_version) = self.api(Kind::IPAddress, &id.namespace).await?;
        let pools: Api<AddressPool> = Api::all(self.client.clone());
        let pool_object = pools.get(pool).await?;
        let refs = Refs {
            api_version: &api_version,
            claim,
            pool: &pool_object,
        };
        let in_force = self.world.pools();
        let checked = in_force.get(pool).map_err(anyhow::Error::msg)?;
        let object: DynamicObject = serde_json::from_value(address_object(&refs, checked, found))?;
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        api.create(&parameters, &object).await?;
        Ok(())
    }

    /// Deletes an IPAddress, which nothing protects any more. Its lease follows by itself.
    async fn let_go(&self, id: &Id, address: &Value) -> Result<()> {
        let (api, _) = self.api(Kind::IPAddress, &id.namespace).await?;
        // Each of these is a change of the IPAddress that brings its claim again.
        if !is_deleting(address) {
            let deleted = api.delete(&id.name, &DeleteParams::default()).await;
            return ignore_absent(deleted.map(drop));
        }
        let id = Id {
            kind: Kind::IPAddress,
            ..id.clone()
        };
        self.set_finalizer(&id, address, PROTECT, false).await
    }

    /// Sets or takes away a finalizer, over the object as it was read.
    async fn set_finalizer(
        &self,
        id: &Id,
        object: &Value,
        finalizer: &str,
        is_wanted: bool,
    ) -> Result<()> {
        let known = object.pointer("/metadata/finalizers");
        let known = known.and_then(Value::as_array).into_iter().flatten();
        let known: Vec<&str> = known.filter_map(Value::as_str).collect();
        if known.contains(&finalizer) == is_wanted {
            return Ok(());
        }
        let mut next: Vec<&str> = known.into_iter().filter(|it| *it != finalizer).collect();
        if is_wanted {
            next.push(finalizer);
        }
        let (api, _) = self.api(id.kind, &id.namespace).await?;
        let patch = json!({"metadata": {
            "resourceVersion": object.pointer("/metadata/resourceVersion"),
            "finalizers": next,
        }});
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let patched = api
            .patch(&id.name, &parameters, &Patch::Merge(&patch))
            .await;
        ignore_absent(patched.map(drop))
    }

    async fn write_status(&self, id: &Id, verdict: &Verdict) -> Result<()> {
        let found = self
            .reader
            .object(&id.namespace, Kind::IPAddressClaim, &id.name)
            .await?;
        let Some(claim) = found else { return Ok(()) };
        let Some(patch) = status_patch(&claim, verdict, Timestamp::now()) else {
            return Ok(());
        };
        let (api, _) = self.api(Kind::IPAddressClaim, &id.namespace).await?;
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let patched = api
            .patch_status(&id.name, &parameters, &Patch::Merge(&patch))
            .await;
        ignore_absent(patched.map(drop))
    }

    /// The claims that a change of this object may concern.
    pub(crate) fn concerned(objects: &Objects, id: &Id) -> Vec<Id> {
        match id.kind {
            Kind::IPAddressClaim => vec![id.clone()],
            Kind::IPAddress => vec![Id {
                kind: Kind::IPAddressClaim,
                ..id.clone()
            }],
            Kind::Cluster => {
                let mut all = objects.ids(Kind::IPAddressClaim);
                all.retain(|claim| claim.namespace == id.namespace);
                all
            }
            _ => Vec::new(),
        }
    }

    fn store(&self) -> KubeStore {
        KubeStore::new(self.client.clone())
    }
}

/// What is already gone is as it should be.
fn ignore_absent(outcome: kube::Result<()>) -> Result<()> {
    match outcome {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        outcome => Ok(outcome?),
    }
}
