//! The Site that `config.yaml` and `specs.yaml` describe, and what is missing for one.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use basphere_core::KubernetesVersion;
use basphere_core::quota::SiteQuotas;
use basphere_core::site::{
    Addresses, ClusterNetwork, ClusterTypeSpec, Defaults, KubernetesRelease, NetworkAddresses,
    NodeGroupSpec, NodeSpec, SiteSpec, Tenancy, VSphereSpec,
};
use serde_json::{Map, Value, json};

use super::config::{self, ClusterType, Config, NodeSize, Specs};
use crate::cli::SiteOptions;

/// The identity of a site whose files name none. It must be made in any case: the bastion has none.
const IDENTITY: &str = "basphere";

/// A Site, and what has to be said about it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) spec: SiteSpec,
    pub(crate) notices: Vec<String>,
}

/// What is asked for, and what of that is not there.
#[derive(Default)]
struct Wanted {
    missing: Vec<String>,
    notices: Vec<String>,
}

impl Wanted {
    fn text(&mut self, path: &str, value: Option<&String>) -> String {
        match value.filter(|text| !text.is_empty()) {
            Some(text) => text.clone(),
            None => {
                self.missing.push(path.to_owned());
                String::new()
            }
        }
    }
}

/// Makes the Site.
///
/// # Errors
/// All that is missing at once, or what is wrong.
pub(crate) fn make(
    config: &Config,
    specs: &Specs,
    options: &SiteOptions,
    prefix: &str,
    pool: &str,
    quotas: SiteQuotas,
) -> Result<Made> {
    let mut wanted = Wanted::default();
    let node_specs = node_specs(&specs.cluster_node_specs, &mut wanted)?;
    let cluster_types = cluster_types(&specs.cluster_types, &mut wanted)?;
    let vsphere = vsphere(config, options, pool, &mut wanted);
    let release = release(config, options, &mut wanted);
    let defaults = defaults(specs, &cluster_types, options, &release, &mut wanted);
    if !wanted.missing.is_empty() {
        return Err(anyhow!(
            "no Site can be made; missing are: {}",
            wanted.missing.join("; ")
        ));
    }
    wanted.notices.push(
        "Site: the files name no networks inside of clusters; spec.clusterNetwork.pods and services are empty".to_owned(),
    );
    // What the files do not say is as the schema has it.
    let kubernetes = serde_json::from_value(json!({"versions": [release]}))?;
    let spec = SiteSpec {
        tenancy: Tenancy {
            namespace_prefix: prefix.to_owned(),
            ..Tenancy::default()
        },
        node_specs,
        cluster_types,
        defaults,
        quotas,
        kubernetes,
        cluster_network: ClusterNetwork {
            nodes: config.network.cidr.into_iter().collect(),
            ..ClusterNetwork::default()
        },
        vsphere: Some(vsphere),
        openstack: None,
        metal3: None,
        addresses: Addresses::default(),
        kube_vip: None,
        images: None,
        topology: None,
    };
    crate::offline::checked(spec.clone())?;
    Ok(Made {
        spec,
        notices: wanted.notices,
    })
}

fn node_specs(
    sizes: &Map<String, Value>,
    wanted: &mut Wanted,
) -> Result<BTreeMap<String, NodeSpec>> {
    if sizes.is_empty() {
        let missing = "cluster_node_specs of specs.yaml (vm_specs are sizes of VMs, not of nodes)";
        wanted.missing.push(missing.to_owned());
    }
    let mut specs = BTreeMap::new();
    for (name, size) in sizes {
        let size: NodeSize = config::part(size.clone())
            .with_context(|| format!("specs.yaml: cluster_node_specs.{name}"))?;
        let spec = NodeSpec {
            gpus: 0,
            cpus: size.cpu,
            memory_mib: size.memory_mb,
            disk_gib: size.disk_gb,
        };
        specs.insert(name.clone(), spec);
    }
    Ok(specs)
}

