//! What puts right, behind the gate, what reviews cannot: leases follow their holders, objects that
//! were stored without us are completed, IPAddressClaims are fulfilled, pools tell how full they are,
//! and constraints of the cluster are defined.
//!
//! One process of several does so, chosen by [`election`]; who loses its Lease stops at once. Each
//! part is a queue of keys that are worked on until they are as they should be, whatever happened
//! before: that a note was missed costs time, never truth, since everything is looked at again every
//! now and then.

mod carriers;
mod claims;
mod election;
mod events;
mod holders;
mod keep;
mod ledgers;
mod objects;
mod pools;
mod queue;
mod repair;

use std::sync::{Arc, Mutex};

use basphere_api::controllers::watched;
use basphere_core::Kind;
use basphere_ipam::Keeper;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::{Client, ResourceExt};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use crate::config;
use crate::desk::KubeStore;
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::policies::Definitions;
use crate::served::Served;
use crate::watch::{Change, News, follow_kind};
use crate::world::{Note, World};
use claims::{Claims, Waiting};
use election::Candidate;
use holders::ClusterHolders;
use ledgers::Ledgers;
use objects::{Id, Objects};
use queue::{Queue, queue};
use repair::Repair;

/// What the controllers share with the rest of the process.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) served: Arc<Served>,
    /// Who decides, and what is known.
    pub(crate) judge: Arc<Judge>,
}

/// What the process that leads does.
pub(crate) struct Duties {
    /// What tenants have; nothing on an application cluster.
    pub(crate) tenants: Option<Parts>,
    /// The definitions of the cluster's constraints; nothing where policies come from elsewhere.
    pub(crate) definitions: Option<Definitions>,
}

impl Duties {
    /// Whether there is nothing to do, so that nobody needs to lead.
    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.is_none() && self.definitions.is_none()
    }

    fn start(&self, config: &config::Controllers, identity: &str) -> JoinSet<()> {
        let mut tasks = match &self.tenants {
            Some(parts) => start(parts, config, identity),
            None => JoinSet::new(),
        };
        if let Some(definitions) = &self.definitions {
            tasks.spawn(definitions.clone().keep());
        }
        tasks
    }
}

/// Does what is to be done whenever this process leads, until told to stop.
pub(crate) async fn run(
    client: Client,
    duties: Duties,
    metrics: Arc<Metrics>,
    config: config::Controllers,
    mut stop: watch::Receiver<bool>,
) {
    let mut candidate = Candidate::new(client, &config.namespace, config.lease);
    let until_stopped = async {
        // That nobody can tell us to stop any more is as good as being told.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let lead = async {
        loop {
            candidate.win().await;
            metrics.addresses.lead(true);
            let mut tasks = duties.start(&config, candidate.identity());
            tokio::select! {
                () = candidate.lead() => {}
                ended = tasks.join_next() => error!(ended = ?ended, "a controller ended"),
            }
            // Not one more request is sent before the Lease is let go of.
            tasks.shutdown().await;
            metrics.addresses.lead(false);
            candidate.release().await;
        }
    };
    tokio::select! {
        () = until_stopped => {}
        () = lead => {}
    }
    metrics.addresses.lead(false);
    candidate.release().await;
}

/// The queues that what is heard ends up in.
#[derive(Clone)]
struct Queues {
    leases: Queue<String>,
    claims: Queue<Id>,
    repairs: Queue<Id>,
    /// All pools are counted at once.
    pools: Queue<()>,
    /// By the names of Tenants.
    ledgers: Queue<String>,
}

