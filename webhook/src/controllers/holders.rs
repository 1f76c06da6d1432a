//! Who holds a lease: what caches and the API server tell of the objects that may carry it.

use std::sync::Arc;

use basphere_core::Kind;
use basphere_core::ipam::{Holder, Holding, Lease, Purpose, SlotKind, State, Step};
use basphere_ipam::{Holders, StoreError};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::carriers::{
    INFRASTRUCTURE, has_address, has_endpoint, has_network, has_range, is_moving, refers_to, text,
    uid,
};
use super::events::{Teller, Told};
use super::objects::{Id, Objects};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::world::World;

/// Knows the objects of the cluster.
pub(crate) struct ClusterHolders {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) teller: Teller,
}

/// What must be looked at to know whether a lease is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    One(Id),
    All(Kind, String),
}

/// What was found there.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<(Kind, Arc<Value>)>,
    /// The holder was moved to another management cluster.
    has_moved: bool,
}

/// The holder as an object; `None` for what is no object of a kind that we know.
fn holder_id(lease: &Lease) -> Option<Id> {
    let holder = &lease.spec.holder;
    let kind = Kind::ALL.iter().find(|kind| kind.as_str() == holder.kind)?;
    Some(Id::new(*kind, &holder.namespace, &holder.name))
}

fn sources(lease: &Lease) -> Vec<Source> {
    let Some(holder) = holder_id(lease) else {
        return Vec::new();
    };
    let namespace = holder.namespace.clone();
    let all = |kind| Source::All(kind, namespace.clone());
    let more = match lease.spec.purpose {
        Purpose::Endpoint => INFRASTRUCTURE
            .into_iter()
            .chain([Kind::KubeadmControlPlane])
            .map(all)
            .collect(),
        Purpose::Claim => vec![Source::One(Id {
            kind: Kind::IPAddress,
            ..holder.clone()
        })],
        _ => Vec::new(),
    };
    let is_among = more
        .iter()
        .any(|source| matches!(source, Source::All(kind, _) if *kind == holder.kind));
    let one = (!is_among).then_some(Source::One(holder));
    one.into_iter().chain(more).collect()
}

/// What the objects tell, if they are all there are.
fn judge(lease: &Lease, found: &Found) -> Holding {
    let spec = &lease.spec;
    let address = lease.slot.span.first();
    let is_holder = |(kind, object): &&(Kind, Arc<Value>)| {
        kind.as_str() == spec.holder.kind
            && text(object, "/metadata/name") == Some(spec.holder.name.as_str())
    };
    let holder = found.objects.iter().find(is_holder).map(|(_, it)| &**it);
    let carries = |kind: Kind, object: &Value| match spec.purpose {
        Purpose::Node => has_address(kind, object, address),
        Purpose::Endpoint => has_endpoint(kind, object, address),
        Purpose::LoadBalancer => has_range(object, lease),
        Purpose::Network => has_network(object, lease),
        Purpose::Claim => match kind {
            Kind::IPAddress => has_claimed(object, lease),
            // Which of two addresses it is, the IPAddress says once there is one.
            _ => !found
                .objects
                .iter()
                .any(|(kind, _)| *kind == Kind::IPAddress),
        },
        Purpose::Block | Purpose::Import => false,
    };
    let mut carriers = found
        .objects
        .iter()
        .filter(|(kind, object)| carries(*kind, object));
    let carrier = carriers.next().map(|(_, object)| &**object);
    let moves = holder.or(carrier).is_some_and(is_moving) || carrier.is_some_and(is_moving);
    match (holder.or(carrier).and_then(uid), carrier) {
        (_, _) if moves => Holding::Moving,
        (_, None) if found.has_moved => Holding::Moving,
        (Some(uid), Some(_)) => Holding::Carries {
            uid: uid.to_owned(),
        },
        _ if holder.is_some() => Holding::HasNot,
        _ => Holding::Gone,
    }
}

/// Whether an IPAddress has the address of a lease.
fn has_claimed(object: &Value, lease: &Lease) -> bool {
    let written = text(object, "/spec/address").and_then(|address| address.parse().ok());
    written == Some(lease.slot.span.first())
}

impl ClusterHolders {
    /// What the caches show; what they do not show is not certain.
    fn cached_objects(&self, lease: &Lease) -> Found {
        let mut objects = Vec::new();
        for source in sources(lease) {
            match source {
                Source::One(id) => {
                    objects.extend(self.objects.get(&id).map(|object| (id.kind, object)));
                }
                Source::All(kind, namespace) => {
                    let all = self.objects.all(kind, &namespace).into_iter();
                    objects.extend(all.map(|object| (kind, object)));
                }
            }
        }
        Found {
            objects,
            has_moved: self.has_moved(lease),
        }
    }

    fn has_moved(&self, lease: &Lease) -> bool {
        holder_id(lease).is_some_and(|id| self.objects.has_moved(&id))
    }

    async fn live_objects(&self, lease: &Lease) -> Result<Found, StoreError> {
        let reads = sources(lease).into_iter().map(|source| async move {
            let (kind, read) = match source {
                Source::One(id) => {
                    let found = self.reader.object(&id.namespace, id.kind, &id.name).await;
                    (id.kind, found.map(|found| found.into_iter().collect()))
                }
                Source::All(kind, namespace) => {
                    (kind, self.reader.list(Some(&namespace), kind).await)
                }
            };
            let objects: Vec<Value> = read.map_err(unanswered)?;
            let objects = objects.into_iter().map(|object| (kind, Arc::new(object)));
            Ok::<Vec<_>, StoreError>(objects.collect())
        });
        Ok(Found {
            objects: try_join_all(reads).await?.into_iter().flatten().collect(),
            has_moved: self.has_moved(lease),
        })
    }

