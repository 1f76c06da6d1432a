//! What is counted of quotas.

use basphere_ipam::accounts::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Text;

/// From one request alone to all that a tenant's controllers send at once.
const BATCHES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DriftLabels {
    direction: Text,
}

/// Metrics of quotas.
#[derive(Debug)]
pub struct Quota {
    orders: Family<OutcomeLabels, Counter>,
    batches: Histogram,
    drift: Family<DriftLabels, Counter>,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            orders: Family::default(),
            batches: Histogram::new(BATCHES),
            drift: Family::default(),
        }
    }
}

impl Quota {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "quota_orders",
            "What was to be written into ledgers of tenants, by what became of it",
            self.orders.clone(),
        );
        registry.register(
            "quota_batch_size",
            "Orders of one ledger that were settled at once",
            self.batches.clone(),
        );
        registry.register(
            "quota_drift",
            "Objects that were stored without a charge (missing), or charged and not there (surplus)",
            self.drift.clone(),
        );
    }

    /// Orders of one ledger were settled at once.
    pub(crate) fn settled(&self, outcomes: &[Outcome]) {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a batch has a few hundred orders at the most"
        )]
        self.batches.observe(outcomes.len() as f64);
        for outcome in outcomes {
            let outcome = Text(match outcome {
                Outcome::Done => "done",
                Outcome::Refused(_) => "refused",
                Outcome::NotReady => "not_ready",
                Outcome::Failed(_) => "failed",
            });
            self.orders.get_or_create(&OutcomeLabels { outcome }).inc();
        }
    }

    /// So many objects were stored without a charge, and so many were charged and are not there.
    pub(crate) fn drifted(&self, missing: u64, surplus: u64) {
        for (direction, count) in [("missing", missing), ("surplus", surplus)] {
            let direction = Text(direction);
            self.drift
                .get_or_create(&DriftLabels { direction })
                .inc_by(count);
        }
    }
}
