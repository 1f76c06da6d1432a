//! The addresses of machines on vSphere: one for each network device that has none of its own.
//!
//! CAPV copies a VSphereMachine's whole spec onto the VM with every reconcile, and `devices` is one
//! atomic list: whoever sends it without addresses gets the same ones put back.

use std::net::IpAddr;

use serde_json::Value;

use super::{
    address, is_unchanged, machine, of_object, pool_at_create, refuse_pool, refused, take, tenant,
};
use crate::change::Draft;
use crate::context::Context;
use crate::ipam::{Asker, Pool, Refusal, Selection, State};
use crate::json::{field_path, is_unset, text_at};
use crate::site::Trust;
use crate::{Code, Finding, Phase};

const DEVICES: &str = "/spec/network/devices";
const TEMPLATE_DEVICES: &str = "/spec/template/spec/network/devices";
/// So many devices of one machine are looked at.
const MOST_DEVICES: usize = 10;
/// What is put back together with an address.
const GIVEN: [&str; 8] = [
    "ipAddrs",
    "gateway4",
    "gateway6",
    "nameservers",
    "searchDomains",
    "dhcp4",
    "dhcp6",
    "networkName",
];

fn device_count(draft: &Draft<'_>, devices: &str) -> usize {
    draft.len_of(devices).min(MOST_DEVICES)
}

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(pool_name) = of_object(context, draft).and_then(|pools| pools.nodes.as_deref()) else {
        return;
    };
    put_devices_back(context, draft);
    for index in 0..device_count(draft, DEVICES) {
        let device = format!("{DEVICES}/{index}");
        put_back(context, draft, &device);
        if wants_address(context, draft, &device) {
            give(context, draft, pool_name, index, &device);
        } else if is_lost(context, draft, pool_name, index, &device) {
            replace(context, draft, pool_name, index, &device);
        }
    }
}

/// The list is atomic: who sends it without devices takes them, and their addresses, from the machine.
fn put_devices_back(context: &Context<'_>, draft: &mut Draft<'_>) {
    let stored = draft.old().and_then(|old| old.pointer(DEVICES));
    let stored = stored
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if context.trust() == Trust::Admin {
        return;
    }
    for device in stored.iter().skip(draft.len_of(DEVICES)) {
        draft.push(DEVICES, device.clone());
    }
}

/// The stored device of the same place has the same values again, unless an admin took them out.
fn put_back(context: &Context<'_>, draft: &mut Draft<'_>, device: &str) {
    let stored = draft.old().and_then(|old| old.pointer(device));
    let has_addresses = stored
        .and_then(|stored| stored.get("ipAddrs"))
        .is_some_and(|addresses| !is_unset(addresses));
    let is_said = draft.has(&format!("{device}/ipAddrs"));
    if has_addresses && !is_said && context.trust() != Trust::Admin {
        for field in GIVEN {
            draft.put_back(&format!("{device}/{field}"));
        }
    }
}

/// Whether a device stands in the site's network and gets its address from nobody else.
fn wants_address(context: &Context<'_>, draft: &Draft<'_>, device: &str) -> bool {
    let Some(vsphere) = &context.site().spec().vsphere else {
        return false;
    };
    let is_true = |field: &str| draft.get(&format!("{device}/{field}")) == Some(&Value::Bool(true));
    let has = |field: &str| draft.has(&format!("{device}/{field}"));
    let network = draft.text(&format!("{device}/networkName"));
    draft.get(device).is_some_and(Value::is_object)
        && !has("ipAddrs")
        && !has("addressesFromPools")
        && !["dhcp4", "dhcp6", "skipIPAllocation"]
            .into_iter()
            .any(is_true)
        && network.is_none_or(|network| network == vsphere.network)
        && !context.is_adoption()
}

