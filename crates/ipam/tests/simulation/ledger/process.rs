//! One webhook process: its caches, its reviews, the workers of its accounts, and its controller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use basphere_core::quota::{Account, Ask, Charge, Excess, Look, Observed, Suspect, Wants, look};
use basphere_core::{Site, Timestamp};
use basphere_ipam::StoreError;
use basphere_ipam::accounts::{
    Cashier, Clerk, Cluster, Line, Order, Outcome, Records, Settle, charge_all, keep,
};

use super::model::{Asked, GRACE_DELAY, Key, News, REPLICAS, Shared, WATCHES, key_of};
use super::setting;
use super::tasks::{Fresh, Task, sleep};
use super::tenants::ModelTenants;
use crate::course::{Millis, lock};
use crate::store::pause;

/// What the process knows by its watches.
#[derive(Default)]
pub(crate) struct Cache {
    objects: BTreeMap<Key, Arc<Observed>>,
    pub(crate) namespaces: BTreeMap<String, String>,
    heard: [usize; WATCHES],
}

/// All that the process knows of Tenants, namespaces and objects.
pub(crate) struct Known {
    pub(crate) records: Arc<Records>,
    pub(crate) cache: Mutex<Cache>,
}

pub(crate) struct Process {
    pub(crate) id: usize,
    world: Shared,
    known: Arc<Known>,
    cashier: Arc<Cashier<ModelTenants>>,
    /// The same way, for other reads.
    reader: ModelTenants,
    lines: Mutex<BTreeMap<String, Line>>,
    fresh: Fresh,
}

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Allowed,
    Refused(String, Vec<Excess>),
    NotReady,
    /// To be tried again.
    Failed,
}

/// What the accounts say to a charge.
#[derive(Default)]
struct Looked {
    refused: Option<Verdict>,
    is_charged: bool,
    /// Whether it depends on what must be read live.
    is_unsure: bool,
}

impl Process {
    /// A process with caches that were filled by a list just now.
    pub(crate) fn new(id: usize, shared: &Shared, fresh: &Fresh) -> Self {
        let world = lock(shared);
        let records = Arc::new(Records::default());
        for record in world.tenants.keys().filter_map(|name| world.tenant(name)) {
            records.put(record);
        }
        let objects = world.objects.iter();
        let cache = Cache {
            objects: objects
                .map(|(key, object)| (key.clone(), Arc::clone(&object.observed)))
                .collect(),
            namespaces: world.namespaces.clone(),
            heard: [0, 1, 2, 3].map(|watch| world.news[watch].len()),
        };
        let known = Arc::new(Known {
            records: Arc::clone(&records),
            cache: Mutex::new(cache),
        });
        let reader = ModelTenants {
            world: Arc::clone(shared),
            process: id,
            known: Arc::clone(&known),
        };
        let cashier = Cashier::new(reader.clone(), records);
        Self {
            id,
            world: Arc::clone(shared),
            known,
            cashier: Arc::new(cashier),
            reader,
            lines: Mutex::default(),
            fresh: Arc::clone(fresh),
        }
    }

    /// Hears the next news of a watch, if they are at least so old.
    pub(crate) fn hear(&self, watch: usize, until: Millis) -> bool {
        let mut cache = self.known.cache.lock().unwrap();
        let news = match lock(&self.world).news[watch].get(cache.heard[watch]) {
            Some((at, news)) if *at <= until => news.clone(),
            _ => return false,
        };
        cache.heard[watch] += 1;
        match news {
            News::Tenant(record) => drop(self.known.records.put(record)),
            News::TenantGone(name, uid) => self.known.records.remove(&name, &uid),
            News::Namespace(name, owner) => drop(cache.namespaces.insert(name, owner)),
            News::Object(object) => drop(cache.objects.insert(key_of(&object), object)),
            News::ObjectGone(key) => drop(cache.objects.remove(&key)),
        }
        true
    }

    fn site_now(&self) -> (Arc<Site>, Timestamp) {
        let world = lock(&self.world);
        (Arc::clone(&world.site), world.course.timestamp())
    }

    /// The way of a review: what is known says no only after it was read live, and says yes only once it is
    /// charged everywhere.
    pub(crate) async fn judge(&self, asked: &Asked) -> Verdict {
        let namespace = &asked.key.1;
        let owner = self.known.cache.lock().unwrap().namespaces[namespace].clone();
        let charge = charge(asked, &owner);
        if !charge.may_grow() {
            return Verdict::Allowed;
        }
        let (site, now) = self.site_now();
        let chain = self.known.records.whole_chain(&owner).unwrap_or_default();
        let mut accounts: Vec<_> = chain.iter().map(|it| Arc::clone(&it.account)).collect();
        let mut looked = looked(&site, &accounts, &charge, now);
        if accounts.is_empty() || looked.is_unsure {
            let cashier = &self.cashier;
            let read = cashier.accounts(&owner, Some(namespace), false, now, GRACE_DELAY);
            let Ok(read) = read.await else {
                return Verdict::Failed;
            };
            accounts = read;
            looked = self::looked(&site, &accounts, &charge, now);
        }
        if let Some(refused) = looked.refused {
            return refused;
        }
        if !looked.is_charged {
            return Verdict::Allowed;
        }
        match charge_all(self, &site, &accounts, &charge, now).await {
            Ok(()) | Err((_, Outcome::Done)) => Verdict::Allowed,
            Err((account, Outcome::Refused(exceeded))) => Verdict::Refused(account, exceeded),
            Err((_, Outcome::NotReady)) => Verdict::NotReady,
            Err((_, Outcome::Failed(_))) => Verdict::Failed,
        }
    }

