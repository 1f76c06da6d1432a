//! An application cluster: a real API server without any of Cluster API's kinds, and the program beside it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_harness::{ControlPlane, Options, Outcome, run};
use serde_json::{Value, json};

use super::program::{Program, free_ports, told};

/// How long the API server and the webhook may take to notice a change of the other.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What makes Pods out of something else.
pub(crate) const CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// What kubectl said of something that was let in.
pub(crate) struct Passed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Cluster {
    pub(crate) control_plane: ControlPlane,
    ports: [u16; 2],
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self {
            control_plane: ControlPlane::start(&Options::default()).unwrap(),
            ports: free_ports(),
        }
    }

    /// The program with the profile of application clusters, which registers itself, and its log.
    pub(crate) fn serve(&self, arguments: &[&str]) -> (Program, Receiver<Value>) {
        let kubeconfig = self.control_plane.admin().kubeconfig();
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let more: Vec<_> = [format!("--kubeconfig={}", kubeconfig.display())]
            .into_iter()
            .chain(arguments)
            .collect();
        Program::guard(self.ports, &more)
    }

    /// What kubectl says as a user who may do everything.
    pub(crate) fn kubectl(&self, user: &str, arguments: &[&str], stdin: &Value) -> Outcome {
        let mut command = self
            .control_plane
            .kubectl(self.control_plane.admin())
            .unwrap();
        command.args([&format!("--as={user}"), "--as-group=system:masters"]);
        run(command.args(arguments), &stdin.to_string()).unwrap()
    }

    #[track_caller]
    pub(crate) fn passes(&self, user: &str, arguments: &[&str], stdin: &Value) -> Passed {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        let Outcome { stdout, stderr, .. } = outcome;
        Passed { stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn denied(&self, user: &str, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(!outcome.succeeded(), "{arguments:?} has passed");
        outcome.stderr
    }

    /// A stored object of the namespace `default`.
    #[track_caller]
    pub(crate) fn get(&self, object: &str) -> Value {
        let outcome = self.passes("kim", &["get", object, "--output=json"], &Value::Null);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// What the program serves in the clear.
    pub(crate) fn observe(&self, path: &str) -> String {
        told(self.ports[1], path)
    }
}

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// What the policies of the shipped bundle have nothing against, but perhaps its image.
pub(crate) fn pod_spec(image: &str) -> Value {
    json!({
        "automountServiceAccountToken": false,
        "containers": [{
            "name": "web",
            "image": image,
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
            },
            "livenessProbe": {"httpGet": {"port": 80}},
            "readinessProbe": {"httpGet": {"port": 80}},
        }],
    })
}

pub(crate) fn pod(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": pod_spec(image),
    })
}

pub(crate) fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(image)},
        },
    })
}
