//! Ledgers follow what is stored: what has shrunk or gone is booked, what was stored without a charge is
//! added, and tenants are shown what they use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use basphere_api::crd::TENANT_QUOTA_NAME;
use basphere_api::{Tenant, TenantQuota};
use basphere_core::ipam::Delay;
use basphere_core::quota::{
    Account, CHARGED, Observed, Suspect, is_charged, is_replaced, machines_of, observe, report,
};
use basphere_core::{Site, Timestamp};
use basphere_ipam::StoreError;
use basphere_ipam::accounts::{self, Cluster, Order, Outcome, Records, Settle};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource};
use serde_json::{Value, json};

use super::events::{Teller, Told};
use super::objects::{Id, Objects};
use super::queue::{Queue, Requests, work};
use crate::judge::Judge;
use crate::register::FIELD_MANAGER;
use crate::till::{summary, unread};

/// So many accounts are worked on at once.
const AT_ONCE: usize = 4;
/// People do not read faster: between two writes of what a tenant is shown.
const BETWEEN: Delay = Delay::seconds(1);
/// Somebody may have removed what was shown; it is written again now and then.
const FRESH: Delay = Delay::seconds(5 * 60);

/// Keeps ledgers.
pub(crate) struct Ledgers {
    pub(crate) client: Client,
    pub(crate) judge: Arc<Judge>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) teller: Teller,
    pub(crate) shown: Mutex<Shown>,
}

/// What each namespace was shown last, and when.
pub(crate) type Shown = BTreeMap<String, (Value, Timestamp)>;

/// Works on accounts, by the names of their Tenants, for ever.
pub(crate) async fn keep(ledgers: Ledgers, queue: (Queue<String>, Requests<String>)) {
    let ledgers = &ledgers;
    work(queue, AT_ONCE, |name: String| async move {
        ledgers.keep(&name).await
    })
    .await;
}

impl Ledgers {
    async fn keep(&self, name: &str) -> Result<Option<Timestamp>> {
        let world = &self.judge.world;
        let Some(site) = world.site() else {
            return Ok(None);
        };
        let grace = site.spec().addresses.reservation_grace;
        let view = View {
            ledgers: self,
            site: &site,
        };
        let kept = accounts::keep(&view, &site, name, Timestamp::now(), grace).await?;
        if world.records().get(name).is_none() {
            return Ok(None);
        }
        let (missing, surplus) = (kept.missing as u64, kept.surplus as u64);
        self.judge.metrics.quota.drifted(missing, surplus);
        if missing > 0 {
            self.tell_of(name, kept.missing);
        }
        self.refresh(&site, name).await?;
        let shown = self.show(&site, name, &kept.namespaces).await?;
        let again = kept.is_waiting.then(|| after(Timestamp::now(), grace));
        let due = self.due(name, grace);
        Ok([due, again, shown].into_iter().flatten().min())
    }

    /// When the account is worth another look: a request is certainly dead by then, or a limit expires.
    fn due(&self, name: &str, grace: Delay) -> Option<Timestamp> {
        let record = self.judge.world.records().get(name)?;
        let account = &record.account;
        let ledger = account.ledger.as_ref();
        let dead = ledger.and_then(|ledger| ledger.due(grace.duration()));
        let now = Timestamp::now();
        // What is overdue waits for a watch.
        let dead = dead.map(|dead| dead.max(after(now, BETWEEN)));
        let expiries = account.spec.quotas.iter().filter_map(|set| set.expires);
        expiries.filter(|expires| *expires > now).chain(dead).min()
    }

    /// Has the Tenant say what it uses of the limits that count now, when others were written down.
    async fn refresh(&self, site: &Site, name: &str) -> Result<()> {
        let world = &self.judge.world;
        let Some(record) = world.records().get(name) else {
            return Ok(());
        };
        let is_group = world.is_group(name);
        let wanted = summary(site, &record.account, is_group, Timestamp::now());
        if record.account.ledger.is_some() && record.summary != wanted {
            self.judge.till.refresh(name).await?;
        }
        Ok(())
    }

    fn tell_of(&self, name: &str, missing: usize) {
        let record = self.judge.world.records().get(name);
        self.teller.tell(Told {
            kind: Tenant::kind(&()).into_owned(),
            namespace: String::new(),
            name: name.to_owned(),
            uid: record.map(|record| record.uid.clone()),
            is_warning: true,
            reason: "QuotaDrift",
            note: format!(
                "{missing} objects were stored without being charged; they are charged now, limits or not"
            ),
        });
    }

