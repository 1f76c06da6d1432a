//! The objects that are charged, as tenants write them.

use serde_json::{Value, json};

use crate::objects::{Kind, is_old, object, reference, template};

/// What the autoscaler reads of a deployment: so many machines it may make.
const MOST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
const LEAST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";
/// What keeps an object for a while after it was deleted.
const FINALIZER: &str = "race.example/kept";

/// A control plane of this cluster, with machines of that template.
pub(super) fn control_plane(version: &str, cluster: &str, of: &str, replicas: u64) -> Value {
    let mut object = crate::objects::control_plane(version, cluster);
    object["spec"]["replicas"] = replicas.into();
    object["spec"]["machineTemplate"] = referring(version, Kind::ControlPlane, of);
    object
}

/// A deployment of this cluster, with machines of that template.
pub(super) fn deployment(
    version: &str,
    (name, cluster): (&str, &str),
    of: &str,
    replicas: u64,
    most: Option<u64>,
) -> Value {
    let bootstrap = reference(
        version,
        "bootstrap.cluster.x-k8s.io",
        "KubeadmConfigTemplate",
        name,
    );
    let spec = json!({
        "clusterName": cluster,
        "replicas": replicas,
        "template": {"spec": {
            "clusterName": cluster,
            "version": "v1.28.0",
            "bootstrap": {"configRef": bootstrap},
            "infrastructureRef": template(version, of),
        }},
    });
    let mut object = object(Kind::MachineDeployment, version, name, spec);
    if let Some(most) = most {
        object["metadata"]["annotations"] = json!({MOST: most.to_string(), LEAST: "0"});
    }
    object
}

/// A template of machines of this size.
pub(super) fn machine_template(version: &str, name: &str, node_spec: &str) -> Value {
    let spec = json!({"template": {"spec": {
        "cloneMode": "linkedClone",
        "network": {"devices": [{"dhcp4": false}]},
    }}});
    let mut object = object(Kind::Template, version, name, spec);
    object["metadata"]["annotations"] = json!({"basphere.dev/node-spec": node_spec});
    object
}

/// What of a spec says which template machines are made of.
pub(super) fn referring(version: &str, kind: Kind, of: &str) -> Value {
    let reference = json!({"infrastructureRef": template(version, of)});
    match kind {
        Kind::ControlPlane if is_old(version) => reference,
        _ => json!({"spec": reference}),
    }
}

/// The patch that has machines made of another template.
pub(super) fn switched(version: &str, kind: Kind, of: &str) -> Value {
    let referring = referring(version, kind, of);
    match kind {
        Kind::ControlPlane => json!({"spec": {"machineTemplate": referring}}),
        _ => json!({"spec": {"template": referring}}),
    }
}

/// Has an object stay for a while after it was deleted.
pub(super) fn keep(object: &mut Value) {
    object["metadata"]["finalizers"] = json!([FINALIZER]);
}
