//! All that a tenant, or a group of tenants, has asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::machines;
use super::entry::is_newer;
use super::{Amounts, Ask, Entry, Measure, Size};
use crate::Kind;

/// All that is charged to one limit; it stands in the status of a Tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
// Nobody owns a part of it, so that the API server need not keep account of every field.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Ledger {
    /// The UID of the Tenant that it was made for: a restored one is another.
    pub of: String,
    /// When it was opened in place of one that was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub reopened: Option<Timestamp>,
    /// The namespaces whose objects are all in it. In others nothing may grow.
    pub namespaces: BTreeSet<String>,
    /// The objects, by UID.
    pub entries: BTreeMap<String, Entry>,
    /// What is used besides by objects that may not be read, such as those of others in the same group.
    /// It is never stored: whoever keeps a ledger knows all its objects.
    #[serde(skip)]
    pub beside: Amounts,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The resource version that it was read at.
    pub resource_version: String,
    /// What it asks for.
    pub ask: Ask,
    /// Whether a controller made it of another object, which is charged instead.
    pub is_made: bool,
}

/// An object that may be gone; a live read shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspect {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID: a namesake is another object.
    pub uid: String,
}

/// Under which it is counted, so that what is made of a topology's group is not counted twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Account {
    /// An object by itself.
    Object(String),
    /// A group of a topology: namespace, Cluster and group.
    Group(String, String, String),
}

impl Ledger {
    /// Whether all objects of a namespace are in it.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    /// All that is stored and promised.
    #[must_use]
    pub fn used(&self) -> Amounts {
        self.count(|entry| entry.asks().collect())
    }

