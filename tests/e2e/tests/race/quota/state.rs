//! What is stored at one revision, as far as quotas are concerned: objects, limits and ledgers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::count::{
    Amounts, CLUSTERS, CONTROL_PLANE_NODES, NODE_POOLS, NODES, NODES_OF, Thing, VCPUS, count,
};
use super::limits;
use crate::objects::Kind;

/// What the namespaces of tenants begin with.
const NAMESPACE: &str = "user-";

/// A Tenant with its ledger.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) parent: Option<String>,
    limits: BTreeMap<String, u64>,
    pub(super) largest: Option<String>,
    /// By UID; `None` while there is no ledger.
    pub(super) ledger: Option<BTreeMap<String, Thing>>,
    /// The UIDs of entries that requests under way may change.
    pub(super) pending: Vec<String>,
    /// What the ledger comes to.
    pub(super) used: Amounts,
}

impl Account {
    fn read(name: &str, tenant: &Value) -> Self {
        let mut limits = BTreeMap::new();
        let mut largest = None;
        let default = limits::default();
        let quotas = tenant.pointer("/spec/quotas").and_then(Value::as_array);
        let own = quotas.into_iter().flatten();
        let own = own.filter_map(|set| set.get("limits"));
        let all = (!limits::is_group(name)).then_some(&default);
        for (field, limit) in all
            .into_iter()
            .chain(own)
            .filter_map(Value::as_object)
            .flatten()
        {
            match limit.as_u64() {
                Some(limit) => _ = limits.insert(field.clone(), limit),
                None => largest = limit.as_str().map(str::to_owned),
            }
        }
        let entries = tenant.pointer("/status/ledger/entries");
        let entries = entries.and_then(Value::as_object);
        let ledger: Option<BTreeMap<_, _>> = entries.map(|entries| {
            let things = entries.iter();
            things
                .map(|(uid, entry)| (uid.clone(), Thing::of_entry(entry)))
                .collect()
        });
        let pending = entries.into_iter().flatten();
        let pending = pending.filter(|(_, entry)| entry.get("pending").is_some());
        Self {
            parent: tenant
                .pointer("/spec/parent")
                .and_then(|parent| parent.as_str().map(str::to_owned)),
            limits,
            largest,
            used: ledger
                .as_ref()
                .map(|ledger| count(ledger.values()))
                .unwrap_or_default(),
            pending: pending.map(|(uid, _)| uid.clone()).collect(),
            ledger,
        }
    }

    /// The limit of a measure.
    pub(super) fn limit(&self, measure: &str) -> Option<u64> {
        let field = match measure {
            CLUSTERS => "clusters",
            NODES => "nodes",
            CONTROL_PLANE_NODES => "controlPlaneNodes",
            NODE_POOLS => "nodePools",
            VCPUS => "vcpus",
            measure if measure.starts_with(NODES_OF) => "nodesPerCluster",
            _ => return None,
        };
        self.limits.get(field).copied()
    }

    pub(super) fn used(&self, measure: &str) -> u64 {
        self.used.get(measure).copied().unwrap_or_default()
    }
}

/// All that is stored at one revision.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<String, Account>,
    /// By UID.
    pub(super) things: BTreeMap<String, Thing>,
    /// The UIDs of objects by resource and name.
    uids: BTreeMap<(String, String), String>,
    /// Templates that were deleted while machines were made of them.
    ghosts: BTreeMap<String, Thing>,
    /// The kinds and names of objects that are being deleted.
    leaving: BTreeSet<(String, String)>,
}

/// What a change concerns.
pub(super) enum Touched {
    /// A Tenant, with what it was before.
    Tenant(String, Option<Account>),
    /// An object of this tenant.
    Object(String),
}

