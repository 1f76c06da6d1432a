//! The parts of `serve` that ask policies, on any cluster.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::policies::{
    Namespaces, PolicyGate, Shelf, keep_directory, keep_policy_namespaces, keep_told, keep_waivers,
    settle,
};
use crate::readiness::Readiness;

/// The policies in force, and who asks them.
pub(crate) struct Guard {
    shelf: Arc<Shelf>,
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
        let waivers = shelf.waivers();
        let synced = readiness.cache("PolicyWaiver");
        tasks.spawn(keep_waivers(client.clone(), Arc::clone(waivers), synced));
        tasks.spawn(keep_told(client.clone(), Arc::clone(waivers)));
        let gate = PolicyGate::new(Arc::clone(&shelf), namespaces, Arc::clone(metrics));
        Self {
            shelf,
            gate: Arc::new(gate),
        }
    }

    /// Who answers reviews.
    pub(crate) fn gate(&self) -> Arc<PolicyGate> {
        Arc::clone(&self.gate)
    }

    /// Writes down what was counted since it was last written: no review is answered any more.
    pub(crate) async fn end(self, client: Client) {
        settle(client, self.shelf.waivers()).await;
    }

    /// The policies in force.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }
}
