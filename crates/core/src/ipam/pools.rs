//! All pools, and which of them hand out addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::pool::{Pool, PoolError, PoolSpec};

/// A pool as it is stored, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    created: String,
    judged: Result<Pool, Vec<PoolError>>,
}

/// All pools by name. Of two that overlap in a domain the older one hands out addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    entries: BTreeMap<String, Entry>,
}

impl Pools {
    /// Adds or replaces a pool. `created` is its creationTimestamp: the older of two that overlap wins.
    pub fn put(&mut self, name: &str, created: &str, spec: PoolSpec) {
        let entry = Entry {
            created: created.to_owned(),
            judged: Pool::new(name, spec),
        };
        self.entries.insert(name.to_owned(), entry);
    }

    /// Removes a pool that was deleted.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// The pool of that name.
    ///
    /// # Errors
    /// Why it hands nothing out: there is none, its spec is faulty, or it overlaps an older one.
    pub fn get(&self, name: &str) -> Result<&Pool, String> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| format!("there is no AddressPool {name}"))?;
        let pool = entry.judged.as_ref().map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            format!("AddressPool {name} is faulty: {}", errors.join("; "))
        })?;
        match self.overlapped(pool, Some(&entry.created)) {
            Some(other) => Err(format!(
                "AddressPool {name} overlaps the older AddressPool {}",
                other.name()
            )),
            None => Ok(pool),
        }
    }

    /// The other pool of the same domain that a pool overlaps; with a creation time, only an older one.
    #[must_use]
    pub fn overlapped(&self, pool: &Pool, created: Option<&str>) -> Option<&Pool> {
        let extent = pool.extent();
        self.entries.iter().find_map(|(name, entry)| {
            let other = entry.judged.as_ref().ok()?;
            let is_older = created
                .is_none_or(|own| (entry.created.as_str(), name.as_str()) < (own, pool.name()));
            let overlaps = || {
                let others = other.extent();
                extent
                    .iter()
                    .any(|own| others.iter().any(|other| own.overlaps(*other)))
            };
            (name != pool.name()
                && is_older
                && other.spec().domain == pool.spec().domain
                && overlaps())
            .then_some(other)
        })
    }

    /// The pools that hand out addresses, by name.
    pub fn in_force(&self) -> impl Iterator<Item = &Pool> {
        self.entries.keys().filter_map(|name| self.get(name).ok())
    }

    /// The names of all pools, faulty or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The pool of a domain that an address is in.
    #[must_use]
    pub fn of_address(&self, domain: &str, address: IpAddr) -> Option<&Pool> {
        self.in_force().find(|pool| {
            let holds = |span: &super::Span| span.has(address);
            pool.spec().domain == domain && pool.extent().iter().any(holds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(pools: &mut Pools, name: &str, created: &str, domain: &str, cidr: &str) {
        let spec = json!({"domain": domain, "cidr": cidr});
        pools.put(name, created, serde_json::from_value(spec).unwrap());
    }

    #[test]
    fn of_two_that_overlap_the_older_one_counts() {
        let mut pools = Pools::default();
        put(
            &mut pools,
            "young",
            "2026-02-01T00:00:00Z",
            "lan",
            "10.0.0.0/16",
        );
        put(
            &mut pools,
            "old",
            "2026-01-01T00:00:00Z",
            "lan",
            "10.0.4.0/24",
        );
        put(
            &mut pools,
            "elsewhere",
            "2026-03-01T00:00:00Z",
            "wan",
            "10.0.4.0/24",
        );
        assert_eq!(
            pools.get("young").unwrap_err(),
            "AddressPool young overlaps the older AddressPool old"
        );
        let names: Vec<_> = pools.in_force().map(Pool::name).collect();
        assert_eq!(names, ["elsewhere", "old"]);
        pools.remove("old");
        assert!(pools.get("young").is_ok());
        assert_eq!(
            pools.get("gone").unwrap_err(),
            "there is no AddressPool gone"
        );
    }
}