impl State {
    /// Takes note of what is stored under a resource and name by now.
    pub(super) fn apply(&mut self, resource: &str, key: &str, object: Option<&Value>) -> Touched {
        if resource == Kind::Tenant.path() {
            let before = self.accounts.remove(key);
            if let Some(tenant) = object {
                self.accounts
                    .insert(key.to_owned(), Account::read(key, tenant));
            }
            return Touched::Tenant(key.to_owned(), before);
        }
        let place = (resource.to_owned(), key.to_owned());
        let before = self.uids.remove(&place);
        let removed = before.and_then(|uid| Some((uid.clone(), self.things.remove(&uid)?)));
        let uid = object.and_then(|object| object.pointer("/metadata/uid")?.as_str());
        match (uid, object) {
            (Some(uid), Some(object)) => {
                let thing = Thing::of_object(object);
                let place_of_kind = (thing.kind.clone(), key.to_owned());
                if object.pointer("/metadata/deletionTimestamp").is_some() {
                    self.leaving.insert(place_of_kind);
                } else {
                    self.leaving.remove(&place_of_kind);
                }
                self.ghosts.retain(|_, ghost| {
                    (&ghost.namespace, &ghost.name) != (&thing.namespace, &thing.name)
                        || !thing.is_template()
                });
                self.uids.insert(place, uid.to_owned());
                self.things.insert(uid.to_owned(), thing);
            }
            _ => self
                .ghosts
                .extend(removed.filter(|(_, thing)| thing.is_template())),
        }
        let things = &self.things;
        self.ghosts
            .retain(|_, ghost| things.values().any(|thing| thing.refers_to(ghost)));
        let namespace = key.split('/').next().unwrap_or_default();
        Touched::Object(tenant_of(namespace).to_owned())
    }

    /// Whether an object is being deleted.
    pub(super) fn is_leaving(&self, tenant: &str, kind: &str, name: &str) -> bool {
        let key = format!("{NAMESPACE}{tenant}/{name}");
        self.leaving.contains(&(kind.to_owned(), key))
    }

    /// An account and all above it.
    pub(super) fn with_groups(&self, tenant: &str) -> Vec<String> {
        let parent = self.accounts.get(tenant);
        let parent = parent.and_then(|account| account.parent.clone());
        [Some(tenant.to_owned()), parent]
            .into_iter()
            .flatten()
            .collect()
    }

    fn is_of(&self, thing: &Thing, account: &str) -> bool {
        let tenant = tenant_of(&thing.namespace);
        let own = self.accounts.get(tenant);
        tenant == account || own.is_some_and(|own| own.parent.as_deref() == Some(account))
    }

    /// What all stored objects of an account come to.
    pub(super) fn stored(&self, account: &str) -> Amounts {
        let things = self.things.values().chain(self.ghosts.values());
        let own: Vec<&Thing> = things.filter(|thing| self.is_of(thing, account)).collect();
        count(own.iter().copied())
    }

    /// Where ledgers are not what is stored.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, account) in &self.accounts {
            let live = self.things.iter();
            let live = live.filter(|(_, thing)| self.is_of(thing, name));
            let live: BTreeMap<&String, &Thing> = live.collect();
            let Some(ledger) = &account.ledger else {
                let what = format!("{name} has no ledger, and {} objects", live.len());
                found.extend((!live.is_empty()).then_some(what));
                continue;
            };
            let pending = account.pending.iter();
            found
                .extend(pending.map(|uid| format!("{name} has promises to {:?}", ledger.get(uid))));
            for (uid, thing) in &live {
                if ledger.get(*uid) != Some(*thing) {
                    let known = ledger.get(*uid);
                    found.push(format!("{name} has {known:?} for {thing:?} ({uid})"));
                }
            }
            // Machines have the size of their template, also when that is gone.
            let is_left = |uid: &String, entry: &Thing| {
                let is_ghost = entry.is_template() && live.values().any(|it| it.refers_to(entry));
                !live.contains_key(uid) && !is_ghost
            };
            let left = ledger.iter().filter(|(uid, entry)| is_left(uid, entry));
            found.extend(left.map(|(uid, entry)| format!("{name} has {entry:?} left ({uid})")));
        }
        found
    }
}

fn tenant_of(namespace: &str) -> &str {
    namespace.strip_prefix(NAMESPACE).unwrap_or(namespace)
}