fn start(parts: &Parts, config: &config::Controllers, identity: &str) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let objects = Arc::new(Objects::default());
    let (teller, told) = events::teller();
    tasks.spawn(events::publish(
        parts.client.clone(),
        Arc::clone(&parts.served),
        identity.to_owned(),
        told,
    ));
    let (leases, lease_requests) = queue();
    let (claims, claim_requests) = queue();
    let (repairs, repair_requests) = queue();
    let (pools, pool_requests) = queue();
    let (ledgers, ledger_requests) = queue();
    let queues = Queues {
        leases: leases.clone(),
        claims: claims.clone(),
        repairs: repairs.clone(),
        pools: pools.clone(),
        ledgers: ledgers.clone(),
    };
    let holders = ClusterHolders {
        client: parts.client.clone(),
        world: Arc::clone(&parts.judge.world),
        objects: Arc::clone(&objects),
        reader: Arc::clone(&parts.judge.reader),
        metrics: Arc::clone(&parts.judge.metrics),
        teller: teller.clone(),
    };
    let store = KubeStore::new(parts.client.clone());
    let keeper = Keeper::new(store, holders, Arc::clone(parts.judge.world.book()));
    tasks.spawn(keep::keep(
        keeper,
        Arc::clone(&parts.judge.world),
        (leases, lease_requests),
    ));

    let waiting = Waiting::default();
    let fulfiller = Claims {
        client: parts.client.clone(),
        world: Arc::clone(&parts.judge.world),
        served: Arc::clone(&parts.served),
        reader: Arc::clone(&parts.judge.reader),
        desk: Arc::clone(&parts.judge.desk),
        teller: teller.clone(),
        waiting: waiting.clone(),
    };
    let keeper_of_ledgers = Ledgers {
        client: parts.client.clone(),
        judge: Arc::clone(&parts.judge),
        objects: Arc::clone(&objects),
        teller: teller.clone(),
        shown: Mutex::default(),
    };
    tasks.spawn(ledgers::keep(keeper_of_ledgers, (ledgers, ledger_requests)));
    let repair = Repair {
        client: parts.client.clone(),
        judge: Arc::clone(&parts.judge),
        served: Arc::clone(&parts.served),
        objects: Arc::clone(&objects),
        teller,
    };
    tasks.spawn(repair::keep(repair, (repairs, repair_requests)));
    tasks.spawn(claims::keep(fulfiller, (claims, claim_requests)));
    tasks.spawn(pools::keep(
        parts.client.clone(),
        Arc::clone(&parts.judge.world),
        Arc::clone(&parts.judge.metrics),
        (pools, pool_requests),
    ));

    let (sender, heard) = unbounded();
    for kind in watched() {
        tasks.spawn(hear(
            parts.clone(),
            kind,
            Arc::clone(&objects),
            sender.clone(),
        ));
    }
    let dispatcher = Dispatcher {
        judge: Arc::clone(&parts.judge),
        world: Arc::clone(&parts.judge.world),
        objects,
        queues,
        waiting,
    };
    let notes = parts.judge.world.listen();
    tasks.spawn(dispatcher.dispatch(heard, notes, config.resync));
    tasks
}

/// What is heard of objects.
enum Heard {
    /// This one has changed, or has gone.
    Object(Id),
    /// All objects of a kind are known now, or there is no such kind.
    Known,
}

/// Follows one kind.
async fn hear(parts: Parts, kind: Kind, objects: Arc<Objects>, tell: UnboundedSender<Heard>) {
    let (client, served) = (parts.client, parts.served);
    follow_kind(client, kind, served, |news| {
        let change = match news {
            News::Change(change) => *change,
            News::NotServed => Change::Synced,
        };
        let heard = match change {
            Change::Put(object) => {
                let id = Id::new(
                    kind,
                    &object.namespace().unwrap_or_default(),
                    &object.name_any(),
                );
                let Ok(object) = serde_json::to_value(object) else {
                    return;
                };
                if !objects.put(id.clone(), object) {
                    return;
                }
                Heard::Object(id)
            }
            Change::Gone(namespace, name, last) => {
                let id = Id::new(kind, &namespace, &name);
                let last = last.and_then(|last| serde_json::to_value(*last).ok());
                objects.remove(id.clone(), last.as_ref());
                Heard::Object(id)
            }
            // Of a kind that is not served there is nothing.
            Change::Synced => Heard::Known,
        };
        // Nobody listens when another one leads.
        let _ = tell.unbounded_send(heard);
    })
    .await;
}

