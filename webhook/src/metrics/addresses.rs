//! What is counted of addresses and of the controllers behind the gate.

use std::collections::BTreeMap;
use std::time::Duration;

use basphere_core::ipam::{Ledger, State};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Text;

/// From one request to the API server to what a review's patience allows.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    pool: String,
    state: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: String,
}

/// Metrics of addresses. Gauges are those of the leading process; others show none.
#[derive(Debug)]
pub struct Addresses {
    leases: Family<LeaseLabels, Gauge>,
    free: Family<PoolLabels, Gauge>,
    reservations: Histogram,
    conflicts: Counter,
    reclaimed: Family<PoolLabels, Counter>,
    orphaned: Family<PoolLabels, Counter>,
    repaired: Family<KindLabels, Counter>,
    is_leader: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: Text,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            leases: Family::default(),
            free: Family::default(),
            reservations: Histogram::new(BUCKETS),
            conflicts: Counter::default(),
            reclaimed: Family::default(),
            orphaned: Family::default(),
            repaired: Family::default(),
            is_leader: Gauge::default(),
        }
    }
}

impl Addresses {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "leases",
            "AddressLeases by pool and state; told by the leading process",
            self.leases.clone(),
        );
        registry.register(
            "pool_free",
            "Addresses or ranges of a pool that may be handed out now; told by the leading process",
            self.free.clone(),
        );
        registry.register(
            "reservation_duration_seconds",
            "Time to carry out the reservations of one decision",
            self.reservations.clone(),
        );
        registry.register(
            "reservation_conflicts",
            "Reservations that somebody else was faster with",
            self.conflicts.clone(),
        );
        registry.register(
            "leases_reclaimed",
            "Reservations whose object never appeared",
            self.reclaimed.clone(),
        );
        registry.register(
            "leases_orphaned",
            "Leases whose holder had gone",
            self.orphaned.clone(),
        );
        registry.register(
            "repairs",
            "Objects that were completed after they had been stored",
            self.repaired.clone(),
        );
        registry.register(
            "leader",
            "Whether this process runs the controllers",
            self.is_leader.clone(),
        );
    }

    /// The reservations of one decision were carried out, or somebody else was faster.
    pub fn reserved(&self, took: Duration, was_overtaken: bool) {
        self.reservations.observe(took.as_secs_f64());
        if was_overtaken {
            self.conflicts.inc();
        }
    }

    /// A reservation was let go of since nobody carries it.
    pub fn reclaimed(&self, pool: &str) {
        self.reclaimed.get_or_create(&labels(pool)).inc();
    }

    /// A lease was let go of since its holder has gone.
    pub fn orphaned(&self, pool: &str) {
        self.orphaned.get_or_create(&labels(pool)).inc();
    }

    /// An object of this kind was completed after it had been stored.
    pub fn repaired(&self, kind: basphere_core::Kind) {
        let kind = Text(kind.as_str());
        self.repaired.get_or_create(&KindLabels { kind }).inc();
    }

    /// Whether this process runs the controllers from now on.
    pub fn lead(&self, is_leader: bool) {
        self.is_leader.set(i64::from(is_leader));
        if !is_leader {
            self.leases.clear();
            self.free.clear();
        }
    }

    /// How full the pools are.
    pub fn count(&self, ledger: &Ledger, free: &BTreeMap<String, i64>) {
        let mut counts: BTreeMap<(&str, State), i64> = BTreeMap::new();
        for pool in free.keys() {
            for state in State::ALL {
                counts.insert((pool, state), 0);
            }
        }
        for lease in ledger.iter() {
            *counts
                .entry((&lease.spec.pool, lease.spec.state))
                .or_default() += 1;
        }
        // What is no longer there is not shown any more.
        self.leases.clear();
        self.free.clear();
        for ((pool, state), count) in counts {
            let labels = LeaseLabels {
                pool: pool.to_owned(),
                state: Text(state.as_str()),
            };
            self.leases.get_or_create(&labels).set(count);
        }
        for (pool, free) in free {
            self.free.get_or_create(&labels(pool)).set(*free);
        }
    }
}

fn labels(pool: &str) -> PoolLabels {
    PoolLabels {
        pool: pool.to_owned(),
    }
}
