//! Reservations at the API server: leases are created, replaced and deleted there, and nowhere else.

use std::sync::Arc;
use std::time::Instant;

use basphere_api::crd::{AddressLease, lease_selector};
use basphere_core::ipam::{Claim, Lease, Listed, Selection};
use basphere_ipam::{Failed, Registrar, Store, StoreError};
use futures::future::BoxFuture;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use tracing::warn;

use crate::metrics::Metrics;
use crate::register::FIELD_MANAGER;
use crate::world::World;

/// Where claims are carried out.
pub trait Desk: Send + Sync + 'static {
    /// Carries out claims in their order.
    fn carry_out<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), Failed>>;
}

/// Carries out claims at the API server.
pub struct KubeDesk {
    registrar: Registrar<KubeStore>,
    world: Arc<World>,
    metrics: Arc<Metrics>,
}

impl KubeDesk {
    /// A desk that writes by this client, and takes note in this world.
    #[must_use]
    pub fn new(client: Client, world: Arc<World>, metrics: Arc<Metrics>) -> Self {
        let registrar = Registrar::new(KubeStore::new(client), Arc::clone(world.book()));
        Self {
            registrar,
            world,
            metrics,
        }
    }
}

impl Desk for KubeDesk {
    fn carry_out<'a>(&'a self, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), Failed>> {
        Box::pin(async move {
            let started = Instant::now();
            let pools = self.world.pools();
            let outcome = self.registrar.carry_out(claims, &pools).await;
            let was_overtaken = outcome == Err(Failed::Overtaken);
            self.metrics
                .addresses
                .reserved(started.elapsed(), was_overtaken);
            outcome
        })
    }
}

/// Leases at the API server.
#[derive(Clone)]
pub struct KubeStore {
    api: Api<AddressLease>,
}

impl KubeStore {
    /// A store over this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            api: Api::all(client),
        }
    }
}

impl Store for KubeStore {
    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let created = self.api.create(&written(), &AddressLease::of(lease)).await;
        stored(created.map_err(failure)?)
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let object = AddressLease::of(lease);
        let replaced = self.api.replace(&lease.name(), &written(), &object).await;
        stored(replaced.map_err(failure)?)
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        let preconditions = Preconditions {
            resource_version: Some(lease.resource_version.clone()),
            uid: Some(lease.uid.clone()),
        };
        let parameters = DeleteParams::default().preconditions(preconditions);
        let deleted = self.api.delete(&lease.name(), &parameters).await;
        deleted.map(drop).map_err(failure)
    }

    async fn list(&self, selection: &Selection) -> Result<Listed, StoreError> {
        list(&self.api, selection).await.map_err(failure)
    }
}

/// Lists leases. Without a resourceVersion a list is read from etcd's quorum, not from a watch cache;
/// a single lease is listed, too, since only a list tells as of which revision there is none.
pub(crate) async fn list(
    api: &Api<AddressLease>,
    selection: &Selection,
) -> Result<Listed, kube::Error> {
    let parameters = match selection {
        Selection::Name(name) => ListParams::default().fields(&format!("metadata.name={name}")),
        _ => ListParams::default().labels(&lease_selector(selection).unwrap_or_default()),
    };
    let found = api.list(&parameters).await?;
    let revision = found.metadata.resource_version.unwrap_or_default();
    Ok(Listed {
        revision: revision.parse().unwrap_or_default(),
        leases: found.items.into_iter().filter_map(readable).collect(),
    })
}

fn written() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn stored(object: AddressLease) -> Result<Lease, StoreError> {
    object
        .lease()
        .map_err(|error| StoreError::Refused(error.to_string()))
}

/// A lease of a list; what contradicts itself was written by hand, and takes no address.
pub(crate) fn readable(object: AddressLease) -> Option<Lease> {
    let lease = object.lease();
    if let Err(error) = &lease {
        warn!(name = object.name_any(), error = %error, "an AddressLease cannot be read");
    }
    lease.ok()
}

/// What an error of the API server means for what was to be stored.
pub(crate) fn failure(error: kube::Error) -> StoreError {
    match error {
        // Gone is as much of a conflict as changed, for whoever replaces or deletes.
        kube::Error::Api(status) if matches!(status.code, 404 | 409) => StoreError::Conflict,
        kube::Error::Api(status) if status.code < 500 && status.code != 429 => {
            StoreError::Refused(status.to_string())
        }
        other => StoreError::Unanswered(other.to_string()),
    }
}
