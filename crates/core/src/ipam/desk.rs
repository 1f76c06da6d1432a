//! Where slots are asked for: what somebody has already, what may be used again, or the lowest that
//! is free.
//!
//! Every answer is a guess over what is known, made good by the claims that come with it: they are
//! carried out by compare-and-swap at the API server, and who loses asks again.

mod confirm;
mod free;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

pub use confirm::{stands, to_confirm};

use super::delay::Delay;
use super::lease::{Claim, Holder, Lease, LeaseSpec, Owner, Purpose, State};
use super::ledger::{Ledger, Selection};
use super::pool::Pool;
use super::refusal::Refusal;
use super::slot::{Slot, SlotKind};

/// So many reservations more than it lacks machines an owner may hold: requests that are refused by
/// somebody else come again under new names.
const SPARE_RESERVATIONS: usize = 3;

/// So many reservations of clusters that were never stored a tenant may have; those of clusters that
/// were are bound in a moment.
const TENANT_RESERVATIONS: usize = 61;

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
        let slot = self
            .free_slot(SlotKind::Range, pool, |from| pool.next_range(from))
            .ok_or_else(|| self.exhausted(pool, asker, SlotKind::Range))?;
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

    /// Makes a stored lease the asker's, when it is the asker's to have.
    fn adopt(&mut self, lease: &Lease, asker: &Asker<'_>) -> Result<(), Refusal> {
        let is_ours = lease.spec.holder.is(&asker.holder);
        // Whether it will be stored shows in a moment: the claim waits for that, and is decided again.
        if lease.is_noted() {
            self.claim(Claim::Replace(self.over(lease, asker, State::Reserved)));
            return Ok(());
        }
        match lease.spec.state {
            State::Reserved | State::Bound if is_ours => {
                self.refresh(lease, asker);
                return Ok(());
            }
            // It has come back.
            State::MovedAway if is_ours => {
                self.claim(Claim::Replace(self.over(lease, asker, State::Reserved)));
                return Ok(());
            }
            State::Releasing if is_ours && is_clusters(asker.purpose) => {
                self.refresh(lease, asker);
                return Ok(());
            }
            _ => {}
        }
        if is_imported_for(lease, asker) {
            self.claim(Claim::Replace(self.over(lease, asker, State::Reserved)));
            return Ok(());
        }
        // Nobody is refused for what only a cache says.
        self.sight.is_live(&Selection::Name(lease.name()));
        Err(match lease.spec.state {
            State::Releasing => Refusal::Cooling {
                is_own: lease.spec.tenant == asker.tenant,
            },
            _ => Refusal::Held {
                by: (lease.spec.tenant == asker.tenant).then(|| lease.spec.holder.clone()),
            },
        })
    }

    /// The lease that the holder has of this pool. A cluster that is made again under its name takes
    /// back what it had, since one of its objects may have been let in with that before it cooled.
    fn own(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
        let rank = |state: State| match state {
            State::Bound => Some(0),
            // One that was reserved beside it, by another replica.
            State::Reserved => Some(1),
            State::Releasing if is_clusters(asker.purpose) => Some(2),
            State::Releasing | State::MovedAway => None,
        };
        self.ledger
            .of_holder(&asker.holder)
            .filter(|lease| lease.spec.purpose == asker.purpose && lease.spec.pool == pool.name())
            .filter_map(|lease| Some((rank(lease.spec.state)?, lease)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, lease)| lease.clone())
    }

    /// A reservation that is used again after a while counts as new, so that nobody reclaims it. That
    /// of an endpoint always does: it is shared, and who reserved it may be about to give it back
    /// because of another; so does what another request is only asking for, since it may not get it.
    fn refresh(&mut self, lease: &Lease, asker: &Asker<'_>) {
        let is_claimed = lease.resource_version.is_empty();
        let age = self.now.duration_since(lease.spec.since);
        let is_unsure = lease.is_noted()
            || lease.spec.purpose == Purpose::Endpoint
            || age > self.grace.duration() / 4;
        let is_over = lease.spec.state == State::Releasing;
        let is_reserved = lease.spec.state == State::Reserved;
        if !is_claimed && (is_over || is_reserved && is_unsure) {
            self.claim(Claim::Replace(self.over(lease, asker, State::Reserved)));
        }
    }

    /// The address that an import knew as that of the asking Cluster's API server.
    fn imported(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
        let holder = &asker.holder;
        self.ledger
            .of_object(&holder.namespace, &holder.kind, &holder.name)
            .filter(|_| asker.purpose == Purpose::Endpoint)
            .filter(|lease| lease.spec.pool == pool.name() && lease.revision().is_some())
            .find(|lease| is_imported_for(lease, asker))
            .cloned()
    }

    /// The oldest reservation that the same owner made and nobody carries. It need not cool, since no
    /// holder of it was ever seen stored: only then it has no UID.
    ///
    /// A machine that came and went while no controller ran has none either. That it is gone was read
    /// live, and it goes after its VM, so that no two VMs have the address; all that is lost is the
    /// time to cool, as neighbours may know the last VM for a moment.
    fn reusable(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
        let owner = asker.owner.as_ref()?;
        let is_old = |lease: &&Lease| {
            matches!(lease.spec.state, State::Reserved | State::Releasing)
                && lease.spec.holder.uid.is_none()
                && lease.spec.pool == pool.name()
                && lease.spec.purpose == asker.purpose
                && lease.spec.tenant == asker.tenant
                && lease.revision().is_some()
                && self.now.duration_since(lease.spec.since) >= self.grace.duration()
        };
        let mut found: Vec<_> = self.ledger.of_owner(&owner.uid).filter(is_old).collect();
        found.sort_by_key(|lease| lease.spec.since);
        found
            .into_iter()
            .find(|lease| self.sight.is_gone(&lease.spec.holder))
            .cloned()
    }

    /// Refusals by anyone must not eat a tenant's addresses.
    fn check_unbound(&self, asker: &Asker<'_>) -> Result<(), Refusal> {
        // Nobody was ever seen to carry it.
        let is_vain = |lease: &&Lease| {
            // Ranges are few, and a while passes before one can be had again.
            let is_cooling =
                lease.spec.state == State::Releasing && lease.spec.purpose == Purpose::LoadBalancer;
            (lease.spec.state == State::Reserved || is_cooling)
                && lease.spec.holder.uid.is_none()
                && lease.spec.purpose == asker.purpose
        };
        let is_bound = |lease: &&Lease| lease.spec.state == State::Bound;
        let (owner, unbound, lacks) = match &asker.owner {
            Some(owner) => {
                let leases = || self.ledger.of_owner(&owner.uid);
                let bound = holders(leases().filter(is_bound), asker);
                let lacks = asker.wanted.unwrap_or(1).saturating_sub(bound);
                let name = format!("{} {}", owner.kind, owner.name);
                (name, holders(leases().filter(is_vain), asker), lacks)
            }
            None => {
                let leases = self.ledger.of_tenant(asker.tenant).filter(is_vain);
                let alone = leases.filter(|lease| lease.spec.owner.is_none());
                let name = format!("tenant {}", asker.tenant);
                (name, holders(alone, asker), TENANT_RESERVATIONS)
            }
        };
        if unbound < lacks + SPARE_RESERVATIONS {
            return Ok(());
        }
        self.sight
            .is_live(&Selection::Tenant(asker.tenant.to_owned()));
        Err(Refusal::ReservedInVain {
            owner,
            reserved: unbound,
            lacks: asker.owner.is_some().then_some(lacks),
            grace: self.grace,
        })
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

    fn claim(&mut self, claim: Claim) {
        let mut lease = claim.lease().clone();
        lease.resource_version.clear();
        self.ledger.put(lease);
        self.claims.push(claim);
    }
}

