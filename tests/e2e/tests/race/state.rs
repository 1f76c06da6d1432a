//! What is stored at one revision, as far as addresses are concerned. Naive on purpose: nothing of
//! the code under test is used to judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use crate::etcd::Change;
use crate::objects::{CONTROL_PLANE, Kind};

/// The resource of leases, below etcd's `/registry/`.
pub(crate) const LEASES: &str = "basphere.dev/addressleases";
/// The domain of the machines' network.
pub(crate) const DOMAIN: &str = "default";

/// Who has an address: one device of a machine, or the endpoint of a cluster, whatever object of the
/// cluster names it.
pub(crate) type Holder = String;

/// A lease, as far as it is judged.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) address: String,
    pub(crate) pool: String,
    pub(crate) tenant: String,
    pub(crate) holder: Holder,
    /// An endpoint is held by the Cluster, or by what stands for it until there is one.
    pub(crate) holder_kind: String,
    pub(crate) holder_name: String,
    /// Whether anybody has seen the holder stored.
    pub(crate) was_bound: bool,
    pub(crate) owner: Option<String>,
    pub(crate) state: String,
    pub(crate) since: Timestamp,
}

impl Lease {
    fn read(object: &Value) -> Result<Self> {
        let text = |pointer: &str| {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let kind = text("/spec/holder/kind");
        let namespace = text("/spec/holder/namespace");
        let holder_name = text("/spec/holder/name");
        let holder = if kind == Kind::VSphereMachine.kind() {
            machine_holder(&namespace, &holder_name, &text("/spec/holder/device"))
        } else {
            endpoint_holder(&namespace, &holder_name)
        };
        Ok(Self {
            name: text("/metadata/name"),
            kind: text("/spec/kind"),
            address: text("/spec/address"),
            pool: text("/spec/pool"),
            tenant: text("/spec/tenant"),
            holder,
            holder_kind: kind,
            holder_name,
            was_bound: object.pointer("/spec/holder/uid").is_some(),
            owner: Some(text("/spec/owner/uid")).filter(|uid| !uid.is_empty()),
            state: text("/spec/state"),
            since: text("/spec/since").parse().context("spec.since")?,
        })
    }

    /// Whether no one else can have what is leased: a cluster that is made again under its name may be let
    /// in a moment before the lease of its namesake cools, which is longer than any request takes.
    pub(crate) fn keeps_others_out(&self) -> bool {
        let is_endpoint = self.holder_kind != Kind::VSphereMachine.kind();
        self.is_alive() || self.state == "Releasing" && is_endpoint
    }

    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.state.as_str(), "Reserved" | "Bound")
    }
}

fn machine_holder(namespace: &str, name: &str, device: &str) -> Holder {
    format!("machine {namespace}/{name} ({device})")
}

fn endpoint_holder(namespace: &str, name: &str) -> Holder {
    let cluster = name.strip_suffix(CONTROL_PLANE).unwrap_or(name);
    format!("cluster {namespace}/{cluster}")
}

/// The name of the lease of an address.
pub(crate) fn lease_name(address: IpAddr) -> String {
    format!("ip.{DOMAIN}.{address}")
}

/// All that is stored at one revision.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By name.
    pub(crate) leases: BTreeMap<String, Lease>,
    /// What each stored object carries, by resource and name.
    carriers: BTreeMap<(String, String), Vec<(IpAddr, Holder)>>,
    /// Objects that are being deleted.
    leaving: BTreeSet<(String, String)>,
    /// Who carries each address, and how often.
    carried: BTreeMap<IpAddr, BTreeMap<Holder, usize>>,
    /// Each endpoint's addresses, of which there should be one.
    endpoints: BTreeMap<Holder, BTreeMap<IpAddr, usize>>,
    /// Stored Clusters and control planes with their replicas, by resource and name.
    pub(crate) groups: BTreeMap<(String, String), u64>,
    /// Machines that are wanted, by the UID of their set.
    pub(crate) wanted: BTreeMap<String, u64>,
}