    /// Shows the tenant of each namespace what it uses; when to show it again, if something was shown only
    /// just now.
    async fn show(
        &self,
        site: &Site,
        name: &str,
        namespaces: &BTreeMap<String, String>,
    ) -> Result<Option<Timestamp>> {
        let Some(chain) = self.judge.world.records().chain(name) else {
            return Ok(None);
        };
        let accounts: Vec<Arc<Account>> = chain
            .iter()
            .map(|record| Arc::clone(&record.account))
            .collect();
        let now = Timestamp::now();
        let mut status = serde_json::to_value(report(site, &accounts, now))?;
        if let (Some(fields), Some(own)) = (status.as_object_mut(), accounts.last()) {
            let summary = serde_json::to_value(summary(site, own, false, now))?;
            fields.insert("summary".to_owned(), summary);
        }
        let world = &self.judge.world;
        self.lock()
            .retain(|namespace, _| world.owner_of(namespace).is_some());
        let own = namespaces.iter().filter(|(_, owner)| *owner == name);
        let mut again = None;
        for (namespace, _) in own {
            let shown = self.lock().get(namespace).cloned();
            let next = shown.as_ref().map(|(_, since)| after(*since, BETWEEN));
            match shown {
                Some((shown, since)) if shown == status && now < after(since, FRESH) => {}
                Some(_) if next.is_some_and(|next| now < next) => again = next,
                _ => {
                    self.write(namespace, &status).await?;
                    let shown = (status.clone(), now);
                    self.lock().insert(namespace.clone(), shown);
                }
            }
        }
        Ok(again)
    }

    // No writer leaves it half changed, so what a panicking thread left behind is good.
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, namespace: &str, status: &Value) -> kube::Result<()> {
        let api: Api<TenantQuota> = Api::namespaced(self.client.clone(), namespace);
        let object = |more: Value| {
            let mut object = json!({
                "apiVersion": TenantQuota::api_version(&()),
                "kind": TenantQuota::kind(&()),
                "metadata": {"name": TENANT_QUOTA_NAME},
            });
            json_patch::merge(&mut object, &more);
            object
        };
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let empty = Patch::Apply(object(json!({"spec": {}})));
        let full = Patch::Apply(object(json!({"status": status})));
        let show = || api.patch_status(TENANT_QUOTA_NAME, &parameters, &full);
        let written = match show().await {
            // It is not there yet.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                match api.patch(TENANT_QUOTA_NAME, &parameters, &empty).await {
                    Ok(_) => show().await,
                    failed => failed,
                }
            }
            written => written,
        };
        match written {
            // The namespace is being deleted, or gone.
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 409) => Ok(()),
            written => written.map(drop),
        }
    }
}

/// What the leading process knows of the cluster.
struct View<'a> {
    ledgers: &'a Ledgers,
    site: &'a Site,
}

impl Settle for View<'_> {
    async fn settle(&self, account: &str, order: Order) -> Outcome {
        self.ledgers.judge.till.settle(account, order).await
    }
}

impl Cluster for View<'_> {
    fn records(&self) -> &Records {
        self.ledgers.judge.world.records()
    }

    fn namespaces(&self) -> BTreeMap<String, String> {
        let namespaces = self.ledgers.judge.world.namespaces_by_tenant();
        namespaces.into_iter().collect()
    }

    fn objects(&self, namespace: &str) -> Vec<Observed> {
        let all = CHARGED.into_iter().flat_map(|kind| {
            let objects = self.ledgers.objects.all(kind, namespace).into_iter();
            objects.filter_map(move |object| observe(self.site, kind, &object))
        });
        all.collect()
    }

    async fn live(&self, object: &Suspect) -> Result<Option<Observed>, StoreError> {
        let reader = &self.ledgers.judge.reader;
        let read = reader.object(&object.namespace, object.kind, &object.name);
        let found = read.await.map_err(unread)?;
        let observed = found.and_then(|found| observe(self.site, object.kind, &found));
        Ok(observed.filter(|observed| observed.uid == object.uid))
    }

    async fn is_replaced(&self, template: &Suspect) -> Result<bool, StoreError> {
        let reader = &self.ledgers.judge.reader;
        let Some(machines) = machines_of(template.kind) else {
            return Ok(false);
        };
        let successor = reader.object(&template.namespace, template.kind, &template.name);
        let Some(successor) = successor.await.map_err(unread)? else {
            return Ok(false);
        };
        let machines = reader.list(Some(&template.namespace), machines);
        let machines = machines.await.map_err(unread)?;
        let grace = self.site.spec().addresses.reservation_grace.duration();
        let template = (template.kind, &successor);
        let now = Timestamp::now();
        Ok(is_replaced(self.site, template, &machines, (now, grace)))
    }

    async fn open(&self, tenant: &str, namespace: &str) -> Result<(), StoreError> {
        let till = &self.ledgers.judge.till;
        till.accounts(tenant, Some(namespace), false)
            .await
            .map(drop)
    }
}

/// The accounts that a change of this object may concern: that of its tenant, and those above.
pub(crate) fn concerned(judge: &Judge, id: &Id) -> Vec<String> {
    if !is_charged(id.kind) {
        return Vec::new();
    }
    let tenant = judge.world.tenant_of(&id.namespace);
    tenant.map_or_else(Vec::new, |tenant| with_groups(judge, tenant))
}

/// A Tenant, and those above it.
pub(crate) fn with_groups(judge: &Judge, name: String) -> Vec<String> {
    let chain = judge.world.records().chain(&name);
    let names = chain.map(|chain| {
        let names = chain.iter().map(|record| record.account.name.clone());
        names.collect()
    });
    names.unwrap_or_else(|| vec![name])
}

fn after(now: Timestamp, delay: Delay) -> Timestamp {
    now.saturating_add(delay.duration()).unwrap_or(now)
}
