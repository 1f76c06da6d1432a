//! Where slots are asked for: what somebody has already, what may be used again, or the lowest that
//! is free.
//!
//! Every answer is a guess over what is known, made good by the claims that come with it: they are
//! carried out by compare-and-swap at the API server, and who loses asks again.

mod confirm;
mod free;
mod held;

use std::net::IpAddr;

use jiff::Timestamp;

pub use confirm::{stands, to_confirm};

use super::delay::Delay;
use super::lease::{Claim, Holder, Lease, LeaseSpec, Owner, Purpose, State};
use super::ledger::{Ledger, Selection};
use super::pool::Pool;
use super::refusal::Refusal;
use super::slot::{Slot, SlotKind};

/// What is known for certain. What is not known yet is noted as missed, so that it is read and asked
/// again; until then the answer is "no".
pub trait Sight {
    /// Whether the ledger shows just what the API server holds of these.
    fn is_live(&self, selection: &Selection) -> bool;
    /// Whether the API server holds no such object.
    fn is_gone(&self, holder: &Holder) -> bool;
}

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// For whom it counts.
    pub tenant: &'a str,
    /// Who will have it.
    pub holder: Holder,
    /// Who makes the holder.
    pub owner: Option<Owner>,
    /// So many machines the owner wants; `None` when that is not known.
    pub wanted: Option<usize>,
    /// What it is for.
    pub purpose: Purpose,
}

/// Hands out slots for one decision.
pub struct Desk<'a> {
    ledger: Ledger,
    claims: Vec<Claim>,
    sight: &'a dyn Sight,
    now: Timestamp,
    grace: Delay,
}

impl<'a> Desk<'a> {
    /// A desk over what is known. `grace` is how old a reservation must be before nobody's request
    /// can carry it any more.
    #[must_use]
    pub fn new(ledger: Ledger, sight: &'a dyn Sight, now: Timestamp, grace: Delay) -> Self {
        Self {
            ledger,
            claims: Vec::new(),
            sight,
            now,
            grace,
        }
    }

    /// What is known, with what was claimed here.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is known, with what was claimed here, and what must be carried out before the answers
    /// hold, in this order.
    #[must_use]
    pub fn into_parts(self) -> (Ledger, Vec<Claim>) {
        (self.ledger, self.claims)
    }

    /// What has been claimed so far.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// An address out of a pool: the one that the holder has, one that the same owner reserved in
    /// vain, or the lowest free one of the tenant's.
    ///
    /// # Errors
    /// When there is none, or the owner has reserved enough in vain.
    pub fn address(&mut self, pool: &Pool, asker: &Asker<'_>) -> Result<IpAddr, Refusal> {
        if let Some(lease) = self.own(pool, asker) {
            self.refresh(&lease, asker);
            return Ok(lease.slot.span.first());
        }
        if let Some(lease) = self.imported(pool, asker) {
            let address = lease.slot.span.first();
            self.claim(Claim::Replace(self.over(&lease, asker, State::Reserved)));
            return Ok(address);
        }
        if let Some(lease) = self.reusable(pool, asker) {
            let address = lease.slot.span.first();
            self.claim(Claim::Replace(self.over(&lease, asker, State::Reserved)));
            return Ok(address);
        }
        self.check_unbound(asker)?;
        let address = self.lowest(pool, asker)?;
        let lease = self.lease(pool, pool.slot(address), asker, State::Reserved);
        self.claim(Claim::Create(lease));
        Ok(address)
    }

    /// A range out of a pool of ranges: the one that the holder has, or the lowest free one.
    ///
    /// # Errors
    /// When there is none.
    pub fn range(&mut self, pool: &Pool, asker: &Asker<'_>) -> Result<Slot, Refusal> {
        if let Some(lease) = self.own(pool, asker) {
            self.refresh(&lease, asker);
            return Ok(lease.slot);
        }
        self.check_unbound(asker)?;
        let slot = match self.free_slot(SlotKind::Range, pool, |from| pool.next_range(from)) {
            Some(slot) => slot,
            None => self.none_left(pool, asker, SlotKind::Range)?,
        };
        let lease = self.lease(pool, slot.clone(), asker, State::Reserved);
        self.claim(Claim::Create(lease));
        Ok(slot)
    }

    /// A certain address, which somebody has written.
    ///
    /// # Errors
    /// When it is another's, not the tenant's to name, or not to be had yet.
    pub fn named(
        &mut self,
        pool: &Pool,
        address: IpAddr,
        asker: &Asker<'_>,
    ) -> Result<(), Refusal> {
        let slot = pool.slot(address);
        if let Some(lease) = self.ledger.of_slot(&slot).cloned() {
            return self.adopt(&lease, asker);
        }
        if !pool.offers(address) {
            return Err(Refusal::NotOffered {
                pool: pool.name().to_owned(),
            });
        }
        self.enter_block(pool, address, asker)?;
        let lease = self.lease(pool, slot, asker, State::Reserved);
        self.claim(Claim::Create(lease));
        Ok(())
    }

