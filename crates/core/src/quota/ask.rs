//! What one object asks for, in a form that is counted without looking at any other object but the
//! templates in the same ledger.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Amounts, Measure};

/// What an object asks for. Fields that a kind does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ask {
    /// The Cluster that the object names as its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// So many machines.
    #[serde(skip_serializing_if = "is_none")]
    pub replicas: u64,
    /// So many the autoscaler may make of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
    /// So many more while a rollout is under way; shown, never charged.
    #[serde(skip_serializing_if = "is_none")]
    pub surge: u64,
    /// Whence the machines have their size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The size of a template's machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// The group of a Cluster's topology that the topology controller made this of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it is a machine of a control plane.
    #[serde(skip_serializing_if = "is_false")]
    pub is_control_plane: bool,
    /// The type of a Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_type: Option<String>,
    /// The control plane that a Cluster refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<String>,
    /// Whether a Cluster has a range for its load balancers.
    #[serde(skip_serializing_if = "is_false")]
    pub has_range: bool,
    /// The groups of a Cluster's topology.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_none(number: &u64) -> bool {
    *number == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_false(said: &bool) -> bool {
    !said
}

/// A group of a Cluster's topology: its control plane, or some of its workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    /// The list that it stands in and its name, `machineDeployments/workers`; empty for the control plane.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// So many machines.
    pub replicas: u64,
    /// So many the autoscaler may make of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
    /// So many more while a rollout is under way.
    #[serde(skip_serializing_if = "is_none")]
    pub surge: u64,
    /// The size of its machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// A machine template, in the namespace of who refers to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Such as `VSphereMachineTemplate`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// The size of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Size {
    /// Virtual CPUs.
    pub cpus: u64,
    /// Memory in MiB.
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u64,
    /// Disk in GiB.
    #[serde(rename = "diskGiB")]
    pub disk_gib: u64,
    /// GPUs.
    #[serde(skip_serializing_if = "is_none")]
    pub gpus: u64,
}

impl Size {
    /// The larger of both, part by part.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.max(other.cpus),
            memory_mib: self.memory_mib.max(other.memory_mib),
            disk_gib: self.disk_gib.max(other.disk_gib),
            gpus: self.gpus.max(other.gpus),
        }
    }

    /// Whether no part is larger than the other's.
    #[must_use]
    pub fn fits(self, largest: Self) -> bool {
        self.max(largest) == largest
    }
}

/// So many machines of a size, in these clusters (namespace and name).
pub(super) fn machines(
    count: u64,
    is_control_plane: bool,
    size: Option<Size>,
    clusters: impl IntoIterator<Item = String>,
) -> Amounts {
    let size = size.unwrap_or_default();
    let of = |each: u64| each.saturating_mul(count);
    let mut amounts: Amounts = [
        (Measure::Nodes, count),
        (Measure::Addresses, count),
        (Measure::Vcpus, of(size.cpus)),
        (Measure::MemoryMib, of(size.memory_mib)),
        (Measure::DiskGib, of(size.disk_gib)),
        (Measure::Gpus, of(size.gpus)),
    ]
    .into_iter()
    .collect();
    if is_control_plane {
        amounts.add(Measure::ControlPlaneNodes, count);
    }
    for cluster in clusters {
        amounts.add(Measure::NodesOf(cluster), count);
    }
    amounts
}

impl Ask {
    /// So many machines count: those that are wanted, or as many as the autoscaler may make of them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.replicas.max(self.most.unwrap_or_default())
    }

    /// Whether this asks for nothing that the other does not ask for, whatever the sizes of templates.
    /// Surge is never charged, and does not count.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let is_less = self.count() <= other.count()
            && is_no_larger(self.size, other.size)
            && self.has_range <= other.has_range
            && (self.cluster_type.is_none() || self.cluster_type == other.cluster_type)
            && self.groups.iter().all(|group| {
                let (count, size) = Group::all(&self.groups, &group.name);
                let (most, largest) = Group::all(&other.groups, &group.name);
                count <= most && is_no_larger(size, largest)
            });
        let has_groups = |ask: &Self| -> BTreeSet<String> {
            ask.groups.iter().map(|group| group.name.clone()).collect()
        };
        let same = Self {
            replicas: other.replicas,
            most: other.most,
            surge: other.surge,
            size: other.size,
            has_range: other.has_range,
            cluster_type: other.cluster_type.clone(),
            groups: other.groups.clone(),
            ..self.clone()
        };
        is_less && has_groups(self).is_subset(&has_groups(other)) && same == *other
    }
}

fn is_no_larger(size: Option<Size>, other: Option<Size>) -> bool {
    size.unwrap_or_default().fits(other.unwrap_or_default())
}

impl Group {
    /// So many machines all groups of a name have together, and the largest size of them.
    fn all(groups: &[Self], name: &str) -> (u64, Option<Size>) {
        let named = groups.iter().filter(|group| group.name == name);
        named.fold((0, None), |(count, size), group| {
            let larger = match (size, group.size) {
                (Some(size), Some(other)) => Some(Size::max(size, other)),
                (size, other) => size.or(other),
            };
            (count.saturating_add(group.count()), larger)
        })
    }

    /// So many machines count.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.replicas.max(self.most.unwrap_or_default())
    }
}