    fn line(&self, account: &str) -> Line {
        let mut lines = self.lines.lock().unwrap();
        let line = lines.entry(account.to_owned()).or_insert_with(|| {
            let (line, orders) = Line::new();
            let clerk = ModelClerk {
                account: account.to_owned(),
                cashier: Arc::clone(&self.cashier),
                world: Arc::clone(&self.world),
            };
            let work = (Some(self.id), Box::pin(orders.serve(clerk)) as Task);
            self.fresh.lock().unwrap().push(work);
            line
        });
        line.clone()
    }

    /// Keeps all ledgers while it leads, in any order.
    pub(crate) async fn lead(self: Arc<Self>) {
        loop {
            let (until, first) = {
                let mut world = lock(&self.world);
                let delay = 20 + world.course.random.below(160) as Millis;
                (
                    world.course.now + delay,
                    world.course.random.below(setting::ACCOUNTS.len()),
                )
            };
            sleep(&self.world, until).await;
            let (before, after) = setting::ACCOUNTS.split_at(first);
            for name in after.iter().chain(before) {
                if !lock(&self.world).leaders.contains(&self.id) {
                    break;
                }
                let (site, now) = self.site_now();
                // What fails is tried again.
                match keep(&*self, &site, name, now, GRACE_DELAY).await {
                    Ok(kept) if kept.missing > 0 => lock(&self.world).course.count("drift booked"),
                    Ok(_) => {}
                    Err(_) => lock(&self.world).course.count("not kept"),
                }
            }
        }
    }
}

impl Settle for Process {
    async fn settle(&self, account: &str, order: Order) -> Outcome {
        self.line(account).settle(order).await
    }
}

impl Cluster for Process {
    fn records(&self) -> &Records {
        &self.known.records
    }

    fn namespaces(&self) -> BTreeMap<String, String> {
        self.known.cache.lock().unwrap().namespaces.clone()
    }

    fn objects(&self, namespace: &str) -> Vec<Observed> {
        let cache = self.known.cache.lock().unwrap();
        let own = cache
            .objects
            .values()
            .filter(|it| it.namespace == namespace);
        own.map(|it| Observed::clone(it)).collect()
    }

    async fn live(&self, object: &Suspect) -> Result<Option<Observed>, StoreError> {
        self.reader.object(object).await
    }

    async fn is_replaced(&self, template: &Suspect) -> Result<bool, StoreError> {
        self.reader.is_replaced(template).await
    }

    async fn open(&self, tenant: &str, namespace: &str) -> Result<(), StoreError> {
        let (_, now) = self.site_now();
        let cashier = &self.cashier;
        let read = cashier.accounts(tenant, Some(namespace), false, now, GRACE_DELAY);
        read.await.map(drop)
    }
}

/// The worker of an account.
struct ModelClerk {
    account: String,
    cashier: Arc<Cashier<ModelTenants>>,
    world: Shared,
}

impl Clerk for ModelClerk {
    async fn settle(&mut self, orders: &[Order]) -> Vec<Outcome> {
        let (site, now) = {
            let mut world = lock(&self.world);
            if orders.len() > 1 {
                world.course.count("charged together");
            }
            (Arc::clone(&world.site), world.course.timestamp())
        };
        self.cashier.settle(&site, &self.account, orders, now).await
    }

    async fn rest(&mut self) {
        pause().await;
    }
}

/// What the accounts say to a charge, as far as they are known.
fn looked(site: &Site, accounts: &[Arc<Account>], charge: &Charge, now: Timestamp) -> Looked {
    let mut looked = Looked::default();
    for (index, account) in accounts.iter().enumerate() {
        let is_group = index + 1 < accounts.len();
        if !account.is_limited(site, is_group, now) {
            continue;
        }
        let (hard, soft) = account.limits(site, is_group, now);
        let refused = match look(account, (&hard, &soft), charge, now, || false) {
            Look::Judged(verdict) => {
                looked.is_charged |= account.ledger.as_ref() != Some(&verdict.ledger);
                if verdict.exceeded.is_empty() {
                    continue;
                }
                Verdict::Refused(account.name.clone(), verdict.exceeded)
            }
            Look::Unknown | Look::OfMaker => {
                looked.is_charged = true;
                Verdict::NotReady
            }
        };
        looked.is_unsure = true;
        if !charge.is_forced {
            looked.refused.get_or_insert(refused);
        }
    }
    looked
}

fn charge(asked: &Asked, owner: &str) -> Charge {
    let wants = |ask: &Ask| match asked.is_scale {
        true => Wants::Replicas(ask.replicas),
        false => Wants::All(Box::new(ask.clone())),
    };
    let (kind, namespace, name) = asked.key.clone();
    let old = asked.old.as_ref();
    Charge {
        tenant: owner.to_owned(),
        kind,
        namespace,
        name,
        uid: asked.uid.clone(),
        stored: old.map(|old| (old.resource_version.clone(), wants(&old.ask))),
        wants: wants(&asked.new),
        path: "spec.replicas".to_owned(),
        is_forced: asked.is_forced,
    }
}

/// Any of the processes.
pub(crate) fn any(world: &Shared, processes: &Mutex<Vec<Arc<Process>>>) -> Arc<Process> {
    let at = lock(world).course.random.below(REPLICAS);
    Arc::clone(&processes.lock().unwrap()[at])
}
