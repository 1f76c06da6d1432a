//! Manifests, as short as they can be.

use basphere_core::ApiVersion::{self, V1Beta1, V1Beta2};
use serde_json::{Value, json};

pub(crate) const MOST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
pub(crate) const LEAST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";

fn object(group: &str, version: ApiVersion, kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn reference(version: ApiVersion, group: &str, kind: &str, name: &str) -> Value {
    match version {
        V1Beta2 => json!({"apiGroup": group, "kind": kind, "name": name}),
        _ => json!({"apiVersion": format!("{group}/v1beta1"), "kind": kind, "name": name}),
    }
}

const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";
const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";

pub(crate) fn cluster_in(version: ApiVersion, name: &str) -> Value {
    let mut spec = json!({"controlPlaneRef": reference(version, CONTROL_PLANE, "KubeadmControlPlane", &format!("{name}-cp"))});
    spec["infrastructureRef"] = reference(version, INFRASTRUCTURE, "VSphereCluster", name);
    object(CORE, version, "Cluster", name, spec)
}

pub(crate) fn cluster(name: &str) -> Value {
    cluster_in(V1Beta1, name)
}

/// A Cluster of a type.
pub(crate) fn cluster_of(name: &str, of_type: &str) -> Value {
    let mut cluster = cluster(name);
    cluster["metadata"]["labels"] = json!({"basphere.dev/cluster-type": of_type});
    cluster
}

/// A Cluster with a topology: so many control-plane machines, and these groups of workers.
pub(crate) fn topology(name: &str, control_plane: u64, deployments: Value, pools: Value) -> Value {
    let spec = json!({"topology": {
        "class": "vsphere", "version": "v1.28.0",
        "controlPlane": {"replicas": control_plane},
        "workers": {"machineDeployments": deployments, "machinePools": pools}}});
    object(CORE, V1Beta1, "Cluster", name, spec)
}

pub(crate) fn group(name: &str, replicas: u64) -> Value {
    json!({"class": "workers", "name": name, "replicas": replicas})
}

/// The control plane of a Cluster of whose name it is.
pub(crate) fn control_plane_in(
    version: ApiVersion,
    cluster: &str,
    replicas: u64,
    template: &str,
) -> Value {
    let template = reference(version, INFRASTRUCTURE, "VSphereMachineTemplate", template);
    let machine = match version {
        V1Beta2 => json!({"spec": {"infrastructureRef": template}}),
        _ => json!({"infrastructureRef": template}),
    };
    let spec = json!({"replicas": replicas, "version": "v1.28.0", "machineTemplate": machine, "kubeadmConfigSpec": {}});
    object(
        CONTROL_PLANE,
        version,
        "KubeadmControlPlane",
        &format!("{cluster}-cp"),
        spec,
    )
}

pub(crate) fn control_plane(cluster: &str, replicas: u64, template: &str) -> Value {
    control_plane_in(V1Beta1, cluster, replicas, template)
}

fn machines(
    version: ApiVersion,
    kind: &str,
    name: &str,
    cluster: &str,
    replicas: u64,
    template: (&str, &str),
) -> Value {
    let reference = reference(version, INFRASTRUCTURE, template.0, template.1);
    let labels = json!({"cluster.x-k8s.io/cluster-name": cluster, "of": name});
    let spec = json!({"clusterName": cluster, "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"clusterName": cluster, "version": "v1.28.0", "infrastructureRef": reference,
            "bootstrap": {"dataSecretName": "b"}}}});
    object(CORE, version, kind, name, spec)
}

pub(crate) fn deployment_in(
    version: ApiVersion,
    name: &str,
    cluster: &str,
    replicas: u64,
    template: &str,
) -> Value {
    machines(
        version,
        "MachineDeployment",
        name,
        cluster,
        replicas,
        ("VSphereMachineTemplate", template),
    )
}

pub(crate) fn deployment(name: &str, replicas: u64, template: &str) -> Value {
    deployment_in(V1Beta1, name, "demo", replicas, template)
}

pub(crate) fn deployment_on(kind: &str, name: &str, replicas: u64, template: &str) -> Value {
    machines(
        V1Beta1,
        "MachineDeployment",
        name,
        "demo",
        replicas,
        (kind, template),
    )
}

pub(crate) fn pool(name: &str, replicas: u64) -> Value {
    let mut pool = machines(
        V1Beta1,
        "MachinePool",
        name,
        "demo",
        replicas,
        ("VSphereMachineTemplate", "small"),
    );
    pool["spec"]
        .as_object_mut()
        .expect("fields")
        .remove("selector");
    pool
}

pub(crate) fn set(name: &str, replicas: u64, template: &str) -> Value {
    machines(
        V1Beta1,
        "MachineSet",
        name,
        "demo",
        replicas,
        ("VSphereMachineTemplate", template),
    )
}

pub(crate) fn machine(name: &str, cluster: &str) -> Value {
    let spec = json!({"clusterName": cluster, "version": "v1.28.0", "bootstrap": {"dataSecretName": "b"},
        "infrastructureRef": reference(V1Beta1, INFRASTRUCTURE, "VSphereMachine", name)});
    object(CORE, V1Beta1, "Machine", name, spec)
}

/// A template of the size that a node spec of the site has.
pub(crate) fn template_in(version: ApiVersion, name: &str, spec: &str) -> Value {
    let mut template = object(
        INFRASTRUCTURE,
        version,
        "VSphereMachineTemplate",
        name,
        json!({"template": {"spec": {}}}),
    );
    template["metadata"]["annotations"] = json!({"basphere.dev/node-spec": spec});
    template
}

pub(crate) fn template(name: &str, spec: &str) -> Value {
    template_in(V1Beta1, name, spec)
}

pub(crate) fn openstack_template(name: &str, flavor: &str) -> Value {
    let spec = json!({"template": {"spec": {"flavor": flavor, "image": {"filter": {"name": "ubuntu-2204-kube-v1.28.0"}}}}});
    object(
        INFRASTRUCTURE,
        V1Beta1,
        "OpenStackMachineTemplate",
        name,
        spec,
    )
}

pub(crate) fn metal3_template(name: &str, hosts: &str) -> Value {
    let spec = json!({"template": {"spec": {"hostSelector": {"matchLabels": {"basphere.dev/node-spec": hosts}}}}});
    object(INFRASTRUCTURE, V1Beta1, "Metal3MachineTemplate", name, spec)
}

/// The object with an annotation.
pub(crate) fn annotated(mut object: Value, key: &str, value: &str) -> Value {
    object["metadata"]["annotations"][key] = json!(value);
    object
}

/// The object with a label.
pub(crate) fn labelled(mut object: Value, key: &str, value: &str) -> Value {
    object["metadata"]["labels"][key] = json!(value);
    object
}

/// The object as if this one had made it.
pub(crate) fn owned_by(mut object: Value, owner: &Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]);
    object
}
