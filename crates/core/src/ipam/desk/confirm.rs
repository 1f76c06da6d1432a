//! What only all leases together tell, looked at again once claims were carried out.

use crate::ipam::delay::Delay;
use crate::ipam::lease::{Claim, Lease, Purpose, State};
use crate::ipam::ledger::{Ledger, Selection};
use crate::ipam::pools::Pools;
use crate::ipam::slot::SlotKind;

/// For so long two reservations of one endpoint are taken for rivals.
const RIVALRY: Delay = Delay::seconds(120);

/// Whether claims that were carried out, with their leases as they are stored, may stand: nobody else has
/// reserved another endpoint for the same cluster meanwhile, and no tenant gets more blocks than the
/// pool allows. `ledger` must have been read after they were carried out. Of two endpoints that meet,
/// whoever sees the other gives way; of two blocks the younger one does.
#[must_use]
pub fn stands(ledger: &Ledger, claims: &[Claim], pools: &Pools) -> bool {
    claims.iter().all(|claim| {
        let lease = claim.lease();
        match lease.spec.purpose {
            Purpose::Endpoint => ledger
                .of_holder(&lease.spec.holder)
                .filter(|other| other.spec.purpose == Purpose::Endpoint)
                .filter(|other| matches!(other.spec.state, State::Reserved | State::Bound))
                // What an admin changes has been there for long.
                .filter(|other| {
                    lease.spec.since.duration_since(other.spec.since) < RIVALRY.duration()
                })
                .all(|other| other.slot == lease.slot),
            Purpose::Block => may_open(ledger, lease, pools),
            _ => true,
        }
    })
}

/// Whether a reserved block is one of as many as its tenant may have, behind those that are open and those
/// that were reserved before it. Who has reserved later has seen all that were reserved before, so that
/// no two take the last one for theirs; and the oldest one waits for nobody, so that one of them gets on.
fn may_open(ledger: &Ledger, block: &Lease, pools: &Pools) -> bool {
    let is_older = |other: &Lease| match (other.revision(), block.revision()) {
        (Some(other), Some(own)) => other < own,
        // What was stored before another request asked for it may be older; what was not is younger.
        _ => !other.may_not_be_stored(),
    };
    let is_ahead = |other: &&Lease| match other.spec.state {
        State::Reserved => is_older(other),
        State::Releasing => false,
        State::Bound | State::MovedAway => true,
    };
    let most = pools
        .get(&block.spec.pool)
        .ok()
        .and_then(|pool| pool.spec().blocks_per_tenant);
    let ahead = ledger
        .of_tenant(&block.spec.tenant)
        .filter(|other| other.slot.kind == SlotKind::Block && other.slot != block.slot)
        .filter(|other| other.spec.pool == block.spec.pool)
        .filter(is_ahead);
    most.is_none_or(|most| ahead.count() < most as usize)
}

/// What must be listed live before [`stands`] can be asked; empty when nothing needs it.
#[must_use]
pub fn to_confirm(claims: &[Claim]) -> Vec<Selection> {
    claims
        .iter()
        .filter_map(|claim| {
            let spec = &claim.lease().spec;
            match spec.purpose {
                Purpose::Endpoint => Some(Selection::Namespace(spec.holder.namespace.clone())),
                Purpose::Block => Some(Selection::Tenant(spec.tenant.clone())),
                _ => None,
            }
        })
        .collect()
}
