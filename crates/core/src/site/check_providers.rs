//! What can be wrong with a Site's providers.

use std::collections::BTreeMap;

use super::check::{SiteError, unknown};
use super::{KubernetesRelease, OpenStackCloud, SiteSpec};

pub(super) fn check(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    if spec.vsphere.is_none() && spec.openstack.is_none() && spec.metal3.is_none() {
        let message = "none of vsphere, openstack and metal3 is there, so that no machine could be";
        errors.push(SiteError::new("spec", message));
    }
    check_vsphere(spec, errors);
    check_topology(spec, errors);
    check_openstack(spec, errors);
    if let Some(metal3) = &spec.metal3 {
        check_names(spec, "spec.metal3.hosts", &metal3.hosts, errors);
        for (name, labels) in &metal3.hosts {
            if labels.is_empty() {
                let path = format!("spec.metal3.hosts[{name}]");
                let message = "must not be empty: a selector without labels takes any host";
                errors.push(SiteError::new(path, message));
            }
        }
    }
}

/// The schema says the same to those who write a Site into a cluster; a file has no schema.
fn check_vsphere(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    let Some(vsphere) = &spec.vsphere else {
        return;
    };
    for (field, text) in [
        ("server", &vsphere.server),
        ("identity", &vsphere.identity),
        ("datacenter", &vsphere.datacenter),
        ("datastore", &vsphere.datastore),
        ("folder", &vsphere.folder),
        ("resourcePool", &vsphere.resource_pool),
        ("network", &vsphere.network),
    ] {
        demand_text(&format!("spec.vsphere.{field}"), text, errors);
    }
}

/// The class's machines stand on vSphere. The schema says the same of empty names to those who write a
/// Site into a cluster.
fn check_topology(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    let Some(topology) = &spec.topology else {
        return;
    };
    demand_text("spec.topology.class", &topology.class, errors);
    demand_text("spec.topology.namespace", &topology.namespace, errors);
    if spec.vsphere.is_none() {
        let message = "its ClusterClass makes machines on vSphere, and the site has none";
        errors.push(SiteError::new("spec.topology", message));
    }
}

fn check_openstack(spec: &SiteSpec, errors: &mut Vec<SiteError>) {
    let Some(openstack) = &spec.openstack else {
        return;
    };
    if !openstack.clouds.contains_key(&openstack.default_cloud) {
        let clouds = openstack.clouds.keys();
        let path = "spec.openstack.defaultCloud";
        errors.push(unknown(path, &openstack.default_cloud, clouds));
    }
    for (name, cloud) in &openstack.clouds {
        check_cloud(
            spec,
            &format!("spec.openstack.clouds[{name}]"),
            cloud,
            errors,
        );
    }
}

fn check_cloud(spec: &SiteSpec, path: &str, cloud: &OpenStackCloud, errors: &mut Vec<SiteError>) {
    demand_text(&format!("{path}.identity"), &cloud.identity, errors);
    if let Some(network) = &cloud.external_network {
        demand_text(&format!("{path}.externalNetwork"), network, errors);
    }
    check_names(spec, &format!("{path}.flavors"), &cloud.flavors, errors);
    for (name, flavor) in &cloud.flavors {
        demand_text(&format!("{path}.flavors[{name}]"), flavor, errors);
    }
}

/// Keys that are to be names of node specs.
fn check_names<V>(
    spec: &SiteSpec,
    path: &str,
    by_name: &BTreeMap<String, V>,
    errors: &mut Vec<SiteError>,
) {
    for name in by_name.keys() {
        if !spec.node_specs.contains_key(name) {
            let path = format!("{path}[{name}]");
            errors.push(unknown(&path, name, spec.node_specs.keys()));
        }
    }
    let default = &spec.defaults.node_spec;
    if spec.node_specs.contains_key(default) && !by_name.contains_key(default) {
        let message = format!("the default node spec {default:?} is missing");
        errors.push(SiteError::new(path, message));
    }
}

/// Every offered version needs an image wherever machines can be.
pub(super) fn check_images(
    spec: &SiteSpec,
    index: usize,
    release: &KubernetesRelease,
    errors: &mut Vec<SiteError>,
) {
    let path = |field: &str| format!("spec.kubernetes.versions[{index}].{field}");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if spec.vsphere.is_some() {
        let template = text(&release.vsphere_template);
        demand_text(&path("vsphereTemplate"), &template, errors);
    }
    if spec.openstack.is_some() {
        let image = text(&release.openstack_image);
        demand_text(&path("openstackImage"), &image, errors);
    }
    if spec.metal3.is_some() {
        let url = release.metal3_image.as_ref().map(|image| image.url.clone());
        demand_text(&path("metal3Image"), &text(&url), errors);
    }
}

fn demand_text(path: &str, text: &str, errors: &mut Vec<SiteError>) {
    if text.is_empty() {
        errors.push(SiteError::new(path, "must not be empty"));
    }
}
