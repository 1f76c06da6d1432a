//! What is counted, with the prefix `basphere_`.

mod addresses;
mod audit;
mod images;
mod policies;
mod quota;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use basphere_core::{Kind, Operation, Phase};
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use addresses::Addresses;
pub use audit::AuditMetrics;
pub use images::ImageMetrics;
pub use policies::{PolicyMetrics, PolicyReview};
pub use quota::Quota;

/// From a cached decision (well under a millisecond) to the API server's patience.
const BUCKETS: [f64; 12] = [
    0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// A label value; what could not be read is `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Text(&'static str);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    phase: Text,
    operation: Text,
    kind: Text,
    allowed: bool,
    status: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    phase: Text,
    kind: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    phase: Text,
    code: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    kind: Text,
    result: Text,
}

/// What a review was about, as labels.
#[derive(Clone, Copy, Debug)]
pub struct About {
    phase: Phase,
    operation: Option<Operation>,
    kind: Option<Kind>,
}

impl About {
    /// A review that was read.
    #[must_use]
    pub fn request(request: &basphere_core::Request) -> Self {
        Self {
            phase: request.phase,
            operation: Some(request.operation),
            kind: Some(request.subject.kind),
        }
    }

    /// A body that could not be read.
    #[must_use]
    pub fn unknown(phase: Phase) -> Self {
        Self {
            phase,
            operation: None,
            kind: None,
        }
    }

    /// `mutate` or `validate`.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match self.phase {
            Phase::Mutate => "mutate",
            Phase::Validate => "validate",
        }
    }

    /// The operation as the admission API writes it.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self.operation {
            Some(Operation::Create) => "CREATE",
            Some(Operation::Update) => "UPDATE",
            Some(Operation::Delete) => "DELETE",
            None => UNKNOWN,
        }
    }

    fn kind(&self) -> &'static str {
        self.kind.map_or(UNKNOWN, Kind::as_str)
    }
}

const UNKNOWN: &str = "unknown";

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
    findings: Family<FindingLabels, Counter>,
    live_reads: Family<ReadLabels, Counter>,
    site_valid: Gauge,
    site_generation: Gauge,
    certificate_expiry: Gauge<f64, AtomicU64>,
    /// What is counted of addresses.
    pub addresses: Addresses,
    /// What is counted of images.
    pub images: ImageMetrics,
    /// What is counted of policies.
    pub policies: PolicyMetrics,
    /// What the audit of what is stored has found.
    pub audit: AuditMetrics,
    /// What is counted of quotas.
    pub quota: Quota,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("basphere"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            findings: Family::default(),
            live_reads: Family::default(),
            site_valid: Gauge::default(),
            site_generation: Gauge::default(),
            certificate_expiry: Gauge::default(),
            addresses: Addresses::default(),
            images: ImageMetrics::default(),
            policies: PolicyMetrics::default(),
            audit: AuditMetrics::default(),
            quota: Quota::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        // The encoder appends `_total` to counters and `_info` to the last one.
        registry.register(
            "admission_requests",
            "Reviews that were answered",
            self.requests.clone(),
        );
        registry.register(
            "admission_duration_seconds",
            "Time to answer a review",
            self.durations.clone(),
        );
        registry.register(
            "admission_findings",
            "Denials and warnings by code",
            self.findings.clone(),
        );
        registry.register(
            "live_reads",
            "Reads of what no cache could answer",
            self.live_reads.clone(),
        );
        registry.register(
            "site_valid",
            "Whether the newest Site is in force",
            self.site_valid.clone(),
        );
        registry.register(
            "site_generation",
            "Generation of the Site in force",
            self.site_generation.clone(),
        );
        registry.register(
            "certificate_expiry_seconds",
            "When the serving certificate ends, in seconds since 1970",
            self.certificate_expiry.clone(),
        );
        self.addresses.register(registry);
        self.images.register(registry);
        self.policies.register(registry);
        self.audit.register(registry);
        self.quota.register(registry);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))].to_vec());
        registry.register("build", "What is running", build);
    }

    /// A review was answered.
    pub fn answered(&self, about: About, allowed: bool, status: i32, took: Duration) {
        let (phase, kind) = (Text(about.phase()), Text(about.kind()));
        let labels = RequestLabels {
            phase: phase.clone(),
            operation: Text(about.operation()),
            kind: kind.clone(),
            allowed,
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&DurationLabels { phase, kind })
            .observe(took.as_secs_f64());
    }

    /// A finding was part of an answer.
    pub fn found(&self, about: About, code: basphere_core::Code) {
        self.findings
            .get_or_create(&FindingLabels {
                phase: Text(about.phase()),
                code: Text(code.as_str()),
            })
            .inc();
    }

    /// A live read ended. Namespaces are read as kind `Namespace`.
    pub fn read_live(&self, kind: &'static str, succeeded: bool) {
        let result = Text(if succeeded { "ok" } else { "error" });
        self.live_reads
            .get_or_create(&ReadLabels {
                kind: Text(kind),
                result,
            })
            .inc();
    }

    /// The newest Site was judged; `in_force` is the generation that holds now.
    pub fn site(&self, valid: bool, in_force: Option<i64>) {
        self.site_valid.set(i64::from(valid));
        if let Some(generation) = in_force {
            self.site_generation.set(generation);
        }
    }

    /// A certificate is being served from now on.
    pub fn certificate(&self, expiry: Timestamp) {
        self.certificate_expiry
            .set(expiry.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64());
    }

    /// Everything in the text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
