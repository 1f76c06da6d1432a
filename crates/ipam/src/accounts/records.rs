//! Tenants as they are stored, and what a process knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basphere_core::quota::{Account, Observed};

use crate::StoreError;

/// A Tenant as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Its name, limits and ledger.
    pub account: Arc<Account>,
    /// Its UID.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
    /// The UID of the Tenant of this name that a ledger was opened for, whether it is still there or not.
    pub opened: Option<String>,
    /// What its status says in short, for people.
    pub summary: BTreeMap<String, String>,
}

/// Where Tenants are stored. What they and their objects are is never answered by a cache.
pub trait Tenants: Send + Sync {
    /// Reads a Tenant; `None` when there is none.
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Creates a Tenant that says nothing.
    fn create(&self, name: &str) -> impl Future<Output = Result<Record, StoreError>> + Send;

    /// Writes down that a ledger was opened for this very Tenant, if it is still as it was seen.
    fn mark(&self, record: &Record) -> impl Future<Output = Result<Record, StoreError>> + Send;

    /// Writes the ledger, if the Tenant is still as it was seen, limits included.
    fn write(&self, record: &Record) -> impl Future<Output = Result<Record, StoreError>> + Send;

    /// The namespaces that are charged to an account, as far as watches have shown them.
    fn namespaces(&self, account: &str) -> BTreeSet<String>;

    /// Reads all objects of a namespace that are charged.
    fn objects(
        &self,
        namespace: &str,
    ) -> impl Future<Output = Result<Vec<Observed>, StoreError>> + Send;
}

/// What a process knows of all Tenants: watches, reads and the answers to its own writes tell it, and old
/// news never overwrite new ones.
#[derive(Debug, Default)]
pub struct Records {
    records: Mutex<BTreeMap<String, Arc<Record>>>,
}

impl Records {
    /// Takes note of a Tenant, unless a newer state is known. Whether that was news.
    pub fn put(&self, record: Record) -> bool {
        let mut records = self.lock();
        let known = records.get(&record.account.name);
        let is_older = known.is_some_and(|known| {
            known.uid == record.uid
                && revision(&known.resource_version) >= revision(&record.resource_version)
                || known.uid != record.uid
                    && revision(&known.resource_version) > revision(&record.resource_version)
        });
        if !is_older {
            records.insert(record.account.name.clone(), Arc::new(record));
        }
        !is_older
    }

    /// Takes note that the Tenant of that UID is gone; a successor of its name stays.
    pub fn remove(&self, name: &str, uid: &str) {
        let mut records = self.lock();
        if records.get(name).is_some_and(|known| known.uid == uid) {
            records.remove(name);
        }
    }

    /// A Tenant by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.lock().get(name).cloned()
    }

    /// The names of all Tenants.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Whether a Tenant stands below that one.
    #[must_use]
    pub fn has_below(&self, name: &str) -> bool {
        let records = self.lock();
        let mut parents = records
            .values()
            .map(|record| record.account.spec.parent.as_deref());
        parents.any(|parent| parent == Some(name))
    }

    /// A tenant and all below it, by their names.
    #[must_use]
    pub fn below(&self, name: &str) -> BTreeSet<String> {
        let is_below = |tenant: &String| {
            let chain = self.chain(tenant);
            chain.is_some_and(|chain| chain.iter().any(|record| record.account.name == name))
        };
        let names = self.names().into_iter();
        names.filter(is_below).chain([name.to_owned()]).collect()
    }

    /// A tenant and the groups above it, the root first; `None` when the tenant is not known.
    #[must_use]
    pub fn chain(&self, tenant: &str) -> Option<Vec<Arc<Record>>> {
        let mut chain = self.upwards(tenant)?;
        chain.reverse();
        Some(chain)
    }

    /// The same, or `None` when a group above it is not known either: it is there to be read, and who charges the others
    /// alone lets its limit be passed.
    #[must_use]
    pub fn whole_chain(&self, tenant: &str) -> Option<Vec<Arc<Record>>> {
        let mut chain = self.upwards(tenant)?;
        let is_whole = above(&chain).is_none();
        chain.reverse();
        is_whole.then_some(chain)
    }

    /// A tenant and the groups above it that are known, the tenant first.
    fn upwards(&self, tenant: &str) -> Option<Vec<Arc<Record>>> {
        let records = self.lock();
        let mut chain = vec![Arc::clone(records.get(tenant)?)];
        while let Some(parent) = above(&chain)
            && let Some(record) = records.get(&parent)
        {
            chain.push(Arc::clone(record));
        }
        Some(chain)
    }

    // No writer leaves it half changed, so what a panicking thread left behind is good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Tenant above the last of a chain, unless it would be above itself.
pub(super) fn above(chain: &[Arc<Record>]) -> Option<String> {
    let parent = chain.last()?.account.spec.parent.clone()?;
    let is_known = chain.iter().any(|record| record.account.name == parent);
    (!is_known).then_some(parent)
}

fn revision(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use basphere_core::quota::TenantSpec;

    use super::*;

    fn tenant(name: &str, parent: Option<&str>) -> Record {
        let account = Account {
            name: name.to_owned(),
            spec: TenantSpec {
                parent: parent.map(str::to_owned),
                ..TenantSpec::default()
            },
            ..Account::default()
        };
        Record {
            account: Arc::new(account),
            ..Record::default()
        }
    }

    fn names(chain: Option<Vec<Arc<Record>>>) -> Option<Vec<String>> {
        let names =
            |chain: Vec<Arc<Record>>| chain.iter().map(|it| it.account.name.clone()).collect();
        chain.map(names)
    }

    /// A process may have read a tenant, and not have heard of its group yet.
    #[test]
    fn a_chain_whose_group_is_not_known_is_not_whole() {
        let records = Records::default();
        records.put(tenant("kim", Some("team")));
        assert_eq!(names(records.chain("kim")).unwrap(), ["kim"]);
        assert_eq!(names(records.whole_chain("kim")), None);
        records.put(tenant("team", Some("dept")));
        assert_eq!(names(records.whole_chain("kim")), None);
        records.put(tenant("dept", None));
        assert_eq!(
            names(records.whole_chain("kim")).unwrap(),
            ["dept", "team", "kim"]
        );
    }

    #[test]
    fn a_group_above_itself_is_asked_once() {
        let records = Records::default();
        records.put(tenant("kim", Some("team")));
        records.put(tenant("team", Some("kim")));
        assert_eq!(names(records.whole_chain("kim")).unwrap(), ["team", "kim"]);
    }
}
