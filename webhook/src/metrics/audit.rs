//! What the audit has found, in the shapes of Gatekeeper's metrics.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use basphere_rego::audit::Tally;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Text;

/// From a small cluster to one that should be audited less often.
const BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 300.0, 600.0, 1200.0];
/// What constraints may say; Gatekeeper shows each of them, also where nothing was found.
const ACTIONS: [&str; 5] = ["deny", "dryrun", "scoped", "unrecognized", "warn"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    enforcement_action: Text,
}

/// Metrics of the audit. Those of a process that does not lead are 0.
#[derive(Debug)]
pub struct AuditMetrics {
    violations: Family<ActionLabels, Gauge<i64, AtomicI64>>,
    durations: Histogram,
    last_run: Gauge<f64, AtomicU64>,
    last_run_end: Gauge<f64, AtomicU64>,
    objects: Gauge<i64, AtomicI64>,
    unread: Gauge<i64, AtomicI64>,
}

impl Default for AuditMetrics {
    fn default() -> Self {
        Self {
            violations: Family::default(),
            durations: Histogram::new(BUCKETS),
            last_run: Gauge::default(),
            last_run_end: Gauge::default(),
            objects: Gauge::default(),
            unread: Gauge::default(),
        }
    }
}

impl AuditMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "violations",
            "Violations of what is stored, by the constraints' enforcementAction",
            self.violations.clone(),
        );
        registry.register(
            "audit_duration_seconds",
            "Time to look through all that is stored",
            self.durations.clone(),
        );
        registry.register(
            "audit_last_run_time",
            "When the last audit began, in seconds since 1970",
            self.last_run.clone(),
        );
        registry.register(
            "audit_last_run_end_time",
            "When the last audit ended, in seconds since 1970",
            self.last_run_end.clone(),
        );
        registry.register(
            "audit_objects",
            "Objects that the last audit has judged",
            self.objects.clone(),
        );
        registry.register(
            "audit_unread_kinds",
            "Kinds that the last audit could not read",
            self.unread.clone(),
        );
    }

    /// An audit begins.
    pub fn started(&self, now: Timestamp) {
        self.last_run.set(seconds(now));
    }

    /// So many kinds could not be read.
    pub fn unread(&self, kinds: usize) {
        let kinds = i64::try_from(kinds).unwrap_or(i64::MAX);
        self.unread.set(kinds);
    }

    /// An audit has ended.
    pub fn ended(&self, now: Timestamp, took: Duration, tally: &Tally) {
        self.durations.observe(took.as_secs_f64());
        self.last_run_end.set(seconds(now));
        self.objects.set(number(tally.objects()));
        for action in ACTIONS {
            let rules = tally.rules().filter(|rule| rule.rule.action == action);
            let count: u64 = rules.map(|rule| rule.findings.violations()).sum();
            let labels = ActionLabels {
                enforcement_action: Text(action),
            };
            self.violations.get_or_create(&labels).set(number(count));
        }
    }

    /// Another process audits from now on.
    pub fn stopped(&self) {
        self.violations.clear();
        self.last_run.set(0.0);
        self.last_run_end.set(0.0);
        self.objects.set(0);
        self.unread.set(0);
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
