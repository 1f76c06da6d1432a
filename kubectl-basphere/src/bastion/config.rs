//! `config.yaml` and `specs.yaml`, and the AddressPool that they describe.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use basphere_core::ipam::{Pool, PoolSpec};
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// What of `config.yaml` says anything to Basphere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) vsphere: VSphere,
    pub(crate) templates: Templates,
    pub(crate) network: Network,
    pub(crate) management_cluster: ManagementCluster,
    /// By user; `default` is everybody.
    pub(crate) quotas: Map<String, Value>,
}

/// Where machines stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VSphere {
    pub(crate) server: Option<String>,
    pub(crate) datacenter: Option<String>,
    pub(crate) datastore: Option<String>,
    pub(crate) resource_pool: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) folder: Option<String>,
}

/// VM templates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Templates {
    pub(crate) kubernetes: Option<String>,
}

/// The network of machines.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Network {
    pub(crate) cidr: Option<IpNet>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) netmask: Option<IpAddr>,
    pub(crate) prefix_length: Option<u8>,
    pub(crate) dns: Vec<IpAddr>,
    /// How many addresses a block has.
    pub(crate) block_size: Option<u64>,
    pub(crate) reserved: Vec<String>,
}

/// Where clusters are made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ManagementCluster {
    pub(crate) namespace_prefix: Option<String>,
}

/// What of `specs.yaml` says anything to Basphere. `vm_specs` and `cluster_specs` are of VMs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Specs {
    /// In the file's order.
    pub(crate) cluster_types: Map<String, Value>,
    pub(crate) cluster_node_specs: Map<String, Value>,
    pub(crate) defaults: Value,
    /// By user; `default` is everybody.
    pub(crate) cluster_quotas: Map<String, Value>,
}

/// A machine's size.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NodeSize {
    pub(crate) cpu: u64,
    pub(crate) memory_mb: u64,
    pub(crate) disk_gb: u64,
}

/// A kind of cluster.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ClusterType {
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) control_plane_count: u64,
    pub(crate) worker_count: u64,
    pub(crate) control_plane_spec: String,
    pub(crate) worker_spec_default: String,
}

/// Reads one of the files.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let value: Value =
        serde_saphyr::from_str(&text).map_err(|error| anyhow!("{}: {error}", name()))?;
    // An empty file is a null.
    let value = if value.is_null() { json!({}) } else { value };
    part(value).with_context(name)
}

/// Reads a part of a file, and says where it is wrong.
pub(crate) fn part<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        anyhow!("{path}: {}", error.into_inner())
    })
}

/// The pool of machines.
pub(crate) fn pool(network: &Network, name: &str) -> Result<Pool> {
    let cidr = network.cidr.context("network.cidr is missing")?;
    let size = network
        .block_size
        .context("network.block_size, the number of addresses of a block, is missing")?;
    let prefix = prefix(network, cidr)?;
    ensure!(
        size.is_power_of_two() && size > 1,
        "network.block_size: {size} addresses are no block; it must be a power of two"
    );
    let bits = u8::try_from(size.trailing_zeros())?;
    let block_size = cidr.max_prefix_len().checked_sub(bits);
    let spec = PoolSpec {
        prefix,
        gateway: network.gateway,
        nameservers: network.dns.clone(),
        reserved: network.reserved.clone(),
        block_size: Some(block_size.with_context(|| {
            format!("network.block_size: {size} addresses do not fit into {cidr}")
        })?),
        // What the file does not say is as the schema has it.
        ..serde_json::from_value(json!({"cidr": cidr}))?
    };
    Pool::new(name, spec).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error| format!("\n  {error}")).collect();
        anyhow!("AddressPool {name} would not be valid:{}", lines.concat())
    })
}

/// The length of the machines' prefix, where the file says one.
fn prefix(network: &Network, cidr: IpNet) -> Result<Option<u8>> {
    let of_mask = network
        .netmask
        .map(|mask| {
            ipnet::ip_mask_to_prefix(mask)
                .map_err(|_| anyhow!("network.netmask: {mask} is no netmask"))
        })
        .transpose()?;
    let prefix = network.prefix_length.or(of_mask);
    if let (Some(prefix), Some(of_mask)) = (prefix, of_mask)
        && prefix != of_mask
    {
        bail!("network.prefix_length is {prefix}, and network.netmask is /{of_mask}");
    }
    // The pool's own answer is the network's.
    Ok(prefix.filter(|prefix| *prefix != cidr.prefix_len()))
}
