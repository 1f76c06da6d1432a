//! The parts of `serve` that ask policies, on any cluster.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::config;
use crate::metrics::Metrics;
use crate::policies::{Namespaces, PolicyGate, Shelf, keep_directory, keep_policy_namespaces};
use crate::readiness::Readiness;

/// The policies in force, and who asks them.
pub(crate) struct Guard {
    shelf: Arc<Shelf>,
    namespaces: Arc<Namespaces>,
    gate: Arc<PolicyGate>,
}

impl Guard {
    /// Starts what keeps policies and Namespaces up to date; both must be there before reviews can be answered.
    pub(crate) fn start(
        tasks: &mut JoinSet<()>,
        client: &Client,
        directory: PathBuf,
        metrics: &Arc<Metrics>,
        readiness: &mut Readiness,
    ) -> Self {
        let shelf = Arc::new(Shelf::default());
        let missing = format!("no valid policies in {} yet", directory.display());
        let loaded = readiness.part(missing);
        let (own, of_metrics) = (Arc::clone(&shelf), Arc::clone(metrics));
        tasks.spawn(keep_directory(directory, own, of_metrics, loaded));
        let namespaces = Arc::new(Namespaces::new(client.clone()));
        let synced = readiness.cache("Namespace for policies");
        tasks.spawn(keep_policy_namespaces(
            client.clone(),
            Arc::clone(&namespaces),
            synced,
        ));
        let gate = PolicyGate::new(
            Arc::clone(&shelf),
            Arc::clone(&namespaces),
            Arc::clone(metrics),
        );
        Self {
            shelf,
            namespaces,
            gate: Arc::new(gate),
        }
    }

    /// Who answers reviews.
    pub(crate) fn gate(&self) -> Arc<PolicyGate> {
        Arc::clone(&self.gate)
    }

    /// Who looks through what is stored.
    pub(crate) fn audit(
        &self,
        client: &Client,
        metrics: &Arc<Metrics>,
        config: config::Audit,
    ) -> Audit {
        Audit {
            client: client.clone(),
            shelf: Arc::clone(&self.shelf),
            namespaces: Arc::clone(&self.namespaces),
            metrics: Arc::clone(metrics),
            waives: Arc::new(basphere_rego::audit::waives_nothing),
            config,
        }
    }

    /// The policies in force.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }
}
