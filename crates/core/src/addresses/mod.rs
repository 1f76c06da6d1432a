//! Static addresses on objects: endpoints, nodes and load balancers get theirs from leases, and
//! whatever address stands in an object is a lease of its holder, whoever put it there.
//!
//! Endpoints and machines are completed also where other defaults have stopped, on objects of the
//! topology controller too: Cluster API leaves these fields to others.

mod capacity;
mod endpoint;
mod kube_vip;
mod moves;
mod networks;
mod nodes;
mod pool_refs;
mod ports;
mod ranges;
pub(crate) mod resources;
mod topology;

use std::net::IpAddr;

use serde_json::Value;

use crate::change::Draft;
use crate::context::Context;
use crate::inventory::{Facts, owner_refs};
use crate::ipam::{Asker, Desk, Holder, Owner, Pool, Purpose, Refusal};
use crate::json::{field_path, text_at};
use crate::site::{NetworkAddresses, OpenStackCloud};
use crate::{Code, Finding, Kind, ownership};

pub(crate) use capacity::{Demand, demand, most, surge};
pub(crate) use endpoint::makes_its_own;
pub use kube_vip::address_in as kube_vip_address;
pub(crate) use kube_vip::is_written_here as is_kube_vip_ours;
pub(crate) use networks::{Taken, claim as claim_networks, is_leased as is_network_leased};

/// Gives addresses to what has none yet.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.is_deleting() || context.is_topology_dry_run() {
        return;
    }
    match context.kind() {
        Kind::VSphereCluster | Kind::OpenStackCluster | Kind::Metal3Cluster => {
            endpoint::complete(context, draft);
        }
        Kind::KubeadmControlPlane => kube_vip::complete(context, draft),
        Kind::VSphereMachine => nodes::complete(context, draft),
        Kind::OpenStackMachine => ports::complete(context, draft),
        Kind::Cluster => {
            topology::complete(context, draft);
            ranges::complete(context, draft);
        }
        _ => {}
    }
}

/// Checks that every address is a lease of its holder, and that there are enough of them.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.is_deleting() || context.is_topology_dry_run() || context.is_shown_only() {
        return;
    }
    if moves::check(context, draft) {
        return;
    }
    match context.kind() {
        Kind::VSphereCluster | Kind::OpenStackCluster | Kind::Metal3Cluster => {
            endpoint::check(context, draft);
        }
        Kind::IPAddressClaim => pool_refs::check(context, draft),
        Kind::Cluster => {
            endpoint::check_cluster(context, draft);
            ranges::check(context, draft);
        }
        Kind::KubeadmControlPlane => kube_vip::check(context, draft),
        Kind::VSphereMachine => nodes::check(context, draft),
        Kind::OpenStackMachine => ports::check(context, draft),
        Kind::VSphereMachineTemplate => nodes::check_template(context, draft),
        _ => {}
    }
    capacity::check(context, draft);
}

/// Checks that there are enough addresses for a number of machines that is written by itself.
pub(crate) use capacity::check_scale;

/// The AddressPools of the network that a Cluster's machines are in.
fn of_cluster<'a>(context: &Context<'a>, cluster: &Facts) -> Option<&'a NetworkAddresses> {
    let spec = context.site().spec();
    match cluster.infrastructure_ref.as_ref()?.kind.as_str() {
        "VSphereCluster" => Some(&spec.vsphere.as_ref()?.addresses),
        "OpenStackCluster" => {
            let openstack = spec.openstack.as_ref()?;
            let name = context.cloud_of(cluster)?;
            Some(&openstack.clouds.get(name)?.addresses)
        }
        "Metal3Cluster" => Some(&spec.metal3.as_ref()?.addresses),
        _ => None,
    }
}

/// The AddressPools of the network that an object of a provider stands in.
fn of_object<'a>(context: &Context<'a>, draft: &Draft<'_>) -> Option<&'a NetworkAddresses> {
    let spec = context.site().spec();
    match context.kind() {
        Kind::VSphereCluster | Kind::VSphereMachine | Kind::VSphereMachineTemplate => {
            Some(&spec.vsphere.as_ref()?.addresses)
        }
        Kind::OpenStackCluster | Kind::OpenStackMachine => Some(&cloud(context, draft)?.addresses),
        Kind::Metal3Cluster => Some(&spec.metal3.as_ref()?.addresses),
        _ => None,
    }
}

/// The cloud of an object of OpenStack: the one that it names, or its cluster's.
fn cloud<'a>(context: &Context<'a>, draft: &Draft<'_>) -> Option<&'a OpenStackCloud> {
    let openstack = context.site().spec().openstack.as_ref()?;
    let named = ["/spec/cloudName", "/spec/identityRef/cloudName"]
        .into_iter()
        .find_map(|pointer| draft.text(pointer));
    let of_cluster = || {
        let (_, cluster) = context.cluster_of(context.request.object.as_ref()?)?;
        context.cloud_of(cluster?)
    };
    openstack.clouds.get(named.or_else(of_cluster)?)
}

