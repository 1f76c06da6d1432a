//! `policy bench`: how fast policies judge objects, measured as `gator bench` measures it.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use basphere_rego::{Review, Session, Source};
use serde_json::{Value, json};

use crate::cli::{Bench, Output};
use crate::exit::{Exit, unless_closed};
use crate::yaml::yaml;

use super::{audit, sources};

/// What was measured.
struct Measured {
    setup: Duration,
    total: Duration,
    /// Processor time of all reviews; nothing where the system does not tell.
    processor: Option<Duration>,
    /// How long each review took, sorted.
    latencies: Vec<Duration>,
    violations: usize,
}

/// Judges all objects that are no policies again and again, and prints how long it took.
pub(super) fn run(options: &Bench, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Exit> {
    let objects = sources::read(&options.inputs.files, talk).map_err(anyhow::Error::msg)?;
    let judged = audit::judged(&objects)?;
    let start = Instant::now();
    let session = audit::prepare(objects).map_err(anyhow::Error::msg)?.session;
    let setup = start.elapsed();
    let policies = session.policies();
    let (templates, constraints) = (policies.templates().count(), policies.constraints().count());
    ensure!(constraints > 0, "there is no constraint");
    for _ in 0..options.warmup {
        review_all(&judged, &session, &mut Vec::new())?;
    }
    let measured = measure(options.iterations, setup, &judged, &session)?;
    let report = json!({
        "engine": "basphere",
        "templateCount": templates,
        "constraintCount": constraints,
        "objectCount": judged.len(),
        "iterations": options.iterations,
        "concurrency": 1,
        "totalReviews": measured.latencies.len(),
        "setupDuration": duration(measured.setup),
        "totalDuration": duration(measured.total),
        "processorTime": measured.processor.map(duration),
        "latencies": measured.latencies(),
        "violationCount": measured.violations,
        "reviewsPerSecond": measured.per(measured.total),
        "reviewsPerProcessorSecond": measured.processor.map(|time| measured.per(time)),
        "peakMemoryBytes": peak_memory(),
    });
    let text = match options.output {
        Output::Text => table(&report),
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&json!([report]))?),
        Output::Yaml => yaml(&[report])?,
    };
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    Ok(Exit::Ok)
}

fn measure(
    iterations: u32,
    setup: Duration,
    objects: &[Value],
    session: &Session,
) -> Result<Measured> {
    let mut latencies = Vec::new();
    let (start, before) = (Instant::now(), processor_time());
    let mut violations = 0;
    for _ in 0..iterations {
        violations += review_all(objects, session, &mut latencies)?;
    }
    let (total, after) = (start.elapsed(), processor_time());
    latencies.sort();
    let processor = after
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    Ok(Measured {
        setup,
        total,
        processor,
        latencies,
        violations,
    })
}

/// Judges each object once, from the document to the verdict.
fn review_all(
    objects: &[Value],
    session: &Session,
    latencies: &mut Vec<Duration>,
) -> Result<usize> {
    let mut violations = 0;
    for object in objects {
        let start = Instant::now();
        let mut review = Review::of_object(object.clone(), None, Source::Original)?;
        violations += session.review(&mut review)?.len();
        latencies.push(start.elapsed());
    }
    Ok(violations)
}

impl Measured {
    fn latencies(&self) -> Value {
        let sum: Duration = self.latencies.iter().sum();
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        json!({
            "min": duration(self.percentile(0)),
            "max": duration(self.percentile(100)),
            "mean": duration(sum.checked_div(count).unwrap_or_default()),
            "p50": duration(self.percentile(50)),
            "p95": duration(self.percentile(95)),
            "p99": duration(self.percentile(99)),
        })
    }

    fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let found = self.latencies.get(last * percent / 100);
        found.copied().unwrap_or_default()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "so many reviews nobody waits for"
    )]
    fn per(&self, time: Duration) -> f64 {
        let rate = self.latencies.len() as f64 / time.as_secs_f64();
        // Of what took no time at all there is no rate.
        if rate.is_finite() { rate } else { 0.0 }
    }
}

/// The processor time of this thread so far, where the system is Linux.
fn processor_time() -> Option<Duration> {
    let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let running = times.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(running))
}

/// The most memory that this process had at once, where the system is Linux.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// As Go and Rust write durations: `1.5ms`.
fn duration(duration: Duration) -> String {
    format!("{duration:?}")
}

/// A line for each number.
fn table(report: &Value) -> String {
    let mut text = String::new();
    for (name, value) in report.as_object().into_iter().flatten() {
        let rows: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(below, value)| (format!("{name}.{below}"), value))
                .collect(),
            value => vec![(name.clone(), value)],
        };
        for (name, value) in rows {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) if number.is_f64() => {
                    format!("{:.1}", number.as_f64().unwrap_or_default())
                }
                Value::Null => "unknown".to_owned(),
                other => other.to_string(),
            };
            text.push_str(&format!("{name:<28}{value}\n"));
        }
    }
    text
}
