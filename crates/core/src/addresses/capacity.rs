//! Whether a pool could serve what would be added, told where people write it and not where machines
//! are made: a machine that cannot be made is tried again for ever.
//!
//! What counts is what the stored objects ask for, machines that are still to come included: control
//! planes and deployments with the machines that a rollout adds, and one address for each cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{of_cluster, own_name, tenant};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::ipam::{Capacity, Pool, Purpose, State, capacity};
use crate::json::{is_unset, text_at};
use crate::site::{NetworkAddresses, Trust};
use crate::topology::{self, Role};
use crate::{Code, Kind, keys};

/// The machines that an object asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) machines: u64,
    /// Machines that a rollout adds for a while.
    pub(crate) surge: u64,
}

impl Demand {
    fn sum(self) -> u64 {
        self.machines.saturating_add(self.surge)
    }

    fn and(self, other: Self) -> Self {
        Self {
            machines: self.machines.saturating_add(other.machines),
            surge: self.surge.saturating_add(other.surge),
        }
    }
}

/// The kinds that ask for machines on their own.
const GROUPS: [Kind; 4] = [
    Kind::KubeadmControlPlane,
    Kind::MachineDeployment,
    Kind::MachinePool,
    Kind::MachineSet,
];

/// What an object asks for: a Cluster by its topology, everything else by its replicas.
pub(crate) fn demand(object: &Value) -> Demand {
    let topology = object.pointer("/spec/topology");
    if topology.is_some_and(|topology| !is_unset(topology)) {
        return of_topology(object);
    }
    let most = most(object);
    let written = object.pointer("/spec/replicas").and_then(Value::as_u64);
    let Some(machines) = written.max(most) else {
        return Demand::default();
    };
    let surge = match text_at(object, "/kind") {
        Some("MachineSet" | "MachinePool") => 0,
        _ => surge(object.pointer("/spec"), machines),
    };
    Demand { machines, surge }
}

/// So many machines the autoscaler may make of a group.
pub(crate) fn most(object: &Value) -> Option<u64> {
    let annotations = object.pointer("/metadata/annotations")?;
    let written = annotations.get(keys::AUTOSCALER_MOST)?.as_str()?;
    written.trim().parse().ok()
}

fn of_topology(cluster: &Value) -> Demand {
    let asked = topology::walk(cluster).map(|group| {
        let written = group.of(cluster);
        let replicas = written.get("replicas").and_then(Value::as_u64);
        let machines = replicas.unwrap_or(1).max(most(written).unwrap_or_default());
        let surge = match group.role {
            Role::ControlPlane => 1,
            Role::Deployment => surge(Some(written), machines),
            Role::Pool => 0,
        };
        Demand { machines, surge }
    });
    asked.fold(Demand::default(), Demand::and)
}

/// Cluster API adds one machine where nothing else is said. What has no machines adds none.
pub(crate) fn surge(spec: Option<&Value>, machines: u64) -> u64 {
    const PLACES: [&str; 3] = [
        "/rolloutStrategy/rollingUpdate/maxSurge",
        "/strategy/rollingUpdate/maxSurge",
        "/rollout/strategy/rollingUpdate/maxSurge",
    ];
    if machines == 0 {
        return 0;
    }
    let said = PLACES.iter().find_map(|place| spec?.pointer(place));
    match said {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(1),
        Some(Value::String(text)) => {
            let percent = text
                .strip_suffix('%')
                .and_then(|text| text.parse::<u64>().ok());
            percent.map_or(1, |percent| machines.saturating_mul(percent).div_ceil(100))
        }
        _ => 1,
    }
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let (pointer, before) = match context.kind() {
        Kind::Cluster => ("/spec/topology", draft.old().map(demand)),
        kind if GROUPS.contains(&kind) => ("/spec/replicas", draft.old().map(demand)),
        _ => return,
    };
    // What controllers make was counted where a person wrote it, and what is brought along runs.
    if context.trust() == Trust::Controller || context.is_adoption() {
        return;
    }
    let after = demand(draft.object());
    let is_new_cluster = context.kind() == Kind::Cluster && before.is_none();
    let grows = before.is_none_or(|before| after.sum() > before.sum());
    if grows && (after.sum() > 0 || is_new_cluster) {
        let name = own_name(context, draft).unwrap_or_default().to_owned();
        let facts = Facts::of(draft.object());
        judge(context, draft, pointer, &name, &facts);
    }
}

