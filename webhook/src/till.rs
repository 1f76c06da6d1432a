//! Where requests are charged: ledgers stand in the status of Tenants at the API server, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use basphere_core::quota::{Account, Amounts, CHARGED, Measure, Observed, observe};
use basphere_core::{Site, Timestamp};
use basphere_ipam::StoreError;
use basphere_ipam::accounts::{Cashier, Clerk, Line, Order, Outcome, Record, Settle, Tenants};
use futures::future::{BoxFuture, try_join_all};
use kube::api::{Api, ApiResource, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::failure;
use crate::metrics::Metrics;
use crate::reader::{ReadError, Reader};
use crate::register::FIELD_MANAGER;
use crate::world::World;

/// Annotation of a Tenant: the UID of the object of that name that a ledger was opened for.
pub const OPENED: &str = "basphere.dev/ledger-of";
/// A write that took longer than this is no measure for a pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Where requests are charged.
pub trait Till: Send + Sync + 'static {
    /// The accounts of a tenant, read live, the root first; see [`Cashier::accounts`].
    fn accounts<'a>(
        &'a self,
        tenant: &'a str,
        namespace: Option<&'a str>,
        is_dry: bool,
    ) -> BoxFuture<'a, Result<Vec<Arc<Account>>, StoreError>>;

    /// Has an order written into the ledger of an account.
    fn settle<'a>(&'a self, account: &'a str, order: Order) -> BoxFuture<'a, Outcome>;

    /// Has what the status of an account says in short written anew.
    fn refresh<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl Settle for dyn Till + '_ {
    async fn settle(&self, account: &str, order: Order) -> Outcome {
        Till::settle(self, account, order).await
    }
}

/// Charges at the API server. Each account has a task of its own, which settles all that is waiting with
/// one write: requests of one tenant do not compete, and tenants do not wait for each other.
pub struct KubeTill {
    cashier: Arc<Cashier<KubeTenants>>,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    lines: Mutex<HashMap<String, Line>>,
}

impl KubeTill {
    /// A till that writes by this client, and takes note in this world.
    #[must_use]
    pub fn new(
        client: Client,
        world: Arc<World>,
        reader: Arc<dyn Reader>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let tenants = KubeTenants {
            api: tenants(client),
            reader,
            world: Arc::clone(&world),
        };
        let cashier = Arc::new(Cashier::new(tenants, Arc::clone(world.records())));
        Self {
            cashier,
            world,
            metrics,
            lines: Mutex::default(),
        }
    }

    /// The line of an account, at whose other end somebody works.
    fn line(&self, account: &str) -> Line {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(account.to_owned()).or_insert_with(|| {
            let (line, orders) = Line::new();
            tokio::spawn(orders.serve(KubeClerk {
                account: account.to_owned(),
                cashier: Arc::clone(&self.cashier),
                world: Arc::clone(&self.world),
                metrics: Arc::clone(&self.metrics),
                took: Duration::ZERO,
            }));
            line
        });
        line.clone()
    }
}

/// Settles the orders of one account.
struct KubeClerk {
    account: String,
    cashier: Arc<Cashier<KubeTenants>>,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    /// So long the last orders took.
    took: Duration,
}

impl Clerk for KubeClerk {
    async fn settle(&mut self, orders: &[Order]) -> Vec<Outcome> {
        let started = Instant::now();
        let outcomes = match self.world.site() {
            Some(site) => {
                let now = Timestamp::now();
                self.cashier.settle(&site, &self.account, orders, now).await
            }
            None => vec![Outcome::NotReady; orders.len()],
        };
        self.metrics.quota.settled(&outcomes);
        self.took = started.elapsed();
        outcomes
    }

    async fn rest(&mut self) {
        let most = self.took.min(LONGEST_PAUSE).mul_f64(3.0);
        tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
    }
}

impl Till for KubeTill {
    fn accounts<'a>(
        &'a self,
        tenant: &'a str,
        namespace: Option<&'a str>,
        is_dry: bool,
    ) -> BoxFuture<'a, Result<Vec<Arc<Account>>, StoreError>> {
        Box::pin(async move {
            let Some(site) = self.world.site() else {
                return Ok(Vec::new());
            };
            let grace = site.spec().addresses.reservation_grace;
            let now = Timestamp::now();
            self.cashier
                .accounts(tenant, namespace, is_dry, now, grace)
                .await
        })
    }

    fn settle<'a>(&'a self, account: &'a str, order: Order) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.line(account).settle(order).await })
    }

    fn refresh<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.cashier.refresh(account))
    }
}

/// Tenants at the API server. They are read as plain objects: one that cannot be read in full still has
/// its name, and the site's default limits.
pub struct KubeTenants {
    api: Api<DynamicObject>,
    reader: Arc<dyn Reader>,
    world: Arc<World>,
}