    /// Whether nothing is used, and nothing promised: a template that is promised uses nothing by itself.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut entries = self.entries.values();
        entries.all(|entry| entry.pending.is_empty()) && self.used().is_empty()
    }

    /// All that is stored, as far as it is known.
    #[must_use]
    pub fn stored(&self) -> Amounts {
        self.count(|entry| entry.stored.iter().collect())
    }

    /// The machines that rollouts may add for a while.
    #[must_use]
    pub fn surge(&self) -> u64 {
        let of = |ask: &Ask| {
            let groups = ask.groups.iter().map(|group| group.surge);
            // What is made of a topology's group is there as well.
            let own = if ask.group.is_some() { 0 } else { ask.surge };
            groups.fold(own, u64::saturating_add)
        };
        let all = self.entries.values();
        all.map(|entry| entry.asks().map(of).max().unwrap_or_default())
            .fold(0, u64::saturating_add)
    }

    /// What one object is charged for by itself.
    #[must_use]
    pub fn of_entry(&self, uid: &str) -> Amounts {
        let mut amounts = Amounts::default();
        if let Some(entry) = self.entries.get(uid) {
            let sizes = self.sizes();
            let clusters = self.clusters();
            let counted = count_entry(uid, entry, entry.asks(), &sizes, &clusters);
            counted.values().for_each(|of| amounts.add_all(of));
        }
        amounts
    }

    fn count<'a>(&'a self, asks: impl Fn(&'a Entry) -> Vec<&'a Ask>) -> Amounts {
        let sizes = self.sizes();
        let clusters = self.clusters();
        // What a Cluster's topology wants of a group, and what is made of it.
        let mut accounts: BTreeMap<Account, (Amounts, Amounts)> = BTreeMap::new();
        for (uid, entry) in &self.entries {
            let asks = asks(entry).into_iter();
            for (account, amounts) in count_entry(uid, entry, asks, &sizes, &clusters) {
                let (wanted, made) = accounts.entry(account).or_default();
                match entry.kind {
                    Kind::Cluster => wanted.raise_to(&amounts),
                    _ => made.add_all(&amounts),
                }
            }
        }
        let mut all = self.beside.clone();
        for (mut amounts, made) in accounts.into_values() {
            amounts.raise_to(&made);
            all.add_all(&amounts);
        }
        all
    }

    /// The largest size that each template has, or may come to have.
    fn sizes(&self) -> Sizes<'_> {
        let mut sizes: Sizes<'_> = BTreeMap::new();
        for entry in self.entries.values() {
            for size in entry.asks().filter_map(|ask| ask.size) {
                let key = (
                    entry.namespace.as_str(),
                    entry.kind.as_str(),
                    entry.name.as_str(),
                );
                let known = sizes.entry(key).or_default();
                *known = known.max(size);
            }
        }
        sizes
    }

    /// The Clusters that refer to each control plane.
    fn clusters(&self) -> Clusters<'_> {
        let mut clusters = Clusters::new();
        for entry in self.entries.values() {
            for name in entry.asks().filter_map(|ask| ask.control_plane.as_deref()) {
                let key = (entry.namespace.as_str(), name);
                clusters.entry(key).or_default().insert(&entry.name);
            }
        }
        clusters
    }

    /// The size of the machines that are made of the template that is asked for, as far as it is known.
    pub(super) fn size_of(&self, namespace: &str, ask: &Ask) -> Option<Size> {
        let template = ask.template.as_ref()?;
        let key = (namespace, template.kind.as_str(), template.name.as_str());
        self.sizes().get(&key).copied()
    }

    /// Takes note of a stored object.
    pub fn see(&mut self, observed: &Observed) {
        if observed.is_made && !self.entries.contains_key(&observed.uid) {
            return;
        }
        let Observed {
            kind,
            namespace,
            name,
            ..
        } = observed;
        self.keep_larger(observed);
        self.entries
            .entry(observed.uid.clone())
            .or_insert_with(|| Entry::new(*kind, namespace, name))
            .see(&observed.resource_version, observed.ask.clone());
    }

    /// Takes note of what a request that is let in would make of an object.
    pub(super) fn promise(&mut self, object: &Suspect, over: &str, ask: Ask, now: Timestamp) {
        self.entries
            .entry(object.uid.clone())
            .or_insert_with(|| Entry::new(object.kind, &object.namespace, &object.name))
            .promise(over, ask, now);
    }

    /// The objects that may be gone: none of these UIDs was seen, and no request that would still create
    /// them can be alive.
    #[must_use]
    pub fn suspects(
        &self,
        seen: &BTreeSet<String>,
        now: Timestamp,
        grace: SignedDuration,
    ) -> Vec<Suspect> {
        let is_over = |entry: &Entry| {
            entry.stored.is_some()
                || entry
                    .pending
                    .iter()
                    .all(|pending| now.duration_since(pending.since) >= grace)
        };
        self.list(|uid, entry| !seen.contains(uid) && is_over(entry))
    }

    /// Takes out requests over a version that is still the stored one, when they cannot be alive any more,
    /// such as one that another webhook refused. Those over a version that was not seen yet stay until it
    /// is: what became of them is not known.
    pub fn expire(&mut self, now: Timestamp, grace: SignedDuration) {
        for entry in self
            .entries
            .values_mut()
            .filter(|entry| entry.stored.is_some())
        {
            let seen = entry.seen.clone();
            entry.pending.retain(|pending| {
                let is_alive = now.duration_since(pending.since) < grace;
                is_alive || is_newer(&pending.over, &seen)
            });
        }
    }

    /// The stored objects that requests were let in for which cannot be alive any more. What became of them a
    /// live read shows, since a watch may lag.
    #[must_use]
    pub fn lapsed(&self, now: Timestamp, grace: SignedDuration) -> Vec<Suspect> {
        let is_lapsed = |entry: &Entry| {
            let mut pending = entry.pending.iter();
            entry.stored.is_some()
                && pending.any(|pending| now.duration_since(pending.since) >= grace)
        };
        self.list(|_, entry| is_lapsed(entry))
    }

    fn list(&self, is_meant: impl Fn(&String, &Entry) -> bool) -> Vec<Suspect> {
        let entries = self.entries.iter();
        entries
            .filter(|(uid, entry)| is_meant(uid, entry))
            .map(|(uid, entry)| Suspect {
                kind: entry.kind,
                namespace: entry.namespace.clone(),
                name: entry.name.clone(),
                uid: uid.clone(),
            })
            .collect()
    }

    /// When the next request cannot be alive any more, so that it is worth looking again.
    #[must_use]
    pub fn due(&self, grace: SignedDuration) -> Option<Timestamp> {
        let pending = self.entries.values().flat_map(|entry| &entry.pending);
        let due = pending.filter_map(|pending| pending.since.checked_add(grace).ok());
        due.min()
    }

    /// Whether a stored object tells anything that is not in the ledger yet.
    #[must_use]
    pub fn is_news(&self, observed: &Observed) -> bool {
        let Some(entry) = self.entries.get(&observed.uid) else {
            return !observed.is_made;
        };
        let mut next = entry.clone();
        next.see(&observed.resource_version, observed.ask.clone());
        // That the version is another is no news by itself, but requests over it wait for that.
        if entry.pending.is_empty() {
            next.seen.clone_from(&entry.seen);
        }
        next != *entry
    }

    /// Whether no object of that UID was ever seen stored.
    #[must_use]
    pub fn was_never_stored(&self, uid: &str) -> bool {
        let entry = self.entries.get(uid);
        entry.is_some_and(|entry| entry.stored.is_none())
    }
}

