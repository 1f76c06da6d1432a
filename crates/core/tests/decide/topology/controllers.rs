//! What the topology controller makes of a completed Cluster.

use basphere_core::{ApiVersion, Kind, Operation, Phase};
use serde_json::{Value, json};

use super::{NODE_SPEC, stored, topology, variable};
use crate::world::{World, admin, capi, denials, machine, template};

const VERSION: ApiVersion = ApiVersion::V1Beta2;

/// An object as the topology controller writes it.
pub(super) fn made(kind: Kind, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{VERSION}", kind.group()),
        "kind": kind.as_str(),
        "metadata": {"name": name, "labels": {
            "cluster.x-k8s.io/cluster-name": "five", "topology.cluster.x-k8s.io/owned": "",
        }},
        "spec": spec,
    })
}

pub(super) fn infrastructure(world: &World) -> Value {
    let topology = topology(world);
    let vsphere = variable(&topology, "vsphere");
    made(
        Kind::VSphereCluster,
        "five-x7k2p",
        json!({
            "server": vsphere["server"], "thumbprint": vsphere["thumbprint"],
            "identityRef": {"kind": "VSphereClusterIdentity", "name": vsphere["identity"]},
            "controlPlaneEndpoint": {"host": variable(&topology, "controlPlaneIpAddr"), "port": 6443},
        }),
    )
}

/// It comes before the Cluster refers to it, with the address that the Cluster holds.
#[test]
fn the_infrastructure_has_the_clusters_address_from_the_beginning() {
    let mut world = stored(VERSION);
    world.requester = capi();
    let leased = world.leased();
    let infrastructure = infrastructure(&world);
    world.apply_all(std::slice::from_ref(&infrastructure));
    assert_eq!(
        world.leased(),
        leased,
        "no second address, and no other holder"
    );
    let refs = json!({
        "infrastructureRef": {"apiGroup": Kind::VSphereCluster.group(), "kind": "VSphereCluster", "name": "five-x7k2p"},
        "controlPlaneEndpoint": {"host": "10.254.0.32", "port": 6443},
    });
    let mut cluster = super::five(VERSION);
    cluster["spec"] = refs;
    world.apply_all(&[cluster, infrastructure]);
    assert_eq!(world.leased(), leased);
}

/// Whoever could say so would take the address of any cluster of the namespace.
#[test]
fn a_person_who_says_that_it_is_the_clusters_does_not_get_its_address() {
    let mut world = stored(VERSION);
    let decision = world.apply(&infrastructure(&world));
    assert_eq!(
        denials(&decision),
        [("BSP-I003", "spec.controlPlaneEndpoint.host")]
    );
}

#[test]
fn an_address_that_is_not_the_clusters_is_refused_to_the_controller_too() {
    let mut world = stored(VERSION);
    world.requester = capi();
    let mut given = infrastructure(&world);
    given["spec"]["controlPlaneEndpoint"]["host"] = "10.254.0.40".into();
    assert_eq!(
        denials(&world.apply(&given)),
        [("BSP-I007", "spec.controlPlaneEndpoint.host")]
    );
}

pub(super) fn sized(world: &World, name: &str, size: [u64; 3]) -> Value {
    let vsphere = &world.site.spec().vsphere.clone().expect("vSphere");
    let mut given = template(
        name,
        VERSION,
        json!({
            "server": vsphere.server, "thumbprint": vsphere.thumbprint, "datacenter": vsphere.datacenter,
            "datastore": vsphere.datastore, "folder": vsphere.folder, "resourcePool": vsphere.resource_pool,
            "template": "ubuntu-2204-kube-v1.28.0", "numCPUs": size[0], "memoryMiB": size[1], "diskGiB": size[2],
            "network": {"devices": [{"networkName": vsphere.network, "dhcp4": false}]},
        }),
    );
    given["metadata"]["labels"] = json!({
        "cluster.x-k8s.io/cluster-name": "five", "topology.cluster.x-k8s.io/owned": "",
    });
    given
}

/// The topology controller asks what would come of the change by writing it to the template that is in
/// use, dry, while its control plane is still marked for the old size.
#[test]
fn a_dry_run_of_another_size_is_not_held_against_the_old_mark() {
    let mut world = stored(VERSION);
    world.requester = capi();
    let old = sized(&world, "five-old", [4, 8192, 100]);
    let mut control_plane = made(
        Kind::KubeadmControlPlane,
        "five-cp",
        json!({
            "replicas": 1, "version": "v1.28.0", "kubeadmConfigSpec": {},
            "machineTemplate": {"spec": {"infrastructureRef": {
                "apiGroup": Kind::VSphereMachineTemplate.group(), "kind": "VSphereMachineTemplate", "name": "five-old",
            }}},
        }),
    );
    control_plane["metadata"]["labels"][NODE_SPEC] = "medium".into();
    world.apply_all(&[old.clone(), control_plane]);

    let mut asked = sized(&world, "five-old", [8, 16384, 200]);
    asked["metadata"]["annotations"] = json!({"topology.cluster.x-k8s.io/dry-run": ""});
    for phase in [Phase::Mutate, Phase::Validate] {
        let mut request = world.request(phase, &asked);
        assert_eq!(request.operation, Operation::Update);
        request.dry_run = true;
        let decision = world.decide(&request);
        assert_eq!(denials(&decision), []);
        assert!(
            decision.patch.0.is_empty() || phase == Phase::Mutate,
            "{decision:#?}"
        );
    }
    // And the new one is made while the Cluster as a whole is marked otherwise.
    world.requester = admin();
    let mut cluster = super::five(VERSION);
    cluster["metadata"]["labels"][NODE_SPEC] = "small".into();
    world.apply_all(&[cluster]);
    world.requester = capi();
    let new = sized(&world, "five-new", [8, 16384, 200]);
    world.apply_all(&[new]);
    assert_eq!(machine(&world, "five-new")["numCPUs"], 8);
}

/// The controllers write the Cluster all the time, and find it as they left it.
#[test]
fn a_controller_changes_a_topology_and_nothing_is_added() {
    let mut world = stored(VERSION);
    world.requester = capi();
    let key = (Kind::Cluster, "five".to_owned());
    let mut bare = world.stored[&key].clone();
    bare["spec"]["topology"] = json!({"classRef": {"name": "basphere", "namespace": "basphere-system"}, "version": "v1.34.4"});
    let decision = world.admit(&bare);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        decision.object.expect("an object")["spec"]["topology"],
        bare["spec"]["topology"]
    );
}

/// It writes its label onto the Cluster too, which stays its author's to change.
#[test]
fn a_cluster_that_it_has_labelled_is_completed_like_any_other() {
    let mut world = stored(VERSION);
    let key = (Kind::Cluster, "five".to_owned());
    let labels = &mut world.stored.get_mut(&key).expect("stored")["metadata"]["labels"];
    labels["topology.cluster.x-k8s.io/owned"] = "".into();
    let before = topology(&world);
    let mut groups = before["workers"]["machineDeployments"].clone();
    groups[0]["metadata"]["labels"][NODE_SPEC] = "small".into();
    let given = json!({"workers": {"machineDeployments": groups}, "variables": []});
    world.apply_all(&[super::partial(VERSION, given)]);
    let after = topology(&world);
    assert_eq!(after["variables"], before["variables"]);
    let size = &super::workers(&after)["variables"]["overrides"][0]["value"];
    assert_eq!(size, &super::size(2, 4096, 50));
}