fn give(context: &Context<'_>, draft: &mut Draft<'_>, pool_name: &str, index: usize, device: &str) {
    let at = format!("{device}/ipAddrs");
    let Some(pool) = pool_at_create(context, draft, &at, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    // A generated name is not known yet; the address comes when it is.
    let Some(asker) = machine(context, draft, &tenant, index) else {
        return;
    };
    match context.at_desk(|desk| desk.address(pool, &asker)) {
        Ok(address) => put_in(draft, pool, device, address),
        Err(refusal) if context.is_create() => refused(draft, &at, &refusal),
        Err(refusal) => lacking(draft, &at, &refusal),
    }
}

/// A machine that is stored without an address waits for one; whoever writes to it is only told.
fn lacking(draft: &mut Draft<'_>, at: &str, refusal: &Refusal) {
    let message = format!("the machine waits for an address: {refusal}");
    draft.found(Code::AddressMissing, at, message, Some(refusal.hint()));
}

fn put_in(draft: &mut Draft<'_>, pool: &Pool, device: &str, address: IpAddr) {
    let spec = pool.spec();
    let (gateway, dhcp) = if address.is_ipv6() {
        ("gateway6", "dhcp6")
    } else {
        ("gateway4", "dhcp4")
    };
    let mut fill = |field: &str, value: Value| {
        let pointer = format!("{device}/{field}");
        if !draft.has(&pointer) {
            draft.set(&pointer, value);
        }
    };
    fill(dhcp, Value::Bool(false));
    if let Some(address) = spec.gateway {
        fill(gateway, Value::from(address.to_string()));
    }
    let texts = |addresses: &[IpAddr]| addresses.iter().map(ToString::to_string).collect::<Value>();
    if !spec.nameservers.is_empty() {
        fill("nameservers", texts(&spec.nameservers));
    }
    if !spec.search_domains.is_empty() {
        fill("searchDomains", Value::from(spec.search_domains.clone()));
    }
    let address = Value::from(vec![pool.cidr_form(address)]);
    draft.set(&format!("{device}/ipAddrs"), address);
}

/// Whether a machine that was stored late carries an address that is somebody else's by now, and no
/// VM has it yet.
fn is_lost(
    context: &Context<'_>,
    draft: &Draft<'_>,
    pool_name: &str,
    index: usize,
    device: &str,
) -> bool {
    let pointer = format!("{device}/ipAddrs/0");
    let stored = draft.old().and_then(|old| text_at(old, &pointer));
    let is_running = draft.has("/spec/providerID") || draft.has("/status/vmRef");
    let (Some(written), false) = (draft.text(&pointer), is_running) else {
        return false;
    };
    let (Ok(pool), Some(address)) = (context.pool(pool_name), address(written)) else {
        return false;
    };
    let Some(asker) = machine(context, draft, "", index) else {
        return false;
    };
    let slot = pool.slot(address);
    let is_others = context
        .lease_of(&slot)
        .is_some_and(|lease| !lease.spec.holder.is(&asker.holder));
    if is_others {
        // No machine gets another address for what only a cache says.
        context.look_at(Selection::Name(slot.name()));
    }
    is_others && stored == Some(written) && context.trust() != Trust::Person
}

fn replace(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool_name: &str,
    index: usize,
    device: &str,
) {
    let at = format!("{device}/ipAddrs");
    let lost = draft.get(&at).cloned().unwrap_or(Value::Null);
    draft.set(&at, Value::Array(Vec::new()));
    give(context, draft, pool_name, index, device);
    let message = "the machine was stored too late, and somebody else has this address by now";
    let finding = Finding::new(Code::AddressReplaced, field_path(&at), lost, message);
    draft.finding(finding.hint("it got another one before a VM was made"));
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(pool_name) = of_object(context, draft).and_then(|pools| pools.nodes.as_deref()) else {
        return;
    };
    for index in 0..device_count(draft, DEVICES) {
        let list = format!("{DEVICES}/{index}/ipAddrs");
        check_removed(context, draft, &list);
        for at in 0..draft.len_of(&list).min(MOST_DEVICES) {
            check_address(context, draft, pool_name, index, &format!("{list}/{at}"));
        }
    }
}

/// CAPV would take the address from the running VM.
fn check_removed(context: &Context<'_>, draft: &mut Draft<'_>, list: &str) {
    let stored = draft.old().and_then(|old| old.pointer(list));
    let is_gone = stored.is_some_and(|stored| !is_unset(stored)) && !draft.has(list);
    if is_gone && context.trust() == Trust::Controller {
        let message = "the machine runs with this address";
        let hint = Some("leave it as it is".to_owned());
        draft.found(Code::AddressChanged, list, message, hint);
    }
}

fn check_address(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool_name: &str,
    device: usize,
    pointer: &str,
) {
    let Some(written) = draft.text(pointer).map(str::to_owned) else {
        draft.expect(
            pointer,
            "an address such as \"10.0.0.5/24\"",
            Value::is_string,
        );
        return;
    };
    let Some(address) = address(&written) else {
        draft.expect(pointer, "an address such as \"10.0.0.5/24\"", |_| false);
        return;
    };
    let Ok(pool) = context.pool(pool_name) else {
        return;
    };
    if !pool.has(address) {
        check_elsewhere(context, draft, pool, device, pointer);
        return;
    }
    let tenant = tenant(context);
    let Some(asker) = machine(context, draft, &tenant, device) else {
        return;
    };
    let stored = draft.old().and_then(|old| text_at(old, pointer));
    match stored {
        Some(stored) if stored == written => {
            check_kept(context, draft, pool, address, &asker, pointer)
        }
        // Whoever may not change a machine at all is told of that.
        Some(_) if context.trust() == Trust::Person => {}
        Some(_) if context.trust() == Trust::Controller => {
            // Another address than the stored one is right only when admission has just given it.
            let is_ours = context
                .lease_of(&pool.slot(address))
                .is_some_and(|lease| lease.spec.holder.is(&asker.holder));
            if !is_ours {
                let message = "the machine has another address, which only an admin changes";
                draft.found(Code::AddressChanged, pointer, message, None);
            }
        }
        _ => {
            if let Err(refusal) = context.at_desk(|desk| take(context, desk, pool, address, &asker))
            {
                refused(draft, pointer, &refusal);
            }
        }
    }
}

/// Addresses of another network are nobody's leases; on the site's own they are nobody's to take.
fn check_elsewhere(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool: &Pool,
    device: usize,
    pointer: &str,
) {
    let network = draft.text(&format!("{DEVICES}/{device}/networkName"));
    let site = context.site().spec().vsphere.as_ref();
    let is_sites = network.is_none_or(|network| site.is_some_and(|site| site.network == network));
    if is_sites && context.trust() != Trust::Admin && !is_unchanged(draft, pointer) {
        let refusal = Refusal::NotOffered {
            pool: pool.name().to_owned(),
        };
        refused(draft, pointer, &refusal);
    }
}

/// What is stored stays; when nobody holds the address, the machine does from now on, and when
/// somebody else does, whoever writes is told.
fn check_kept(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool: &Pool,
    address: IpAddr,
    asker: &Asker<'_>,
    pointer: &str,
) {
    let is_known = context
        .lease_of(&pool.slot(address))
        .map(|lease| lease.spec.holder.is(&asker.holder) && lease.spec.state != State::MovedAway);
    if is_known == Some(true) {
        let uid = draft.text("/metadata/uid").map(str::to_owned);
        if let Some(uid) = uid.filter(|_| context.request.phase == Phase::Validate) {
            context.at_desk(|desk| desk.bind(&pool.slot(address), &uid));
        }
        return;
    }
    if let Err(refusal) = context.at_desk(|desk| desk.carried(pool, address, asker)) {
        let message = format!("the machine has an address that is not its own: {refusal}");
        draft.found(Code::AddressShared, pointer, message, None);
    }
}

/// Templates take addresses from the site's pool, and from no other.
pub(super) fn check_template(context: &Context<'_>, draft: &mut Draft<'_>) {
    let pools = of_object(context, draft);
    let offered: Vec<_> = pools
        .and_then(|pools| pools.nodes.as_deref())
        .into_iter()
        .collect();
    for index in 0..device_count(draft, TEMPLATE_DEVICES) {
        let list = format!("{TEMPLATE_DEVICES}/{index}/addressesFromPools");
        for at in 0..draft.len_of(&list) {
            refuse_pool(draft, &format!("{list}/{at}"), &offered);
        }
    }
}
