//! Policies on an application cluster: a real API server without any of Cluster API's kinds, the program with
//! `--profile workload`, and a directory of policies that changes meanwhile.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_harness::{ControlPlane, Options, Outcome, run, wait};
use serde_json::{Value, json};
use support::program::{Program, free_ports, told};
use support::wait_for;
use support::workload::copy;
use tempfile::TempDir;

/// How long the API server and the webhook may take to notice a change of the other.
const PATIENCE: Duration = Duration::from_secs(30);
const CONTROLLER: &str = "system:serviceaccount:kube-system:some-controller";

/// ConfigMaps have an owner: denied in `default`, warned of in `soft`, only counted in `quiet`.
const TEMPLATE: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: requiredowner
spec:
  crd:
    spec:
      names:
        kind: RequiredOwner
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package requiredowner

      violation[{"msg": msg}] {
        not input.review.object.metadata.labels.owner
        msg := sprintf("%v %v has no label owner", [input.review.kind.kind, input.review.name])
      }
"#;

fn constraint(name: &str, action: &str, kind: &str, namespace: &str) -> String {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "RequiredOwner",
        "metadata": {"name": name},
        "spec": {
            "enforcementAction": action,
            "match": {
                "kinds": [{"apiGroups": [""], "kinds": [kind]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            },
        },
    })
    .to_string()
}

struct Cluster {
    control_plane: ControlPlane,
    policies: TempDir,
    ports: [u16; 2],
}

impl Cluster {
    fn start() -> Self {
        let cluster = Self {
            control_plane: ControlPlane::start(&Options::default()).unwrap(),
            policies: tempfile::tempdir().unwrap(),
            ports: free_ports(),
        };
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/workload"),
            cluster.policies.path(),
        );
        cluster.write("owner.yaml", TEMPLATE);
        for (name, action, namespace) in [
            ("hard", "deny", "default"),
            ("soft", "warn", "soft"),
            ("quiet", "dryrun", "quiet"),
        ] {
            let constraint = constraint(name, action, "ConfigMap", namespace);
            cluster.write(&format!("{name}.json"), &constraint);
        }
        for namespace in ["soft", "quiet"] {
            let labels = |mode: &str, level: &str| {
                (
                    format!("pod-security.kubernetes.io/{mode}"),
                    level.to_owned(),
                )
            };
            let labels = [
                labels("enforce", "baseline"),
                labels("audit", "restricted"),
                labels("warn", "restricted"),
            ];
            let labels: std::collections::BTreeMap<_, _> = labels.into();
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
            cluster.passes("kim", &["create", "-f", "-"], &object);
        }
        cluster
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.policies.path().join(name), text).unwrap();
    }

    fn serve(&self) -> (Program, Receiver<Value>) {
        let path = |path: &Path| path.display().to_string();
        let (child, log) = Program::guard(
            self.ports,
            &[
                format!(
                    "--kubeconfig={}",
                    path(&self.control_plane.admin().kubeconfig())
                ),
                format!(
                    "--client-ca={}",
                    path(&self.control_plane.webhook_client_ca())
                ),
                format!("--policies={}", path(self.policies.path())),
            ],
        );
        wait_for(&log, "the webhooks of policies are registered");
        // The API server hears of it a moment later.
        let probe = config_map("probe", &json!({}));
        wait::until("policies are asked", PATIENCE, || {
            let arguments = ["create", "-f", "-", "--dry-run=server"];
            let outcome = self.kubectl("kim", &arguments, &probe);
            Ok(outcome.stderr.contains("BSP-G001").then_some(()))
        })
        .unwrap();
        (child, log)
    }

    fn kubectl(&self, user: &str, arguments: &[&str], stdin: &Value) -> Outcome {
        let mut command = self
            .control_plane
            .kubectl(self.control_plane.admin())
            .unwrap();
        command.args([&format!("--as={user}"), "--as-group=system:masters"]);
        run(command.args(arguments), &stdin.to_string()).unwrap()
    }

    #[track_caller]
    fn passes(&self, user: &str, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stderr
    }

    #[track_caller]
    fn denied(&self, user: &str, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(!outcome.succeeded(), "{arguments:?} has passed");
        outcome.stderr
    }

    fn metrics(&self) -> String {
        told(self.ports[1], "/metrics")
    }
}

fn config_map(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default", "labels": labels}})
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
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
                },
            },
        },
    })
}

#[test]
fn an_application_cluster_is_guarded_by_policies_alone() {
    let cluster = Cluster::start();
    cluster.passes(
        "kim",
        &["create", "-f", "-"],
        &config_map("old", &json!({})),
    );
    let (child, log) = cluster.serve();
    what_is_shipped_holds(&cluster);
    what_follows_is_what_the_constraint_says(&cluster);
    what_was_so_before_is_not_held_against_controllers(&cluster);
    a_bad_version_leaves_the_good_one_in_force(&cluster, &log);
    drop(child);
    what_people_write_waits_while_nobody_answers(&cluster);
    let (mut child, log) = cluster.serve();
    let terminated = Command::new("kill").arg(child.0.id().to_string()).status();
    assert!(terminated.unwrap().success());
    wait_for(&log, "ended");
    assert!(child.0.wait().unwrap().success());
    let left = cluster.denied(
        "kim",
        &["get", "validatingwebhookconfiguration/basphere-policies"],
        &Value::Null,
    );
    assert!(left.contains("NotFound"), "{left}");
    cluster.passes(
        "kim",
        &["create", "-f", "-"],
        &config_map("unguarded", &json!({})),
    );
}

