//! The managers that a rig runs: where their manifests are, who they are, and how they are started.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::crds::{CAPV, CLUSTER_API};
use crate::kubectl::User;
use crate::pki::Pki;
use crate::processes::flag;
use crate::rig::binaries::RigBinaries;

/// One manager, as its release installs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The name of its log, and what the names of its webhook configurations begin with.
    pub(crate) name: &'static str,
    /// The Go module that holds its manifests.
    pub(crate) module: &'static str,
    pub(crate) crds: &'static str,
    pub(crate) webhooks: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) account: &'static str,
    arguments: &'static [&'static str],
}

/// All of them.
pub(crate) const PROVIDERS: [Provider; 4] = [
    Provider {
        name: "capi",
        module: CLUSTER_API,
        crds: "core/config/crd",
        webhooks: "core/config/webhook/manifests.yaml",
        namespace: "capi-system",
        account: "capi-manager",
        arguments: &["--feature-gates=ClusterTopology=true,MachinePool=true"],
    },
    Provider {
        name: "capi-kubeadm-bootstrap",
        module: CLUSTER_API,
        crds: "bootstrap/kubeadm/config/crd",
        webhooks: "bootstrap/kubeadm/config/webhook/manifests.yaml",
        namespace: "capi-kubeadm-bootstrap-system",
        account: "capi-kubeadm-bootstrap-manager",
        arguments: &["--feature-gates=MachinePool=true"],
    },
    Provider {
        name: "capi-kubeadm-control-plane",
        module: CLUSTER_API,
        crds: "controlplane/kubeadm/config/crd",
        webhooks: "controlplane/kubeadm/config/webhook/manifests.yaml",
        namespace: "capi-kubeadm-control-plane-system",
        account: "capi-kubeadm-control-plane-manager",
        arguments: &["--feature-gates=ClusterTopology=true"],
    },
    Provider {
        name: "capv",
        module: CAPV,
        crds: "config/default/crd",
        webhooks: "config/govmomi/webhook/manifests.yaml",
        namespace: "capv-system",
        account: "capv-manager",
        arguments: &["--leader-elect=false"],
    },
];

/// The ports of one manager.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) webhooks: u16,
    pub(crate) health: u16,
}

impl Provider {
    /// Its namespace, its service account, and all rights for that: what it may do is not what is tested.
    pub(crate) fn identity(&self) -> [Value; 3] {
        let Self {
            namespace, account, ..
        } = self;
        [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": account, "namespace": namespace},
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("{namespace}-admin")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
            }),
        ]
    }

    fn binary<'a>(&self, binaries: &'a RigBinaries) -> &'a Path {
        match self.name {
            "capi" => &binaries.core,
            "capi-kubeadm-bootstrap" => &binaries.bootstrap,
            "capi-kubeadm-control-plane" => &binaries.control_plane,
            _ => &binaries.vsphere,
        }
    }

    /// The command that runs it out of cluster. Its webhooks are served with the API server's own certificate.
    pub(crate) fn command(
        &self,
        binaries: &RigBinaries,
        pki: &Pki,
        user: &User,
        ports: Ports,
    ) -> Command {
        let mut command = Command::new(self.binary(binaries));
        command.env("POD_NAMESPACE", self.namespace);
        command.env("POD_NAME", format!("{}-0", self.name));
        command.env("POD_UID", "0");
        command.arg(flag("kubeconfig", &user.kubeconfig()));
        command.args([
            format!("--webhook-port={}", ports.webhooks),
            format!("--health-addr=127.0.0.1:{}", ports.health),
        ]);
        command.arg(flag("webhook-cert-dir", pki.directory()));
        command.args([
            "--webhook-cert-name=apiserver.crt",
            "--webhook-key-name=apiserver.key",
            // Any free port: nobody asks for metrics.
            "--diagnostics-address=127.0.0.1:0",
            "--insecure-diagnostics",
            "--v=3",
        ]);
        command.args(self.arguments);
        if self.module == CAPV {
            // It must be there, though each VSphereCluster has an identity of its own.
            command.arg(flag("credentials-file", &pki.path(CREDENTIALS)));
        }
        command
    }
}

/// The file of the credentials that CAPV is started with.
pub(crate) const CREDENTIALS: &str = "vcenter-credentials.yaml";
