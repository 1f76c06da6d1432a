//! One look through all that is stored.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use basphere_api::stored::{self, Pages, Stored};
use basphere_rego::Policies;
use basphere_rego::audit::{Auditor, Tally};
use basphere_rego::constraint::Point;
use serde_json::Value;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{Audit, bounds};
use crate::policies::LIMIT;

/// Who waits longer for a page waits for a connection that is dead: the API server itself gives up earlier.
const PATIENCE: Duration = Duration::from_secs(90);
/// What could not be read is tried again once, after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// What was found.
pub(super) struct Found {
    pub(super) tally: Tally,
    /// The kinds that are served.
    pub(super) stored: Vec<Stored>,
    /// Whether something could not be read now that could be read the time before.
    pub(super) is_patchy: bool,
}

/// Why a kind was not looked through.
#[derive(Debug, Error)]
pub(super) enum ScanError {
    /// The API server refused, or was not reached.
    #[error("{0}")]
    Kube(#[from] kube::Error),
    /// No answer came.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Slow(#[from] Elapsed),
    /// The kind has a name that no URL can have.
    #[error("{0}")]
    Request(#[from] kube::core::request::Error),
    /// What it returned is no list.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Judging has panicked, or the process ends.
    #[error("{0}")]
    Judging(#[from] JoinError),
}

impl ScanError {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether it will be the same the next time: who may not read it, or what is not there.
    fn is_lasting(&self) -> bool {
        matches!(self.code(), Some(403..=405))
    }
}

/// Looks through everything, and remembers what could not be read, so that it is told once.
pub(super) struct Scan {
    audit: Audit,
    /// By kind, with the reason.
    unread: BTreeMap<String, String>,
}

impl Scan {
    pub(super) fn new(audit: Audit) -> Self {
        Self {
            audit,
            unread: BTreeMap::new(),
        }
    }

    /// Everything that constraints ask about at the audit's point, kind after kind, one page at a time.
    pub(super) async fn run(&mut self, policies: &Arc<Policies>) -> Result<Found, ScanError> {
        let client = &self.audit.client;
        let core = client.list_core_api_versions_aggregated().await?;
        let groups = client.list_api_groups_aggregated().await?;
        let served = stored::served(&core, &groups);
        let mut tally = Tally::new(policies, bounds());
        let (mut unread, mut is_patchy) = (BTreeMap::new(), false);
        for kind in stored::asked(&served, &policies.kinds(Point::Audit)) {
            match self.kind(kind, policies).await {
                Ok(found) => tally.merge(found),
                Err(error) => {
                    let resource = &kind.resource;
                    let name = format!("{}.{}", resource.plural, resource.api_version);
                    is_patchy |= !error.is_lasting() && !self.unread.contains_key(&name);
                    unread.insert(name, error.to_string());
                }
            }
        }
        self.tell(unread);
        Ok(Found {
            tally,
            stored: served,
            is_patchy,
        })
    }

    fn tell(&mut self, unread: BTreeMap<String, String>) {
        for (kind, reason) in &unread {
            if !self.unread.contains_key(kind) {
                warn!(kind, reason, "this kind is not audited");
            }
        }
        for kind in self.unread.keys() {
            if !unread.contains_key(kind) {
                info!(kind, "this kind is audited again");
            }
        }
        self.audit.metrics.audit.unread(unread.len());
        self.unread = unread;
    }

    async fn kind(&self, kind: &Stored, policies: &Arc<Policies>) -> Result<Tally, ScanError> {
        match self.all_pages(kind, policies).await {
            Err(error) if !error.is_lasting() => {
                sleep(AGAIN).await;
                self.all_pages(kind, policies).await
            }
            other => other,
        }
    }

    async fn all_pages(&self, kind: &Stored, policies: &Arc<Policies>) -> Result<Tally, ScanError> {
        let mut pages = Pages::new(kind.clone(), None);
        let mut tally = Tally::new(policies, bounds());
        while let Some(request) = pages.request()? {
            let answer = self.audit.client.request_text(request);
            let answer = match timeout(PATIENCE, answer).await? {
                Err(kube::Error::Api(status)) if status.code == 410 && pages.begin_again() => {
                    tally = Tally::new(policies, bounds());
                    continue;
                }
                answer => answer?,
            };
            // A page is some megabytes, and others wait for this thread.
            let (returned, objects) = spawn_blocking(move || {
                let objects = pages.take(&answer);
                (pages, objects)
            })
            .await?;
            pages = returned;
            tally = self.page(objects?, policies, tally).await?;
        }
        Ok(tally)
    }

    /// Judges a page, and drops it.
    async fn page(
        &self,
        mut objects: Vec<Value>,
        policies: &Arc<Policies>,
        mut tally: Tally,
    ) -> Result<Tally, ScanError> {
        objects.retain(|object| !stored::is_left_out(object));
        let mut namespaces: HashMap<String, Option<Arc<Value>>> = HashMap::new();
        for object in &objects {
            let name = namespace(object);
            if !name.is_empty() && !namespaces.contains_key(name) {
                let found = self.audit.namespaces.get(name).await?;
                namespaces.insert(name.to_owned(), found);
            }
        }
        let (policies, waives) = (Arc::clone(policies), Arc::clone(&self.audit.waives));
        let look = self.audit.stock.look();
        let judging = spawn_blocking(move || {
            let auditor = Auditor {
                policies: &policies,
                inventory: &look.inventory,
                missing: &|need| look.missing(need),
                limit: LIMIT,
                waives: &*waives,
            };
            for object in objects {
                let around = match namespaces.get(namespace(&object)) {
                    // Its Namespace is gone, and it goes with it.
                    Some(None) => continue,
                    Some(Some(namespace)) => Some(Value::clone(namespace)),
                    None => None,
                };
                // What a list has is of a kind.
                let _ = auditor.judge(object, around, &mut tally);
            }
            tally
        });
        Ok(judging.await?)
    }
}

fn namespace(object: &Value) -> &str {
    let name = object
        .pointer("/metadata/namespace")
        .and_then(Value::as_str);
    name.unwrap_or_default()
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]
mod tests;
