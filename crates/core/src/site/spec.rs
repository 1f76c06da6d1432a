//! The shape of a Site, as people write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::addresses::{Addresses, KubeVip, NetworkAddresses};
use super::networks::ClusterNetwork;
use super::{ImageRules, Metal3Image, Metal3Spec, OpenStackSpec};
use crate::quota::SiteQuotas;

/// What the site offers and whom it trusts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.defaults.clusterType in self.clusterTypes",
        "fieldPath": ".defaults.clusterType",
        "message": "this type is not among spec.clusterTypes"
    },
    {
        "rule": "self.defaults.nodeSpec in self.nodeSpecs",
        "fieldPath": ".defaults.nodeSpec",
        "message": "this spec is not among spec.nodeSpecs"
    }
]))]
pub struct SiteSpec {
    /// Who owns what, and who may do more than a tenant.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// The machine sizes that are offered, by name.
    #[schemars(extend("minProperties" = 1))]
    pub node_specs: BTreeMap<String, NodeSpec>,
    /// The kinds of cluster that are offered, by name.
    #[schemars(extend("minProperties" = 1))]
    pub cluster_types: BTreeMap<String, ClusterTypeSpec>,
    /// What is taken when a manifest names nothing.
    pub defaults: Defaults,
    /// The Kubernetes versions that are offered.
    pub kubernetes: KubernetesSpec,
    /// The networks inside of a cluster.
    #[serde(default)]
    pub cluster_network: ClusterNetwork,
    /// Where machines stand on vSphere, on a site that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vsphere: Option<VSphereSpec>,
    /// Where machines stand on OpenStack, Ironic's included, on a site that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openstack: Option<OpenStackSpec>,
    /// Which hosts become machines by Metal3, on a site that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metal3: Option<Metal3Spec>,
    /// How static addresses are handed out.
    #[serde(default)]
    pub addresses: Addresses,
    /// How much every tenant may ask for.
    #[serde(default)]
    pub quotas: SiteQuotas,
    /// The static pod that holds the address of a cluster's API server; without it, none is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_vip: Option<KubeVip>,
    /// Where images come from; without it, from anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageRules>,
    /// The ClusterClass of which Clusters are filled in that name their type and nothing else; without
    /// it, none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<TopologySpec>,
}

/// The ClusterClass that tenants' Clusters are made of: the one that Basphere ships, or one with its
/// variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopologySpec {
    /// Name of the ClusterClass.
    #[schemars(length(min = 1, max = 253))]
    pub class: String,
    /// The namespace that it stands in with its templates, such as `basphere-system`: no tenant's, and one
    /// that the webhook leaves alone. Clusters name it from Cluster API 1.9.5 on.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
}

/// Who owns what, and who may do more than a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tenancy {
    /// A namespace of this prefix belongs to the tenant that the rest of its name names, unless its
    /// label `basphere.dev/owner` says otherwise.
    #[schemars(length(min = 1, max = 32))]
    pub namespace_prefix: String,
    /// Members of these groups may name any owner.
    pub admin_groups: Vec<String>,
    /// User names, or groups, of the controllers that write tenants' objects.
    pub controllers: Vec<String>,
    /// How user names become label values; the first rule that fits is applied.
    pub usernames: Vec<UsernameRule>,
}

impl Default for Tenancy {
    fn default() -> Self {
        let account =
            |namespace: &str, name: &str| format!("system:serviceaccount:{namespace}:{name}");
        Self {
            namespace_prefix: "user-".to_owned(),
            admin_groups: vec!["system:masters".to_owned()],
            controllers: vec![
                account("capi-system", "capi-manager"),
                account(
                    "capi-kubeadm-bootstrap-system",
                    "capi-kubeadm-bootstrap-manager",
                ),
                account(
                    "capi-kubeadm-control-plane-system",
                    "capi-kubeadm-control-plane-manager",
                ),
                account("capv-system", "capv-manager"),
                account("capo-system", "capo-manager"),
                account("capm3-system", "capm3-manager"),
                account("kube-system", "generic-garbage-collector"),
                account("kube-system", "namespace-controller"),
            ],
            usernames: Vec::new(),
        }
    }
}

