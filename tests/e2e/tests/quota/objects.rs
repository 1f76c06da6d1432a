//! The least objects that ask for machines, in the served version.

use serde_json::{Value, json};

use crate::renter::Renter;

const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";
pub(crate) const MOST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";

impl Renter<'_> {
    fn reference(&self, group: &str, kind: &str, name: &str) -> Value {
        match self.version() {
            "v1beta1" => {
                json!({"apiVersion": format!("{group}/v1beta1"), "kind": kind, "name": name})
            }
            _ => json!({"apiGroup": group, "kind": kind, "name": name}),
        }
    }

    fn object(&self, group: &str, kind: &str, name: &str, spec: Value) -> Value {
        json!({
            "apiVersion": format!("{group}/{}", self.version()),
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        })
    }

    pub(crate) fn cluster(&self, name: &str) -> Value {
        self.object("cluster.x-k8s.io", "Cluster", name, json!({"paused": true}))
    }

    /// A Cluster that refers to its control plane, `<name>-control-plane`.
    pub(crate) fn cluster_with_control_plane(&self, name: &str) -> Value {
        let mut cluster = self.cluster(name);
        let control_plane = format!("{name}-control-plane");
        cluster["spec"]["controlPlaneRef"] = self.reference(
            "controlplane.cluster.x-k8s.io",
            "KubeadmControlPlane",
            &control_plane,
        );
        cluster
    }

    pub(crate) fn control_plane(&self, cluster: &str, replicas: u64) -> Value {
        let registration = json!({"nodeRegistration": {"name": "{{ local_hostname }}"}});
        let name = format!("{cluster}-control-plane");
        let reference = self.reference(INFRASTRUCTURE, "VSphereMachineTemplate", &name);
        let machine = match self.version() {
            "v1beta1" => json!({"infrastructureRef": reference}),
            _ => json!({"spec": {"infrastructureRef": reference}}),
        };
        self.object(
            "controlplane.cluster.x-k8s.io",
            "KubeadmControlPlane",
            &name,
            json!({
                "replicas": replicas,
                "version": "v1.28.0",
                "kubeadmConfigSpec": {
                    "initConfiguration": registration, "joinConfiguration": registration,
                },
                "machineTemplate": machine,
            }),
        )
    }

    /// A MachineDeployment, MachineSet or MachinePool whose machines are of the template of its name.
    pub(crate) fn machines(&self, kind: &str, name: &str, cluster: &str, replicas: u64) -> Value {
        let labels = json!({"cluster.x-k8s.io/cluster-name": cluster, "group": name});
        let reference = self.reference(INFRASTRUCTURE, "VSphereMachineTemplate", name);
        let mut spec = json!({
            "clusterName": cluster,
            "replicas": replicas,
            "template": {"metadata": {"labels": labels}, "spec": {
                "clusterName": cluster,
                "version": "v1.28.0",
                "bootstrap": {"dataSecretName": "bootstrap"},
                "infrastructureRef": reference,
            }},
        });
        if kind != "MachinePool" {
            spec["selector"] = json!({"matchLabels": labels});
        }
        self.object("cluster.x-k8s.io", kind, name, spec)
    }

    pub(crate) fn deployment(&self, name: &str, cluster: &str, replicas: u64) -> Value {
        self.machines("MachineDeployment", name, cluster, replicas)
    }

    /// A template of machines of a node spec: small has 2 CPUs, medium 4, large 8.
    pub(crate) fn template(&self, name: &str, size: &str) -> Value {
        let spec = json!({"template": {"spec": {
            "template": "ubuntu-2204-kube-v1.28.0",
            "cloneMode": "linkedClone",
            "network": {"devices": [{"networkName": "VM Network", "dhcp4": false}]},
        }}});
        let mut template = self.object(INFRASTRUCTURE, "VSphereMachineTemplate", name, spec);
        template["metadata"]["annotations"] = json!({"basphere.dev/node-spec": size});
        template
    }

    /// A machine of so many CPUs, as Cluster API clones it of a template.
    pub(crate) fn machine(&self, name: &str, template: &str, cpus: u64) -> Value {
        let spec = json!({
            "template": "ubuntu-2204-kube-v1.28.0",
            "network": {"devices": [{"networkName": "VM Network", "dhcp4": true}]},
            "numCPUs": cpus,
            "memoryMiB": 4096,
            "diskGiB": 50,
        });
        let mut machine = self.object(INFRASTRUCTURE, "VSphereMachine", name, spec);
        machine["metadata"]["annotations"] = json!({
            "cluster.x-k8s.io/cloned-from-name": template,
            "cluster.x-k8s.io/cloned-from-groupkind":
                format!("VSphereMachineTemplate.{INFRASTRUCTURE}"),
        });
        machine
    }
}
