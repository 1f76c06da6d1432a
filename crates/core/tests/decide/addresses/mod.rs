//! Static addresses: who gets which, and who keeps it.

mod capacity;
mod endpoints;
mod kube_vip;
mod nodes;
mod others;
mod resources;

use basphere_core::ApiVersion;
use serde_json::{Value, json};

use crate::world::{World, capi};

/// A Cluster with its references, as far as it has them.
pub(crate) fn cluster(name: &str) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": name, "uid": format!("uid-{name}")},
        "spec": {
            "controlPlaneRef": {"kind": "KubeadmControlPlane", "name": format!("{name}-cp")},
            "infrastructureRef": {"kind": "VSphereCluster", "name": format!("{name}-infra")},
        },
    })
}

pub(crate) fn infrastructure(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", ApiVersion::V1Beta1),
        "kind": "VSphereCluster",
        "metadata": {"name": format!("{name}-infra")},
        "spec": spec,
    })
}

pub(crate) fn control_plane(name: &str, config: Value) -> Value {
    json!({
        "apiVersion": "controlplane.cluster.x-k8s.io/v1beta1",
        "kind": "KubeadmControlPlane",
        "metadata": {"name": format!("{name}-cp"), "uid": format!("uid-{name}-cp")},
        "spec": {
            "kubeadmConfigSpec": config,
            "machineTemplate": {"infrastructureRef": {"kind": "VSphereMachineTemplate", "name": "t"}},
        },
    })
}

/// A machine as Cluster API makes it for a MachineSet.
pub(crate) fn machine(name: &str, devices: Value) -> Value {
    json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1",
        "kind": "VSphereMachine",
        "metadata": {
            "name": name,
            "labels": {"cluster.x-k8s.io/cluster-name": "demo"},
            "ownerReferences": [{
                "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "MachineSet", "name": "demo-ms", "uid": "uid-ms",
            }],
        },
        "spec": {"network": {"devices": devices}},
    })
}

/// A MachineSet of so many machines.
pub(crate) fn machine_set(replicas: u64) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "MachineSet",
        "metadata": {
            "name": "demo-ms", "uid": "uid-ms",
            "labels": {"cluster.x-k8s.io/deployment-name": "demo-workers"},
        },
        "spec": {"clusterName": "demo", "replicas": replicas, "selector": {}, "template": {"spec": {}}},
    })
}

/// A world in which Cluster API's controllers make machines for a set of three.
pub(crate) fn making() -> World {
    let mut world = World::new();
    world.requester = capi();
    world.apply_all(&[machine_set(3)]);
    world
}
