//! The address of a cluster's API server.
//!
//! Its holder is (namespace, Cluster), however the infrastructure is called. Until a Cluster refers
//! to an object that names or needs one, that object holds it; the Cluster takes it over.

use std::net::IpAddr;

use serde_json::Value;

use super::{
    asker, holder, is_unchanged, of_cluster, of_object, own_name, pool, refused, take, tenant,
    topology,
};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::ipam::{Asker, Holder, Pool, Purpose, Refusal};
use crate::json::{field_path, is_unset, text_at};
use crate::site::{NetworkAddresses, Trust};
use crate::{Code, Finding, Kind, Phase};

pub(super) const HOST: &str = "/spec/controlPlaneEndpoint/host";
const PORT: &str = "/spec/controlPlaneEndpoint/port";
/// The port of every API server that nobody names a port for.
const API_SERVER_PORT: u16 = 6443;

/// What names the address when the Cluster itself does.
const OWN: &str = "the Cluster";
/// The kinds that name the address of an API server.
const INFRASTRUCTURE: [Kind; 3] = [
    Kind::VSphereCluster,
    Kind::OpenStackCluster,
    Kind::Metal3Cluster,
];

/// Who holds the address: the Cluster, or what stands for it until there is one.
pub(super) struct Claimant<'a> {
    holder: Holder,
    /// Holders before the Cluster was there, and addresses that stored objects of it name.
    before: Vec<Holder>,
    named: Vec<(String, IpAddr)>,
    tenant: &'a str,
}

impl<'a> Claimant<'a> {
    /// A Cluster that is stored, or is being stored.
    pub(super) fn cluster(
        context: &Context<'_>,
        tenant: &'a str,
        name: &str,
        facts: &Facts,
    ) -> Self {
        let mut before = Vec::new();
        let mut named = Vec::new();
        let mut note = |what: &str, host: Option<&String>| {
            if let Some(address) = host.and_then(|host| host.parse().ok()) {
                named.push((what.to_owned(), address));
            }
        };
        note(OWN, facts.endpoint.as_ref());
        for kind in INFRASTRUCTURE {
            if let Some(reference) = &facts.infrastructure_ref
                && reference.kind == kind.as_str()
            {
                before.push(holder(context, kind, &reference.name, ""));
                let stored = context.other(kind, &reference.name);
                let what = format!("{kind} {}", reference.name);
                note(&what, stored.and_then(|stored| stored.endpoint.as_ref()));
            }
        }
        if let Some(reference) = &facts.control_plane_ref
            && reference.kind == Kind::KubeadmControlPlane.as_str()
        {
            let kind = Kind::KubeadmControlPlane;
            before.push(holder(context, kind, &reference.name, ""));
            // What Basphere wrote there follows the cluster's address.
            let stored = context.other(kind, &reference.name);
            let stored = stored.filter(|stored| !stored.is_vip_ours);
            let what = format!("kube-vip in {kind} {}", reference.name);
            note(&what, stored.and_then(|stored| stored.endpoint.as_ref()));
        }
        Self {
            holder: holder(context, Kind::Cluster, name, ""),
            before,
            named,
            tenant,
        }
    }

    /// The Cluster that refers to this object, or the object itself.
    pub(super) fn of(context: &Context<'_>, tenant: &'a str, kind: Kind, name: &str) -> Self {
        let found = context.cluster_that_refers_to(kind, name);
        match found.or_else(|| context.cluster_of_topology()) {
            Some((cluster, facts)) => Self::cluster(context, tenant, cluster, facts),
            None => Self {
                holder: holder(context, kind, name, ""),
                before: Vec::new(),
                named: Vec::new(),
                tenant,
            },
        }
    }