/// The pool of that name; what is wrong with it becomes a finding.
fn pool<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    pointer: &str,
    name: &str,
) -> Option<&'a Pool> {
    match context.pool(name) {
        Ok(pool) => Some(pool),
        Err(None) => None,
        Err(Some(reason)) => {
            let finding =
                Finding::new(Code::PoolNotReady, field_path(pointer), Value::Null, reason);
            draft.finding(finding.hint("ask an admin"));
            None
        }
    }
}

/// The same for what an object gets when it is created: a stored one is changed as it is, whatever is
/// wrong with the pool.
fn pool_at_create<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    pointer: &str,
    name: &str,
) -> Option<&'a Pool> {
    if context.is_create() {
        pool(context, draft, pointer, name)
    } else {
        context.pool(name).ok()
    }
}

/// Makes an address that stands in an object the asker's; what an admin brings along is in use already.
fn take(
    context: &Context<'_>,
    desk: &mut Desk<'_>,
    pool: &Pool,
    address: IpAddr,
    asker: &Asker<'_>,
) -> Result<(), Refusal> {
    if context.is_adoption() {
        desk.carried(pool, address, asker)
    } else {
        desk.named(pool, address, asker)
    }
}

/// The tenant that an address counts for; what belongs to none counts for its namespace.
fn tenant(context: &Context<'_>) -> String {
    ownership::owner(context).unwrap_or_else(|| context.request.namespace.clone())
}

/// The name of the object, when it has one already.
fn own_name<'a>(context: &'a Context<'_>, draft: &'a Draft<'_>) -> Option<&'a str> {
    draft
        .text("/metadata/name")
        .or(Some(context.request.name.as_str()))
        .filter(|name| !name.is_empty())
}

fn holder(context: &Context<'_>, kind: Kind, name: &str, device: &str) -> Holder {
    Holder {
        kind: kind.as_str().to_owned(),
        namespace: context.request.namespace.clone(),
        name: name.to_owned(),
        device: device.to_owned(),
        uid: None,
    }
}

fn asker<'a>(tenant: &'a str, holder: Holder, purpose: Purpose) -> Asker<'a> {
    Asker {
        tenant,
        holder,
        owner: None,
        wanted: None,
        purpose,
    }
}

/// Who makes a machine: the first of its owners. It is its own owner when it has none.
fn owner_of(object: &Value) -> Option<Owner> {
    let owner = owner_refs(object).next()?;
    let text = |key: &str| owner.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Owner {
        kind: text("kind")?,
        name: text("name")?,
        uid: text("uid").filter(|uid| !uid.is_empty())?,
    })
}

/// Asker for one device of a machine.
fn machine<'a>(
    context: &Context<'_>,
    draft: &Draft<'_>,
    tenant: &'a str,
    device: usize,
) -> Option<Asker<'a>> {
    let name = own_name(context, draft)?;
    let owner = owner_of(draft.object());
    let wanted = owner
        .as_ref()
        .and_then(|owner| context.wanted_by(&owner.kind, &owner.name));
    Some(Asker {
        owner,
        wanted,
        ..asker(
            tenant,
            holder(context, context.kind(), name, &device.to_string()),
            Purpose::Node,
        )
    })
}

/// Refuses a reference to a pool that is none of the offered AddressPools.
fn refuse_pool(draft: &mut Draft<'_>, reference: &str, offered: &[&str]) {
    let text = |field: &str| draft.text(&format!("{reference}/{field}"));
    let is_ours = text("apiGroup") == Some("basphere.dev") && text("kind") == Some("AddressPool");
    let is_offered = text("name").is_some_and(|name| offered.contains(&name));
    if is_ours && is_offered {
        return;
    }
    let message = match offered {
        [] => "the site has no pool of addresses for machines".to_owned(),
        offered => format!(
            "machines have addresses of the AddressPool {}",
            offered.join(" or ")
        ),
    };
    let hint = Some("leave it out, addresses are given to machines".to_owned());
    draft.found(Code::PoolNotOffered, reference, message, hint);
}

/// A refusal as a finding at a pointer.
fn refused(draft: &mut Draft<'_>, pointer: &str, refusal: &Refusal) {
    let code = match refusal {
        Refusal::Exhausted { .. } => Code::AddressesExhausted,
        Refusal::ReservedInVain { .. } => Code::ReservedInVain,
        Refusal::Rival => Code::ReservationFailed,
        Refusal::Held { .. } | Refusal::Cooling { .. } => Code::AddressTaken,
        Refusal::NotOffered { .. } | Refusal::OutsideBlocks { .. } => Code::AddressNotOffered,
    };
    draft.found(code, pointer, refusal.to_string(), Some(refusal.hint()));
}

/// An address as it stands in an object, with or without the length of a prefix.
fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    // `::ffff:10.0.0.1` is 10.0.0.1 in other clothes.
    Some(address.to_canonical())
}

/// Whether what stands at a pointer is what was stored.
fn is_unchanged(draft: &Draft<'_>, pointer: &str) -> bool {
    let stored = draft.old().and_then(|old| text_at(old, pointer));
    stored.is_some() && stored == draft.text(pointer)
}
