//! Pools and leases, out of the cluster or out of files.

use std::fmt::Debug;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use basphere_api::crd::{AddressLease, AddressPool};
use basphere_core::ipam::{Lease, Ledger, Pool, Pools};
use kube::Resource;
use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::Global;
use crate::connection::Connection;
use crate::input;
use crate::run::print_error;

/// So many objects the API server is asked for at once.
const PAGE: u32 = 500;

/// Pools by name, and leases by slot.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pub(crate) pools: Vec<AddressPool>,
    pub(crate) leases: Vec<(AddressLease, Lease)>,
    /// Whether something could not be read, which has been said.
    pub(crate) is_incomplete: bool,
}

impl Stock {
    /// Reads the files, or the cluster when there are none. What cannot be read is said to `talk`.
    pub(crate) fn read(files: &[PathBuf], global: &Global, talk: &mut dyn Write) -> Result<Self> {
        let (pools, leases, errors) = if files.is_empty() {
            let (pools, leases) = of_cluster(global)?;
            (pools, leases, Vec::new())
        } else {
            of_files(files)?
        };
        let mut stock = Self {
            pools,
            is_incomplete: !errors.is_empty(),
            ..Self::default()
        };
        for error in &errors {
            print_error(error, talk);
        }
        for object in leases {
            match object.lease() {
                Ok(lease) => stock.leases.push((object, lease)),
                Err(error) => {
                    stock.is_incomplete = true;
                    let name = object.metadata.name.unwrap_or_default();
                    print_error(&anyhow!("AddressLease {name}: {error}"), talk);
                }
            }
        }
        let name = |pool: &AddressPool| pool.metadata.name.clone();
        stock.pools.sort_by_key(name);
        let slot = |(_, lease): &(AddressLease, Lease)| lease.slot.clone();
        stock.leases.sort_by_key(slot);
        Ok(stock)
    }

    /// A checked pool.
    pub(crate) fn pool(&self, name: &str) -> Result<Pool> {
        let mut pools = Pools::default();
        for pool in &self.pools {
            let name = pool.metadata.name.as_deref().unwrap_or_default();
            pools.put(name, &pool.created(), pool.spec.0.clone());
        }
        pools.get(name).cloned().map_err(|reason| anyhow!(reason))
    }

    /// All leases.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for (_, lease) in &self.leases {
            ledger.put(lease.clone());
        }
        ledger
    }
}

fn of_cluster(global: &Global) -> Result<(Vec<AddressPool>, Vec<AddressLease>)> {
    let cluster = Connection::of(global, "read manifests with -f FILE")?;
    let pools = list(&cluster).context("cannot list AddressPools")?;
    let leases = list(&cluster).context("cannot list AddressLeases")?;
    Ok((pools, leases))
}

/// All objects of a kind that no namespace has, page by page.
pub(crate) fn list<K>(cluster: &Connection) -> Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let objects: Api<K> = Api::all(cluster.client());
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = cluster.ask(objects.list(&page))?;
        found.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}

type Read = (Vec<AddressPool>, Vec<AddressLease>, Vec<anyhow::Error>);

/// The pools and leases among the manifests; objects of other kinds are none of ours.
fn of_files(files: &[PathBuf]) -> Result<Read> {
    let (sources, mut errors) = input::read_all(files)?;
    let (mut pools, mut leases) = (Vec::new(), Vec::new());
    for source in sources {
        let object = source.manifest.object;
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        if !text("apiVersion").is_some_and(|version| version.starts_with("basphere.dev/")) {
            continue;
        }
        let read = match text("kind") {
            Some("AddressPool") => parse(object).map(|pool| pools.push(pool)),
            Some("AddressLease") => parse(object).map(|lease| leases.push(lease)),
            _ => Ok(()),
        };
        let (document, line) = (source.manifest.document, source.manifest.line);
        let place = || format!("{}: document {document}, line {line}", source.file);
        if let Err(error) = read.with_context(place) {
            errors.push(error);
        }
    }
    Ok((pools, leases, errors))
}

fn parse<T: DeserializeOwned>(object: Value) -> Result<T> {
    serde_path_to_error::deserialize(object)
        .map_err(|error| anyhow!("{}: {}", error.path(), error.inner()))
}
