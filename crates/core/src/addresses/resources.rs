//! AddressPools and AddressLeases themselves: who may write them, and what would break a promise.
//!
//! Basphere's own writes are not asked about: the webhook is not registered for them.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::change::{Completion, Draft};
use crate::context::Context;
use crate::ipam::{Lease, LeaseSpec, Ledger, Pool, PoolSpec, Purpose, Selection, SlotKind, State};
use crate::json::text_at;
use crate::{Code, Finding, Kind, Operation};

/// Judges what is neither completed nor a tenant's business.
pub(crate) fn judge(context: &Context<'_>) -> Vec<Finding> {
    let request = context.request;
    let object = match request.operation {
        Operation::Delete => &request.old_object,
        Operation::Create | Operation::Update => &request.object,
    };
    let Some(object) = object else {
        return Vec::new();
    };
    let mut draft = Draft::new(
        object.clone(),
        request.old_object.as_ref(),
        Completion::PutBack,
    );
    crate::guard::check(context, &mut draft);
    match (context.kind(), request.operation) {
        (Kind::AddressPool, Operation::Delete) => check_pool_deleted(context, &mut draft),
        (Kind::AddressPool, _) => check_pool(context, &mut draft),
        (Kind::AddressLease, Operation::Delete) => check_lease_deleted(context, &mut draft),
        (Kind::AddressLease, _) => check_lease(context, &mut draft),
        _ => {}
    }
    draft.into_parts().1
}

/// The spec of an object as its type; what does not fit becomes a finding.
fn spec<T: for<'de> Deserialize<'de>>(draft: &mut Draft<'_>, code: Code) -> Option<T> {
    match T::deserialize(draft.get("/spec").unwrap_or(&Value::Null)) {
        Ok(spec) => Some(spec),
        Err(error) => {
            draft.finding(Finding::new(code, "spec", Value::Null, error.to_string()));
            None
        }
    }
}

fn check_pool(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(spec) = spec::<PoolSpec>(draft, Code::PoolFaulty) else {
        return;
    };
    let name = context.request.name.clone();
    let pool = match Pool::new(&name, spec) {
        Ok(pool) => pool,
        Err(errors) => {
            for error in errors {
                let path = error.path;
                let finding = Finding::new(Code::PoolFaulty, path, Value::Null, error.message);
                draft.finding(finding);
            }
            return;
        }
    };
    if let Some(other) = context.pools_live().overlapped(&pool, None) {
        let message = format!(
            "it overlaps AddressPool {} ({}) of the same domain",
            other.name(),
            other.spec().cidr
        );
        draft.found(Code::PoolOverlaps, "/spec/cidr", message, None);
    }
    if draft.old().is_some() {
        check_shrunk(context, draft, &pool);
    }
}

/// The leases of a pool, read live.
fn leases_of(context: &Context<'_>, pool: &str) -> Vec<Lease> {
    for kind in [SlotKind::Address, SlotKind::Block, SlotKind::Range] {
        context.look_at(Selection::Kind(kind));
    }
    let ledger = context.ledger();
    let leases = ledger.iter().filter(|lease| lease.spec.pool == pool);
    leases.cloned().collect()
}

/// What is leased stays the pool's own.
fn check_shrunk(context: &Context<'_>, draft: &mut Draft<'_>, pool: &Pool) {
    let leases = leases_of(context, pool.name());
    for (field, kind) in [
        ("blockSize", SlotKind::Block),
        ("rangeSize", SlotKind::Range),
    ] {
        let pointer = format!("/spec/{field}");
        let stored = draft.old().and_then(|old| old.pointer(&pointer)).cloned();
        let count = leases
            .iter()
            .filter(|lease| lease.slot.kind == kind)
            .count();
        if count > 0 && draft.get(&pointer) != stored.as_ref() {
            let message = format!("{count} of this size are leased");
            draft.found(
                Code::PoolInUse,
                &pointer,
                message,
                Some("leave it as it is".to_owned()),
            );
        }
    }
    let outside: Vec<_> = leases
        .iter()
        .filter(|lease| !is_held(pool, lease))
        .map(|lease| format!("{} ({})", lease.spec.address, lease.spec.holder))
        .collect();
    if !outside.is_empty() {
        let most = 5;
        let mut text = outside
            .iter()
            .take(most)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if outside.len() > most {
            text.push_str(&format!(" and {} more", outside.len() - most));
        }
        let message = format!("it would not hold what is leased: {text}");
        draft.finding(Finding::new(Code::PoolInUse, "spec", Value::Null, message));
    }
}