/// All Tenants.
pub(crate) fn tenants(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &ApiResource::erase::<basphere_api::Tenant>(&()))
}

/// A Tenant as it is stored.
pub(crate) fn record(object: &DynamicObject) -> Record {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    Record {
        account: Arc::new(Account::of(&value)),
        uid: object.uid().unwrap_or_default(),
        resource_version: object.resource_version().unwrap_or_default(),
        opened: object.annotations().get(OPENED).cloned(),
        summary: value
            .pointer("/status/summary")
            .and_then(|summary| BTreeMap::deserialize(summary).ok())
            .unwrap_or_default(),
    }
}

impl Tenants for KubeTenants {
    async fn get(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let found = self.api.get_opt(name).await.map_err(failure)?;
        Ok(found.as_ref().map(record))
    }

    async fn create(&self, name: &str) -> Result<Record, StoreError> {
        let resource = ApiResource::erase::<basphere_api::Tenant>(&());
        let tenant = DynamicObject::new(name, &resource).data(json!({"spec": {}}));
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let created = self.api.create(&parameters, &tenant).await;
        Ok(record(&created.map_err(failure)?))
    }

    async fn mark(&self, wanted: &Record) -> Result<Record, StoreError> {
        let patch = json!({"metadata": {
            "resourceVersion": wanted.resource_version,
            "annotations": {OPENED: wanted.uid},
        }});
        let name = &wanted.account.name;
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self
            .api
            .patch(name, &parameters, &Patch::Merge(&patch))
            .await;
        Ok(record(&patched.map_err(failure)?))
    }

    async fn write(&self, wanted: &Record) -> Result<Record, StoreError> {
        let resource = ApiResource::erase::<basphere_api::Tenant>(&());
        let summary = self.world.site().map(|site| {
            let is_group = self.world.is_group(&wanted.account.name);
            summary(&site, &wanted.account, is_group, Timestamp::now())
        });
        let status = json!({"summary": summary, "ledger": wanted.account.ledger});
        let mut tenant = DynamicObject::new(&wanted.account.name, &resource)
            .data(json!({"spec": wanted.account.spec, "status": status}));
        tenant.metadata = ObjectMeta {
            name: Some(wanted.account.name.clone()),
            uid: Some(wanted.uid.clone()),
            resource_version: Some(wanted.resource_version.clone()),
            ..ObjectMeta::default()
        };
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let name = &wanted.account.name;
        let written = self.api.replace_status(name, &parameters, &tenant).await;
        Ok(record(&written.map_err(failure)?))
    }

    fn namespaces(&self, account: &str) -> BTreeSet<String> {
        let below = self.world.records().below(account);
        let all = self.world.namespaces_by_tenant().into_iter();
        all.filter(|(_, tenant)| below.contains(tenant))
            .map(|(namespace, _)| namespace)
            .collect()
    }

    async fn objects(&self, namespace: &str) -> Result<Vec<Observed>, StoreError> {
        let Some(site) = self.world.site() else {
            return Err(StoreError::Refused("no Site is in force".to_owned()));
        };
        let lists = CHARGED.map(|kind| async move {
            let objects = self.reader.list(Some(namespace), kind).await?;
            Ok((kind, objects))
        });
        let found = try_join_all(lists).await.map_err(unread)?;
        let observed = found.iter().flat_map(|(kind, objects)| {
            let objects = objects.iter();
            objects.filter_map(|object| observe(&site, *kind, object))
        });
        Ok(observed.collect())
    }
}

pub(crate) fn unread(error: ReadError) -> StoreError {
    match error {
        ReadError::Kube(error) => failure(error),
        other => StoreError::Unanswered(other.to_string()),
    }
}

/// What is used and what is the limit of what a table shows, such as `2/3`.
pub(crate) fn summary(
    site: &Site,
    account: &Account,
    is_group: bool,
    now: Timestamp,
) -> BTreeMap<String, String> {
    let shown = [
        Measure::Clusters,
        Measure::Nodes,
        Measure::Vcpus,
        Measure::MemoryMib,
        Measure::DiskGib,
        Measure::Addresses,
    ];
    let used = account.ledger.as_ref().map(|ledger| ledger.used());
    let used: Amounts = used.unwrap_or_default();
    let (hard, _) = account.limits(site, is_group, now);
    shown
        .iter()
        .map(|measure| {
            let limit = hard
                .of(measure)
                .map_or("-".to_owned(), |limit| limit.to_string());
            let text = format!("{}/{limit}", used.of(measure));
            (measure.field().to_owned(), text)
        })
        .collect()
}
