//! The audit: what is stored is judged by the policies in force, again and again, by the process that leads.
//!
//! [`scan`] reads page after page, [`reports`] and [`statuses`] write what was found, and only what has changed. What is
//! found, and what reports look like, is a matter of `basphere_rego::audit`.

mod reports;
mod scan;
mod statuses;

use std::sync::Arc;
use std::time::Duration;

use basphere_rego::Policies;
use basphere_rego::audit::{Bounds, Tally, Waives};
use jiff::Timestamp;
use kube::Client;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::config;
use crate::metrics::Metrics;
use crate::policies::{Namespaces, Shelf, Stock};
use reports::Reports;
use scan::Scan;
use statuses::Statuses;

/// New policies are waited for so long, since they seldom come alone.
const SETTLE: Duration = Duration::from_secs(1);
/// A pause is so many times as long as the scan before it, at least: a large cluster is not looked through all the time.
const REST: u32 = 4;

/// What an audit needs.
#[derive(Clone)]
pub(crate) struct Audit {
    pub(crate) client: Client,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) metrics: Arc<Metrics>,
    /// By which waiver a finding is waived, if by any.
    pub(crate) waives: Arc<Waives<'static>>,
    pub(crate) config: config::Audit,
}

/// What is remembered from one scan to the next.
struct Keeper {
    audit: Audit,
    scan: Scan,
    reports: Reports,
    statuses: Statuses,
}

/// Whoever leads no longer says nothing about what is stored, however it ends.
struct Leading(Arc<Metrics>);

impl Drop for Leading {
    fn drop(&mut self) {
        self.0.audit.stopped();
    }
}

impl Audit {
    /// Looks through everything at once, then every interval and when the policies change, for ever.
    pub(crate) async fn keep(self) {
        let _leading = Leading(Arc::clone(&self.metrics));
        let mut changes = self.shelf.changes();
        let interval = self.config.interval;
        let mut keeper = Keeper {
            scan: Scan::new(self.clone()),
            reports: Reports::new(self.client.clone()),
            statuses: Statuses::new(self.client.clone(), self.config.constraint_status),
            audit: self,
        };
        loop {
            changes.mark_unchanged();
            let started = Instant::now();
            if let Some(policies) = keeper.audit.shelf.current() {
                keeper.look(&policies).await;
            }
            let pause = jittered(interval).max(started.elapsed() * REST);
            tokio::select! {
                () = sleep(pause) => {}
                // The shelf lives as long as the process.
                Ok(()) = changes.changed() => sleep(SETTLE).await,
            }
        }
    }
}

impl Keeper {
    async fn look(&mut self, policies: &Arc<Policies>) {
        let metrics = Arc::clone(&self.audit.metrics);
        let (started, began) = (Timestamp::now(), Instant::now());
        metrics.audit.started(started);
        let found = match self.scan.run(policies).await {
            Ok(found) => found,
            Err(error) => {
                warn!(error = %error, "what is stored could not be looked through");
                return;
            }
        };
        metrics
            .audit
            .ended(Timestamp::now(), began.elapsed(), &found.tally);
        if found.is_patchy {
            // What was not read would vanish from the reports now, and come back a moment later.
            return;
        }
        let reports = self.reports.write(&found.stored, &found.tally, started);
        let written = reports.await;
        let statuses = self.statuses.write(&found, policies, started).await;
        info!(
            objects = found.tally.objects(),
            violations = violations(&found.tally),
            reports = written,
            statuses,
            ms = began.elapsed().as_secs_f64() * 1000.0,
            "audited"
        );
    }
}

/// What is kept of what is found.
fn bounds() -> Bounds {
    Bounds::default()
}

fn violations(tally: &Tally) -> u64 {
    let rules = tally.rules();
    rules.map(|rule| rule.findings.violations()).sum()
}

/// Up to a tenth more or less, so that the clusters of a site do not ask their API servers all at once.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(fastrand::f64().mul_add(0.2, 0.9))
}
