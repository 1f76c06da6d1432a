//! The site's configuration: what it offers, whom it trusts, where its machines stand.
//!
//! [`SiteSpec`] is the shape as people write it, the same in the cluster and in a file. [`Site`] is
//! the same after every cross-reference was checked, so that a decision never meets a broken one.

mod addresses;
mod check;
mod check_providers;
mod images;
mod names;
pub(crate) mod networks;
mod providers;
mod spec;

use std::collections::BTreeMap;

pub use addresses::{Addresses, KubeVip, NetworkAddresses};
pub use check::SiteError;
pub use images::ImageRules;
pub use networks::{ClusterNetwork, Supernet, UniqueNetworks};
pub use providers::{Metal3Image, Metal3Spec, OpenStackCloud, OpenStackSpec};
pub use spec::{
    ClusterTypeSpec, Defaults, KubernetesRelease, KubernetesSpec, NodeGroupSpec, NodeSpec,
    SiteSpec, Tenancy, TopologySpec, UsernameRule, VSphereSpec,
};

use crate::images::Rules;
use crate::request::Requester;
use crate::version::KubernetesVersion;

/// A checked site: every name that it refers to exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    spec: SiteSpec,
    default_type: ClusterTypeSpec,
    default_node_spec: NodeSpec,
    default_release: Release,
    releases: BTreeMap<KubernetesVersion, Release>,
    images: Option<Rules>,
}

/// One Kubernetes version that the site offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The version, parsed.
    pub version: KubernetesVersion,
    /// The VM template that holds it, on a site with vSphere.
    pub vsphere_template: Option<String>,
    /// The name of the image that holds it, on a site with OpenStack.
    pub openstack_image: Option<String>,
    /// The image that holds it, on a site with Metal3.
    pub metal3_image: Option<Metal3Image>,
}

/// What kind of sender a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A member of one of the site's admin groups.
    Admin,
    /// A service account or system component that the site lists as a controller.
    Controller,
    /// Everybody else: a tenant, or somebody who acts for one.
    Person,
}

impl Site {
    /// The configuration as it was written.
    #[must_use]
    pub fn spec(&self) -> &SiteSpec {
        &self.spec
    }

    /// What kind of sender this is.
    #[must_use]
    pub fn trust(&self, requester: &Requester) -> Trust {
        let tenancy = &self.spec.tenancy;
        let is_member = |groups: &[String]| requester.groups.iter().any(|g| groups.contains(g));
        if is_member(&tenancy.admin_groups) {
            Trust::Admin
        } else if requester.username == crate::ACCOUNT
            || tenancy.controllers.contains(&requester.username)
            || is_member(&tenancy.controllers)
        {
            Trust::Controller
        } else {
            Trust::Person
        }
    }

    /// The cluster type of that name.
    #[must_use]
    pub fn cluster_type(&self, name: &str) -> Option<&ClusterTypeSpec> {
        self.spec.cluster_types.get(name)
    }

    /// The type of a Cluster that names none.
    #[must_use]
    pub fn default_type(&self) -> (&str, &ClusterTypeSpec) {
        (&self.spec.defaults.cluster_type, &self.default_type)
    }

    /// The node spec of that name.
    #[must_use]
    pub fn node_spec(&self, name: &str) -> Option<&NodeSpec> {
        self.spec.node_specs.get(name)
    }

    /// The size of a machine of which nothing else is known.
    #[must_use]
    pub fn default_node_spec(&self) -> (&str, &NodeSpec) {
        (&self.spec.defaults.node_spec, &self.default_node_spec)
    }

    /// The release of that version, if the site offers it.
    #[must_use]
    pub fn release(&self, version: &KubernetesVersion) -> Option<&Release> {
        self.releases.get(version)
    }

    /// The release of a control plane that names no version.
    #[must_use]
    pub fn default_release(&self) -> &Release {
        &self.default_release
    }

    /// All releases, oldest first.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.releases.values()
    }

    /// Which images clusters are made of, where the site says so.
    #[must_use]
    pub fn images(&self) -> Option<&Rules> {
        self.images.as_ref()
    }

    /// The offered version that is nearest to the one asked for.
    #[must_use]
    pub fn nearest_release(&self, version: &KubernetesVersion) -> &Release {
        self.releases()
            .min_by_key(|release| release.version.distance(version))
            .unwrap_or(&self.default_release)
    }

    /// The node spec that is nearest to a size, smallest relative difference first.
    #[must_use]
    pub fn nearest_node_spec(&self, wanted: &PartialSize) -> (&str, &NodeSpec) {
        self.spec
            .node_specs
            .iter()
            .map(|(name, spec)| (name.as_str(), spec))
            .min_by_key(|(_, spec)| wanted.distance(spec))
            .unwrap_or_else(|| self.default_node_spec())
    }
}

/// A size of which any part may be left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartialSize {
    /// Number of virtual CPUs.
    pub cpus: Option<u64>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Disk in GiB.
    pub disk_gib: Option<u64>,
}

impl PartialSize {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every part that is given is the spec's.
    #[must_use]
    pub fn fits(&self, spec: &NodeSpec) -> bool {
        self.distance(spec) == 0
    }

    /// Sum of the relative differences of the given parts, in per mille.
    fn distance(&self, spec: &NodeSpec) -> u64 {
        [
            (self.cpus, spec.cpus),
            (self.memory_mib, spec.memory_mib),
            (self.disk_gib, spec.disk_gib),
        ]
        .into_iter()
        .filter_map(|(wanted, offered)| {
            let difference = wanted?.abs_diff(offered);
            // Rounded up, so that only equality is a distance of nought.
            Some(difference.saturating_mul(1000).div_ceil(offered.max(1)))
        })
        .fold(0, u64::saturating_add)
    }
}
