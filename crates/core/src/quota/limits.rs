//! Limits as people write them: a site's for every tenant, and a tenant's own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Measure;

/// The most that a tenant may ask for. What is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<u64>,
    /// Clusters of a type, by the type's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters_by_type: BTreeMap<String, u64>,
    /// Machines of one cluster, those of its control plane included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes_per_cluster: Option<u64>,
    /// Machines of all clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u64>,
    /// Machines of all control planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_nodes: Option<u64>,
    /// Groups of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_pools: Option<u64>,
    /// Virtual CPUs of all machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u64>,
    /// Memory of all machines, in MiB.
    #[serde(rename = "memoryMiB", skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Disks of all machines, in GiB.
    #[serde(rename = "diskGiB", skip_serializing_if = "Option::is_none")]
    pub disk_gib: Option<u64>,
    /// GPUs of all machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u64>,
    /// Addresses: one for each machine, and one for each cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<u64>,
    /// Ranges of addresses for load balancers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_ranges: Option<u64>,
    /// Name of the largest node spec that a machine may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_node_spec: Option<String>,
}

impl Limits {
    /// The limit of a measure, when there is one.
    #[must_use]
    pub fn of(&self, measure: &Measure) -> Option<u64> {
        match measure {
            Measure::Clusters => self.clusters,
            Measure::ClustersOf(name) => self.clusters_by_type.get(name).copied(),
            Measure::NodesOf(_) => self.nodes_per_cluster,
            Measure::Nodes => self.nodes,
            Measure::ControlPlaneNodes => self.control_plane_nodes,
            Measure::NodePools => self.node_pools,
            Measure::Vcpus => self.vcpus,
            Measure::MemoryMib => self.memory_mib,
            Measure::DiskGib => self.disk_gib,
            Measure::Gpus => self.gpus,
            Measure::Addresses => self.addresses,
            Measure::LoadBalancerRanges => self.load_balancer_ranges,
            // A ledger holds no more, whoever sets what.
            Measure::Objects => None,
        }
    }

    /// These limits, where the others say nothing.
    #[must_use]
    pub fn under(&self, others: &Self) -> Self {
        let mut clusters_by_type = self.clusters_by_type.clone();
        clusters_by_type.extend(others.clusters_by_type.clone());
        Self {
            clusters: others.clusters.or(self.clusters),
            clusters_by_type,
            nodes_per_cluster: others.nodes_per_cluster.or(self.nodes_per_cluster),
            nodes: others.nodes.or(self.nodes),
            control_plane_nodes: others.control_plane_nodes.or(self.control_plane_nodes),
            node_pools: others.node_pools.or(self.node_pools),
            vcpus: others.vcpus.or(self.vcpus),
            memory_mib: others.memory_mib.or(self.memory_mib),
            disk_gib: others.disk_gib.or(self.disk_gib),
            gpus: others.gpus.or(self.gpus),
            addresses: others.addresses.or(self.addresses),
            load_balancer_ranges: others.load_balancer_ranges.or(self.load_balancer_ranges),
            largest_node_spec: others
                .largest_node_spec
                .clone()
                .or_else(|| self.largest_node_spec.clone()),
        }
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What every tenant may ask for of whom nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SiteQuotas {
    /// The most that a tenant may ask for: 3 clusters and 10 nodes per cluster, unless said otherwise.
    pub default: Limits,
    /// What draws a warning when it is exceeded.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub soft: Limits,
}

impl Default for SiteQuotas {
    fn default() -> Self {
        Self {
            default: Limits {
                clusters: Some(3),
                nodes_per_cluster: Some(10),
                ..Limits::default()
            },
            soft: Limits::default(),
        }
    }
}

/// A tenant as an admin writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TenantSpec {
    /// How people call the tenant.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub display_name: String,
    /// Whom to ask: mail addresses or chat channels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub contacts: Vec<String>,
    /// Name of the Tenant whose limits this one shares with all others below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub parent: Option<String>,
    /// What the tenant may ask for other than the site's default. They bind the tenant and all tenants
    /// below it together. Of two that limit the same, the later one counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub quotas: Vec<Override>,
}

/// Limits that an admin has set, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// The limits.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What draws a warning when it is exceeded.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub soft: Limits,
    /// Why.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// From then on it counts no more, such as `2026-12-31T00:00:00Z`; left out, it counts for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<Timestamp>,
    /// Who has set it; filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub set_by: Option<String>,
}

impl TenantSpec {
    /// The limits that an admin has set and that count at that time: hard ones, and those that warn.
    #[must_use]
    pub fn limits(&self, now: Timestamp) -> (Limits, Limits) {
        let in_force = self
            .quotas
            .iter()
            .filter(|set| set.expires.is_none_or(|expires| now < expires));
        in_force.fold(Default::default(), |(hard, soft): (Limits, Limits), set| {
            (hard.under(&set.limits), soft.under(&set.soft))
        })
    }
}
