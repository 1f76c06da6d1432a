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
            return free.map_or_else(|| self.no_address(pool, asker), Ok);
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
        if !may_grow(pool, &blocks) {
            return self.no_address(pool, asker);
        }
        let half_open = self.half_open(pool, asker.tenant);
        let half_open = half_open
            .into_iter()
            .find_map(|lease| Some((in_block(&lease.slot)?, lease)));
        if let Some((first, lease)) = half_open {
            self.claim(Claim::Replace(lease));
            return Ok(first);
        }
        let block = self.free_slot(SlotKind::Block, pool, |from| pool.next_block(from));
        match block.and_then(|block| Some((in_block(&block)?, block))) {
            Some((first, block)) => {
                self.claim_block(pool, block, asker.tenant);
                Ok(first)
            }
            None => self.no_address(pool, asker),
        }
    }

    fn no_address(&mut self, pool: &Pool, asker: &Asker<'_>) -> Result<IpAddr, Refusal> {
        let slot = self.none_left(pool, asker, SlotKind::Address)?;
        Ok(slot.span.first())
    }

    /// The blocks that are reserved for a tenant, but not opened yet, the oldest first. Another request may be
    /// about to open them, or has ended before it could; whoever needs a block opens the oldest one of
    /// these, so that they do not become more and more, and of several askers one gets on.
    fn half_open(&self, pool: &Pool, tenant: &str) -> Vec<Lease> {
        let mut found: Vec<_> = self
            .ledger
            .of_tenant(tenant)
            .filter(|lease| lease.slot.kind == SlotKind::Block)
            .filter(|lease| lease.spec.pool == pool.name())
            .filter(|lease| lease.spec.state == State::Reserved)
            .filter(|lease| !lease.resource_version.is_empty())
            .cloned()
            .collect();
        // What is only being asked for is waited for when nothing else is there.
        found.sort_by_key(|lease| lease.revision().unwrap_or(u64::MAX));
        found
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
        let mut half_open = self.half_open(pool, asker.tenant).into_iter();
        let own = half_open.find(|lease| lease.slot == block && may_grow(pool, &blocks));
        if let Some(own) = own {
            self.claim(Claim::Replace(own));
            return Ok(());
        }
        Err(Refusal::OutsideBlocks {
            blocks: blocks.iter().map(Slot::text).collect(),
        })
    }

    /// Gives a tenant the block of an address that is in use already, unless somebody has it.
    pub(super) fn open_block(&mut self, pool: &Pool, address: IpAddr, tenant: &str) {
        let Some(block) = pool.block_of(address) else {
            return;
        };
        let domain = &pool.spec().domain;
        let taken = self.ledger.overlapping(SlotKind::Block, domain, block.span);
        if taken.is_none() {
            self.claim_block(pool, block, tenant);
        }
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

    /// Nothing is left. What other requests of this process are asking for may not be stored after all, so
    /// that nobody is refused because of it: the claim waits until that shows, and all is decided again.
    pub(super) fn none_left(
        &mut self,
        pool: &Pool,
        asker: &Asker<'_>,
        kind: SlotKind,
    ) -> Result<Slot, Refusal> {
        let is_near =
            |lease: &&Lease| pool.spec().block_size.is_none() || lease.spec.tenant == asker.tenant;
        let domain = &pool.spec().domain;
        let own = self.ledger.of_kind(kind, domain).filter(is_near);
        let unsure = own
            .chain(self.ledger.of_kind(SlotKind::Block, domain))
            .find(|lease| lease.spec.pool == pool.name() && lease.may_not_be_stored())
            .cloned();
        match unsure {
            Some(lease) => {
                self.wait_for(&lease, asker);
                Ok(lease.slot)
            }
            None => Err(self.exhausted(pool, asker, kind)),
        }
    }

    /// Why nothing is left. Nobody is refused for what only a cache says.
    fn exhausted(&self, pool: &Pool, asker: &Asker<'_>, kind: SlotKind) -> Refusal {
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

/// Whether a tenant with these blocks may get one more.
fn may_grow(pool: &Pool, blocks: &[Slot]) -> bool {
    let most = pool.spec().blocks_per_tenant;
    most.is_none_or(|most| blocks.len() < most as usize)
}