fn cluster_types(
    types: &Map<String, Value>,
    wanted: &mut Wanted,
) -> Result<BTreeMap<String, ClusterTypeSpec>> {
    if types.is_empty() {
        let missing = "cluster_types of specs.yaml";
        wanted.missing.push(missing.to_owned());
    }
    let mut specs = BTreeMap::new();
    for (name, found) in types {
        let found: ClusterType = config::part(found.clone())
            .with_context(|| format!("specs.yaml: cluster_types.{name}"))?;
        let group = |count, spec| NodeGroupSpec { count, spec };
        let spec = ClusterTypeSpec {
            description: found.description,
            control_plane: group(found.control_plane_count, found.control_plane_spec),
            workers: group(found.worker_count, found.worker_spec_default),
        };
        specs.insert(name.clone(), spec);
    }
    Ok(specs)
}

fn vsphere(config: &Config, options: &SiteOptions, pool: &str, wanted: &mut Wanted) -> VSphereSpec {
    let found = &config.vsphere;
    let mut text = |field: &str, value: &Option<String>| {
        wanted.text(&format!("vsphere.{field} of config.yaml"), value.as_ref())
    };
    let spec = VSphereSpec {
        server: text("server", &found.server),
        thumbprint: options.thumbprint.clone(),
        identity: options
            .identity
            .clone()
            .unwrap_or_else(|| IDENTITY.to_owned()),
        datacenter: text("datacenter", &found.datacenter),
        datastore: text("datastore", &found.datastore),
        folder: text("folder", &found.folder),
        resource_pool: text("resource_pool", &found.resource_pool),
        network: text("network", &found.network),
        dhcp: false,
        addresses: NetworkAddresses {
            nodes: Some(pool.to_owned()),
            endpoints: None,
        },
    };
    if options.identity.is_none() {
        wanted.notices.push(format!(
            "Site: the files name no VSphereClusterIdentity, since every cluster had a Secret of its own; make one named {IDENTITY}, or name yours by --identity"
        ));
    }
    if options.thumbprint.is_none() {
        wanted.notices.push(
            "Site: the files name no thumbprint of the vCenter, so none is written or accepted; --thumbprint names it".to_owned(),
        );
    }
    spec
}

/// The version is in the template's name, such as `ubuntu-2204-kube-v1.28.0`, unless it is named.
fn release(config: &Config, options: &SiteOptions, wanted: &mut Wanted) -> KubernetesRelease {
    let template = config.templates.kubernetes.as_ref();
    let template = wanted.text("templates.kubernetes of config.yaml", template);
    let named = options.kubernetes_version.clone().or_else(|| {
        let (_, version) = template.rsplit_once("-kube-")?;
        let is_version = version.parse::<KubernetesVersion>().is_ok();
        is_version.then(|| version.to_owned())
    });
    if named.is_none() {
        wanted.missing.push(format!(
            "--kubernetes-version, which is not told by the name of the template {template:?}"
        ));
    }
    KubernetesRelease {
        version: named.unwrap_or_default(),
        vsphere_template: Some(template),
        openstack_image: None,
        metal3_image: None,
    }
}

fn defaults(
    specs: &Specs,
    types: &BTreeMap<String, ClusterTypeSpec>,
    options: &SiteOptions,
    release: &KubernetesRelease,
    wanted: &mut Wanted,
) -> Defaults {
    let said = |key: &str| {
        let text = specs.defaults.get(key).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let cluster_type = options
        .cluster_type
        .clone()
        .or_else(|| said("cluster_type"));
    let cluster_type = cluster_type.unwrap_or_else(|| {
        let first = specs.cluster_types.keys().next().cloned();
        let first = first.unwrap_or_default();
        wanted.notices.push(format!(
            "Site: the files name no default cluster type; it is {first}, the first of cluster_types; --cluster-type names another"
        ));
        first
    });
    let node_spec = options.node_spec.clone().or_else(|| said("node_spec"));
    let node_spec = node_spec.unwrap_or_else(|| {
        let of_workers = types.get(&cluster_type).map(|t| t.workers.spec.clone());
        let of_workers = of_workers.unwrap_or_default();
        wanted.notices.push(format!(
            "Site: the files name no default node spec; it is {of_workers}, that of {cluster_type}'s workers; --node-spec names another"
        ));
        of_workers
    });
    Defaults {
        cluster_type,
        node_spec,
        kubernetes_version: release.version.clone(),
    }
}