    fn asker(&self) -> Asker<'a> {
        asker(self.tenant, self.holder.clone(), Purpose::Endpoint)
    }

    /// What the other objects of the cluster say, and which says so.
    pub(super) fn said(&self) -> Option<&(String, IpAddr)> {
        self.named.first()
    }

    /// The address that the cluster has or gets.
    pub(super) fn choose(&self, context: &Context<'_>, pool: &Pool) -> Result<IpAddr, Refusal> {
        let asker = self.asker();
        context.at_desk(|desk| {
            desk.take_over(&self.before, &asker);
            match self.named.first() {
                Some((_, address)) => desk.named(pool, *address, &asker).map(|()| *address),
                None => desk.address(pool, &asker),
            }
        })
    }

    /// Makes an address that somebody has written the cluster's.
    pub(super) fn take(
        &self,
        context: &Context<'_>,
        pool: &Pool,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let asker = self.asker();
        context
            .at_desk(|desk| {
                desk.take_over(&self.before, &asker);
                take(context, desk, pool, address, &asker)
            })
            .map_err(|refusal| self.unless_rival(context, refusal))
    }

    /// An object that was let in before its Cluster was stored may meet what the Cluster got in between. One
    /// that is judged without a Cluster had its address a moment ago, when it was completed; since then the
    /// Cluster has come and taken it over, or a namesake of the Cluster has gone. The next attempt finds out.
    fn unless_rival(&self, context: &Context<'_>, refusal: Refusal) -> Refusal {
        let is_alone = self.holder.kind != Kind::Cluster.as_str();
        let is_late = is_alone && context.is_create() && context.request.phase == Phase::Validate;
        let is_unknown_cluster = |by: &Holder| {
            by.kind == Kind::Cluster.as_str()
                && by.namespace == self.holder.namespace
                && context.cluster(&by.name).is_none()
        };
        match &refusal {
            Refusal::Held { by: Some(by) } if self.before.iter().any(|it| it.is(by)) => {
                Refusal::Rival
            }
            Refusal::Held { by: Some(by) } if is_late && is_unknown_cluster(by) => Refusal::Rival,
            Refusal::Cooling { is_own: true } if is_late => Refusal::Rival,
            _ => refusal,
        }
    }

    /// Makes an address that is stored the cluster's, if nobody has it.
    fn keep(&self, context: &Context<'_>, pool: &Pool, address: IpAddr) {
        let asker = self.asker();
        // That it is somebody else's is no reason to refuse what changes nothing about it.
        context.at_desk(|desk| {
            desk.take_over(&self.before, &asker);
            desk.carried(pool, address, &asker).ok()
        });
    }

    /// Two of the cluster's objects that name different addresses: which, and what they say.
    fn dissent(&self) -> Option<[&(String, IpAddr); 2]> {
        let first = self.named.first()?;
        let other = self.named.iter().find(|(_, said)| *said != first.1)?;
        Some([first, other])
    }
}

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    complete_host(context, draft);
    if !context.is_topology_owned() && !context.is_adoption() {
        complete_port(draft);
    }
}

/// Puts the port in where only a host is named.
fn complete_port(draft: &mut Draft<'_>) {
    let is_unset = |port: Option<&Value>| port.is_none_or(|port| port.is_null() || port == 0);
    if !draft.has(HOST) || !is_unset(draft.get(PORT)) {
        return;
    }
    let stored = draft.old().and_then(|old| old.pointer(PORT));
    if !is_unset(stored) || draft.takes_defaults() {
        // v1beta1 writes 0 where it means unset.
        draft.remove("/spec/controlPlaneEndpoint", "port");
        draft.fill(PORT, API_SERVER_PORT);
    }
}

