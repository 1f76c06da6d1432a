//! The example Site, moved to the simulated vCenter.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::rig::vcenter::{About, CREDENTIALS};
use crate::sandbox::example;
use crate::yaml;

const POOL: &str = "endpoints";
/// The example's first version, and what its clusters can go to: Cluster API goes from one minor version to the next. The
/// latter is the one from which on kubeadm has a super-admin.conf.
const VERSIONS: [&str; 2] = ["v1.28.0", "v1.29.0"];
/// The VM template of the latter.
pub(crate) const NEXT_TEMPLATE: &str = "ubuntu-2204-kube-v1.29.0";
/// The identity that the example Site names, and the namespace where CAPV looks for its Secret.
const IDENTITY: &str = "basphere";
const NAMESPACE: &str = "capv-system";

/// The network of the clusters' API servers: on loopback, where any address can be bound without rights. Two rigs on one
/// machine have two ports, and so two networks.
pub(crate) fn network(port: u16) -> Ipv4Addr {
    let [high, low] = port.to_be_bytes();
    Ipv4Addr::new(127, high, low, 0)
}

/// The example's pools, Site and Tenants, with the vCenter that runs, and a pool for API servers.
pub(crate) fn objects(about: &About, network: Ipv4Addr) -> Result<Value> {
    let mut items = vec![json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "AddressPool",
        "metadata": {"name": POOL},
        "spec": {"domain": POOL, "cidr": format!("{network}/24")},
    })];
    for name in ["pools.yaml", "site.yaml", "tenants.yaml"] {
        items.extend(yaml::read_documents(&example(name)?)?);
    }
    for site in items.iter_mut().filter(|item| is(item, "Site")) {
        let vsphere = site.pointer_mut("/spec/vsphere");
        let vsphere = vsphere
            .and_then(Value::as_object_mut)
            .context("the example Site has no vSphere")?;
        vsphere.insert("server".into(), json!(about.server));
        vsphere.insert("thumbprint".into(), json!(about.thumbprint));
        let addresses = vsphere.get_mut("addresses").and_then(Value::as_object_mut);
        let addresses = addresses.context("the example Site gives no addresses on vSphere")?;
        addresses.insert("endpoints".into(), json!(POOL));
        let versions = site.pointer_mut("/spec/kubernetes/versions");
        let versions = versions.and_then(Value::as_array_mut);
        let versions = versions.context("the example Site offers no version")?;
        let first = versions.first().context("no version")?.to_string();
        versions.push(first.replace(VERSIONS[0], VERSIONS[1]).parse()?);
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

/// What CAPV logs in with.
pub(crate) fn identity() -> Value {
    let [username, password] = CREDENTIALS;
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": IDENTITY, "namespace": NAMESPACE},
            "stringData": {"username": username, "password": password},
        },
        {
            "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2",
            "kind": "VSphereClusterIdentity",
            "metadata": {"name": IDENTITY},
            "spec": {"secretName": IDENTITY, "allowedNamespaces": {"selector": {}}},
        },
    ]})
}

fn is(object: &Value, kind: &str) -> bool {
    object.get("kind").is_some_and(|found| found == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_names_the_vcenter_that_runs() {
        let about = About {
            server: "127.0.0.1:4711".into(),
            thumbprint: "AA:BB".into(),
        };
        let objects = objects(&about, network(0x8001)).expect("the examples");
        let items = objects["items"].as_array().expect("a list");
        let site = items.iter().find(|item| is(item, "Site")).expect("a Site");
        assert_eq!(site["spec"]["vsphere"]["server"], "127.0.0.1:4711");
        assert_eq!(site["spec"]["vsphere"]["thumbprint"], "AA:BB");
        let addresses = json!({"nodes": "nodes", "endpoints": POOL});
        assert_eq!(site["spec"]["vsphere"]["addresses"], addresses);
        assert_eq!(items[0]["spec"]["cidr"], "127.128.1.0/24");
        let next = &site["spec"]["kubernetes"]["versions"][2];
        assert_eq!(next["vsphereTemplate"], NEXT_TEMPLATE);
    }
}