impl State {
    /// Applies a change, and returns the addresses that it may concern and the lease that was there.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(BTreeSet<IpAddr>, Option<Lease>)> {
        let mut touched = BTreeSet::new();
        if change.resource == LEASES {
            let before = self.leases.remove(&change.key);
            if let Some(object) = &change.object {
                let lease = Lease::read(object);
                let lease = lease.with_context(|| format!("AddressLease {}", change.key))?;
                self.leases.insert(change.key.clone(), lease);
            }
            let prefix = format!("ip.{DOMAIN}.");
            let address = change.key.strip_prefix(&prefix);
            touched.extend(address.and_then(|address| address.parse::<IpAddr>().ok()));
            return Ok((touched, before));
        }
        let key = (change.resource.clone(), change.key.clone());
        self.note(&key, change.object.as_ref());
        let before = self.carriers.remove(&key).unwrap_or_default();
        let after = change.object.as_ref().map(|object| carried(&key, object));
        for (address, holder) in &before {
            less(&mut self.carried, *address, holder.clone());
            less(&mut self.endpoints, holder.clone(), *address);
            touched.insert(*address);
        }
        for (address, holder) in after.iter().flatten() {
            more(&mut self.carried, *address, holder.clone());
            more(&mut self.endpoints, holder.clone(), *address);
            touched.insert(*address);
        }
        self.leaving.remove(&key);
        let deleted = |object: &Value| object.pointer("/metadata/deletionTimestamp").is_some();
        if change.object.as_ref().is_some_and(deleted) {
            self.leaving.insert(key.clone());
        }
        if let Some(after) = after {
            self.carriers.insert(key, after);
        }
        Ok((touched, None))
    }

    fn note(&mut self, key: &(String, String), object: Option<&Value>) {
        let replicas = |object: &Value| object.pointer("/spec/replicas").and_then(Value::as_u64);
        if key.0 == Kind::MachineSet.path() {
            let uid = object.and_then(|object| object.pointer("/metadata/uid")?.as_str());
            if let (Some(uid), Some(object)) = (uid, object) {
                self.wanted
                    .insert(uid.to_owned(), replicas(object).unwrap_or(1));
            }
        }
        if [Kind::Cluster.path(), Kind::ControlPlane.path()].contains(&key.0.as_str()) {
            match object {
                Some(object) => self
                    .groups
                    .insert(key.clone(), replicas(object).unwrap_or(0)),
                None => self.groups.remove(key),
            };
        }
    }

    /// Who carries an address.
    pub(crate) fn holders(&self, address: IpAddr) -> impl Iterator<Item = &Holder> {
        self.carried
            .get(&address)
            .into_iter()
            .flat_map(BTreeMap::keys)
    }

    /// The addresses that a holder's objects carry.
    pub(crate) fn addresses(&self, holder: &Holder) -> impl Iterator<Item = &IpAddr> {
        self.endpoints
            .get(holder)
            .into_iter()
            .flat_map(BTreeMap::keys)
    }

    /// Machines that carry no address, but for those that get no VM any more.
    pub(crate) fn without_address(&self) -> impl Iterator<Item = &str> {
        let machines = self
            .carriers
            .iter()
            .filter(|(key, _)| key.0 == Kind::VSphereMachine.path() && !self.leaving.contains(key));
        machines
            .filter(|(_, carried)| carried.is_empty())
            .map(|((_, name), _)| name.as_str())
    }

    /// Whether an object of that holder is stored, and how many carry something.
    pub(crate) fn is_carried(&self, lease: &Lease) -> bool {
        match lease.address.parse::<IpAddr>() {
            Ok(address) => self.holders(address).any(|holder| *holder == lease.holder),
            // Ranges and networks are the Cluster's alone.
            Err(_) => {
                let holder = lease.holder.strip_prefix("cluster ");
                let key = holder.map(|key| (Kind::Cluster.path().to_owned(), key.to_owned()));
                key.is_some_and(|key| self.carriers.contains_key(&key))
            }
        }
    }

    /// The blocks of a tenant that it may use.
    pub(crate) fn blocks<'a>(
        &'a self,
        pool: &'a str,
        tenant: &'a str,
    ) -> impl Iterator<Item = IpNet> {
        self.all_blocks(pool)
            .filter(move |lease| lease.tenant == tenant && lease.state == "Bound")
            .filter_map(|lease| lease.address.parse().ok())
    }

    /// The blocks of all tenants.
    pub(crate) fn all_blocks<'a>(&'a self, pool: &'a str) -> impl Iterator<Item = &'a Lease> {
        self.leases
            .range("block.".to_owned().."block/".to_owned())
            .map(|(_, lease)| lease)
            .filter(move |lease| lease.pool == pool)
    }

    pub(crate) fn of_address(&self, address: IpAddr) -> Option<&Lease> {
        self.leases.get(&lease_name(address))
    }
}

fn more<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeMap<V, usize>>, key: K, value: V) {
    *map.entry(key).or_default().entry(value).or_default() += 1;
}

fn less<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeMap<V, usize>>, key: K, value: V) {
    let Some(values) = map.get_mut(&key) else {
        return;
    };
    if let Some(count) = values.get_mut(&value) {
        *count -= 1;
    }
    values.retain(|_, count| *count > 0);
    if values.is_empty() {
        map.remove(&key);
    }
}

/// The addresses that an object carries, and as whom.
fn carried(key: &(String, String), object: &Value) -> Vec<(IpAddr, Holder)> {
    let (resource, name) = key;
    let (namespace, name) = name.split_once('/').unwrap_or_default();
    if resource == Kind::VSphereMachine.path() {
        return of_devices(namespace, name, object);
    }
    let host = if resource == Kind::ControlPlane.path() {
        of_kube_vip(object)
    } else {
        object
            .pointer("/spec/controlPlaneEndpoint/host")
            .and_then(Value::as_str)
    };
    let address = host.and_then(|host| host.parse().ok());
    address
        .map(|address| (address, endpoint_holder(namespace, name)))
        .into_iter()
        .collect()
}

fn of_devices(namespace: &str, name: &str, object: &Value) -> Vec<(IpAddr, Holder)> {
    let devices = object
        .pointer("/spec/network/devices")
        .and_then(Value::as_array);
    let mut found = Vec::new();
    for (index, device) in devices.into_iter().flatten().enumerate() {
        let addresses = device.get("ipAddrs").and_then(Value::as_array);
        for address in addresses.into_iter().flatten().filter_map(Value::as_str) {
            let address = address.split('/').next().and_then(|text| text.parse().ok());
            let holder = machine_holder(namespace, name, &index.to_string());
            found.extend(address.map(|address| (address, holder)));
        }
    }
    found
}

/// kube-vip's manifest says `- name: address` and, in the next line, `value: "10.254.0.33"`.
fn of_kube_vip(object: &Value) -> Option<&str> {
    let files = object
        .pointer("/spec/kubeadmConfigSpec/files")?
        .as_array()?;
    let contents = files
        .iter()
        .filter_map(|file| file.get("content")?.as_str());
    contents.into_iter().find_map(|content| {
        let mut lines = content.lines().map(str::trim);
        lines.find(|line| *line == "- name: address")?;
        Some(
            lines
                .next()?
                .strip_prefix("value:")?
                .trim()
                .trim_matches('"'),
        )
    })
}
