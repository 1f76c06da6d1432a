//! Whether a refusal was a true one: compared with all that happened while the request was under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basphere_core::ipam::{Claim, Pool, Refusal, Slot, SlotKind, State};

use crate::course::lock;
use crate::model::{Change, Shared, World, slots};
use crate::process::Wisher;

/// What a request asks for while it is carried out. Until it is answered nobody else can have that.
pub(crate) struct Asked {
    world: Shared,
    slots: Vec<Slot>,
}

impl Asked {
    pub(crate) fn new(world: &Shared, claims: &[Claim]) -> Self {
        let mut asked = Vec::new();
        let mut now = lock(world);
        for lease in claims.iter().map(Claim::lease) {
            let tenant = lease.spec.tenant.clone();
            let entry = now.asked.entry(lease.slot.clone());
            entry.or_insert((tenant, 0)).1 += 1;
            asked.push(lease.slot.clone());
        }
        Self {
            world: Arc::clone(world),
            slots: asked,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut world = lock(&self.world);
        for slot in &self.slots {
            let Some((tenant, count)) = world.asked.get_mut(slot) else {
                continue;
            };
            *count -= 1;
            if *count > 0 {
                continue;
            }
            let tenant = tenant.clone();
            world.asked.remove(slot);
            // For whoever looks back, it was taken until now.
            let is_free = !world.leases.contains_key(slot);
            if is_free {
                let change = Change {
                    step: world.course.step,
                    slot: slot.clone(),
                    was: Some((tenant, State::Reserved)),
                };
                world.changes.push(change);
            }
        }
    }
}

/// Who has what, at one moment.
type Taken = BTreeMap<Slot, (String, State)>;

/// Invariant (f): who is told that nothing is left has been told the truth, as of some moment of the
/// request.
pub(crate) fn check_refusal(world: &Shared, wisher: &Wisher, refusal: &Refusal, since: u64) {
    let mut world = lock(world);
    match refusal {
        Refusal::Exhausted { .. } => world.course.count("exhausted"),
        Refusal::ReservedInVain { .. } => return world.course.count("reserved in vain"),
        _ => return world.course.count("other refusals"),
    }
    if !was_full(&world, wisher, since) {
        let asker = &wisher.asker;
        let why = format!(
            "{} was refused ({refusal}) although there was one",
            asker.holder
        );
        world.course.fail(why);
    }
}

fn was_full(world: &World, wisher: &Wisher, since: u64) -> bool {
    let pool = world.pool(wisher.pool);
    let tenant = wisher.asker.tenant;
    let mut taken: Taken = BTreeMap::new();
    for (slot, (tenant, _)) in &world.asked {
        taken.insert(slot.clone(), (tenant.clone(), State::Reserved));
    }
    for lease in world.leases.values() {
        let entry = (lease.spec.tenant.clone(), lease.spec.state);
        taken.insert(lease.slot.clone(), entry);
    }
    if is_full(&taken, &pool, tenant) {
        return true;
    }
    for change in world.changes.iter().rev() {
        if change.step < since {
            return false;
        }
        match &change.was {
            Some(was) => taken.insert(change.slot.clone(), was.clone()),
            None => taken.remove(&change.slot),
        };
        if is_full(&taken, &pool, tenant) {
            return true;
        }
    }
    false
}

fn is_full(taken: &Taken, pool: &Pool, tenant: &str) -> bool {
    let is_free = |slot: &Slot| !taken.contains_key(slot);
    if pool.spec().range_size.is_some() {
        return !slots(pool, SlotKind::Range).iter().any(is_free);
    }
    let free: Vec<_> = slots(pool, SlotKind::Address)
        .into_iter()
        .filter(is_free)
        .collect();
    let Some(most) = pool.spec().blocks_per_tenant else {
        return free.is_empty();
    };
    let blocks = slots(pool, SlotKind::Block);
    let of_tenant = |slot: &&Slot| taken.get(*slot).is_some_and(|(of, _)| of == tenant);
    let own: BTreeSet<_> = blocks.iter().filter(of_tenant).cloned().collect();
    let is_bound = |slot: &Slot| {
        taken
            .get(slot)
            .is_some_and(|(_, state)| *state == State::Bound)
    };
    let is_in_own = |slot: &Slot| {
        let block = pool.block_of(slot.span.first());
        block.is_some_and(|block| own.contains(&block) && is_bound(&block))
    };
    let may_grow = own.len() < most as usize && blocks.iter().any(is_free);
    !may_grow && !free.iter().any(is_in_own)
}
