//! Policies that are objects of a cluster, on a real API server, with the rights of `policies-manifest` and no more: the
//! program takes them up, defines their constraints, and keeps at hand what they look for.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod gatekeeper;
mod own;
mod policies;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_api::install::{NAME, NAMESPACE};
use basphere_harness::{ControlPlane, Options, Outcome, User, run, wait};
use serde_json::{Value, json};
use support::program::{Program, free_ports, told};
use support::wait_for;
use tempfile::TempDir;

/// How long the API server and the webhook may take to notice a change of the other.
const PATIENCE: Duration = Duration::from_secs(60);

struct Cluster {
    control_plane: ControlPlane,
    account: User,
    directory: TempDir,
    ports: [u16; 2],
}

impl Cluster {
    /// A cluster without any of Gatekeeper's kinds, in which the program may do what it must.
    fn start() -> Self {
        let control_plane = ControlPlane::start(&Options::default()).unwrap();
        let account = format!("system:serviceaccount:{NAMESPACE}:{NAME}");
        let cluster = Self {
            account: control_plane.user(&account, &[]).unwrap(),
            control_plane,
            directory: tempfile::tempdir().unwrap(),
            ports: free_ports(),
        };
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        cluster.apply(&namespace);
        let manifest = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"))
            .arg("policies-manifest")
            .output()
            .unwrap();
        let manifest = String::from_utf8(manifest.stdout).unwrap();
        cluster.admin(&["apply", "-f", "-"], &manifest);
        // What it needs wherever its policies come from, and to register itself.
        cluster.grant(
            "beside-policies",
            &json!([
                {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
                {
                    "apiGroups": ["coordination.k8s.io"],
                    "resources": ["leases"],
                    "verbs": ["create", "get", "update"],
                },
                {
                    "apiGroups": ["admissionregistration.k8s.io"],
                    "resources": ["validatingwebhookconfigurations"],
                    "verbs": ["create", "delete", "get", "list", "patch", "watch"],
                },
            ]),
        );
        cluster
    }

    fn grant(&self, name: &str, rules: &Value) {
        let group = "rbac.authorization.k8s.io";
        let role = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        });
        let binding = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        });
        self.apply(&role);
        self.apply(&binding);
    }

    /// Starts the program; it is ready when it is returned.
    fn serve(&self, more: &[&str]) -> (Program, Receiver<Value>) {
        let mut arguments = vec![
            "--policies-from-cluster".to_owned(),
            format!("--kubeconfig={}", self.account.kubeconfig().display()),
            format!(
                "--client-ca={}",
                self.control_plane.webhook_client_ca().display()
            ),
        ];
        arguments.extend(more.iter().map(ToString::to_string));
        let (program, log) = Program::guard(self.ports, &arguments);
        wait_for(&log, "the webhooks of policies are registered");
        (program, log)
    }

    fn kubectl(&self, arguments: &[&str], stdin: &str) -> Outcome {
        let admin = self.control_plane.admin();
        let mut command = self.control_plane.kubectl(admin).unwrap();
        run(command.args(arguments), stdin).unwrap()
    }

    #[track_caller]
    fn admin(&self, arguments: &[&str], stdin: &str) -> String {
        let outcome = self.kubectl(arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    fn apply(&self, object: &Value) {
        self.admin(&["apply", "-f", "-"], &object.to_string());
    }

    #[track_caller]
    fn get(&self, object: &str) -> Value {
        serde_json::from_str(&self.admin(&["get", object, "--output=json"], "")).unwrap()
    }

    /// Asks again and again until a person's object is refused with these words, or lets pass where there are none.
    #[track_caller]
    fn judges(&self, object: &Value, words: &str) {
        let arguments = [
            "create",
            "-f",
            "-",
            "--dry-run=server",
            "--as=kim",
            "--as-group=system:masters",
        ];
        let mut last = String::new();
        wait::until(&format!("{words:?} is said"), PATIENCE, || {
            let outcome = self.kubectl(&arguments, &object.to_string());
            last.clone_from(&outcome.stderr);
            let is_so = match words {
                "" => outcome.succeeded(),
                words => outcome.stderr.contains(words),
            };
            Ok(is_so.then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {last}"));
    }

    /// Waits until something is there, or until it is not.
    #[track_caller]
    fn awaits(&self, object: &str, is_there: bool) {
        wait::until(&format!("{object} is there: {is_there}"), PATIENCE, || {
            let outcome = self.kubectl(&["get", object], "");
            Ok((outcome.succeeded() == is_there).then_some(()))
        })
        .unwrap();
    }

    /// Waits until kubectl sees a field so.
    #[track_caller]
    fn reads(&self, object: &str, path: &str, expected: &str) {
        let path = format!("--output=jsonpath={{{path}}}");
        let mut last = String::new();
        wait::until(&format!("{object} says {expected}"), PATIENCE, || {
            last = self.kubectl(&["get", object, &path], "").stdout;
            Ok(last.contains(expected).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {last}"));
    }

    fn metrics(&self) -> String {
        told(self.ports[1], "/metrics")
    }
}