    /// An address that a stored object has, or one that an admin brings along: it is in use, whatever
    /// block it lies in.
    ///
    /// # Errors
    /// When it is another's, or lies in another tenant's block.
    pub fn carried(
        &mut self,
        pool: &Pool,
        address: IpAddr,
        asker: &Asker<'_>,
    ) -> Result<(), Refusal> {
        let is_leased = self.ledger.of_slot(&pool.slot(address)).is_some();
        if !is_leased && pool.offers(address) {
            self.open_block(pool, address, asker.tenant);
        }
        self.named(pool, address, asker)
    }

    /// A certain slot of another kind, such as a network inside of a cluster.
    ///
    /// # Errors
    /// When it is another's.
    pub fn slot(&mut self, slot: Slot, asker: &Asker<'_>) -> Result<(), Refusal> {
        if let Some(lease) = self.ledger.of_slot(&slot).cloned() {
            return self.adopt(&lease, asker);
        }
        let lease = self.new_lease("", slot, asker, State::Reserved);
        self.claim(Claim::Create(lease));
        Ok(())
    }

    /// A certain slot of a pool, which an admin brings along.
    ///
    /// # Errors
    /// When it is another's.
    pub fn slot_of(&mut self, pool: &Pool, slot: Slot, asker: &Asker<'_>) -> Result<(), Refusal> {
        if let Some(lease) = self.ledger.of_slot(&slot).cloned() {
            return self.adopt(&lease, asker);
        }
        let lease = self.lease(pool, slot, asker, State::Reserved);
        self.claim(Claim::Create(lease));
        Ok(())
    }

    /// The asker takes over what others hold for it, unless it has something of its own already.
    pub fn take_over(&mut self, others: &[Holder], asker: &Asker<'_>) {
        let is_alive = |lease: &&Lease| {
            lease.spec.purpose == asker.purpose
                && matches!(lease.spec.state, State::Reserved | State::Bound)
        };
        let has_own = self
            .ledger
            .of_holder(&asker.holder)
            .any(|lease| is_alive(&lease));
        let held = others
            .iter()
            .find_map(|other| self.ledger.of_holder(other).find(is_alive))
            .filter(|lease| !has_own && lease.spec.tenant == asker.tenant)
            .cloned();
        if let Some(lease) = held {
            self.claim(Claim::Replace(self.over(&lease, asker, State::Reserved)));
        }
    }

    /// Notes the UID of a stored machine that is written to, before anybody makes a VM for it: from now
    /// on its address cools when it is gone.
    pub fn bind(&mut self, slot: &Slot, uid: &str) {
        let reserved = self
            .ledger
            .of_slot(slot)
            .filter(|lease| lease.spec.state == State::Reserved && lease.revision().is_some());
        if let Some(lease) = reserved.cloned() {
            let mut lease = lease.into_state(State::Bound, self.now);
            lease.spec.holder.uid = Some(uid.to_owned());
            self.claim(Claim::Replace(lease));
        }
    }

    /// Keeps what an object holds that goes on elsewhere.
    pub fn move_away(&mut self, namespace: &str, kind: &str, name: &str) {
        let is_alive = |lease: &&Lease| matches!(lease.spec.state, State::Reserved | State::Bound);
        let held: Vec<_> = self
            .ledger
            .of_object(namespace, kind, name)
            .filter(is_alive)
            .cloned()
            .collect();
        for lease in held {
            let lease = lease.into_state(State::MovedAway, self.now);
            self.claim(Claim::Replace(lease));
        }
    }

    fn lease(&self, pool: &Pool, slot: Slot, asker: &Asker<'_>, state: State) -> Lease {
        self.new_lease(pool.name(), slot, asker, state)
    }

    fn new_lease(&self, pool: &str, slot: Slot, asker: &Asker<'_>, state: State) -> Lease {
        let spec = LeaseSpec {
            kind: slot.kind,
            domain: slot.domain.clone(),
            address: slot.text(),
            pool: pool.to_owned(),
            tenant: asker.tenant.to_owned(),
            purpose: asker.purpose,
            holder: asker.holder.clone(),
            owner: asker.owner.clone(),
            state,
            since: self.now,
        };
        Lease::new(slot, spec)
    }

    /// A stored lease, with another holder or state from now on.
    fn over(&self, lease: &Lease, asker: &Asker<'_>, state: State) -> Lease {
        let fresh = self.new_lease(&lease.spec.pool, lease.slot.clone(), asker, state);
        Lease {
            resource_version: lease.resource_version.clone(),
            uid: lease.uid.clone(),
            annotations: lease.annotations.clone(),
            ..fresh
        }
    }

    /// Has this decision made again once it shows whether that lease, which another request is asking for,
    /// is stored: a claim of it cannot be carried out.
    fn wait_for(&mut self, noted: &Lease, asker: &Asker<'_>) {
        self.claim(Claim::Replace(self.over(noted, asker, State::Reserved)));
    }

    fn claim(&mut self, claim: Claim) {
        let mut lease = claim.lease().clone();
        lease.resource_version.clear();
        self.ledger.put(lease);
        self.claims.push(claim);
    }
}
