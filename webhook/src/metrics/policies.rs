//! What is counted of policies.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use basphere_rego::Versioned;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{BUCKETS, Text};

/// The operations of the admission API; whatever else a request says is no label.
const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "CONNECT"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    operation: Text,
    allowed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    constraint: String,
    action: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WaivedLabels {
    waiver: String,
    constraint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoadedLabels {
    kind: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StockLabels {
    version: String,
    kind: String,
}

/// A review that was answered.
#[derive(Clone, Copy, Debug)]
pub struct PolicyReview<'a> {
    /// The operation, as the admission API writes it.
    pub operation: &'a str,
    /// Whether it may pass.
    pub allowed: bool,
    /// Each constraint (`Kind/name`) that has found something, and what followed.
    pub results: &'a [(String, &'static str)],
    /// How long it took.
    pub took: Duration,
}

/// Metrics of policies.
#[derive(Debug)]
pub struct PolicyMetrics {
    reviews: Family<ReviewLabels, Counter>,
    durations: Histogram,
    results: Family<ResultLabels, Counter>,
    waived: Family<WaivedLabels, Counter>,
    loaded: Family<LoadedLabels, Gauge<i64, AtomicI64>>,
    refused: Gauge,
    valid: Gauge,
    stock: Family<StockLabels, Gauge<i64, AtomicI64>>,
}

impl Default for PolicyMetrics {
    fn default() -> Self {
        Self {
            reviews: Family::default(),
            durations: Histogram::new(BUCKETS),
            results: Family::default(),
            waived: Family::default(),
            loaded: Family::default(),
            refused: Gauge::default(),
            valid: Gauge::default(),
            stock: Family::default(),
        }
    }
}

impl PolicyMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "policy_reviews",
            "Reviews that policies were asked about",
            self.reviews.clone(),
        );
        registry.register(
            "policy_review_duration_seconds",
            "Time to ask all policies about a review",
            self.durations.clone(),
        );
        registry.register(
            "policy_results",
            "What constraints have found, by what followed",
            self.results.clone(),
        );
        registry.register(
            "policy_waived",
            "Requests that waivers let in although a constraint refuses them",
            self.waived.clone(),
        );
        registry.register(
            "policies",
            "Templates and constraints in force",
            self.loaded.clone(),
        );
        registry.register(
            "policies_valid",
            "Whether the newest policies are in force",
            self.valid.clone(),
        );
        registry.register(
            "policies_refused",
            "Templates and constraints of the cluster whose newest version is not in force",
            self.refused.clone(),
        );
        registry.register(
            "policy_inventory_objects",
            "Objects that are kept for policies to look for",
            self.stock.clone(),
        );
    }

    /// Policies are in force; so many more are no good.
    pub fn loaded(&self, templates: usize, constraints: usize, refused: usize) {
        for (kind, count) in [("template", templates), ("constraint", constraints)] {
            let labels = LoadedLabels { kind: Text(kind) };
            self.loaded.get_or_create(&labels).set(number(count));
        }
        self.refused.set(number(refused));
    }

    /// Whether the newest policies are in force.
    pub fn set_valid(&self, is_valid: bool) {
        self.valid.set(i64::from(is_valid));
    }

    /// So many objects of these kinds are kept, and none of others.
    pub fn stocked(&self, counts: &[(Versioned, usize)]) {
        self.stock.clear();
        for (of, count) in counts {
            let labels = StockLabels {
                version: of.group_version.clone(),
                kind: of.kind.clone(),
            };
            self.stock.get_or_create(&labels).set(number(*count));
        }
    }

    /// A waiver has let a request in although a constraint (`Kind/name`) refuses it.
    pub fn waived(&self, waiver: &str, constraint: &str) {
        let labels = WaivedLabels {
            waiver: waiver.to_owned(),
            constraint: constraint.to_owned(),
        };
        self.waived.get_or_create(&labels).inc();
    }

    /// A review was answered.
    pub fn reviewed(&self, review: PolicyReview<'_>) {
        let mut operations = OPERATIONS.into_iter();
        let operation = operations.find(|known| *known == review.operation);
        let labels = ReviewLabels {
            operation: Text(operation.unwrap_or(super::UNKNOWN)),
            allowed: review.allowed,
        };
        self.reviews.get_or_create(&labels).inc();
        self.durations.observe(review.took.as_secs_f64());
        for (constraint, action) in review.results {
            let labels = ResultLabels {
                constraint: constraint.clone(),
                action: Text(action),
            };
            self.results.get_or_create(&labels).inc();
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
