//! The parts of `serve` that ask policies, on any cluster.

use std::path::PathBuf;
use std::sync::Arc;

use basphere_rego::Review;
use basphere_rego::constraint::Action;
use basphere_rego::policies::{Cause, Finding};
use basphere_rego::waiver::covering;
use jiff::Timestamp;
use kube::Client;
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::config;
use crate::metrics::Metrics;
use crate::policies::{
    Definitions, Namespaces, PolicyGate, Shelf, Sources, Stock, keep_cluster, keep_directory,
    keep_policy_namespaces, keep_stock, keep_told, keep_waivers, settle,
};
use crate::readiness::Readiness;

/// Where policies come from; one of both at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) directory: Option<PathBuf>,
    pub(crate) is_cluster: bool,
}

/// The policies in force, and who asks them.
pub(crate) struct Guard {
    shelf: Arc<Shelf>,
    namespaces: Arc<Namespaces>,
    stock: Arc<Stock>,
    sources: Arc<Sources>,
    is_cluster: bool,
    gate: Arc<PolicyGate>,
}

impl Guard {
    /// Starts what keeps policies, Namespaces and what policies look for up to date; all of it must be there before
    /// reviews can be answered.
    pub(crate) fn start(
        tasks: &mut JoinSet<()>,
        client: &Client,
        origin: Origin,
        metrics: &Arc<Metrics>,
        readiness: &mut Readiness,
    ) -> Self {
        let shelf = Arc::new(Shelf::default());
        let sources = Arc::new(Sources::new(
            Arc::clone(&shelf),
            Arc::clone(metrics),
            origin.directory.is_some(),
            origin.is_cluster,
        ));
        if let Some(directory) = origin.directory {
            let missing = format!("no valid policies in {} yet", directory.display());
            let loaded = readiness.part(missing);
            tasks.spawn(keep_directory(directory, Arc::clone(&sources), loaded));
        }
        if origin.is_cluster {
            let synced = readiness.cache("ConstraintTemplate and its constraints");
            let sources = Arc::clone(&sources);
            tasks.spawn(keep_cluster(client.clone(), sources, synced));
        }
        let stock = Arc::new(Stock::default());
        let settled = readiness.cache("what policies look for");
        tasks.spawn(keep_stock(
            client.clone(),
            Arc::clone(&shelf),
            Arc::clone(&stock),
            Arc::clone(metrics),
            settled,
        ));
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
        let gate = PolicyGate::new(
            Arc::clone(&shelf),
            Arc::clone(&namespaces),
            Arc::clone(&stock),
            Arc::clone(metrics),
        );
        Self {
            shelf,
            namespaces,
            stock,
            sources,
            is_cluster: origin.is_cluster,
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
        let waivers = Arc::clone(self.shelf.waivers());
        let waives = move |review: &Review, finding: &Finding<'_>| {
            // As in admission: only denials are waived, and not what could not be asked.
            if !finding.actions.contains(&Action::Deny) || finding.cause == Cause::Inventory {
                return None;
            }
            let in_force = waivers.in_force();
            let of = (finding.kind, finding.name);
            let waiver = covering(&in_force, of, review, Timestamp::now());
            waiver.map(|it| it.as_ref().name.clone())
        };
        Audit {
            client: client.clone(),
            shelf: Arc::clone(&self.shelf),
            namespaces: Arc::clone(&self.namespaces),
            stock: Arc::clone(&self.stock),
            metrics: Arc::clone(metrics),
            waives: Arc::new(waives),
            config,
        }
    }

    /// Writes down what was counted since it was last written: no review is answered any more.
    pub(crate) async fn end(self, client: Client) {
        settle(client, self.shelf.waivers()).await;
    }

    /// The policies in force.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// What keeps the definitions of the cluster's constraints; nothing where policies come from elsewhere.
    pub(crate) fn definitions(&self, client: &Client) -> Option<Definitions> {
        self.is_cluster.then(|| Definitions {
            client: client.clone(),
            sources: Arc::clone(&self.sources),
        })
    }
}
