//! What somebody has already, and what may be used again.

use std::collections::BTreeSet;

use super::{Asker, Desk};
use crate::ipam::lease::{Claim, Lease, Purpose, State};
use crate::ipam::ledger::Selection;
use crate::ipam::pool::Pool;
use crate::ipam::refusal::Refusal;

/// So many reservations more than it lacks machines an owner may hold: requests that are refused by
/// somebody else come again under new names.
const SPARE_RESERVATIONS: usize = 3;

/// So many reservations of clusters that were never stored a tenant may have; those of clusters that
/// were are bound in a moment.
const TENANT_RESERVATIONS: usize = 61;

impl Desk<'_> {
    /// Makes a stored lease the asker's, when it is the asker's to have.
    pub(super) fn adopt(&mut self, lease: &Lease, asker: &Asker<'_>) -> Result<(), Refusal> {
        let is_ours = lease.spec.holder.is(&asker.holder);
        // Whether it will be stored shows in a moment.
        if lease.is_noted() {
            self.wait_for(lease, asker);
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
    pub(super) fn own(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
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
    pub(super) fn refresh(&mut self, lease: &Lease, asker: &Asker<'_>) {
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
    pub(super) fn imported(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
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
    pub(super) fn reusable(&self, pool: &Pool, asker: &Asker<'_>) -> Option<Lease> {
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

    /// Refusals by anyone must not eat a tenant's addresses. Nobody is refused because of what may not be
    /// stored after all; that is waited for.
    pub(super) fn check_unbound(&mut self, asker: &Asker<'_>) -> Result<(), Refusal> {
        // Nobody was ever seen to carry it.
        let is_vain = |lease: &&Lease| {
            lease.spec.state == State::Reserved
                && lease.spec.holder.uid.is_none()
                && lease.spec.purpose == asker.purpose
        };
        let is_bound = |lease: &&Lease| lease.spec.state == State::Bound;
        let (owner, vain, lacks): (_, Vec<&Lease>, _) = match &asker.owner {
            Some(owner) => {
                let leases = || self.ledger.of_owner(&owner.uid);
                let bound = holders(leases().filter(is_bound), asker);
                let lacks = asker.wanted.unwrap_or(1).saturating_sub(bound);
                let name = format!("{} {}", owner.kind, owner.name);
                (name, leases().filter(is_vain).collect(), lacks)
            }
            None => {
                let leases = self.ledger.of_tenant(asker.tenant).filter(is_vain);
                let alone = leases.filter(|lease| lease.spec.owner.is_none());
                let name = format!("tenant {}", asker.tenant);
                (name, alone.collect(), TENANT_RESERVATIONS)
            }
        };
        let most = lacks + SPARE_RESERVATIONS;
        if holders(vain.iter().copied(), asker) < most {
            return Ok(());
        }
        let is_unsure = |lease: &&&Lease| lease.may_not_be_stored();
        let stored = vain.iter().filter(|lease| !is_unsure(lease)).copied();
        let unbound = holders(stored, asker);
        let unsure = vain.iter().find(is_unsure).map(|lease| (*lease).clone());
        if let Some(unsure) = unsure.filter(|_| unbound < most) {
            self.wait_for(&unsure, asker);
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
