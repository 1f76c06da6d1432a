//! What was stored while nobody was at the gate is completed.

use serde_json::{Value, json};

use crate::leases::{cluster, machine, state};
use crate::site::Site;

pub(crate) fn what_was_stored_without_a_review_is_completed(site: &Site) {
    let names = json!({"nodes": "nodes", "endpoints": "nodes"});
    let image = json!({"image": "harbor.corp.example:8443/kube-vip:v1"});
    let spec = json!({"spec": {"vsphere": {"addresses": names}, "kubeVip": image}});
    site.patch("site/default", &spec);
    let address = a_machine_gets_an_address(site, "late");
    a_machine_that_lost_its_address_gets_another_and_says_so(site, &address);
    what_is_paused_or_being_deleted_is_left_alone(site);
    an_endpoint_and_its_control_plane_agree(site);
    labels_are_put_in(site);
}

fn without_address(site: &Site, name: &str) -> Value {
    let mut object = machine(site, name, "10.254.0.1");
    object["spec"]["network"]["devices"] = json!([{"networkName": "VM Network"}]);
    object
}

fn address_of(machine: &Value) -> Option<String> {
    let written = machine["spec"]["network"]["devices"][0]["ipAddrs"][0].as_str()?;
    Some(written.split('/').next().unwrap().to_owned())
}

pub(crate) fn a_machine_gets_an_address(site: &Site, name: &str) -> String {
    let created = site.create(&without_address(site, name));
    let completed = site.wait(&format!("vspheremachine/{name}"), |it| {
        address_of(it).is_some()
    });
    let address = address_of(&completed).unwrap();
    assert_eq!(completed["spec"]["network"]["devices"][0]["dhcp4"], false);
    assert_eq!(completed["metadata"]["labels"]["owner"], "kim");
    let lease = site.wait(&format!("addresslease/ip.lan.{address}"), |lease| {
        state(lease) == "Bound"
    });
    assert_eq!(lease["spec"]["holder"]["name"], name);
    assert_eq!(lease["spec"]["holder"]["uid"], created["metadata"]["uid"]);
    address
}

/// Its request was under way for so long that its reservation was used again.
fn a_machine_that_lost_its_address_gets_another_and_says_so(site: &Site, taken: &str) {
    site.create(&machine(site, "too-late", taken));
    let other = |it: &Value| address_of(it).is_some_and(|address| address != taken);
    site.wait("vspheremachine/too-late", other);
    let note = site.wait_event("AddressReplaced", "VSphereMachine", "too-late");
    assert!(note.contains("somebody else has this address"), "{note}");
    let kept = site.get(&format!("addresslease/ip.lan.{taken}")).unwrap();
    assert_eq!(kept["spec"]["holder"]["name"], "late");
}

fn what_is_paused_or_being_deleted_is_left_alone(site: &Site) {
    let mut halted = cluster(site, "halted", "nothing");
    halted["spec"]["paused"] = true.into();
    site.create(&halted);
    let mut paused = without_address(site, "paused");
    paused["metadata"]["labels"]["cluster.x-k8s.io/cluster-name"] = "halted".into();
    site.create(&paused);
    site.create(&without_address(site, "after-paused"));
    site.wait("vspheremachine/after-paused", |it| address_of(it).is_some());
    assert_eq!(
        address_of(&site.get("vspheremachine/paused").unwrap()),
        None
    );
    site.admin(&["delete", "vspheremachine/paused", "cluster/halted"]);
}

fn an_endpoint_and_its_control_plane_agree(site: &Site) {
    let infra = json!({
        "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", site.version),
        "kind": "VSphereCluster",
        "metadata": {"name": "repaired"},
        "spec": {"server": "vcenter.corp.example"},
    });
    site.create(&infra);
    let host = |it: &Value| it.pointer("/spec/controlPlaneEndpoint/host").cloned();
    site.wait("vspherecluster/repaired", |it| host(it).is_some());
    let control_plane = json!({
        "apiVersion": format!("controlplane.cluster.x-k8s.io/{}", site.version),
        "kind": "KubeadmControlPlane",
        "metadata": {"name": "repaired"},
        "spec": {
            "replicas": 1,
            "version": "v1.28.0",
            "kubeadmConfigSpec": {"files": [{"path": "/etc/motd", "content": "hello"}]},
            "machineTemplate": {"spec": {"infrastructureRef": {
                "apiGroup": "infrastructure.cluster.x-k8s.io",
                "kind": "VSphereMachineTemplate",
                "name": "repaired",
            }}},
        },
    });
    site.create(&control_plane);
    let mut named = cluster(site, "repaired", "repaired");
    named["spec"]["controlPlaneRef"] = json!({
        "apiGroup": "controlplane.cluster.x-k8s.io",
        "kind": "KubeadmControlPlane",
        "name": "repaired",
    });
    let named = site.create(&named);
    let completed = site.wait("kubeadmcontrolplane/repaired", |it| {
        it.to_string()
            .contains("/etc/kubernetes/manifests/kube-vip.yaml")
    });
    let infra = site.get("vspherecluster/repaired").unwrap();
    let address = host(&infra).unwrap().as_str().unwrap().to_owned();
    assert!(
        completed.to_string().contains(&address),
        "{address}: {completed}"
    );
    let lease = site.wait(&format!("addresslease/ip.lan.{address}"), |lease| {
        lease["spec"]["holder"]["uid"] == named["metadata"]["uid"]
    });
    assert_eq!(lease["spec"]["holder"]["kind"], "Cluster");
}

fn labels_are_put_in(site: &Site) {
    let config = json!({
        "apiVersion": format!("bootstrap.cluster.x-k8s.io/{}", site.version),
        "kind": "KubeadmConfig",
        "metadata": {"name": "unlabelled"},
        "spec": {"files": [{"path": "/etc/motd", "content": "hello"}]},
    });
    let before = site.create(&config);
    let labelled = site.wait("kubeadmconfig/unlabelled", |it| {
        it["metadata"]["labels"]["basphere.dev/owner"] == "kim"
    });
    assert_eq!(
        labelled["spec"], before["spec"],
        "its spec is never touched"
    );
}