fn is_held(pool: &Pool, lease: &Lease) -> bool {
    let span = lease.slot.span;
    match lease.slot.kind {
        SlotKind::Address | SlotKind::Range => pool.size_within(span) == span.size(),
        SlotKind::Block => pool.size_within(span) > 0,
        SlotKind::Network => true,
    }
}

fn check_pool_deleted(context: &Context<'_>, draft: &mut Draft<'_>) {
    let leases = leases_of(context, &context.request.name);
    if !leases.is_empty() {
        let cooling = leases
            .iter()
            .filter(|lease| lease.spec.state == State::Releasing);
        let message = format!(
            "{} leases are of this pool, {} of them cooling",
            leases.len(),
            cooling.count()
        );
        let name = Value::from(context.request.name.as_str());
        let finding = Finding::new(Code::PoolInUse, "metadata.name", name, message);
        draft.finding(finding.hint("delete what holds them first"));
    }
}

fn check_lease(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(spec) = spec::<LeaseSpec>(draft, Code::LeaseFaulty) else {
        return;
    };
    let name = text_at(draft.object(), "/metadata/name")
        .unwrap_or(&context.request.name)
        .to_owned();
    let lease = match Lease::stored(&name, "", "", spec) {
        Ok(lease) => lease,
        Err(error) => {
            let text = error.to_string();
            let (path, message) = text.split_once(": ").unwrap_or(("spec", &text));
            draft.finding(Finding::new(Code::LeaseFaulty, path, Value::Null, message));
            return;
        }
    };
    if lease.slot.kind == SlotKind::Network {
        return;
    }
    let reason = match context.pool(&lease.spec.pool) {
        Err(reason) => reason,
        Ok(pool) if !is_held(pool, &lease) => {
            Some(format!("pool {} does not hand it out", pool.name()))
        }
        Ok(pool) if pool.spec().domain != lease.slot.domain => Some(format!(
            "pool {} is of domain {}",
            pool.name(),
            pool.spec().domain
        )),
        Ok(pool) => foreign_block(&context.ledger(), pool, &lease),
    };
    if let Some(reason) = reason {
        draft.found(Code::LeaseFaulty, "/spec/address", reason, None);
    }
}

/// Another tenant's block that an address lies in.
fn foreign_block(ledger: &Ledger, pool: &Pool, lease: &Lease) -> Option<String> {
    let address: IpAddr = lease.slot.span.first();
    let block = pool
        .block_of(address)
        .filter(|_| lease.slot.kind == SlotKind::Address)?;
    let block = ledger.of_slot(&block)?;
    (block.spec.tenant != lease.spec.tenant)
        .then(|| format!("it is in the block of tenant {}", block.spec.tenant))
}

/// In use is what a holder has; what an admin imported, what has moved away and what cools an admin
/// may delete, and an empty block.
fn check_lease_deleted(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(spec) = spec::<LeaseSpec>(draft, Code::LeaseFaulty) else {
        return;
    };
    let Ok(lease) = Lease::stored(&context.request.name, "", "", spec) else {
        // What contradicts itself holds nothing.
        return;
    };
    let message = match (lease.spec.purpose, lease.spec.state) {
        (_, State::Releasing | State::MovedAway) | (Purpose::Import, _) => return,
        (Purpose::Block, _) => {
            context.look_at(Selection::Tenant(lease.spec.tenant.clone()));
            let ledger = context.ledger();
            let slot = &lease.slot;
            let count = ledger
                .within(SlotKind::Address, &slot.domain, slot.span)
                .count();
            if count == 0 {
                return;
            }
            format!("{count} addresses in it are leased")
        }
        _ => format!("{} has it", lease.spec.holder),
    };
    let value = Value::from(lease.spec.address.as_str());
    let finding = Finding::new(Code::LeaseInUse, "spec.holder", value, message);
    draft.finding(finding.hint("delete its holder; the lease goes by itself"));
}