/// Takes a prefix and a suffix off a user name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UsernameRule {
    /// The rule fits user names that begin with this, such as `oidc:`.
    pub strip_prefix: String,
    /// The rule fits user names that end with this, such as `@corp.example`.
    pub strip_suffix: String,
}

/// The size of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// Number of virtual CPUs; CAPV wants two at least.
    #[schemars(range(min = 2, max = 1024))]
    pub cpus: u64,
    /// Memory in MiB.
    #[serde(rename = "memoryMiB")]
    #[schemars(range(min = 2048, max = 33_554_432))]
    pub memory_mib: u64,
    /// Disk in GiB.
    #[serde(rename = "diskGiB")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub disk_gib: u64,
    /// Number of GPUs.
    #[serde(default, skip_serializing_if = "has_none")]
    #[schemars(range(max = 64))]
    pub gpus: u64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn has_none(number: &u64) -> bool {
    *number == 0
}

/// How many machines of which size make a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterTypeSpec {
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// The control plane.
    pub control_plane: NodeGroupSpec,
    /// One group of workers.
    pub workers: NodeGroupSpec,
}

/// A number of machines of one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeGroupSpec {
    /// How many.
    #[schemars(range(min = 0, max = 1000))]
    pub count: u64,
    /// Name of a node spec.
    pub spec: String,
}

/// What is taken when a manifest names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defaults {
    /// Name of a cluster type.
    pub cluster_type: String,
    /// Name of a node spec.
    pub node_spec: String,
    /// One of the offered Kubernetes versions.
    pub kubernetes_version: String,
}

/// The Kubernetes versions that are offered, and what they share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesSpec {
    /// The offered versions, each with its images.
    #[schemars(length(min = 1))]
    pub versions: Vec<KubernetesRelease>,
    /// The container runtime's socket on a node.
    #[serde(default = "default_cri_socket")]
    pub cri_socket: String,
}

fn default_cri_socket() -> String {
    "/var/run/containerd/containerd.sock".to_owned()
}

/// A Kubernetes version and the image that holds it, one for each provider that the site has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesRelease {
    /// Such as `v1.28.0`.
    #[schemars(regex(pattern = r"^v[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$"))]
    pub version: String,
    /// Name or inventory path of the VM template on vSphere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub vsphere_template: Option<String>,
    /// Name of the image on OpenStack, the same in every cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub openstack_image: Option<String>,
    /// The image that Metal3 writes onto a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metal3_image: Option<Metal3Image>,
}

/// Where machines stand on vSphere. Tenants cannot choose another place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VSphereSpec {
    /// Host name or address of the vCenter, without a scheme.
    #[schemars(length(min = 1))]
    pub server: String,
    /// SHA-1 thumbprint of the vCenter's certificate; left out, none is written or accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Name of the VSphereClusterIdentity that every cluster uses.
    #[schemars(length(min = 1))]
    pub identity: String,
    /// Name of the datacenter.
    #[schemars(length(min = 1))]
    pub datacenter: String,
    /// Name of the datastore.
    #[schemars(length(min = 1))]
    pub datastore: String,
    /// Inventory path of the VM folder.
    #[schemars(length(min = 1))]
    pub folder: String,
    /// Inventory path of the resource pool.
    #[schemars(length(min = 1))]
    pub resource_pool: String,
    /// Name of the port group that nodes are attached to.
    #[schemars(length(min = 1))]
    pub network: String,
    /// Whether that network has DHCP.
    #[serde(default)]
    pub dhcp: bool,
    /// Which AddressPools that network has.
    #[serde(default)]
    pub addresses: NetworkAddresses,
}