/// By namespace, kind and name.
type Sizes<'a> = BTreeMap<(&'a str, &'a str, &'a str), Size>;
/// By the namespace and name of the control plane.
type Clusters<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// The most that an object may come to, under each account that it counts for.
fn count_entry<'a>(
    uid: &str,
    entry: &Entry,
    asks: impl Iterator<Item = &'a Ask>,
    sizes: &Sizes<'_>,
    clusters: &Clusters<'_>,
) -> BTreeMap<Account, Amounts> {
    let mut accounts: BTreeMap<Account, Amounts> = BTreeMap::new();
    for ask in asks {
        let mut of_ask: BTreeMap<Account, Amounts> = BTreeMap::new();
        for (account, amounts) in count(uid, entry, ask, sizes, clusters) {
            of_ask.entry(account).or_default().add_all(&amounts);
        }
        for (account, amounts) in of_ask {
            accounts.entry(account).or_default().raise_to(&amounts);
        }
    }
    accounts
}

fn count(
    uid: &str,
    entry: &Entry,
    ask: &Ask,
    sizes: &Sizes<'_>,
    clusters: &Clusters<'_>,
) -> Vec<(Account, Amounts)> {
    let own = Account::Object(uid.to_owned());
    let namespace = entry.namespace.as_str();
    let path = |cluster: &str| format!("{namespace}/{cluster}");
    match entry.kind {
        Kind::Cluster => {
            let group = |name: &str| {
                Account::Group(namespace.to_owned(), entry.name.clone(), name.to_owned())
            };
            let groups = ask.groups.iter().map(|of| {
                let is_control_plane = of.name.is_empty();
                let cluster = Some(path(&entry.name));
                let mut amounts = machines(of.count(), is_control_plane, of.size, cluster);
                amounts.add(Measure::NodePools, u64::from(!is_control_plane));
                (group(&of.name), amounts)
            });
            std::iter::once((own, of_cluster(ask)))
                .chain(groups)
                .collect()
        }
        Kind::KubeadmControlPlane
        | Kind::MachineDeployment
        | Kind::MachinePool
        | Kind::MachineSet
        | Kind::Machine => {
            let is_control_plane = entry.kind == Kind::KubeadmControlPlane || ask.is_control_plane;
            let size = ask.template.as_ref().and_then(|template| {
                let key = (namespace, template.kind.as_str(), template.name.as_str());
                sizes.get(&key).copied()
            });
            // Cluster API follows the Cluster's reference, whatever a label of the control plane says.
            let referring = clusters
                .get(&(namespace, entry.name.as_str()))
                .filter(|_| entry.kind == Kind::KubeadmControlPlane);
            let named: BTreeSet<&str> = ask.cluster.as_deref().into_iter().collect();
            let clusters = referring.unwrap_or(&named);
            let cluster = named.first().or_else(|| clusters.first()).copied();
            let paths = clusters.iter().map(|cluster| path(cluster));
            let mut amounts = machines(ask.count(), is_control_plane, size, paths);
            let is_pool = !is_control_plane && entry.kind != Kind::Machine;
            amounts.add(Measure::NodePools, u64::from(is_pool));
            let account = match (&ask.group, cluster) {
                (Some(group), Some(cluster)) => {
                    Account::Group(namespace.to_owned(), cluster.to_owned(), group.clone())
                }
                _ => own,
            };
            vec![(account, amounts)]
        }
        _ => Vec::new(),
    }
}

fn of_cluster(ask: &Ask) -> Amounts {
    let mut amounts: Amounts = [
        (Measure::Clusters, 1),
        // That of its API server.
        (Measure::Addresses, 1),
        (Measure::LoadBalancerRanges, u64::from(ask.has_range)),
    ]
    .into_iter()
    .collect();
    if let Some(name) = &ask.cluster_type {
        amounts.add(Measure::ClustersOf(name.clone()), 1);
    }
    amounts
}
