//! What a Site says of providers other than vSphere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NetworkAddresses;

/// Where machines stand on OpenStack. Tenants choose among the clouds, and nothing beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.defaultCloud in self.clouds",
        "fieldPath": ".defaultCloud",
        "message": "this cloud is not among spec.openstack.clouds"
    }
]))]
pub struct OpenStackSpec {
    /// The cloud of a cluster that names none.
    pub default_cloud: String,
    /// The clouds that are offered, by the name that they have in `clouds.yaml`.
    #[schemars(extend("minProperties" = 1))]
    pub clouds: BTreeMap<String, OpenStackCloud>,
}

/// One cloud, and what is offered in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenStackCloud {
    /// Name of the Secret with `clouds.yaml` that every cluster uses, in the cluster's namespace.
    #[schemars(length(min = 1))]
    pub identity: String,
    /// ID of the network outside, to which routers lead; what is no UUID is its name in CAPO's v1beta1.
    /// Left out, none is written or accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub external_network: Option<String>,
    /// CIDR of the nodes of a cluster that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub node_cidr: Option<ipnet::IpNet>,
    /// Name servers of the nodes of a cluster that names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_nameservers: Vec<String>,
    /// The flavor of each node spec that is offered here, by the node spec's name.
    #[schemars(extend("minProperties" = 1))]
    pub flavors: BTreeMap<String, String>,
    /// Flavors that may be named although they are no node spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_flavors: Vec<String>,
    /// Images that may be named besides those of the offered Kubernetes versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_images: Vec<String>,
    /// The subnet that static addresses are in; left out, the port's network decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub subnet: Option<String>,
    /// Which AddressPools the machines' network has.
    #[serde(default)]
    pub addresses: NetworkAddresses,
}

impl OpenStackCloud {
    /// Every flavor that may be named.
    pub fn all_flavors(&self) -> impl Iterator<Item = &str> + Clone {
        self.flavors
            .values()
            .chain(&self.more_flavors)
            .map(String::as_str)
    }
}

/// Which hosts become machines by Metal3, and with what on their disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metal3Spec {
    /// The labels of the hosts of each node spec that is offered here, by the node spec's name.
    #[schemars(extend("minProperties" = 1))]
    pub hosts: BTreeMap<String, BTreeMap<String, String>>,
    /// Images that may be named besides those of the offered Kubernetes versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_images: Vec<Metal3Image>,
    /// Whether clusters have a cloud provider, which then names their nodes; Metal3's own answer
    /// where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_provider: Option<bool>,
    /// Which AddressPools the hosts' network has; hosts get their own addresses by IPAddressClaims.
    #[serde(default)]
    pub addresses: NetworkAddresses,
}

/// What Metal3 writes onto a host's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metal3Image {
    /// Where the image is.
    #[schemars(length(min = 1))]
    pub url: String,
    /// Its checksum, or where that is.
    #[schemars(length(min = 1))]
    pub checksum: String,
    /// `md5`, `sha256`, `sha512` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum_type: Option<String>,
    /// `raw`, `qcow2` or another that Metal3 knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}
