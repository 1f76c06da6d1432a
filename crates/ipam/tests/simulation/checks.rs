//! What must hold after every step, and when all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use basphere_core::ipam::{Purpose, SlotKind, State};

use crate::model::{Carrier, REPLICAS, WANTED, World};

/// So many reservations more than it lacks an owner may hold, as in core.
const SPARE: usize = 3;

/// The invariants that every step keeps.
pub(crate) fn after_step(world: &mut World) {
    if !std::mem::take(&mut world.is_dirty) {
        return;
    }
    let found = shared_address(world)
        .or_else(|| two_endpoints(world))
        .or_else(|| foreign_lease(world))
        .or_else(|| too_many_unbound(world))
        .or_else(|| outside_of_blocks(world));
    if let Some(why) = found {
        world.course.fail(why);
    }
}

/// What a request brought that was frozen longer than any API server waits has another address by its
/// first update; nothing runs with it before.
fn is_awaiting_repair(carrier: &Carrier) -> bool {
    carrier.was_frozen && !carrier.is_settled
}

fn counted(world: &World) -> impl Iterator<Item = &Carrier> {
    world
        .carriers
        .values()
        .filter(|carrier| !is_awaiting_repair(carrier))
}

/// (a) No two holders carry one address.
fn shared_address(world: &World) -> Option<String> {
    let mut seen: BTreeMap<_, &Carrier> = BTreeMap::new();
    for carrier in counted(world) {
        if let Some(other) = seen.insert(&carrier.slot, carrier)
            && !other.holder.is(&carrier.holder)
        {
            return Some(format!(
                "{} and {} share {}",
                other.key, carrier.key, carrier.slot
            ));
        }
    }
    None
}

/// (a) All objects of a cluster agree on its endpoint.
fn two_endpoints(world: &World) -> Option<String> {
    let mut seen: BTreeMap<_, &Carrier> = BTreeMap::new();
    for carrier in counted(world) {
        if let Some(other) = seen.insert(&carrier.holder, carrier)
            && other.slot != carrier.slot
        {
            let (one, two) = (&other.slot, &carrier.slot);
            return Some(format!(
                "{} has two endpoints: {one}, {two}",
                carrier.holder
            ));
        }
    }
    None
}

/// (c) The lease of every stored address is its carrier's.
fn foreign_lease(world: &World) -> Option<String> {
    let mut carriers = counted(world);
    carriers.find_map(|carrier| match world.leases.get(&carrier.slot) {
        None => Some(format!(
            "{} carries {} without a lease",
            carrier.key, carrier.slot
        )),
        Some(lease) if !lease.spec.holder.is(&carrier.holder) => Some(format!(
            "{} carries {}, which {} holds",
            carrier.key, carrier.slot, lease.spec.holder
        )),
        Some(_) => None,
    })
}

/// (e) An owner has reserved no more than it lacks, and a few. Nothing but chance bounds what replicas
/// overlook of each other while their caches are behind; one for each of them is more than ever was.
fn too_many_unbound(world: &World) -> Option<String> {
    let mut holders: BTreeMap<&str, [BTreeSet<&str>; 2]> = BTreeMap::new();
    for lease in world.leases.values() {
        let Some(owner) = &lease.spec.owner else {
            continue;
        };
        let [reserved, bound] = holders.entry(&owner.uid).or_default();
        let of_state = match lease.spec.state {
            State::Reserved => reserved,
            State::Bound => bound,
            State::Releasing | State::MovedAway => continue,
        };
        of_state.insert(&lease.spec.holder.name);
    }
    holders.into_iter().find_map(|(owner, [reserved, bound])| {
        let lacks = WANTED.saturating_sub(bound.len());
        let is_over = reserved.len() > lacks + SPARE + REPLICAS;
        is_over.then(|| format!("{owner} lacks {lacks}, and {} are reserved", reserved.len()))
    })
}

/// (g) What is leased of a pool of blocks lies in a block of the same tenant.
fn outside_of_blocks(world: &World) -> Option<String> {
    let pool = world.pools.get("blocks").ok()?;
    world.leases.values().find_map(|lease| {
        if lease.slot.kind != SlotKind::Address || lease.spec.pool != "blocks" {
            return None;
        }
        let block = pool.block_of(lease.slot.span.first())?;
        let block = world.leases.get(&block);
        let is_own = block.is_some_and(|block| {
            block.spec.tenant == lease.spec.tenant && block.spec.state == State::Bound
        });
        (!is_own).then(|| format!("{} lies in no block of {}", lease.slot, lease.spec.tenant))
    })
}

/// (d, g) When nothing has happened for long, leases are what is carried, and no tenant has too many
/// blocks.
pub(crate) fn when_quiet(world: &mut World) {
    let mut blocks: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for lease in world.leases.values() {
        if lease.spec.purpose == Purpose::Block {
            *blocks.entry(lease.spec.tenant.clone()).or_default() += 1;
            if lease.spec.state != State::Bound {
                found.push(format!(
                    "block {} is left {:?}",
                    lease.slot, lease.spec.state
                ));
            }
            continue;
        }
        let mut carriers = world.carriers.values();
        let carrier = carriers.find(|carrier| carrier.slot == lease.slot);
        let state = lease.spec.state;
        match carrier {
            None => found.push(format!("{} leaks, {state:?}", lease.slot)),
            Some(carrier) if lease.spec.holder.uid.as_ref() != Some(&carrier.uid) => {
                found.push(format!("{} is not bound to {}", lease.slot, carrier.key));
            }
            Some(_) if state != State::Bound => {
                found.push(format!("{} is carried, but {state:?}", lease.slot));
            }
            Some(_) => {}
        }
    }
    for carrier in world.carriers.values() {
        if !world.leases.contains_key(&carrier.slot) {
            found.push(format!("{} has no lease of {}", carrier.key, carrier.slot));
        }
    }
    for (tenant, count) in blocks {
        if count > 2 {
            found.push(format!("{tenant} has {count} blocks"));
        }
    }
    for why in found {
        world.course.fail(why);
    }
}
