//! What is known of the cluster: the site in force, and an index of what decisions look up.
//!
//! The index is copied on write, so that taking a snapshot costs as much in a namespace of a
//! thousand objects as in an empty one, and a review never sees half of an update.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::{ArcSwap, ArcSwapOption};
use basphere_core::ipam::Pools;
use basphere_core::quota::{Account, account_name};
use basphere_core::{Inventory, Kind, NamespaceFacts, Site, Snapshot, Timestamp};
use basphere_ipam::Book;
use basphere_ipam::accounts::Records;
use serde_json::Value;
use tokio::sync::broadcast;

/// So many notes may wait for the controllers; who misses some looks at everything again.
const NOTES: usize = 4096;

/// What is known of the cluster. Watches write it, reviews and controllers read it.
#[derive(Debug)]
pub struct World {
    site: ArcSwapOption<Site>,
    pools: ArcSwap<Pools>,
    book: Arc<Book>,
    records: Arc<Records>,
    rooms: RwLock<HashMap<String, Room>>,
    notes: broadcast::Sender<Note>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The lease of this name, of this pool, was written or deleted.
    Lease(String, String),
    /// Any of the pools, or all.
    Pools,
    /// The Tenant of this name was written or deleted.
    Tenant(String),
    /// The Namespace of this name was written or deleted.
    Namespace(String),
}

impl Default for World {
    fn default() -> Self {
        Self {
            site: ArcSwapOption::default(),
            pools: ArcSwap::default(),
            book: Arc::default(),
            records: Arc::default(),
            rooms: RwLock::default(),
            notes: broadcast::Sender::new(NOTES),
        }
    }
}

/// What is known of one namespace.
#[derive(Debug, Default)]
struct Room {
    namespace: Option<NamespaceFacts>,
    inventory: Arc<Inventory>,
}

impl World {
    /// All that a decision about that namespace may look at; `None` while no Site is in force.
    #[must_use]
    pub fn snapshot(&self, namespace: &str) -> Option<Snapshot> {
        let site = self.site.load_full()?;
        let rooms = self.read();
        let room = rooms.get(namespace);
        Some(Snapshot {
            namespace: room.and_then(|room| room.namespace.clone()),
            inventory: room
                .map(|room| Arc::clone(&room.inventory))
                .unwrap_or_default(),
            pools: self.pools(),
            ledger: self.book.ledger(),
            accounts: self.accounts(&site, namespace, room),
            ..Snapshot::of(site, Timestamp::now())
        })
    }

    /// The accounts of a namespace's tenant, as far as they are known.
    fn accounts(
        &self,
        site: &Site,
        namespace: &str,
        room: Option<&Room>,
    ) -> BTreeMap<String, Vec<Arc<Account>>> {
        let facts = room.and_then(|room| room.namespace.as_ref());
        let label = facts.and_then(|facts| facts.owner_label.as_deref());
        let tenant = site.namespace_owner(namespace, label);
        let tenant = tenant.map(|owner| account_name(&owner));
        let chain = tenant.and_then(|tenant| Some((self.records.whole_chain(&tenant)?, tenant)));
        let accounts = chain.map(|(chain, tenant)| {
            let accounts = chain.iter().map(|record| Arc::clone(&record.account));
            (tenant, accounts.collect())
        });
        accounts.into_iter().collect()
    }

    /// All Tenants, with their ledgers.
    #[must_use]
    pub fn records(&self) -> &Arc<Records> {
        &self.records
    }

    /// The site in force.
    #[must_use]
    pub fn site(&self) -> Option<Arc<Site>> {
        self.site.load_full()
    }

    /// All AddressPools.
    #[must_use]
    pub fn pools(&self) -> Arc<Pools> {
        self.pools.load_full()
    }

    /// Changes the AddressPools. Only one task does so, the one that watches them.
    pub fn change_pools(&self, change: impl FnOnce(&mut Pools)) {
        let mut pools = Pools::clone(&self.pools.load());
        change(&mut pools);
        self.pools.store(Arc::new(pools));
    }

    /// All leases.
    #[must_use]
    pub fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// Tells whoever listens that something has changed.
    pub fn tell(&self, note: Note) {
        // Only the leading process listens.
        let _ = self.notes.send(note);
    }

