//! Ledgers follow what is stored: what has shrunk or gone is booked, what was stored without a charge is
//! added, and tenants are shown what they use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use basphere_api::crd::TENANT_QUOTA_NAME;
use basphere_api::{Tenant, TenantQuota};
use basphere_core::ipam::Delay;
use basphere_core::quota::{
    Account, CHARGED, Ledger, Observed, Suspect, is_charged, observe, report,
};
use basphere_core::{Site, Timestamp};
use basphere_ipam::accounts::{Booking, Order, Outcome};
use futures::future::try_join_all;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource};
use serde_json::{Value, json};

use super::events::{Teller, Told};
use super::objects::{Id, Objects};
use super::queue::{Queue, Requests, work};
use crate::judge::Judge;
use crate::register::FIELD_MANAGER;
use crate::till::summary;

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
        let members = self.members(&site, name);
        let namespaces: BTreeMap<String, String> = world
            .namespaces_by_tenant()
            .into_iter()
            .filter(|(_, owner)| members.contains(owner))
            .collect();
        let is_waiting = self.open(name, &namespaces).await?;
        let Some(record) = world.records().get(name) else {
            return Ok(None);
        };
        if let Some(ledger) = &record.account.ledger {
            self.book(&site, name, ledger, &namespaces, grace).await?;
        }
        self.refresh(&site, name).await?;
        let shown = self.show(&site, name, &namespaces).await?;
        let again = is_waiting.then(|| after(Timestamp::now(), grace));
        let due = self.due(name, grace);
        Ok([due, again, shown].into_iter().flatten().min())
    }

    /// The tenants whose requests are charged here: a group that limits nothing is never charged, and what
    /// it held of others is dropped, so that it is counted anew when it limits something again.
    fn members(&self, site: &Site, name: &str) -> BTreeSet<String> {
        let world = &self.judge.world;
        let record = world.records().get(name);
        let now = Timestamp::now();
        match record.is_some_and(|record| record.account.is_limited(site, true, now)) {
            true => world.below(name),
            false => BTreeSet::from([name.to_owned()]),
        }
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

    /// Counts the namespaces that are not in the ledger yet; whether some must wait.
    async fn open(&self, name: &str, namespaces: &BTreeMap<String, String>) -> Result<bool> {
        let is_covered = |namespace: &str| {
            let record = self.judge.world.records().get(name);
            let ledger = record.and_then(|record| record.account.ledger.clone());
            ledger.is_some_and(|ledger| ledger.covers(namespace))
        };
        let mut is_waiting = false;
        for (namespace, owner) in namespaces {
            if !is_covered(namespace) {
                self.judge
                    .till
                    .accounts(owner, Some(namespace), false)
                    .await?;
                is_waiting |= !is_covered(namespace);
            }
        }
        Ok(is_waiting)
    }

    /// Writes into the ledger what has become of objects.
    async fn book(
        &self,
        site: &Site,
        name: &str,
        ledger: &Ledger,
        namespaces: &BTreeMap<String, String>,
        grace: Delay,
    ) -> Result<()> {
        let now = Timestamp::now();
        let found = self.observed(site, namespaces);
        let uids: BTreeSet<String> = found.iter().map(|observed| observed.uid.clone()).collect();
        let missing = found
            .iter()
            .filter(|it| !it.is_made && !ledger.entries.contains_key(&it.uid))
            .count();
        let mut seen: Vec<Observed> = found
            .into_iter()
            .filter(|observed| ledger.is_news(observed))
            .collect();
        let lapsed = ledger.lapsed(now, grace.duration());
        seen.extend(self.read(site, &lapsed).await?);
        let gone = self.gone(ledger, &uids, now, grace).await?;
        let surplus = gone
            .iter()
            .filter(|uid| ledger.was_never_stored(uid))
            .count();
        let left = self.left(ledger, namespaces);
        if seen.is_empty() && gone.is_empty() && left.is_empty() && lapsed.is_empty() {
            return Ok(());
        }
        let booking = Booking {
            seen,
            gone,
            left,
            grace,
            at: now,
        };
        match self.judge.till.settle(name, Order::Book(booking)).await {
            Outcome::Done => {}
            other => bail!("the ledger of Tenant {name} was not written: {other:?}"),
        }
        self.judge
            .metrics
            .quota
            .drifted(missing as u64, surplus as u64);
        if missing > 0 {
            self.tell_of(name, missing);
        }
        Ok(())
    }

    /// What the watches show.
    fn observed(&self, site: &Site, namespaces: &BTreeMap<String, String>) -> Vec<Observed> {
        let all = namespaces.keys().flat_map(|namespace| {
            CHARGED.into_iter().flat_map(move |kind| {
                let objects = self.objects.all(kind, namespace).into_iter();
                objects.filter_map(move |object| observe(site, kind, &object))
            })
        });
        all.collect()
    }

    /// Of those that no watch shows, the ones that a live read does not find either.
    async fn gone(
        &self,
        ledger: &Ledger,
        seen: &BTreeSet<String>,
        now: Timestamp,
        grace: Delay,
    ) -> Result<BTreeSet<String>> {
        let suspects = ledger.suspects(seen, now, grace.duration());
        let reads = suspects.iter().map(|suspect| async move {
            let found = self.live(suspect).await?;
            Ok::<_, anyhow::Error>(found.is_none().then(|| suspect.uid.clone()))
        });
        let gone = try_join_all(reads).await?;
        Ok(gone.into_iter().flatten().collect())
    }

    /// These objects as they are now, as far as they are there.
    async fn read(&self, site: &Site, objects: &[Suspect]) -> Result<Vec<Observed>> {
        let reads = objects.iter().map(|object| async move {
            let found = self.live(object).await?;
            Ok::<_, anyhow::Error>(found.and_then(|found| observe(site, object.kind, &found)))
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    /// An object as it is stored now; a namesake is another.
    async fn live(&self, object: &Suspect) -> Result<Option<Value>> {
        let (namespace, name) = (&object.namespace, &object.name);
        let read = self.judge.reader.object(namespace, object.kind, name);
        let is_it = |found: &Value| {
            let uid = found.pointer("/metadata/uid");
            uid.and_then(Value::as_str) == Some(&object.uid)
        };
        Ok(read.await?.filter(is_it))
    }

    /// Namespaces in the ledger that are somebody else's by now.
    fn left(&self, ledger: &Ledger, namespaces: &BTreeMap<String, String>) -> BTreeSet<String> {
        let of_entries = ledger.entries.values().map(|entry| &entry.namespace);
        let all: BTreeSet<&String> = ledger.namespaces.iter().chain(of_entries).collect();
        let world = &self.judge.world;
        all.into_iter()
            .filter(|namespace| !namespaces.contains_key(*namespace))
            // Of a namespace that is gone nothing is known; its objects are gone, too.
            .filter(|namespace| world.owner_of(namespace).is_some())
            .cloned()
            .collect()
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