/// How many others hold these leases.
fn holders<'a>(leases: impl Iterator<Item = &'a Lease>, asker: &Asker<'_>) -> usize {
    let names = leases.map(|lease| lease.spec.holder.name.as_str());
    let others: BTreeSet<_> = names.filter(|name| *name != asker.holder.name).collect();
    others.len()
}

/// Whether such a lease is held in the name of a Cluster, which may be made again under its name.
fn is_clusters(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Endpoint | Purpose::LoadBalancer | Purpose::Network
    )
}

/// The device of an imported lease that is the address of a cluster's API server; those of its workers
/// are called `worker-1` and so on.
const IMPORTED_ENDPOINT: &str = "endpoint";

/// Whether an import knew this address as one of the asker's cluster: that of its API server, or of a
/// machine whose name nobody knew.
fn is_imported_for(lease: &Lease, asker: &Asker<'_>) -> bool {
    let (held, asks) = (&lease.spec.holder, &asker.holder);
    let is_for = match asker.purpose {
        // What stands for a Cluster that is not there yet has its name, too, as a rule.
        Purpose::Endpoint => held.device == IMPORTED_ENDPOINT && asks.name == held.name,
        Purpose::Node => held.device.starts_with("worker-"),
        _ => false,
    };
    lease.spec.purpose == Purpose::Import
        && lease.spec.state == State::Bound
        && lease.spec.tenant == asker.tenant
        && held.kind == "Cluster"
        && held.namespace == asks.namespace
        && is_for
}