/// A number of machines that is written by itself.
pub(crate) fn check_scale(context: &Context<'_>, draft: &mut Draft<'_>, stored: &Facts) {
    const REPLICAS: &str = "/spec/replicas";
    let Some(machines) = draft.get(REPLICAS).and_then(Value::as_u64) else {
        return;
    };
    if machines <= stored.demand.machines || context.trust() == Trust::Controller {
        return;
    }
    let facts = Facts {
        demand: Demand {
            machines,
            surge: stored
                .demand
                .surge
                .max(u64::from(stored.demand.machines == 0)),
        },
        ..stored.clone()
    };
    let name = context.request.name.clone();
    judge(context, draft, REPLICAS, &name, &facts);
}

/// Refuses what the pool of the object's cluster could not serve.
fn judge(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str, name: &str, facts: &Facts) {
    let Some(cluster) = cluster_of(context, name, facts) else {
        return;
    };
    let Some(pools) =
        of_cluster(context, &cluster).or_else(|| of_topology_cluster(context, &cluster))
    else {
        return;
    };
    let name_of_pool = pools.nodes.as_deref();
    let Some(pool) = name_of_pool.and_then(|name| context.pool(name).ok()) else {
        return;
    };
    let tenant = tenant(context);
    let needs_endpoint = pools.endpoints() == pools.nodes.as_deref();
    let wanted = wanted(context, name, facts, pool.name(), needs_endpoint);
    let held = held_elsewhere(context, pool, &tenant);
    let capacity = capacity(pool, &context.ledger(), &tenant);
    let usable = capacity.usable().saturating_sub(held);
    if u128::from(wanted) <= usable {
        return;
    }
    // Nobody is refused for what only a cache says.
    context.look_at_leases(&tenant);
    let message = words(pool, &capacity, wanted, usable, held);
    let hint = match u64::try_from(usable) {
        Ok(usable) => format!(
            "ask for {} less, or an admin for more",
            wanted.saturating_sub(usable)
        ),
        Err(_) => "ask an admin for more".to_owned(),
    };
    draft.found(Code::CapacityExceeded, pointer, message, Some(hint));
}

/// A Cluster of a topology gets its infrastructure later; on a site with vSphere it stands there.
fn of_topology_cluster<'a>(context: &Context<'a>, cluster: &Facts) -> Option<&'a NetworkAddresses> {
    let is_new = cluster.infrastructure_ref.is_none() && cluster.demand != Demand::default();
    let vsphere = context.site().spec().vsphere.as_ref();
    vsphere.filter(|_| is_new).map(|vsphere| &vsphere.addresses)
}

fn words(pool: &Pool, capacity: &Capacity, wanted: u64, usable: u128, held: u128) -> String {
    let mut text = format!(
        "pool {}: all machines of the tenant, those that rollouts add and the clusters' own addresses would be {wanted}, and {usable} are to be had",
        pool.name()
    );
    if pool.spec().block_size.is_some() {
        text.push_str(&format!(
            " (blocks: {}, further ones: {})",
            capacity.blocks, capacity.further_blocks
        ));
    }
    if capacity.cooling > 0 {
        text.push_str(&format!(", {} are cooling", capacity.cooling));
    }
    if held > 0 {
        text.push_str(&format!(", {held} are held by others of the tenant"));
    }
    text
}

