//! The networks inside of a cluster: which it gets, and that they do not overlap.

use ipnet::IpNet;
use serde_json::Value;

use super::at_most;
use crate::addresses::{Taken, claim_networks, is_network_leased};
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::site::networks::{Supernet, overlap};
use crate::{Code, Finding};

const PODS: &str = "/spec/clusterNetwork/pods/cidrBlocks";
const SERVICES: &str = "/spec/clusterNetwork/services/cidrBlocks";
/// So many CIDRs of a list are looked at; Cluster API takes two.
const MOST_CIDRS: usize = 16;
/// So many slots are tried, which is more than any site has clusters.
const MOST_SLOTS: usize = 65_536;

/// A network, and the pointer of where it stands.
type Placed = (String, IpNet);

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    // A cluster that exists cannot be given other networks.
    let missing = [PODS, SERVICES].map(|pointer| !draft.put_back(pointer) && context.is_create());
    let site = &context.site().spec().cluster_network;
    let taken = if site.unique.is_some() && missing.contains(&true) {
        context.networks_of_others()
    } else {
        Vec::new()
    };
    for (pointer, is_missing) in [PODS, SERVICES].into_iter().zip(missing) {
        if !is_missing {
            continue;
        }
        let (fixed, unique) = match pointer {
            PODS => (&site.pods, site.unique.as_ref().map(|unique| &unique.pods)),
            _ => (
                &site.services,
                site.unique.as_ref().map(|unique| &unique.services),
            ),
        };
        match unique {
            Some(supernet) => choose(context, draft, pointer, supernet, &taken),
            None if fixed.is_empty() => {}
            None => draft.set(pointer, fixed.iter().map(ToString::to_string).collect()),
        }
    }
}

/// The lowest slot that nobody has.
fn choose(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pointer: &str,
    supernet: &Supernet,
    taken: &[IpNet],
) {
    let own = written(draft.object());
    let nodes = &context.site().spec().cluster_network.nodes;
    let is_free = |slot: &IpNet| {
        let mut others = taken
            .iter()
            .chain(nodes)
            .chain(own.iter().map(|(_, own)| own));
        !others.any(|other| overlap(slot, other)) && !is_network_leased(context, draft, slot)
    };
    match supernet.slots().take(MOST_SLOTS).find(is_free) {
        Some(slot) => draft.set(pointer, Value::from(vec![slot.to_string()])),
        None => {
            let message = format!(
                "all /{} networks of {} are taken",
                supernet.prefix, supernet.supernet
            );
            let finding = Finding::new(
                Code::NetworksExhausted,
                field_path(pointer),
                Value::Null,
                message,
            );
            draft.finding(finding.hint("ask an admin for more"));
        }
    }
}

/// The pod and service networks that an object names, as far as they can be read.
fn written(object: &Value) -> Vec<Placed> {
    let list = |pointer: &'static str| {
        let items = object.pointer(pointer).and_then(Value::as_array);
        let items = items.into_iter().flatten().take(MOST_CIDRS).enumerate();
        items.filter_map(move |(index, item)| {
            let network: IpNet = item.as_str()?.parse().ok()?;
            Some((format!("{pointer}/{index}"), network.trunc()))
        })
    };
    list(PODS).chain(list(SERVICES)).collect()
}

/// The networks of a Cluster, for those of others to stay clear of.
pub(crate) fn networks(cluster: &Value) -> Vec<IpNet> {
    written(cluster)
        .into_iter()
        .map(|(_, network)| network)
        .collect()
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    for pointer in [PODS, SERVICES] {
        check_list(draft, pointer);
    }
    let own = written(draft.object());
    check_each_other(draft, &own);
    check_nodes(context, draft, &own);
    check_others(context, draft, &own);
}

fn check_list(draft: &mut Draft<'_>, pointer: &str) {
    let most = format!("a cluster has {MOST_CIDRS} CIDRs at the most");
    for index in 0..at_most(draft, pointer, MOST_CIDRS, most) {
        draft.expect(
            &format!("{pointer}/{index}"),
            "a CIDR such as \"10.96.0.0/16\"",
            // What is no text at all is told of already.
            |item| {
                item.as_str()
                    .is_none_or(|text| text.parse::<IpNet>().is_ok())
            },
        );
    }
}

fn check_each_other(draft: &mut Draft<'_>, own: &[Placed]) {
    for (index, (pointer, network)) in own.iter().enumerate() {
        let earlier = own.iter().take(index);
        if let Some((other, _)) = earlier.clone().find(|(_, other)| overlap(network, other)) {
            let message = format!("it overlaps {}", field_path(other));
            draft.found(Code::NetworksOverlap, pointer, message, None);
        }
    }
}

fn check_nodes(context: &Context<'_>, draft: &mut Draft<'_>, own: &[Placed]) {
    let nodes = &context.site().spec().cluster_network.nodes;
    for (pointer, network) in own {
        if let Some(node) = nodes.iter().find(|node| overlap(network, node)) {
            let message = format!("it overlaps {node}, in which the machines are");
            draft.found(Code::NetworksOverlap, pointer, message, None);
        }
    }
}

/// Of another tenant's cluster nobody is told more than that there is one.
fn check_others(context: &Context<'_>, draft: &mut Draft<'_>, own: &[Placed]) {
    let is_unchanged = draft
        .old()
        .is_some_and(|old| networks(old) == networks(draft.object()));
    let Some(unique) = &context.site().spec().cluster_network.unique else {
        return;
    };
    if own.is_empty() || is_unchanged {
        return;
    }
    let taken = context.networks_of_others();
    for (pointer, network) in own {
        let message = if taken.iter().any(|taken| overlap(network, taken)) {
            "another cluster has this network, or a part of it"
        } else {
            match claim_networks(context, draft, unique, network) {
                Ok(()) => continue,
                Err(Taken::ByAnother) => "another cluster has this network, or a part of it",
                Err(Taken::TooLarge) => "it is larger than any cluster needs",
            }
        };
        let hint = Some("leave the field out, a free one is filled in".to_owned());
        draft.found(Code::NetworkTaken, pointer, message, hint);
    }
}
