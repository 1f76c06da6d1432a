//! The networks inside of clusters: the same for all, or each its own.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The networks inside of a cluster that names none itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterNetwork {
    /// CIDRs of the pods of every cluster; empty with `unique`.
    #[schemars(with = "Vec<String>")]
    pub pods: Vec<IpNet>,
    /// CIDRs of the services of every cluster; empty with `unique`.
    #[schemars(with = "Vec<String>")]
    pub services: Vec<IpNet>,
    /// CIDRs that machines have their addresses in; no cluster's pods or services may overlap them.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<IpNet>,
    /// Each cluster gets networks of its own, as a mesh of clusters needs them; no two overlap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<UniqueNetworks>,
}

/// Where the networks of a cluster are taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UniqueNetworks {
    /// For pods.
    pub pods: Supernet,
    /// For services.
    pub services: Supernet,
}

/// A network that is cut into equal slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supernet {
    /// Such as `10.100.0.0/14`.
    #[schemars(with = "String")]
    pub supernet: IpNet,
    /// Length of a slot's prefix, such as 16.
    #[schemars(range(min = 1, max = 128))]
    pub prefix: u8,
}

impl Supernet {
    /// The slots from the lowest on; none when the prefix does not fit.
    pub fn slots(&self) -> impl Iterator<Item = IpNet> + use<> {
        self.supernet
            .trunc()
            .subnets(self.prefix)
            .into_iter()
            .flatten()
    }
}

/// Whether two networks have an address in common.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}
