//! From a Site as written to a Site that can be relied on.

use std::collections::BTreeMap;

use ipnet::IpNet;
use thiserror::Error;

use super::networks::{ClusterNetwork, overlap};
use super::{NodeSpec, Release, Site, SiteSpec, check_providers};
use crate::images::{Rules, Verdict};
use crate::version::KubernetesVersion;

/// One thing that is wrong with a Site.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct SiteError {
    /// Where, in kubectl's notation.
    pub path: String,
    /// What, and what would be right.
    pub message: String,
}

impl SiteError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl TryFrom<SiteSpec> for Site {
    type Error = Vec<SiteError>;

    /// Checks every cross-reference; reports all problems at once.
    fn try_from(spec: SiteSpec) -> Result<Self, Self::Error> {
        let mut errors = Vec::new();
        check_prefix(&spec, &mut errors);
        check_providers::check(&spec, &mut errors);
        check_networks(&spec.cluster_network, &mut errors);
        check_node_specs(&spec, &mut errors);
        check_types(&spec, &mut errors);
        let releases = check_releases(&spec, &mut errors);
        let images = check_rules(&spec, &mut errors);

        let defaults = &spec.defaults;
        let default_type = spec.cluster_types.get(&defaults.cluster_type).cloned();
        let default_node_spec = spec.node_specs.get(&defaults.node_spec).cloned();
        let default_release = defaults
            .kubernetes_version
            .parse()
            .ok()
            .and_then(|version| releases.get(&version))
            .cloned();
        if default_type.is_none() {
            errors.push(unknown(
                "spec.defaults.clusterType",
                &defaults.cluster_type,
                spec.cluster_types.keys(),
            ));
        }
        if default_node_spec.is_none() {
            errors.push(unknown(
                "spec.defaults.nodeSpec",
                &defaults.node_spec,
                spec.node_specs.keys(),
            ));
        }
        if default_release.is_none() {
            let offered: Vec<_> = releases.keys().map(ToString::to_string).collect();
            errors.push(unknown(
                "spec.defaults.kubernetesVersion",
                &defaults.kubernetes_version,
                &offered,
            ));
        }
        match (default_type, default_node_spec, default_release) {
            (Some(default_type), Some(default_node_spec), Some(default_release))
                if errors.is_empty() =>
            {
                Ok(Self {
                    spec,
                    default_type,
                    default_node_spec,
                    default_release,
                    releases,
                    images,
                })
            }
            _ => Err(errors),
        }
    }
}

/// What the site writes into control planes itself must be let in by its own rules.
fn check_rules(spec: &SiteSpec, errors: &mut Vec<SiteError>) -> Option<Rules> {
    let rules = match Rules::check(spec.images.as_ref()?) {
        Ok(rules) => rules,
        Err(found) => {
            errors.extend(found);
            return None;
        }
    };
    if let Some(kube_vip) = &spec.kube_vip
        && rules.judge(&kube_vip.image) != Verdict::Allowed
    {
        let message = format!("{:?} is in none of spec.images.registries", kube_vip.image);
        errors.push(SiteError::new("spec.kubeVip.image", message));
    }
    Some(rules)
}

pub(super) fn unknown<'a>(
    path: &str,
    value: &str,
    offered: impl IntoIterator<Item = &'a String>,
) -> SiteError {
    let offered: Vec<_> = offered.into_iter().map(String::as_str).collect();
    SiteError::new(
        path,
        format!(
            "{value:?} is not defined; defined are: {}",
            offered.join(", ")
        ),
    )
}

/// The schema says the same to those who write a Site into a cluster; a file has no schema.
fn check_prefix(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    const PREFIX_MAX: usize = 32;
    let prefix = &spec.tenancy.namespace_prefix;
    if prefix.is_empty() || prefix.len() > PREFIX_MAX {
        errors.push(SiteError::new(
            "spec.tenancy.namespacePrefix",
            format!("{prefix:?} must have 1 to {PREFIX_MAX} characters"),
        ));
    }
}

