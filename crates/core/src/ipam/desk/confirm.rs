//! What only all leases together tell, looked at again once claims were carried out.

use crate::ipam::delay::Delay;
use crate::ipam::lease::{Claim, Purpose, State};
use crate::ipam::ledger::{Ledger, Selection};
use crate::ipam::pools::Pools;
use crate::ipam::slot::SlotKind;

/// For so long two reservations of one endpoint are taken for rivals.
const RIVALRY: Delay = Delay::seconds(120);

/// Whether claims that were carried out may stand: nobody else has reserved another endpoint for the
/// same cluster meanwhile, and no tenant has more blocks than the pool allows. `ledger` must have
/// been read after they were carried out. Of two that meet, whoever sees the other gives way.
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
            Purpose::Block => {
                let most = pools
                    .get(&lease.spec.pool)
                    .ok()
                    .and_then(|pool| pool.spec().blocks_per_tenant);
                let blocks = ledger.of_tenant(&lease.spec.tenant).filter(|other| {
                    other.slot.kind == SlotKind::Block
                        && other.spec.pool == lease.spec.pool
                        && other.spec.state != State::Releasing
                });
                most.is_none_or(|most| blocks.count() <= most as usize)
            }
            _ => true,
        }
    })
}

/// What must be listed live before [`stands`] can be asked; empty when nothing needs it.
#[must_use]
pub fn to_confirm(claims: &[Claim]) -> Vec<Selection> {
    claims
        .iter()
        .filter_map(|claim| {
            let spec = &claim.lease().spec;
            match (claim, spec.purpose) {
                (_, Purpose::Endpoint) => Some(Selection::Namespace(spec.holder.namespace.clone())),
                (Claim::Create(_), Purpose::Block) => Some(Selection::Tenant(spec.tenant.clone())),
                _ => None,
            }
        })
        .collect()
}