/// Puts whatever may have to be looked at into the queues.
struct Dispatcher {
    judge: Arc<Judge>,
    world: Arc<World>,
    objects: Arc<Objects>,
    queues: Queues,
    waiting: Waiting,
}

impl Dispatcher {
    async fn dispatch(
        self,
        mut heard: UnboundedReceiver<Heard>,
        mut notes: broadcast::Receiver<Note>,
        resync: std::time::Duration,
    ) {
        // What the caches hold spares a live read for each lease.
        let mut unknown = watched().count();
        while unknown > 0 {
            match heard.next().await {
                Some(Heard::Known) => unknown -= 1,
                Some(Heard::Object(_)) => {}
                None => return,
            }
        }
        let mut again = interval(resync);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = again.tick() => self.put_all(),
                Some(Heard::Object(id)) = heard.next() => self.put_object(&id),
                note = notes.recv() => match note {
                    Ok(note) => self.put_note(note),
                    // What was missed is not known.
                    Err(broadcast::error::RecvError::Lagged(_)) => self.put_all(),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    fn put_all(&self) {
        for lease in self.world.book().ledger().iter() {
            self.queues.leases.put(lease.name());
        }
        for claim in self.objects.ids(Kind::IPAddressClaim) {
            self.queues.claims.put(claim);
        }
        for kind in watched().filter(|kind| repair::is_repaired(*kind)) {
            for id in self.objects.ids(kind) {
                self.queues.repairs.put(id);
            }
        }
        self.queues.pools.put(());
        let tenants = self.world.namespaces_by_tenant().into_iter();
        let tenants = tenants.map(|(_, tenant)| tenant);
        for name in tenants.chain(self.world.records().names()) {
            self.queues.ledgers.put(name);
        }
    }

    fn put_note(&self, note: Note) {
        let freed = match note {
            Note::Lease(name, pool) if self.world.book().ledger().get(&name).is_none() => {
                Some(Some(pool))
            }
            Note::Lease(name, _) => {
                self.queues.leases.put(name);
                None
            }
            Note::Pools => Some(None),
            Note::Tenant(name) => {
                for name in ledgers::with_groups(&self.judge, name) {
                    self.queues.ledgers.put(name);
                }
                return;
            }
            Note::Namespace(name) => {
                self.put_namespace(&name);
                return;
            }
        };
        if let Some(pool) = freed {
            for claim in self.waiting.of(pool.as_deref()) {
                self.queues.claims.put(claim);
            }
        }
        self.queues.pools.put(());
    }

    /// Whose a namespace is now, and whose ledgers it stands in.
    fn put_namespace(&self, namespace: &str) {
        let tenant = self.world.tenant_of(namespace);
        let records = self.world.records();
        let has_it = |name: &String| {
            let record = records.get(name);
            let ledger = record.as_ref().and_then(|it| it.account.ledger.as_ref());
            ledger.is_some_and(|ledger| ledger.covers(namespace))
        };
        let covering = records.names().into_iter().filter(has_it);
        for name in tenant.into_iter().chain(covering) {
            self.queues.ledgers.put(name);
        }
    }

    fn put_object(&self, id: &Id) {
        let ledger = self.world.book().ledger();
        for name in keep::concerned(&ledger, id) {
            self.queues.leases.put(name);
        }
        for claim in Claims::concerned(&self.objects, id) {
            self.queues.claims.put(claim);
        }
        for account in ledgers::concerned(&self.judge, id) {
            self.queues.ledgers.put(account);
        }
        for object in repair::concerned(&self.objects, id) {
            self.queues.repairs.put(object);
        }
    }
}
