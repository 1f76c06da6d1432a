//! What a request is about: a closed set of kinds, parsed once from group, version and kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version that an object is written in. Which ones a kind has, [`Kind::versions`] tells; what
/// their fields are called is a matter of the kind's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiVersion {
    /// The first version of some groups, and of CAPO's OpenStackServer.
    V1Alpha1,
    /// CAPO from 0.8 to 0.11 serves it.
    V1Alpha7,
    /// Cluster API up to 1.10, CAPV up to 1.15, CAPO from 0.10 on, and Metal3 store it.
    V1Beta1,
    /// Cluster API from 1.11 on and CAPV from 1.16 on store it.
    V1Beta2,
    /// Kubernetes' own kinds.
    V1,
}

impl ApiVersion {
    /// All versions, the oldest first.
    const ALL: [Self; 5] = [
        Self::V1Alpha1,
        Self::V1Alpha7,
        Self::V1Beta1,
        Self::V1Beta2,
        Self::V1,
    ];
    /// The versions of Cluster API's own kinds and of CAPV's, the older one first.
    pub const CLUSTER_API: [Self; 2] = [Self::V1Beta1, Self::V1Beta2];

    /// The version as it stands behind the slash of `apiVersion`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1Alpha1 => "v1alpha1",
            Self::V1Alpha7 => "v1alpha7",
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
            Self::V1 => "v1",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $group:literal, $plural:literal, $namespaced:literal;)*) => {
        /// Every kind of Cluster API, of CAPV, of what CAPO and Metal3 have for clusters and machines, what
        /// holds manifests for clusters, and our own that are judged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "a kind's name is its documentation")]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The kind as manifests write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// The API group.
            #[must_use]
            pub const fn group(self) -> &'static str {
                match self { $(Self::$kind => $group,)* }
            }

            /// The resource name in URLs and admission rules.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self { $(Self::$kind => $plural,)* }
            }

            /// Whether objects of this kind live in a namespace.
            #[must_use]
            pub const fn is_namespaced(self) -> bool {
                match self { $(Self::$kind => $namespaced,)* }
            }
        }
    };
}

