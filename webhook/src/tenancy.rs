//! The parts of `serve` on a management cluster: what is known of tenants and their objects, and who judges by it.

use std::sync::Arc;

use basphere_core::Inventory;
use kube::Client;
use tokio::task::JoinSet;

use crate::desk::KubeDesk;
use crate::gate::Gate;
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::reader::{KubeReader, Reader};
use crate::readiness::Readiness;
use crate::served::Served;
use crate::till::KubeTill;
use crate::world::World;
use crate::{controllers, leases, site, tenants, watch};

/// Who judges, and what is known to be served.
pub(crate) struct Tenancy {
    served: Arc<Served>,
    judge: Arc<Judge>,
}

impl Tenancy {
    /// Starts the watches, each of which must be in step before reviews can be answered.
    pub(crate) fn start(
        tasks: &mut JoinSet<()>,
        client: &Client,
        world: Arc<World>,
        metrics: &Arc<Metrics>,
        readiness: &mut Readiness,
    ) -> Self {
        let served = Arc::new(Served::default());
        start_watches(tasks, client, &world, metrics, &served, readiness);
        let reader = Arc::new(KubeReader::new(client.clone(), Arc::clone(&served)));
        let desk = KubeDesk::new(client.clone(), Arc::clone(&world), Arc::clone(metrics));
        let till = KubeTill::new(
            client.clone(),
            Arc::clone(&world),
            Arc::clone(&reader) as Arc<dyn Reader>,
            Arc::clone(metrics),
        );
        let judge = Arc::new(Judge {
            world,
            reader,
            desk: Arc::new(desk),
            till: Arc::new(till),
            metrics: Arc::clone(metrics),
            decide: basphere_core::decide,
        });
        Self { served, judge }
    }

    /// Who answers reviews.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::new(Gate::of(Arc::clone(&self.judge)))
    }

    /// What the controllers behind the gate need.
    pub(crate) fn into_parts(self, client: Client) -> controllers::Parts {
        controllers::Parts {
            client,
            served: self.served,
            judge: self.judge,
        }
    }
}

fn start_watches(
    tasks: &mut JoinSet<()>,
    client: &Client,
    world: &Arc<World>,
    metrics: &Arc<Metrics>,
    served: &Arc<Served>,
    readiness: &mut Readiness,
) {
    let synced = readiness.cache("Site");
    tasks.spawn(site::keep_site(
        client.clone(),
        Arc::clone(world),
        Arc::clone(metrics),
        synced,
    ));
    let synced = readiness.cache("Namespace");
    tasks.spawn(watch::keep_namespaces(
        client.clone(),
        Arc::clone(world),
        synced,
    ));
    let synced = readiness.cache("AddressPool");
    tasks.spawn(leases::keep_pools(
        client.clone(),
        Arc::clone(world),
        synced,
    ));
    let synced = readiness.cache("Tenant");
    tasks.spawn(tenants::keep_tenants(
        client.clone(),
        Arc::clone(world),
        synced,
    ));
    let synced = readiness.cache("AddressLease");
    tasks.spawn(leases::keep_leases(
        client.clone(),
        Arc::clone(world),
        synced,
    ));
    for kind in Inventory::KINDS {
        let synced = readiness.cache(kind.as_str());
        tasks.spawn(watch::keep_kind(
            client.clone(),
            kind,
            Arc::clone(world),
            Arc::clone(served),
            synced,
        ));
    }
}