fn what_is_shipped_holds(cluster: &Cluster) {
    let dry = ["create", "-f", "-", "--dry-run=server"];
    let mut bad = deployment("nginx");
    bad["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    for user in ["kim", CONTROLLER] {
        let words = cluster.denied(user, &dry, &bad);
        assert!(words.contains("denied the request: 3 problems:"), "{words}");
        for constraint in ["host-namespaces", "image-registries", "image-tags"] {
            assert!(
                words.contains(&format!("* Forbidden: [{constraint}] ")),
                "{words}"
            );
        }
    }
    let good = deployment("harbor.corp.example:8443/web/nginx:1.29.0");
    assert_eq!(cluster.passes("kim", &dry, &good), "");
}

fn what_follows_is_what_the_constraint_says(cluster: &Cluster) {
    let words = cluster.denied("kim", &["create", "-f", "-"], &config_map("a", &json!({})));
    assert!(
        words.contains(
            "denied the request: Forbidden: [hard] ConfigMap a has no label owner [BSP-G001]"
        ),
        "{words}"
    );
    let mut soft = config_map("a", &json!({}));
    soft["metadata"]["namespace"] = json!("soft");
    let words = cluster.passes("kim", &["create", "-f", "-"], &soft);
    assert_eq!(
        words,
        "Warning: [soft] ConfigMap a has no label owner [BSP-G002]\n"
    );
    soft["metadata"]["namespace"] = json!("quiet");
    assert_eq!(cluster.passes("kim", &["create", "-f", "-"], &soft), "");
    let metrics = cluster.metrics();
    for name in [
        "policies{kind=\"template\"} ",
        "policies{kind=\"constraint\"} ",
        "policy_reviews_total{operation=\"CREATE\",allowed=\"false\"} ",
        "policy_review_duration_seconds_count ",
    ] {
        let name = format!("\nbasphere_{name}");
        assert!(metrics.contains(&name), "{name} is not in {metrics}");
    }
    for (constraint, action) in [("hard", "deny"), ("soft", "warn"), ("quiet", "dryrun")] {
        let line = format!(
            "basphere_policy_results_total{{constraint=\"RequiredOwner/{constraint}\",action=\"{action}\"}}"
        );
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

/// It was stored before there were policies.
fn what_was_so_before_is_not_held_against_controllers(cluster: &Cluster) {
    let patch = ["patch", "configmap/old", "--patch={\"data\":{\"a\":\"b\"}}"];
    let words = cluster.denied("kim", &patch, &Value::Null);
    assert!(
        words.contains("[hard] ConfigMap old has no label owner [BSP-G001]"),
        "{words}"
    );
    let words = cluster.passes(CONTROLLER, &patch, &Value::Null);
    assert_eq!(
        words,
        "Warning: [hard] ConfigMap old has no label owner [BSP-G003]\n"
    );
}

fn a_bad_version_leaves_the_good_one_in_force(cluster: &Cluster, log: &Receiver<Value>) {
    cluster.write("owner.yaml", &TEMPLATE.replace("msg :=", "msg := :="));
    let line = wait_for(log, "the policies in force stay");
    let problem = line["problem"].as_str().unwrap();
    assert!(
        problem.contains("owner.yaml: template requiredowner: rego:5:"),
        "{problem}"
    );
    assert!(cluster.metrics().contains("basphere_policies_valid 0\n"));
    let words = cluster.denied("kim", &["create", "-f", "-"], &config_map("a", &json!({})));
    assert!(
        words.contains("[hard] ConfigMap a has no label owner"),
        "{words}"
    );

    cluster.write("owner.yaml", &TEMPLATE.replace("no label", "not a label"));
    cluster.write(
        "more.json",
        &constraint("more", "deny", "ServiceAccount", "default"),
    );
    wait_for(log, "policies are in force");
    assert!(cluster.metrics().contains("basphere_policies_valid 1\n"));
    let mut account = config_map("robot", &json!({}));
    account["kind"] = json!("ServiceAccount");
    wait::until("ServiceAccounts are looked at, too", PATIENCE, || {
        let arguments = ["create", "-f", "-", "--dry-run=server"];
        let outcome = cluster.kubectl("kim", &arguments, &account);
        let words = "[more] ServiceAccount robot has not a label owner";
        Ok(outcome.stderr.contains(words).then_some(()))
    })
    .unwrap();
}

fn what_people_write_waits_while_nobody_answers(cluster: &Cluster) {
    let owned = config_map("owned", &json!({"owner": "kim"}));
    let words = cluster.denied("kim", &["create", "-f", "-"], &owned);
    assert!(
        words.contains("failed calling webhook \"people.policies.basphere.dev\""),
        "{words}"
    );
    cluster.passes(CONTROLLER, &["create", "-f", "-"], &owned);
    cluster.passes("kim", &["delete", "configmap/owned"], &Value::Null);
    // What is none of the policies' business passes.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "default"}});
    cluster.passes("kim", &["create", "-f", "-"], &secret);
}
