//! What is counted, and how much of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::Code;

/// Something that is counted and may be limited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Clusters.
    Clusters,
    /// Clusters of this type.
    ClustersOf(String),
    /// Machines of the cluster of this namespace and name, `user-kim/demo`.
    NodesOf(String),
    /// Machines.
    Nodes,
    /// Machines of control planes.
    ControlPlaneNodes,
    /// Groups of workers.
    NodePools,
    /// Virtual CPUs.
    Vcpus,
    /// Memory in MiB.
    MemoryMib,
    /// Disks in GiB.
    DiskGib,
    /// GPUs.
    Gpus,
    /// Addresses.
    Addresses,
    /// Ranges of addresses.
    LoadBalancerRanges,
    /// Objects that a ledger knows of.
    Objects,
}

impl Measure {
    /// The code of the finding that more of it is asked for than may be.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Clusters => Code::ClustersExceeded,
            Self::ClustersOf(_) => Code::ClustersOfTypeExceeded,
            Self::NodesOf(_) => Code::NodesPerClusterExceeded,
            Self::Nodes => Code::NodesExceeded,
            Self::ControlPlaneNodes => Code::ControlPlaneNodesExceeded,
            Self::NodePools => Code::NodePoolsExceeded,
            Self::Vcpus => Code::VcpusExceeded,
            Self::MemoryMib => Code::MemoryExceeded,
            Self::DiskGib => Code::DiskExceeded,
            Self::Gpus => Code::GpusExceeded,
            Self::Addresses => Code::AddressQuotaExceeded,
            Self::LoadBalancerRanges => Code::LoadBalancerRangesExceeded,
            Self::Objects => Code::LedgerFull,
        }
    }

    /// The field of [`super::Limits`] that limits it, as it is written.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::ClustersOf(_) => "clustersByType",
            Self::NodesOf(_) => "nodesPerCluster",
            Self::Nodes => "nodes",
            Self::ControlPlaneNodes => "controlPlaneNodes",
            Self::NodePools => "nodePools",
            Self::Vcpus => "vcpus",
            Self::MemoryMib => "memoryMiB",
            Self::DiskGib => "diskGiB",
            Self::Gpus => "gpus",
            Self::Addresses => "addresses",
            Self::LoadBalancerRanges => "loadBalancerRanges",
            Self::Objects => "objects",
        }
    }

    /// Which of those that the field limits one by one: a cluster type, or a cluster.
    #[must_use]
    pub fn which(&self) -> Option<&str> {
        match self {
            Self::ClustersOf(name) | Self::NodesOf(name) => Some(name),
            _ => None,
        }
    }

    /// What a field of [`super::Limits`] limits, and which of those that it limits one by one; nothing for
    /// other fields.
    #[must_use]
    pub fn read(field: &str, which: Option<&str>) -> Option<Self> {
        let which = which.unwrap_or_default();
        let all = [
            Self::Clusters,
            Self::ClustersOf(which.to_owned()),
            Self::NodesOf(which.to_owned()),
            Self::Nodes,
            Self::ControlPlaneNodes,
            Self::NodePools,
            Self::Vcpus,
            Self::MemoryMib,
            Self::DiskGib,
            Self::Gpus,
            Self::Addresses,
            Self::LoadBalancerRanges,
        ];
        all.into_iter().find(|measure| measure.field() == field)
    }

    /// The key under which a status shows it: the field, and behind a slash which.
    #[must_use]
    pub fn key(&self) -> String {
        match self.which() {
            Some(which) => format!("{}/{which}", self.field()),
            None => self.field().to_owned(),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClustersOf(name) => write!(f, "clusters of type {name}"),
            Self::NodesOf(cluster) => {
                let (_, name) = cluster.rsplit_once('/').unwrap_or(("", cluster));
                write!(f, "nodes of cluster {name}")
            }
            Self::Clusters => f.write_str("clusters"),
            Self::Nodes => f.write_str("nodes"),
            Self::ControlPlaneNodes => f.write_str("control-plane nodes"),
            Self::NodePools => f.write_str("node pools"),
            Self::Vcpus => f.write_str("vCPUs"),
            Self::MemoryMib => f.write_str("memory in MiB"),
            Self::DiskGib => f.write_str("disk in GiB"),
            Self::Gpus => f.write_str("GPUs"),
            Self::Addresses => f.write_str("addresses"),
            Self::LoadBalancerRanges => f.write_str("load-balancer ranges"),
            Self::Objects => f.write_str("counted objects"),
        }
    }
}

/// How much there is of each measure; what is not there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<Measure, u64>);

impl Amounts {
    /// How much of one.
    #[must_use]
    pub fn of(&self, measure: &Measure) -> u64 {
        self.0.get(measure).copied().unwrap_or_default()
    }

    /// All of which there is some.
    pub fn iter(&self) -> impl Iterator<Item = (&Measure, u64)> {
        self.0.iter().map(|(measure, amount)| (measure, *amount))
    }

    /// As much more of one.
    pub fn add(&mut self, measure: Measure, amount: u64) {
        if amount > 0 {
            let all = self.0.entry(measure).or_default();
            *all = all.saturating_add(amount);
        }
    }

    /// The sum of both.
    pub fn add_all(&mut self, other: &Self) {
        for (measure, amount) in other.iter() {
            self.add(measure.clone(), amount);
        }
    }

    /// The larger of both, measure by measure.
    pub fn raise_to(&mut self, other: &Self) {
        for (measure, amount) in other.iter() {
            let all = self.0.entry(measure.clone()).or_default();
            *all = (*all).max(amount);
        }
    }

    /// What is more here than there.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        let mut more = Self::default();
        for (measure, amount) in self.iter() {
            more.add(measure.clone(), amount.saturating_sub(other.of(measure)));
        }
        more
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|amount| *amount == 0)
    }
}

impl FromIterator<(Measure, u64)> for Amounts {
    fn from_iter<I: IntoIterator<Item = (Measure, u64)>>(amounts: I) -> Self {
        let mut all = Self::default();
        for (measure, amount) in amounts {
            all.add(measure, amount);
        }
        all
    }
}
