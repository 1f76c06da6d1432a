//! What is free: the lowest address of a tenant's, in a new block when its own are full.

use std::net::IpAddr;

use super::{Asker, Desk};
use crate::ipam::lease::{Claim, Holder, Lease, Purpose, State};
use crate::ipam::ledger::Selection;
use crate::ipam::pool::Pool;
use crate::ipam::refusal::Refusal;
use crate::ipam::slot::{Slot, SlotKind};

impl Desk<'_> {
    /// The lowest free address that the tenant may have, in a new block when the own ones are full.
    pub(super) fn lowest(&mut self, pool: &Pool, asker: &Asker<'_>) -> Result<IpAddr, Refusal> {
        let domain = &pool.spec().domain;
        if pool.spec().block_size.is_none() {
            let free = pool
                .offered()
                .iter()
                .find_map(|span| self.ledger.gap(domain, *span));
            return free.ok_or_else(|| self.exhausted(pool, asker, SlotKind::Address));
        }
        let blocks = self.blocks(pool, asker.tenant);
        let in_block = |block: &Slot| {
            let parts = pool.offered().iter();
            let mut parts = parts.filter_map(|span| span.intersection(block.span));
            parts.find_map(|span| self.ledger.gap(domain, span))
        };
        if let Some(free) = blocks.iter().find_map(in_block) {
            return Ok(free);
        }
        // A block is not taken because of an old list of the own ones.
        self.sight
            .is_live(&Selection::Tenant(asker.tenant.to_owned()));
        let may_grow = pool
            .spec()
            .blocks_per_tenant
            .is_none_or(|most| blocks.len() < most as usize);
        let block = may_grow
            .then(|| self.free_slot(SlotKind::Block, pool, |from| pool.next_block(from)))
            .flatten()
            .ok_or_else(|| self.exhausted(pool, asker, SlotKind::Address))?;
        let first =
            in_block(&block).ok_or_else(|| self.exhausted(pool, asker, SlotKind::Address))?;
        self.claim_block(pool, block, asker.tenant);
        Ok(first)
    }

    /// The blocks that a tenant has of a pool, the lowest first.
    fn blocks(&self, pool: &Pool, tenant: &str) -> Vec<Slot> {
        // One that this very decision asks for is there before anything in it is.
        let is_usable = |lease: &&Lease| {
            let is_claimed = lease.resource_version.is_empty();
            lease.spec.state == State::Bound || lease.spec.state == State::Reserved && is_claimed
        };
        let mut blocks: Vec<_> = self
            .ledger
            .of_tenant(tenant)
            .filter(|lease| lease.slot.kind == SlotKind::Block)
            .filter(|lease| lease.spec.pool == pool.name())
            .filter(is_usable)
            .map(|lease| lease.slot.clone())
            .collect();
        blocks.sort_unstable();
        blocks
    }

    /// An address that is named lies in a block of the tenant's; who has none yet gets that one.
    pub(super) fn enter_block(
        &mut self,
        pool: &Pool,
        address: IpAddr,
        asker: &Asker<'_>,
    ) -> Result<(), Refusal> {
        let Some(block) = pool.block_of(address) else {
            return Ok(());
        };
        let blocks = self.blocks(pool, asker.tenant);
        if blocks.contains(&block) {
            return Ok(());
        }
        self.sight
            .is_live(&Selection::Tenant(asker.tenant.to_owned()));
        let taken = self
            .ledger
            .overlapping(SlotKind::Block, &pool.spec().domain, block.span);
        if blocks.is_empty() && taken.is_none() {
            self.claim_block(pool, block, asker.tenant);
            return Ok(());
        }
        Err(Refusal::OutsideBlocks {
            blocks: blocks.iter().map(Slot::text).collect(),
        })
    }

    fn claim_block(&mut self, pool: &Pool, block: Slot, tenant: &str) {
        let holder = Holder {
            kind: "Tenant".to_owned(),
            name: tenant.to_owned(),
            ..Holder::default()
        };
        let asker = Asker {
            tenant,
            holder,
            owner: None,
            wanted: None,
            purpose: Purpose::Block,
        };
        // It is bound, and can be used, once it is certain that the tenant may have it.
        let lease = self.lease(pool, block, &asker, State::Reserved);
        self.claim(Claim::Create(lease));
    }

    /// The lowest slot that overlaps none that is leased.
    pub(super) fn free_slot(
        &self,
        kind: SlotKind,
        pool: &Pool,
        next: impl Fn(u128) -> Option<Slot>,
    ) -> Option<Slot> {
        let domain = &pool.spec().domain;
        let mut from = 0;
        loop {
            let slot = next(from)?;
            match self.ledger.overlapping(kind, domain, slot.span) {
                None => return Some(slot),
                Some(taken) => {
                    let (_, last) = taken.slot.span.numbers();
                    from = last.max(slot.span.numbers().1).checked_add(1)?;
                }
            }
        }
    }

    /// Why nothing is left. Nobody is refused for what only a cache says.
    pub(super) fn exhausted(&self, pool: &Pool, asker: &Asker<'_>, kind: SlotKind) -> Refusal {
        let of_tenant = Selection::Tenant(asker.tenant.to_owned());
        self.sight.is_live(&of_tenant);
        let of_all = match (kind, pool.spec().block_size) {
            (SlotKind::Address, Some(_)) => SlotKind::Block,
            _ => kind,
        };
        self.sight.is_live(&Selection::Kind(of_all));
        let count = |state: &[State]| {
            let leases = self.ledger.of_tenant(asker.tenant);
            leases
                .filter(|lease| lease.slot.kind == kind && lease.spec.pool == pool.name())
                .filter(|lease| state.contains(&lease.spec.state))
                .count()
        };
        Refusal::Exhausted {
            pool: pool.name().to_owned(),
            kind,
            blocks: self.blocks(pool, asker.tenant).len(),
            most_blocks: pool.spec().blocks_per_tenant,
            leased: count(&[State::Reserved, State::Bound, State::MovedAway]),
            cooling: count(&[State::Releasing]),
            reuse_after: pool.spec().reuse_after,
        }
    }
}