fn cluster_of(context: &Context<'_>, name: &str, facts: &Facts) -> Option<Facts> {
    if context.kind() == Kind::Cluster {
        return Some(facts.clone());
    }
    match &facts.cluster {
        Some(cluster) => context.cluster(cluster).cloned(),
        None => context
            .cluster_that_refers_to(context.kind(), name)
            .map(|(_, cluster)| cluster.clone()),
    }
}

/// All addresses that the objects of the namespace ask for out of a pool, with the object of the
/// request as it would be.
fn wanted(
    context: &Context<'_>,
    name: &str,
    facts: &Facts,
    pool: &str,
    needs_endpoint: bool,
) -> u64 {
    let inventory = context.inventory();
    let own = (context.kind(), name);
    let is_pools = |cluster: &Facts| {
        let pools = of_cluster(context, cluster).or_else(|| of_topology_cluster(context, cluster));
        pools.and_then(|pools| pools.nodes.as_deref()) == Some(pool)
    };
    let mut topologies: BTreeMap<&str, Demand> = BTreeMap::new();
    let mut clusters: BTreeSet<&str> = BTreeSet::new();
    for (name, cluster) in inventory.all(Kind::Cluster) {
        if (Kind::Cluster, name) != own && is_pools(cluster) {
            clusters.insert(name);
            topologies.insert(name, cluster.demand);
        }
    }
    if context.kind() == Kind::Cluster {
        clusters.insert(name);
        topologies.insert(name, facts.demand);
    }
    let mut groups: BTreeMap<&str, Demand> = BTreeMap::new();
    let mut add = |kind: Kind, name: &str, group: &Facts| {
        let by_reference = || {
            let refers = |cluster: &Facts| {
                let reference = cluster.control_plane_ref.as_ref();
                reference.is_some_and(|r| r.kind == kind.as_str() && r.name == name)
            };
            if own.0 == Kind::Cluster && refers(facts) {
                return Some(own.1);
            }
            let found = inventory
                .all(Kind::Cluster)
                .find(|(_, cluster)| refers(cluster));
            found.map(|(name, _)| name)
        };
        let named = group
            .cluster
            .as_deref()
            .and_then(|name| clusters.get(name).copied());
        let cluster = named.or_else(|| by_reference().filter(|name| clusters.contains(name)));
        // A MachineSet that a deployment made is the deployment's.
        let is_owned = !group.owner_uids.is_empty();
        let is_made = kind == Kind::MachineSet && group.is_of_deployment && is_owned;
        if let Some(cluster) = cluster.filter(|_| !is_made) {
            let all = groups.entry(cluster).or_default();
            *all = all.and(group.demand);
        }
    };
    for kind in GROUPS {
        for (name, group) in inventory.all(kind).filter(|(name, _)| (kind, *name) != own) {
            add(kind, name, group);
        }
    }
    if GROUPS.contains(&context.kind()) {
        add(context.kind(), name, facts);
    }
    let machines = clusters.iter().map(|cluster| {
        let of =
            |demands: &BTreeMap<&str, Demand>| demands.get(cluster).copied().unwrap_or_default();
        of(&topologies).sum().max(of(&groups).sum())
    });
    let endpoints = if needs_endpoint {
        clusters.len() as u64
    } else {
        0
    };
    machines.fold(endpoints, u64::saturating_add)
}

/// The tenant's addresses that stand for none of those machines: in its other namespaces,
/// and of what is outside of Kubernetes.
fn held_elsewhere(context: &Context<'_>, pool: &Pool, tenant: &str) -> u128 {
    let namespace = context.request.namespace.as_str();
    let ledger = context.ledger();
    let others = ledger.of_tenant(tenant).filter(|lease| {
        let is_counted = lease.spec.holder.namespace == namespace
            && matches!(
                lease.spec.purpose,
                Purpose::Node | Purpose::Endpoint | Purpose::Claim
            );
        lease.spec.pool == pool.name()
            && lease.spec.purpose != Purpose::Block
            && lease.spec.state != State::Releasing
            && !is_counted
    });
    others.count() as u128
}
