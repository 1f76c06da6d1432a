//! What a review knows of pools and leases: those of the cluster, and what earlier objects of the stream
//! would have been given. Leases tell of all tenants, so that only admins may read them; for others it
//! stays open what depends on them.

use std::cell::RefCell;
use std::sync::Arc;

use basphere_core::ipam::{Ledger, Pools, SlotKind, State};
use basphere_core::{Decision, Lookup, Request, Snapshot, decide};

use super::cluster::Cluster;

/// All pools, and all leases as they would be.
pub(super) struct Addresses {
    pools: Arc<Pools>,
    ledger: RefCell<Ledger>,
}

impl Addresses {
    /// Reads both; `None` for those who may not, and where there are none.
    pub(super) fn read(cluster: &Cluster) -> Option<Self> {
        let pools = cluster.pools().ok()?;
        pools.names().next()?;
        Some(Self {
            pools: Arc::new(pools),
            ledger: RefCell::new(cluster.leases().ok()?),
        })
    }

    /// Decides over them. Everything was read live, so that what is asked of leases is answered.
    pub(super) fn decide(&self, request: &Request, snapshot: &mut Snapshot) -> Decision {
        snapshot.pools = Arc::clone(&self.pools);
        snapshot.ledger = self.ledger.borrow().clone();
        snapshot.live.insert(Lookup::Pools);
        let decision = loop {
            let decision = decide(request, snapshot);
            let before = snapshot.live.len();
            let of_leases = |lookup: &&Lookup| matches!(lookup, Lookup::Leases(_));
            let asked = decision.missed.iter().filter(of_leases).cloned();
            snapshot.live.extend(asked);
            if snapshot.live.len() == before {
                break decision;
            }
        };
        if decision.is_allowed() {
            self.carry_out(&decision);
        }
        decision
    }

    fn carry_out(&self, decision: &Decision) {
        let mut ledger = self.ledger.borrow_mut();
        for claim in &decision.claims {
            let mut lease = claim.lease().clone();
            // As if it were stored, and a block confirmed.
            lease.resource_version = "1".to_owned();
            if lease.slot.kind == SlotKind::Block {
                lease.spec.state = State::Bound;
            }
            ledger.put(lease);
        }
    }
}