    /// Listens to what changes from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Note> {
        self.notes.subscribe()
    }

    /// The tenant that a namespace belongs to, as far as it is known.
    #[must_use]
    pub fn owner_of(&self, namespace: &str) -> Option<String> {
        let site = self.site()?;
        let rooms = self.read();
        let facts = rooms.get(namespace)?.namespace.as_ref()?;
        site.namespace_owner(namespace, facts.owner_label.as_deref())
    }

    /// The name of the Tenant that a namespace is charged at.
    #[must_use]
    pub fn tenant_of(&self, namespace: &str) -> Option<String> {
        self.owner_of(namespace).map(|owner| account_name(&owner))
    }

    /// All namespaces that are charged, each with the name of its Tenant.
    #[must_use]
    pub fn namespaces_by_tenant(&self) -> Vec<(String, String)> {
        let Some(site) = self.site() else {
            return Vec::new();
        };
        let rooms = self.read();
        let owned = rooms.iter().filter_map(|(name, room)| {
            let label = room.namespace.as_ref()?.owner_label.as_deref();
            let owner = site.namespace_owner(name, label)?;
            Some((name.clone(), account_name(&owner)))
        });
        owned.collect()
    }

    /// Whether a Tenant is nothing but a group of others.
    #[must_use]
    pub fn is_group(&self, name: &str) -> bool {
        let has_own = || {
            let namespaces = self.namespaces_by_tenant();
            namespaces.iter().any(|(_, tenant)| tenant == name)
        };
        self.records.has_below(name) && !has_own()
    }

    /// Whether a namespace is known that belongs to this tenant.
    #[must_use]
    pub fn has_namespace_of(&self, tenant: &str) -> bool {
        let Some(site) = self.site() else {
            return false;
        };
        self.read().iter().any(|(name, room)| {
            let facts = room.namespace.as_ref();
            let label = facts.map(|facts| facts.owner_label.as_deref());
            label.is_some_and(|label| site.namespace_owner(name, label).as_deref() == Some(tenant))
        })
    }

    /// Whether a Site is in force.
    #[must_use]
    pub fn has_site(&self) -> bool {
        self.site.load().is_some()
    }

    /// Puts a Site into force.
    pub fn put_site(&self, site: Site) {
        self.site.store(Some(Arc::new(site)));
    }

    /// Takes note of a Namespace as it is now.
    pub fn put_namespace(&self, name: &str, facts: NamespaceFacts) {
        self.write().entry(name.to_owned()).or_default().namespace = Some(facts);
    }

    /// Takes note of a Namespace's end.
    pub fn remove_namespace(&self, name: &str) {
        self.change(name, |room| room.namespace = None);
    }

    /// Takes note of an object as it is now.
    pub fn observe(&self, kind: Kind, namespace: &str, object: &Value) {
        let mut rooms = self.write();
        let room = rooms.entry(namespace.to_owned()).or_default();
        Arc::make_mut(&mut room.inventory).observe(kind, object);
    }

    /// Takes note of an object's end.
    pub fn remove(&self, kind: Kind, namespace: &str, name: &str) {
        self.change(namespace, |room| {
            Arc::make_mut(&mut room.inventory).remove(kind, name)
        });
    }

    /// How many namespaces anything is known of.
    #[must_use]
    pub fn namespaces(&self) -> usize {
        self.read().len()
    }

    /// Changes a room that is there, and forgets it once nothing is in it.
    fn change(&self, namespace: &str, change: impl FnOnce(&mut Room)) {
        let mut rooms = self.write();
        if let Some(room) = rooms.get_mut(namespace) {
            change(room);
            if room.namespace.is_none() && room.inventory.is_empty() {
                rooms.remove(namespace);
            }
        }
    }

    // No writer leaves a room half changed, so what a panicking thread left behind is good.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Room>> {
        self.rooms.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_namespace_is_forgotten_with_the_last_that_was_known_of_it() {
        let world = World::default();
        world.put_namespace("user-kim", NamespaceFacts::default());
        world.observe(
            Kind::Cluster,
            "user-kim",
            &json!({"metadata": {"name": "demo"}}),
        );
        world.remove_namespace("user-kim");
        assert_eq!(world.namespaces(), 1);
        world.remove(Kind::Cluster, "user-kim", "demo");
        assert_eq!(world.namespaces(), 0);
        world.remove(Kind::Cluster, "user-lee", "demo");
        assert_eq!(
            world.namespaces(),
            0,
            "removing what was never there adds nothing"
        );
    }

    #[test]
    fn nothing_can_be_decided_before_a_site_is_in_force() {
        let world = World::default();
        assert!(world.snapshot("user-kim").is_none());
        assert!(!world.has_site());
    }
}
