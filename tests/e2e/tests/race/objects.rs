//! The objects that clients make, as tenants and Cluster API's controllers write them.

use basphere_harness::ApiVersion;
use serde_json::{Value, json};

/// A machine with this label is refused by a policy that is none of ours, after it has got an address.
pub(crate) const REFUSED_LABEL: &str = "race.example/refused";
/// What that policy says.
pub(crate) const REFUSED_MESSAGE: &str = "refused by the race's own policy";
/// What CAPV keeps a machine by until its VM is gone.
pub(crate) const FINALIZER: &str = "vspheremachine.infrastructure.cluster.x-k8s.io";
/// What a control plane's name ends with, behind its cluster's.
pub(crate) const CONTROL_PLANE: &str = "-control-plane";

/// Group, kind and resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Cluster,
    VSphereCluster,
    ControlPlane,
    MachineSet,
    MachineDeployment,
    VSphereMachine,
    /// A VSphereMachineTemplate.
    Template,
    Tenant,
}

impl Kind {
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Cluster | Self::MachineSet | Self::MachineDeployment => "cluster.x-k8s.io",
            Self::VSphereCluster | Self::VSphereMachine | Self::Template => {
                "infrastructure.cluster.x-k8s.io"
            }
            Self::Tenant => "basphere.dev",
            Self::ControlPlane => "controlplane.cluster.x-k8s.io",
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::VSphereCluster => "VSphereCluster",
            Self::ControlPlane => "KubeadmControlPlane",
            Self::MachineSet => "MachineSet",
            Self::MachineDeployment => "MachineDeployment",
            Self::VSphereMachine => "VSphereMachine",
            Self::Template => "VSphereMachineTemplate",
            Self::Tenant => "Tenant",
        }
    }

    /// The path below etcd's `/registry/`.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Cluster => "cluster.x-k8s.io/clusters",
            Self::VSphereCluster => "infrastructure.cluster.x-k8s.io/vsphereclusters",
            Self::ControlPlane => "controlplane.cluster.x-k8s.io/kubeadmcontrolplanes",
            Self::MachineSet => "cluster.x-k8s.io/machinesets",
            Self::MachineDeployment => "cluster.x-k8s.io/machinedeployments",
            Self::VSphereMachine => "infrastructure.cluster.x-k8s.io/vspheremachines",
            Self::Template => "infrastructure.cluster.x-k8s.io/vspheremachinetemplates",
            Self::Tenant => "basphere.dev/tenants",
        }
    }

    pub(crate) fn resource(self) -> &'static str {
        let path = self.path();
        path.split_once('/').map_or(path, |(_, resource)| resource)
    }

    /// The name of a cluster's part.
    pub(crate) fn name_of(self, cluster: &str) -> String {
        match self {
            Self::ControlPlane => format!("{cluster}{CONTROL_PLANE}"),
            Self::MachineSet => format!("{cluster}-workers"),
            _ => cluster.to_owned(),
        }
    }
}

pub(crate) fn object(kind: Kind, version: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", kind.group()),
        "kind": kind.kind(),
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// Where v1beta1 names a version, v1beta2 names the group alone.
pub(crate) fn reference(version: &str, group: &str, kind: &str, name: &str) -> Value {
    if is_old(version) {
        json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "name": name})
    } else {
        json!({"apiGroup": group, "kind": kind, "name": name})
    }
}

pub(crate) fn template(version: &str, name: &str) -> Value {
    let group = Kind::VSphereMachine.group();
    reference(version, group, "VSphereMachineTemplate", name)
}

pub(crate) fn is_old(version: &str) -> bool {
    version == ApiVersion::V1Beta1.as_str()
}

pub(crate) fn cluster(version: &str, name: &str) -> Value {
    let part = |kind: Kind| reference(version, kind.group(), kind.kind(), &kind.name_of(name));
    let spec = json!({
        "controlPlaneRef": part(Kind::ControlPlane),
        "infrastructureRef": part(Kind::VSphereCluster),
    });
    object(Kind::Cluster, version, name, spec)
}

pub(crate) fn vsphere_cluster(version: &str, name: &str, host: Option<&str>) -> Value {
    let spec = match host {
        Some(host) => json!({"controlPlaneEndpoint": {"host": host, "port": 6443}}),
        None => json!({}),
    };
    object(Kind::VSphereCluster, version, name, spec)
}

pub(crate) fn control_plane(version: &str, cluster: &str) -> Value {
    let registration = json!({"nodeRegistration": {"name": "{{ local_hostname }}"}});
    let name = Kind::ControlPlane.name_of(cluster);
    let template = json!({"infrastructureRef": template(version, &name)});
    let template = match is_old(version) {
        true => template,
        false => json!({"spec": template}),
    };
    let spec = json!({
        "kubeadmConfigSpec": {"initConfiguration": registration, "joinConfiguration": registration},
        "machineTemplate": template,
    });
    object(Kind::ControlPlane, version, &name, spec)
}

/// A set as a MachineDeployment makes it.
pub(crate) fn machine_set(version: &str, cluster: &str, replicas: usize) -> Value {
    let labels = json!({
        "cluster.x-k8s.io/cluster-name": cluster,
        "cluster.x-k8s.io/deployment-name": Kind::MachineSet.name_of(cluster),
    });
    let name = Kind::MachineSet.name_of(cluster);
    let group = "bootstrap.cluster.x-k8s.io";
    let bootstrap = reference(version, group, "KubeadmConfigTemplate", &name);
    let spec = json!({
        "clusterName": cluster,
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {
            "clusterName": cluster,
            "version": "v1.28.0",
            "bootstrap": {"configRef": bootstrap},
            "infrastructureRef": template(version, &name),
        }},
    });
    let mut set = object(Kind::MachineSet, version, &name, spec);
    set["metadata"]["labels"] = labels;
    set["metadata"]["ownerReferences"] = json!([{
        "apiVersion": format!("cluster.x-k8s.io/{version}"), "kind": "MachineDeployment",
        "name": name, "uid": format!("deployment-{name}"),
    }]);
    set
}

/// A machine as Cluster API makes it for a set.
pub(crate) fn machine(version: &str, name: &str, cluster: &str, set: (&str, &str)) -> Value {
    let (set_name, uid) = set;
    let spec = json!({
        "template": "ubuntu-2204-kube-v1.28.0",
        "network": {"devices": [{"networkName": "VM Network"}]},
    });
    let mut machine = object(Kind::VSphereMachine, version, name, spec);
    machine["metadata"]["labels"] = json!({"cluster.x-k8s.io/cluster-name": cluster});
    machine["metadata"]["finalizers"] = json!([FINALIZER]);
    machine["metadata"]["ownerReferences"] = json!([owner(version, "MachineSet", set_name, uid)]);
    machine
}

/// The patch by which Cluster API makes a Machine the owner.
pub(crate) fn owned_by_machine(version: &str, name: &str, uid: &str) -> Value {
    json!({"metadata": {"ownerReferences": [owner(version, "Machine", name, uid)]}})
}

fn owner(version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{version}"),
        "kind": kind, "name": name, "uid": uid, "controller": true,
    })
}
