//! How full a pool is, in all and for one tenant.

use std::collections::BTreeMap;

use super::lease::{Lease, State};
use super::ledger::Ledger;
use super::pool::Pool;
use super::slot::SlotKind;

/// How full a pool is. Counted in addresses, or in ranges where the pool hands out ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// May be handed out now.
    pub free: u128,
    /// Are in use, or promised.
    pub leased: u128,
    /// Cannot be handed out again yet.
    pub cooling: u128,
    /// Are never handed out.
    pub reserved: u128,
    /// What each tenant has.
    pub tenants: BTreeMap<String, TenantUsage>,
}

/// What a tenant has of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantUsage {
    /// Are in use, or promised.
    pub leased: u128,
    /// Cannot be handed out again yet.
    pub cooling: u128,
    /// The tenant's blocks.
    pub blocks: Vec<String>,
}

/// How many addresses a tenant may have of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// In all: in its own blocks and in those that it may get, or in the whole of a flat pool.
    pub total: u128,
    /// Of these, others have some in a flat pool.
    pub others: u128,
    /// Cannot be handed out again yet.
    pub cooling: u128,
    /// The tenant's own leases that are not cooling.
    pub leased: u128,
    /// Blocks that it has.
    pub blocks: u128,
    /// Blocks that it may still get.
    pub further_blocks: u128,
}

impl Capacity {
    /// So many addresses it can have in use at once, now.
    #[must_use]
    pub fn usable(&self) -> u128 {
        self.total
            .saturating_sub(self.others)
            .saturating_sub(self.cooling)
    }
}

/// The kind of slot that a pool hands out to machines and clusters.
fn kind(pool: &Pool) -> SlotKind {
    match pool.spec().range_size {
        Some(_) => SlotKind::Range,
        None => SlotKind::Address,
    }
}

fn leases<'a>(pool: &'a Pool, ledger: &'a Ledger, of: SlotKind) -> impl Iterator<Item = &'a Lease> {
    ledger
        .of_kind(of, &pool.spec().domain)
        .filter(move |lease| lease.spec.pool == pool.name())
}

/// How full a pool is.
#[must_use]
pub fn usage(pool: &Pool, ledger: &Ledger) -> Usage {
    let mut usage = Usage::default();
    for lease in leases(pool, ledger, kind(pool)) {
        let tenant = usage.tenants.entry(lease.spec.tenant.clone()).or_default();
        if lease.spec.state == State::Releasing {
            usage.cooling += 1;
            tenant.cooling += 1;
        } else {
            usage.leased += 1;
            tenant.leased += 1;
        }
    }
    for block in leases(pool, ledger, SlotKind::Block) {
        let tenant = usage.tenants.entry(block.spec.tenant.clone()).or_default();
        tenant.blocks.push(block.spec.address.clone());
    }
    let offered = match kind(pool) {
        SlotKind::Range => pool.ranges(),
        _ => pool.size(),
    };
    let held = usage.leased.saturating_add(usage.cooling);
    usage.free = offered.saturating_sub(held);
    let all = pool.extent().into_iter().map(super::Span::size);
    let all = all.fold(0, u128::saturating_add);
    usage.reserved = all.saturating_sub(pool.size());
    usage
}

/// What a tenant may have of a pool of single addresses.
#[must_use]
pub fn capacity(pool: &Pool, ledger: &Ledger, tenant: &str) -> Capacity {
    let mut capacity = Capacity::default();
    for lease in leases(pool, ledger, kind(pool)) {
        if lease.spec.tenant == tenant {
            match lease.spec.state {
                State::Releasing => capacity.cooling += 1,
                _ => capacity.leased += 1,
            }
        } else {
            capacity.others += 1;
        }
    }
    let Some(most) = pool.spec().block_size.map(|_| {
        let most = pool.spec().blocks_per_tenant;
        most.map_or(u128::MAX, u128::from)
    }) else {
        capacity.total = pool.size();
        return capacity;
    };
    // Others' addresses are in others' blocks.
    capacity.others = 0;
    let mut own = 0;
    // One that is not open yet it may still get, like those that are nobody's; it may be one too many.
    let is_own = |block: &&Lease| block.spec.tenant == tenant;
    let is_open = |block: &&Lease| block.spec.state != State::Reserved;
    for block in
        leases(pool, ledger, SlotKind::Block).filter(|block| is_own(block) && is_open(block))
    {
        capacity.blocks += 1;
        own += pool.size_within(block.slot.span);
    }
    let mut from = 0;
    let mut further = 0;
    // More than anybody asks for at once is not counted.
    const ENOUGH: u128 = 1 << 16;
    while capacity.blocks + capacity.further_blocks < most && further < ENOUGH {
        let Some(block) = pool.next_block(from) else {
            break;
        };
        let taken = ledger.overlapping(SlotKind::Block, &pool.spec().domain, block.span);
        if taken.is_none_or(|block| is_own(&block) && !is_open(&block)) {
            capacity.further_blocks += 1;
            further += pool.size_within(block.span);
        }
        let Some(next) = block.span.numbers().1.checked_add(1) else {
            break;
        };
        from = next;
    }
    capacity.total = own + further;
    capacity
}