fn check_networks(networks: &ClusterNetwork, errors: &mut Vec<SiteError>) {
    const PATH: &str = "spec.clusterNetwork";
    let mut all: Vec<(String, IpNet)> = Vec::new();
    for (field, list) in [
        ("pods", &networks.pods),
        ("services", &networks.services),
        ("nodes", &networks.nodes),
    ] {
        if networks.unique.is_some() && field != "nodes" && !list.is_empty() {
            let message = "must be empty with unique, which gives each cluster its own";
            errors.push(SiteError::new(format!("{PATH}.{field}"), message));
        }
        all.extend(
            list.iter()
                .map(|network| (format!("{PATH}.{field}"), *network)),
        );
    }
    if let Some(unique) = &networks.unique {
        for (field, pool) in [("pods", &unique.pods), ("services", &unique.services)] {
            let path = format!("{PATH}.unique.{field}");
            let room = pool.supernet.prefix_len()..=pool.supernet.max_prefix_len();
            if !room.contains(&pool.prefix) {
                let message = format!("no /{} fits into {}", pool.prefix, pool.supernet);
                errors.push(SiteError::new(format!("{path}.prefix"), message));
            }
            all.push((format!("{path}.supernet"), pool.supernet));
        }
    }
    for (index, (path, network)) in all.iter().enumerate() {
        if let Some((other, _)) = all
            .iter()
            .take(index)
            .find(|(_, other)| overlap(network, other))
        {
            let message = format!("{network} overlaps {other}");
            errors.push(SiteError::new(path, message));
        }
    }
}

fn check_node_specs(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    for (
        name,
        NodeSpec {
            cpus,
            memory_mib,
            disk_gib,
            gpus: _,
        },
    ) in &spec.node_specs
    {
        let path = format!("spec.nodeSpecs[{name}]");
        if *cpus < 2 {
            errors.push(SiteError::new(
                format!("{path}.cpus"),
                format!("{cpus} is less than CAPV's minimum of 2"),
            ));
        }
        if *memory_mib < 2048 {
            errors.push(SiteError::new(
                format!("{path}.memoryMiB"),
                format!("{memory_mib} is less than CAPV's minimum of 2048"),
            ));
        }
        if *disk_gib == 0 {
            errors.push(SiteError::new(
                format!("{path}.diskGiB"),
                "must be more than 0",
            ));
        }
    }
}

fn check_types(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    for (name, cluster_type) in &spec.cluster_types {
        let path = format!("spec.clusterTypes[{name}]");
        for (group, of) in [
            ("controlPlane", &cluster_type.control_plane),
            ("workers", &cluster_type.workers),
        ] {
            if !spec.node_specs.contains_key(&of.spec) {
                errors.push(unknown(
                    &format!("{path}.{group}.spec"),
                    &of.spec,
                    spec.node_specs.keys(),
                ));
            }
        }
        let count = cluster_type.control_plane.count;
        if count.is_multiple_of(2) {
            errors.push(SiteError::new(
                format!("{path}.controlPlane.count"),
                format!("{count} is even; a control plane with stacked etcd needs an odd number"),
            ));
        }
    }
}

fn check_releases(
    spec: &SiteSpec,
    errors: &mut Vec<SiteError>,
) -> BTreeMap<KubernetesVersion, Release> {
    let mut releases = BTreeMap::new();
    for (index, release) in spec.kubernetes.versions.iter().enumerate() {
        let path = format!("spec.kubernetes.versions[{index}].version");
        check_providers::check_images(spec, index, release, errors);
        match release.version.parse::<KubernetesVersion>() {
            Ok(version) => {
                let entry = Release {
                    version: version.clone(),
                    vsphere_template: release.vsphere_template.clone(),
                    openstack_image: release.openstack_image.clone(),
                    metal3_image: release.metal3_image.clone(),
                };
                if releases.insert(version, entry).is_some() {
                    errors.push(SiteError::new(
                        path,
                        format!("{} is listed twice", release.version),
                    ));
                }
            }
            Err(error) => errors.push(SiteError::new(
                path,
                format!("{:?}: {error}", release.version),
            )),
        }
    }
    releases
}