    /// A tenant lives as long as it has a Tenant object or a namespace.
    async fn live_tenant(&self, lease: &Lease) -> Result<Holding, StoreError> {
        let tenant = &lease.spec.tenant;
        let tenants: Api<basphere_api::Tenant> = Api::all(self.client.clone());
        let found = tenants.get_opt(tenant).await.map_err(unanswered)?;
        let mut uid = found.and_then(|tenant| tenant.uid());
        if uid.is_none() {
            let site = self.world.site();
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            let listed = namespaces.list_metadata(&ListParams::default()).await;
            let mut listed = listed.map_err(unanswered)?.items.into_iter();
            let is_owned = |namespace: &kube::api::PartialObjectMeta<Namespace>| {
                let labels = namespace.labels();
                let label = labels.get(basphere_core::keys::OWNER).map(String::as_str);
                site.as_ref().is_some_and(|site| {
                    site.namespace_owner(&namespace.name_any(), label).as_ref() == Some(tenant)
                })
            };
            uid = listed.find(is_owned).and_then(|namespace| namespace.uid());
        }
        // Of several objects that let it live the first one found is as good as any other.
        let uid = uid.map(|uid| lease.spec.holder.uid.clone().unwrap_or(uid));
        Ok(uid.map_or(Holding::Gone, |uid| Holding::Carries { uid }))
    }

    fn cached_tenant(&self, lease: &Lease) -> Holding {
        match &lease.spec.holder.uid {
            Some(uid) if self.world.has_namespace_of(&lease.spec.tenant) => {
                Holding::Carries { uid: uid.clone() }
            }
            _ => Holding::Unseen,
        }
    }
}

impl Holders for ClusterHolders {
    fn cached(&self, lease: &Lease) -> Holding {
        if lease.slot.kind == SlotKind::Block {
            return self.cached_tenant(lease);
        }
        match judge(lease, &self.cached_objects(lease)) {
            Holding::Gone | Holding::HasNot => Holding::Unseen,
            certain => certain,
        }
    }

    async fn live(&self, lease: &Lease) -> Result<Holding, StoreError> {
        if lease.slot.kind == SlotKind::Block {
            return self.live_tenant(lease).await;
        }
        Ok(judge(lease, &self.live_objects(lease).await?))
    }

    fn successor(&self, lease: &Lease) -> Option<Holder> {
        let spec = &lease.spec;
        let kind = holder_id(lease)?.kind;
        let is_stand_in = INFRASTRUCTURE.contains(&kind) || kind == Kind::KubeadmControlPlane;
        if spec.purpose != Purpose::Endpoint || !is_stand_in {
            return None;
        }
        let clusters = self.objects.all(Kind::Cluster, &spec.holder.namespace);
        let cluster = clusters
            .iter()
            .find(|cluster| refers_to(cluster, kind.as_str(), &spec.holder.name))?;
        Some(Holder {
            kind: Kind::Cluster.as_str().to_owned(),
            namespace: spec.holder.namespace.clone(),
            name: text(cluster, "/metadata/name")?.to_owned(),
            ..Holder::default()
        })
    }

    fn taken(&self, lease: &Lease, step: &Step) {
        let pool = &lease.spec.pool;
        let addresses = &self.metrics.addresses;
        match (step, lease.spec.state) {
            (Step::Release, State::Reserved) => addresses.reclaimed(pool),
            (Step::Release, _) => addresses.orphaned(pool),
            _ => {}
        }
        if *step == Step::MoveAway
            && let Some(id) = holder_id(lease)
        {
            self.objects.forget_move(&id);
        }
        if let Some(told) = told(lease, step) {
            self.teller.tell(told);
        }
    }
}

/// What is told of a step, on the object that has or had the lease; of a reservation that nobody
/// carries on the one that asked for it.
fn told(lease: &Lease, step: &Step) -> Option<Told> {
    let spec = &lease.spec;
    let address = lease.slot.text();
    let (reason, note) = match (step, spec.state) {
        (_, _) if spec.purpose == Purpose::Block => return None,
        (Step::Bind { .. }, State::Bound) => return None,
        (Step::Bind { .. }, _) => ("AddressBound", format!("{address} is its own")),
        (Step::Release, State::Reserved) => (
            "AddressReclaimed",
            format!(
                "{address} was reserved for {}, which was never stored with it",
                spec.holder
            ),
        ),
        (Step::Release, _) => (
            "AddressReleased",
            format!("{address} is free again after a while"),
        ),
        (Step::MoveAway, _) => (
            "AddressMovedAway",
            format!("{address} is kept for what was moved to another management cluster"),
        ),
        _ => return None,
    };
    let holder = &spec.holder;
    let is_reclaimed = reason == "AddressReclaimed";
    let (kind, name, uid) = match (&spec.owner, step) {
        (Some(owner), _) if is_reclaimed => (&owner.kind, &owner.name, Some(owner.uid.clone())),
        (_, Step::Bind { uid }) => (&holder.kind, &holder.name, Some(uid.clone())),
        _ => (&holder.kind, &holder.name, holder.uid.clone()),
    };
    Some(Told {
        kind: kind.clone(),
        namespace: holder.namespace.clone(),
        name: name.clone(),
        uid,
        is_warning: is_reclaimed,
        reason,
        note,
    })
}

fn unanswered(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unanswered(error.to_string())
}

#[cfg(test)]
mod tests;
