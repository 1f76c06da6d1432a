//! Ledgers follow what is stored: what has shrunk or gone is booked, and what was stored without a charge is
//! added.

use std::collections::{BTreeMap, BTreeSet};

use basphere_core::Timestamp;
use basphere_core::ipam::Delay;
use basphere_core::quota::{Ledger, Observed, Suspect};
use basphere_core::site::Site;
use futures::future::try_join_all;
use thiserror::Error;

use super::cashier::{Booking, Order, Outcome};
use super::chain::Settle;
use super::records::Records;
use crate::StoreError;

/// What the process that keeps ledgers knows of the cluster.
pub trait Cluster: Settle {
    /// All Tenants, as they are known.
    fn records(&self) -> &Records;

    /// The namespaces that are charged, each with the name of its Tenant, as a watch shows them.
    fn namespaces(&self) -> BTreeMap<String, String>;

    /// The objects of a namespace that are charged, as watches show them.
    fn objects(&self, namespace: &str) -> Vec<Observed>;

    /// An object as it is stored now, past all caches; a namesake is another.
    fn live(
        &self,
        object: &Suspect,
    ) -> impl Future<Output = Result<Option<Observed>, StoreError>> + Send;

    /// Whether machines that were made of a template which is gone, or was larger, are gone as well, as
    /// [`basphere_core::quota::is_replaced`] has it.
    fn is_replaced(
        &self,
        template: &Suspect,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Has a namespace of a tenant counted, as [`super::Cashier::accounts`] does.
    fn open(
        &self,
        tenant: &str,
        namespace: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Why a ledger does not follow yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotKept {
    /// Something could not be read.
    #[error("{0}")]
    Unread(#[from] StoreError),
    /// The ledger was not written.
    #[error("the ledger of Tenant {0} was not written: {1:?}")]
    Unwritten(String, Outcome),
}

/// What was found while a ledger was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The namespaces that are charged to it, each with the name of its Tenant.
    pub namespaces: BTreeMap<String, String>,
    /// Whether some of them are not counted yet, or machines may be left of a template that is gone.
    pub is_waiting: bool,
    /// So many objects were stored without a charge, and were added.
    pub missing: usize,
    /// So many were charged and never stored, and were taken out.
    pub surplus: usize,
}

/// Makes the ledger of an account follow what is stored. Requests that were let in before `now`, and longer
/// ago than the grace, are dead.
///
/// # Errors
/// When something could not be read or written; it is to be tried again.
pub async fn keep<C: Cluster>(
    cluster: &C,
    site: &Site,
    name: &str,
    now: Timestamp,
    grace: Delay,
) -> Result<Kept, NotKept> {
    let mut kept = Kept {
        namespaces: namespaces(cluster, site, name, now),
        ..Kept::default()
    };
    for (namespace, owner) in &kept.namespaces {
        if !is_covered(cluster, name, namespace) {
            cluster.open(owner, namespace).await?;
            kept.is_waiting |= !is_covered(cluster, name, namespace);
        }
    }
    let record = cluster.records().get(name);
    if let Some(ledger) = record.and_then(|record| record.account.ledger.clone()) {
        book(cluster, name, &ledger, &mut kept, now, grace).await?;
    }
    Ok(kept)
}

/// The namespaces whose requests are charged here: a group that limits nothing is never charged, and what it
/// held of others is dropped, so that it is counted anew when it limits something again.
fn namespaces<C: Cluster>(
    cluster: &C,
    site: &Site,
    name: &str,
    now: Timestamp,
) -> BTreeMap<String, String> {
    let records = cluster.records();
    let record = records.get(name);
    let members = match record.is_some_and(|record| record.account.is_limited(site, true, now)) {
        true => records.below(name),
        false => BTreeSet::from([name.to_owned()]),
    };
    let mut namespaces = cluster.namespaces();
    namespaces.retain(|_, owner| members.contains(owner));
    namespaces
}

fn is_covered<C: Cluster>(cluster: &C, name: &str, namespace: &str) -> bool {
    let record = cluster.records().get(name);
    record.is_some_and(|record| {
        let ledger = record.account.ledger.as_ref();
        ledger.is_some_and(|ledger| ledger.covers(namespace))
    })
}

/// Writes into the ledger what has become of objects.
async fn book<C: Cluster>(
    cluster: &C,
    name: &str,
    ledger: &Ledger,
    kept: &mut Kept,
    now: Timestamp,
    grace: Delay,
) -> Result<(), NotKept> {
    let namespaces = kept.namespaces.keys();
    let found: Vec<Observed> = namespaces
        .flat_map(|namespace| cluster.objects(namespace))
        .collect();
    let uids: BTreeSet<String> = found.iter().map(|observed| observed.uid.clone()).collect();
    let is_missing = |it: &&Observed| !it.is_made && !ledger.entries.contains_key(&it.uid);
    let missing = found.iter().filter(is_missing).count();
    let mut seen: Vec<Observed> = found
        .into_iter()
        .filter(|observed| ledger.is_news(observed))
        .collect();
    // What became of requests that are dead a live read shows, since a watch may lag.
    let lapsed = ledger.lapsed(now, grace.duration());
    seen.extend(read(cluster, &lapsed).await?.into_iter().flatten());
    let suspects = ledger.suspects(&uids, now, grace.duration());
    let live = read(cluster, &suspects).await?;
    let gone = suspects.into_iter().zip(live);
    let gone = gone.filter_map(|(suspect, live)| live.is_none().then_some(suspect));
    let gone: Vec<Suspect> = gone.collect();
    let replaced = replaced(cluster, ledger, &gone, kept).await?;
    let gone: BTreeSet<String> = gone.into_iter().map(|suspect| suspect.uid).collect();
    let never_stored = gone.iter().filter(|uid| ledger.was_never_stored(uid));
    let surplus = never_stored.count();
    let left = left(cluster, ledger, &kept.namespaces);
    if seen.is_empty() && gone.is_empty() && left.is_empty() && lapsed.is_empty() {
        return Ok(());
    }
    let booking = Booking {
        seen,
        gone,
        replaced,
        left,
        grace,
        at: now,
    };
    match cluster.settle(name, Order::Book(booking)).await {
        Outcome::Done => {
            kept.missing = missing;
            kept.surplus = surplus;
            Ok(())
        }
        other => Err(NotKept::Unwritten(name.to_owned(), other)),
    }
}

/// The templates among what is gone that are referred to and have no machines any more.
async fn replaced<C: Cluster>(
    cluster: &C,
    ledger: &Ledger,
    gone: &[Suspect],
    kept: &mut Kept,
) -> Result<BTreeSet<String>, StoreError> {
    let mut replaced = BTreeSet::new();
    let named = gone.iter().filter(|suspect| ledger.refers_to(suspect));
    for template in named {
        match cluster.is_replaced(template).await? {
            true => drop(replaced.insert(template.uid.clone())),
            false => kept.is_waiting = true,
        }
    }
    Ok(replaced)
}

/// These objects as they are now, as far as they are there, in their order.
async fn read<C: Cluster>(
    cluster: &C,
    objects: &[Suspect],
) -> Result<Vec<Option<Observed>>, StoreError> {
    try_join_all(objects.iter().map(|object| cluster.live(object))).await
}

/// Namespaces in the ledger that are somebody else's by now.
fn left<C: Cluster>(
    cluster: &C,
    ledger: &Ledger,
    own: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let of_entries = ledger.entries.values().map(|entry| &entry.namespace);
    let all: BTreeSet<&String> = ledger.namespaces.iter().chain(of_entries).collect();
    let known = cluster.namespaces();
    all.into_iter()
        .filter(|namespace| !own.contains_key(*namespace))
        // Of a namespace that is gone nothing is known; its objects are gone, too.
        .filter(|namespace| known.contains_key(*namespace))
        .cloned()
        .collect()
}
