//! The address of the API server of a Cluster with a topology: the class takes it as a variable, and
//! the static pod that holds it as another one.
//!
//! Nothing is there yet when such a Cluster is made, so that it holds its address itself, and whatever
//! the topology controller makes of it takes the address over from the variable.

use std::net::IpAddr;

use serde_json::Value;

use super::endpoint::{Claimant, check_at};
use super::{kube_vip, own_name, pool, refused, tenant};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::json::field_path;
use crate::site::{NetworkAddresses, Trust};
use crate::topology::{
    ADDRESS, KUBE_VIP, VARIABLES, every_list, is_judged, is_ours, places, put, put_back, value,
    written,
};
use crate::{Code, Finding};

/// The AddressPools of the site's ClusterClass, which makes machines on vSphere.
pub(super) fn addresses<'a>(
    context: &Context<'a>,
    draft: &Draft<'_>,
) -> Option<&'a NetworkAddresses> {
    let vsphere = context.site().spec().vsphere.as_ref()?;
    is_ours(context, draft.object()).then_some(&vsphere.addresses)
}

/// Reserves the address and writes the static pod that holds it.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_carried_on = context.trust() == Trust::Controller || context.is_adoption();
    if is_carried_on || !is_ours(context, draft.object()) {
        return;
    }
    if !put_back(draft, ADDRESS) && context.is_create() && draft.takes_defaults() {
        choose(context, draft);
    }
    complete_pod(context, draft);
}

fn choose(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(pool_name) = addresses(context, draft).and_then(|pools| pools.endpoints()) else {
        draft.finding(to_be_named());
        return;
    };
    let Some(own) = own_name(context, draft).map(str::to_owned) else {
        let message =
            "a Cluster's address is reserved under its name, which must be known for that";
        let value = draft
            .get("/metadata/generateName")
            .cloned()
            .unwrap_or(Value::Null);
        let finding = Finding::new(
            Code::NameNotAllowed,
            "metadata.generateName",
            value,
            message,
        );
        draft.finding(finding.hint("set metadata.name"));
        return;
    };
    let Some(pool) = pool(context, draft, VARIABLES, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    let facts = Facts::of(draft.object());
    let claimant = Claimant::cluster(context, &tenant, &own, &facts);
    match claimant.choose(context, pool) {
        Ok(address) => put(draft, VARIABLES, ADDRESS, address.to_string().into()),
        Err(refusal) => refused(draft, VARIABLES, &refusal),
    }
}

fn to_be_named() -> Finding {
    let message = "the site hands out no addresses of API servers, and the class wants one";
    let path = field_path(VARIABLES);
    let hint = format!("add variable {ADDRESS} with an address that is yours");
    Finding::new(Code::AddressToBeNamed, path, Value::Null, message).hint(hint)
}

/// The static pod that belongs to the address that a Cluster has.
fn pod(context: &Context<'_>, cluster: &Value) -> Option<Value> {
    let site = context.site().spec().kube_vip.as_ref()?;
    let address: IpAddr = written(cluster, ADDRESS)?.parse().ok()?;
    Some(kube_vip::content(site, address).into())
}

/// Whether a stored Cluster is given another address.
fn is_moved(draft: &Draft<'_>) -> bool {
    let stored = draft.old().and_then(|old| written(old, ADDRESS));
    stored.is_some() && stored != written(draft.object(), ADDRESS)
}

/// The stored pod stays while it is that of the address.
fn complete_pod(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_moved = is_moved(draft);
    let is_there = if is_moved {
        let stored = draft.old().and_then(|old| value(old, VARIABLES, KUBE_VIP));
        let said = value(draft.object(), VARIABLES, KUBE_VIP);
        said.is_some() && said != stored
    } else {
        put_back(draft, KUBE_VIP)
    };
    let is_wanted = context.is_create() || is_moved;
    if let Some(pod) = pod(context, draft.object())
        && !is_there
        && is_wanted
        && draft.takes_defaults()
    {
        put(draft, VARIABLES, KUBE_VIP, pod);
    }
}

/// Refuses another address than the Cluster's.
pub(super) fn check_address(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool: &str,
    name: &str,
    facts: &Facts,
) {
    let Some(pointer) = places(draft.object(), VARIABLES, ADDRESS)
        .into_iter()
        .next()
    else {
        return;
    };
    let stored = draft.old().and_then(|old| written(old, ADDRESS));
    let is_moved = stored.is_some() && stored != draft.text(&pointer);
    if is_moved && context.trust() == Trust::Person {
        let message = "all machines and kubeconfigs of the cluster know it by this address";
        let hint = Some("leave it as it is".to_owned());
        draft.found(Code::EndpointChanged, &pointer, message, hint);
    } else {
        check_at(context, draft, &pointer, pool, |tenant| {
            Claimant::cluster(context, tenant, name, facts)
        });
    }
}

/// Refuses what needs no pool to be judged: another static pod than the site's, and another address for some
/// of the machines than the Cluster's.
pub(super) fn check_values(context: &Context<'_>, draft: &mut Draft<'_>) {
    if is_judged(context, draft.object()) && context.trust() != Trust::Controller {
        check_pods(context, draft);
        check_overrides(draft);
    }
}

/// A group's own value counts before that of the whole topology, and a cluster has one address.
fn check_overrides(draft: &mut Draft<'_>) {
    let own = value(draft.object(), VARIABLES, ADDRESS).cloned();
    let lists = every_list(draft.object()).into_iter();
    let all = lists.flat_map(|list| places(draft.object(), &list, ADDRESS));
    for pointer in all.collect::<Vec<_>>() {
        let said = draft.get(&pointer).filter(|said| !said.is_null());
        if said.is_some() && said != own.as_ref() {
            let message = "one cluster has one address, that of the whole topology";
            let hint = Some("leave it out".to_owned());
            draft.found(Code::EndpointDiffers, &pointer, message, hint);
        }
    }
}

/// A static pod may do anything with the control plane.
fn check_pods(context: &Context<'_>, draft: &mut Draft<'_>) {
    let wanted = pod(context, draft.object());
    let stored = draft.old().filter(|_| !is_moved(draft));
    let stored = stored.and_then(|old| value(old, VARIABLES, KUBE_VIP));
    for list in every_list(draft.object()) {
        for pointer in places(draft.object(), &list, KUBE_VIP) {
            let said = draft.get(&pointer).filter(|said| !said.is_null());
            if said.is_none() || said == wanted.as_ref() || said == stored {
                continue;
            }
            let message = match &wanted {
                Some(_) => "the site's kube-vip holds the cluster's address",
                None => "the site has no kube-vip for it",
            };
            let finding = Finding::new(
                Code::VariableNotTheSites,
                field_path(&pointer),
                Value::Null,
                message,
            );
            draft.finding(finding.hint("leave the variable out, it is filled in"));
        }
    }
}