kinds! {
    Cluster, "cluster.x-k8s.io", "clusters", true;
    ClusterClass, "cluster.x-k8s.io", "clusterclasses", true;
    Machine, "cluster.x-k8s.io", "machines", true;
    MachineDeployment, "cluster.x-k8s.io", "machinedeployments", true;
    MachineDrainRule, "cluster.x-k8s.io", "machinedrainrules", true;
    MachineHealthCheck, "cluster.x-k8s.io", "machinehealthchecks", true;
    MachinePool, "cluster.x-k8s.io", "machinepools", true;
    MachineSet, "cluster.x-k8s.io", "machinesets", true;
    KubeadmControlPlane, "controlplane.cluster.x-k8s.io", "kubeadmcontrolplanes", true;
    KubeadmControlPlaneTemplate, "controlplane.cluster.x-k8s.io", "kubeadmcontrolplanetemplates", true;
    KubeadmConfig, "bootstrap.cluster.x-k8s.io", "kubeadmconfigs", true;
    KubeadmConfigTemplate, "bootstrap.cluster.x-k8s.io", "kubeadmconfigtemplates", true;
    ClusterResourceSet, "addons.cluster.x-k8s.io", "clusterresourcesets", true;
    ClusterResourceSetBinding, "addons.cluster.x-k8s.io", "clusterresourcesetbindings", true;
    HelmChartProxy, "addons.cluster.x-k8s.io", "helmchartproxies", true;
    /// Judged where a ClusterResourceSet may apply what it holds.
    ConfigMap, "", "configmaps", true;
    /// Judged where a ClusterResourceSet may apply what it holds.
    Secret, "", "secrets", true;
    IPAddress, "ipam.cluster.x-k8s.io", "ipaddresses", true;
    IPAddressClaim, "ipam.cluster.x-k8s.io", "ipaddressclaims", true;
    ExtensionConfig, "runtime.cluster.x-k8s.io", "extensionconfigs", false;
    AddressPool, "basphere.dev", "addresspools", false;
    AddressLease, "basphere.dev", "addressleases", false;
    Tenant, "basphere.dev", "tenants", false;
    VSphereCluster, "infrastructure.cluster.x-k8s.io", "vsphereclusters", true;
    VSphereClusterTemplate, "infrastructure.cluster.x-k8s.io", "vsphereclustertemplates", true;
    VSphereClusterIdentity, "infrastructure.cluster.x-k8s.io", "vsphereclusteridentities", false;
    VSphereDeploymentZone, "infrastructure.cluster.x-k8s.io", "vspheredeploymentzones", false;
    VSphereFailureDomain, "infrastructure.cluster.x-k8s.io", "vspherefailuredomains", false;
    VSphereMachine, "infrastructure.cluster.x-k8s.io", "vspheremachines", true;
    VSphereMachineTemplate, "infrastructure.cluster.x-k8s.io", "vspheremachinetemplates", true;
    VSphereVM, "infrastructure.cluster.x-k8s.io", "vspherevms", true;
    OpenStackCluster, "infrastructure.cluster.x-k8s.io", "openstackclusters", true;
    OpenStackClusterTemplate, "infrastructure.cluster.x-k8s.io", "openstackclustertemplates", true;
    OpenStackFloatingIPPool, "infrastructure.cluster.x-k8s.io", "openstackfloatingippools", true;
    OpenStackMachine, "infrastructure.cluster.x-k8s.io", "openstackmachines", true;
    OpenStackMachineTemplate, "infrastructure.cluster.x-k8s.io", "openstackmachinetemplates", true;
    OpenStackServer, "infrastructure.cluster.x-k8s.io", "openstackservers", true;
    Metal3Cluster, "infrastructure.cluster.x-k8s.io", "metal3clusters", true;
    Metal3Machine, "infrastructure.cluster.x-k8s.io", "metal3machines", true;
    Metal3MachineTemplate, "infrastructure.cluster.x-k8s.io", "metal3machinetemplates", true;
}

impl Kind {
    /// The versions that are understood, the oldest first.
    #[must_use]
    pub const fn versions(self) -> &'static [ApiVersion] {
        use ApiVersion::{V1, V1Alpha1, V1Alpha7, V1Beta1, V1Beta2};
        match self {
            Self::OpenStackCluster
            | Self::OpenStackClusterTemplate
            | Self::OpenStackMachine
            | Self::OpenStackMachineTemplate => &[V1Alpha7, V1Beta1],
            Self::ConfigMap | Self::Secret => &[V1],
            Self::OpenStackFloatingIPPool
            | Self::OpenStackServer
            | Self::HelmChartProxy
            | Self::AddressPool
            | Self::AddressLease
            | Self::Tenant => &[V1Alpha1],
            Self::Metal3Cluster | Self::Metal3Machine | Self::Metal3MachineTemplate => &[V1Beta1],
            Self::ExtensionConfig | Self::IPAddress | Self::IPAddressClaim => {
                &[V1Alpha1, V1Beta1, V1Beta2]
            }
            _ => &[V1Beta1, V1Beta2],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind in one of its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What the object is.
    pub kind: Kind,
    /// How its fields are named.
    pub version: ApiVersion,
}

impl Subject {
    /// Parses group, version and kind; `None` for what is not a subject, or not in that version.
    #[must_use]
    pub fn parse(group: &str, version: &str, kind: &str) -> Option<Self> {
        let kind = Kind::ALL
            .iter()
            .copied()
            .find(|k| k.as_str() == kind && k.group() == group)?;
        let version = ApiVersion::parse(version)?;
        kind.versions()
            .contains(&version)
            .then_some(Self { kind, version })
    }

    /// Parses the `apiVersion` and `kind` of a manifest.
    #[must_use]
    pub fn parse_manifest(api_version: &str, kind: &str) -> Option<Self> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self::parse(group, version, kind)
    }

    /// `group/version` as manifests write it, and the version alone of Kubernetes' own kinds.
    #[must_use]
    pub fn api_version(self) -> String {
        match self.kind.group() {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }
}