fn complete_host(context: &Context<'_>, draft: &mut Draft<'_>) {
    if draft.put_back(HOST) || context.is_adoption() || makes_its_own(draft.object()) {
        return;
    }
    let name = of_object(context, draft).and_then(|addresses| addresses.endpoints());
    // A generated name is not known yet; the address comes when it is.
    let (Some(pool_name), Some(own)) = (name, own_name(context, draft).map(str::to_owned)) else {
        return;
    };
    let Some(pool) = pool(context, draft, HOST, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    let claimant = Claimant::of(context, &tenant, context.kind(), &own);
    match claimant.choose(context, pool) {
        Ok(address) => {
            draft.set(HOST, Value::from(address.to_string()));
            if draft
                .get(PORT)
                .is_none_or(|port| port.is_null() || port == 0)
            {
                draft.remove("/spec/controlPlaneEndpoint", "port");
                draft.set(PORT, Value::from(API_SERVER_PORT));
            }
        }
        Err(refusal) => refused(draft, HOST, &refusal),
    }
}

/// CAPO makes a load balancer, or takes a floating address, and writes the endpoint itself.
pub(crate) fn makes_its_own(object: &Value) -> bool {
    let enabled = object.pointer("/spec/apiServerLoadBalancer/enabled") == Some(&Value::Bool(true));
    let floating = object.pointer("/spec/apiServerFloatingIP");
    enabled || floating.is_some_and(|address| !is_unset(address))
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    if !draft.has(HOST) || makes_its_own(draft.object()) {
        return;
    }
    let name = of_object(context, draft).and_then(|addresses| addresses.endpoints());
    let (Some(pool), Some(own)) = (name, own_name(context, draft).map(str::to_owned)) else {
        return;
    };
    check_at(context, draft, HOST, pool, |tenant| {
        Claimant::of(context, tenant, context.kind(), &own)
    });
}

/// A Cluster may name the address as well, and Cluster API copies it there.
pub(super) fn check_cluster(context: &Context<'_>, draft: &mut Draft<'_>) {
    topology::check_values(context, draft);
    let Some(name) = own_name(context, draft).map(str::to_owned) else {
        return;
    };
    let facts = Facts::of(draft.object());
    // One of a topology is given its infrastructure later.
    let addresses = of_cluster(context, &facts).or_else(|| topology::addresses(context, draft));
    let Some(pool) = addresses.and_then(NetworkAddresses::endpoints) else {
        return;
    };
    topology::check_address(context, draft, pool, &name, &facts);
    check_members(context, draft, pool, &name, &facts);
    if draft.has(HOST) {
        check_at(context, draft, HOST, pool, |tenant| {
            let mut claimant = Claimant::cluster(context, tenant, &name, &facts);
            // What it says itself is what is being judged.
            claimant.named.retain(|(what, _)| what != OWN);
            claimant
        });
    }
}

/// What was stored before its Cluster could not be compared; now it belongs together.
fn check_members(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool_name: &str,
    name: &str,
    facts: &Facts,
) {
    if !context.is_create() {
        return;
    }
    let tenant = tenant(context);
    let claimant = Claimant::cluster(context, &tenant, name, facts);
    if let Some([(what, said), (other, differs)]) = claimant.dissent() {
        let message =
            format!("{what} says {said} and {other} {differs}, and one cluster has one address");
        let finding = Finding::new(Code::EndpointDiffers, "spec", Value::Null, message);
        draft.finding(finding.hint("change one of them first"));
        return;
    }
    let Some((what, said)) = claimant.said().cloned() else {
        return;
    };
    let Some(pool) = pool(context, draft, "/spec", pool_name) else {
        return;
    };
    // What the Cluster names itself is judged where it stands.
    if what != OWN
        && let Err(refusal) = claimant.take(context, pool, said)
    {
        let message = format!("{what} says {said}: {refusal}");
        let (code, hint) = match refusal.is_passing() {
            true => (Code::ReservationFailed, "try again"),
            false => (Code::AddressTaken, "change it first"),
        };
        draft.finding(Finding::new(code, "spec", Value::Null, message).hint(hint));
    }
}

/// Checks an address that stands at a pointer, for whoever claims it.
pub(super) fn check_at(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pointer: &str,
    pool_name: &str,
    claimant: impl for<'t> FnOnce(&'t str) -> Claimant<'t>,
) {
    let Some(text) = draft.text(pointer).map(str::to_owned) else {
        return;
    };
    let Some(address) = text.parse::<IpAddr>().ok() else {
        let message = format!("the site's API servers have addresses of pool {pool_name}");
        let hint = Some("leave it out, a free one is filled in".to_owned());
        if !is_unchanged(draft, pointer) {
            draft.found(Code::AddressNotOffered, pointer, message, hint);
        }
        return;
    };
    // What stands there already is nobody's fault who writes something else.
    let found = if is_unchanged(draft, pointer) {
        context.pool(pool_name).ok()
    } else {
        pool(context, draft, pointer, pool_name)
    };
    let Some(pool) = found else {
        return;
    };
    let tenant = tenant(context);
    // Who may not change it at all is told of that.
    let is_stored = draft
        .old()
        .is_some_and(|old| text_at(old, pointer).is_some());
    let is_same = is_unchanged(draft, pointer);
    if pointer == HOST && is_stored && !is_same && context.trust() == Trust::Person {
        return;
    }
    let claimant = claimant(&tenant);
    if is_same {
        // It stays, whoever else has it.
        claimant.keep(context, pool, address);
    } else if let Some((what, said)) = claimant.said().filter(|(_, said)| *said != address) {
        let (what, said) = (what.clone(), *said);
        differs(draft, pointer, &what, said);
    } else if let Err(refusal) = claimant.take(context, pool, address) {
        refused(draft, pointer, &refusal);
    }
}

pub(super) fn differs(draft: &mut Draft<'_>, pointer: &str, what: &str, said: IpAddr) {
    let message = format!("{what} says {said}, and one cluster has one address");
    let value = draft.get(pointer).cloned().unwrap_or(Value::Null);
    let finding = Finding::new(Code::EndpointDiffers, field_path(pointer), value, message);
    draft.finding(finding.hint("leave it out, it is filled in"));
}
