//! Exceptions from policies on a real API server: what is refused is let in with a warning while a waiver holds, is
//! counted, and is refused again from the second on at which it ends.
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
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::program::{Program, free_ports, told};
use support::wait_for;
use tempfile::TempDir;

/// How long the API server and the webhook may take to notice a change of the other.
const PATIENCE: Duration = Duration::from_secs(30);
const FAR: &str = "2999-12-31T00:00:00Z";
const CREATE: [&str; 3] = ["create", "-f", "-"];
const DRY: [&str; 4] = ["create", "-f", "-", "--dry-run=server"];

/// ConfigMaps have an owner.
const POLICY: &str = r#"
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
        msg := sprintf("%v has no owner", [input.review.object.metadata.name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: RequiredOwner
metadata:
  name: owner
spec:
  match:
    kinds: [{apiGroups: [""], kinds: [ConfigMap]}]
    namespaces: [default, legacy]
"#;

struct Cluster {
    control_plane: ControlPlane,
    policies: TempDir,
    ports: [u16; 2],
}

impl Cluster {
    /// A cluster without the definition of waivers.
    fn start() -> Self {
        let cluster = Self {
            control_plane: ControlPlane::start(&Options::default()).unwrap(),
            policies: tempfile::tempdir().unwrap(),
            ports: free_ports(),
        };
        cluster.write("owner.yaml", POLICY);
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "legacy"}});
        cluster.passes(&CREATE, &namespace);
        cluster
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.policies.path().join(name), text).unwrap();
    }

    fn serve(&self) -> (Program, Receiver<Value>) {
        let more = [
            format!(
                "--kubeconfig={}",
                self.control_plane.admin().kubeconfig().display()
            ),
            format!("--policies={}", self.policies.path().display()),
        ];
        let (child, log) = Program::guard(self.ports, &more);
        wait_for(&log, "the webhooks of policies are registered");
        wait::until("policies are asked", PATIENCE, || {
            let outcome = self.kubectl(&DRY, &config_map("default", "probe"));
            Ok(outcome.stderr.contains("BSP-G001").then_some(()))
        })
        .unwrap();
        (child, log)
    }

    fn kubectl(&self, arguments: &[&str], stdin: &Value) -> Outcome {
        let admin = self.control_plane.admin();
        let mut command = self.control_plane.kubectl(admin).unwrap();
        command.args(["--as=kim", "--as-group=system:masters"]);
        run(command.args(arguments), &stdin.to_string()).unwrap()
    }

    #[track_caller]
    fn passes(&self, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stderr
    }

    #[track_caller]
    fn denied(&self, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(arguments, stdin);
        assert!(!outcome.succeeded(), "{arguments:?} has passed");
        outcome.stderr
    }

    /// Applies a waiver, and waits until it is heard of.
    fn waive(&self, log: &Receiver<Value>, waiver: &Value) {
        self.passes(&["apply", "-f", "-"], waiver);
        wait_for(log, "a waiver is known");
    }

    fn define_waivers(&self) {
        let definition =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds/policywaivers.yaml");
        self.passes(
            &["create", "-f", definition.to_str().unwrap()],
            &Value::Null,
        );
        let arguments = [
            "wait",
            "--for=condition=Established",
            "crd/policywaivers.basphere.dev",
            "--timeout=30s",
        ];
        // kubectl ends with an error where there are no conditions yet.
        wait::until("the definition is served", PATIENCE, || {
            let outcome = self.kubectl(&arguments, &Value::Null);
            Ok(outcome.succeeded().then_some(()))
        })
        .unwrap();
    }

    /// Waits for a status of a waiver.
    #[track_caller]
    fn status(&self, name: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        let arguments = ["get", "policywaiver", name, "-o", "json"];
        let mut seen = Value::Null;
        let found = wait::until("the waiver's status", PATIENCE, || {
            let outcome = self.kubectl(&arguments, &Value::Null);
            let object: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
            seen = object["status"].clone();
            Ok(is_meant(&seen).then(|| seen.clone()))
        });
        found.unwrap_or_else(|_| panic!("{seen}"))
    }

    fn metrics(&self) -> String {
        told(self.ports[1], "/metrics")
    }
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
}

fn waiver(name: &str, namespace: &str, expires: &str) -> Value {
    json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "PolicyWaiver",
        "metadata": {"name": name},
        "spec": {
            "reason": "moved in June",
            "expires": expires,
            "grantedBy": "root",
            "constraints": [{"kind": "RequiredOwner", "name": "owner"}],
            "match": {"namespaces": [namespace]},
        },
    })
}

#[test]
fn a_waiver_lets_in_what_a_policy_refuses_until_it_ends() {
    let cluster = Cluster::start();
    let (child, log) = cluster.serve();
    // Nobody waits for a definition that is not there.
    cluster.define_waivers();
    what_bounds_nothing_is_refused(&cluster);
    what_is_waived_is_warned_of_and_counted(&cluster, &log);
    the_scope_must_hold(&cluster, &log);
    the_end_takes_effect_at_its_second(&cluster, &log);
    what_cannot_be_read_says_so(&cluster, &log);
    a_file_waives_too(&cluster, &log);
    what_was_counted_is_written_down_at_the_end(&cluster, child, &log);
}

fn what_was_counted_is_written_down_at_the_end(
    cluster: &Cluster,
    mut child: Program,
    log: &Receiver<Value>,
) {
    let terminated = Command::new("kill").arg(child.0.id().to_string()).status();
    assert!(terminated.unwrap().success());
    wait_for(log, "ended");
    assert!(child.0.wait().unwrap().success());
    let status = cluster.status("june", |status| status.is_object());
    assert_eq!(status["used"], 2, "{status}");
}

fn what_bounds_nothing_is_refused(cluster: &Cluster) {
    let with = |pointer: &str, value: Value| {
        let mut waiver = waiver("bad", "default", FAR);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        waiver.pointer_mut(parent).unwrap()[name] = value;
        waiver
    };
    let subject = |kind: &str| json!([{"kind": kind, "name": "kim"}]);
    let labels = json!({"matchLabels": {"waived": "true"}});
    let one = |operator: &str| json!({"matchExpressions": [{"key": "a", "operator": operator}]});
    for (pointer, value, words) in [
        (
            "/spec/match",
            json!({}),
            "this would waive for everybody everywhere",
        ),
        (
            "/spec/match",
            json!({"labelSelector": labels}),
            "this would waive for everybody everywhere",
        ),
        (
            "/spec/match",
            json!({"namespaceSelector": {}}),
            "this would waive for everybody everywhere",
        ),
        (
            "/spec/match",
            json!(null),
            "this would waive for everybody everywhere",
        ),
        (
            "/spec/reason",
            json!(" "),
            "say why: spec.reason must not be blank",
        ),
        ("/spec/reason", json!(null), "spec.reason: Required value"),
        (
            "/spec/grantedBy",
            json!(null),
            "spec.grantedBy: Required value",
        ),
        ("/spec/expires", json!(null), "spec.expires: Required value"),
        ("/spec/expires", json!("never"), "spec.expires"),
        ("/spec/expires", json!("2026-12-31"), "spec.expires"),
        ("/spec/constraints", json!([]), "spec.constraints"),
        (
            "/spec/constraints",
            json!([{"kind": "A", "name": "a*b"}]),
            "spec.constraints[0].name",
        ),
        (
            "/spec/match/kinds",
            json!([{"kinds": ["Pod"]}]),
            "spec.match.kinds[0].apiGroups: Required value",
        ),
        (
            "/spec/match/namespaceSelector",
            one("In"),
            "in match.namespaceSelector, In and NotIn have values",
        ),
        (
            "/spec/match/labelSelector",
            one("NotIn"),
            "in match.labelSelector, In and NotIn have values",
        ),
        (
            "/spec/subjects",
            subject("ServiceAccount"),
            "a ServiceAccount has a namespace, and nobody else",
        ),
        (
            "/spec/subjects",
            subject("Robot"),
            "Unsupported value: \"Robot\"",
        ),
        (
            "/metadata/name",
            json!("a".repeat(64)),
            "at most 63 characters",
        ),
    ] {
        let said = cluster.denied(&DRY, &with(pointer, value.clone()));
        assert!(said.contains(words), "{pointer}: {value}: {said}");
    }
    let mut by_people = with("/spec/subjects", subject("User"));
    by_people["spec"].as_object_mut().unwrap().remove("match");
    for good in [by_people, with("/spec/match", json!({"namespaces": ["*"]}))] {
        cluster.passes(&DRY, &good);
    }
}

fn what_is_waived_is_warned_of_and_counted(cluster: &Cluster, log: &Receiver<Value>) {
    let said = cluster.denied(&CREATE, &config_map("default", "a"));
    assert!(said.contains("[owner] a has no owner [BSP-G001]"), "{said}");
    cluster.waive(log, &waiver("june", "default", FAR));
    cluster.status("june", |status| {
        status["conditions"][0]["reason"] == "InForce"
    });
    let warning = |name: &str| {
        format!(
            "Warning: [owner] {name} has no owner (waived until 2999-12-31 by june: moved in June) [BSP-G005]\n"
        )
    };
    let dry = cluster.passes(&DRY, &config_map("default", "a"));
    assert_eq!(dry, warning("a"));
    let counted =
        "basphere_policy_waived_total{waiver=\"june\",constraint=\"RequiredOwner/owner\"}";
    assert!(!cluster.metrics().contains(counted), "a dry-run is no use");
    for name in ["a", "b"] {
        let let_in = cluster.passes(&CREATE, &config_map("default", name));
        assert_eq!(let_in, warning(name));
    }
    assert!(cluster.metrics().contains(&format!("{counted} 2\n")));
    let line = wait_for(log, "reviewed");
    assert_eq!(line["waivers"], "june=RequiredOwner/owner");
    // The first uses are written at once, the dry-run is none of them; others may follow in the next write.
    let status = cluster.status("june", |status| status["used"].as_i64() > Some(0));
    assert!(status["used"].as_i64() <= Some(2), "{status}");
    assert!(status["lastUsed"].is_string(), "{status}");
    assert_eq!(status["conditions"][0]["status"], "True");
    let listed = cluster
        .kubectl(&["get", "policywaivers"], &Value::Null)
        .stdout;
    assert!(listed.starts_with("NAME   ACTIVE   EXPIRES "), "{listed}");
}

fn the_scope_must_hold(cluster: &Cluster, log: &Receiver<Value>) {
    let elsewhere = config_map("legacy", "a");
    let said = cluster.denied(&CREATE, &elsewhere);
    assert!(said.contains("[BSP-G001]"), "{said}");
    let mut by_others = waiver("others", "legacy", FAR);
    by_others["spec"]["subjects"] = json!([{"kind": "User", "name": "lee"}]);
    cluster.waive(log, &by_others);
    let said = cluster.denied(&DRY, &elsewhere);
    assert!(said.contains("[BSP-G001]"), "{said}");
    by_others["spec"]["subjects"] = json!([{"kind": "User", "name": "kim"}]);
    cluster.waive(log, &by_others);
    let said = cluster.passes(&DRY, &elsewhere);
    assert!(
        said.contains("by others: moved in June) [BSP-G005]"),
        "{said}"
    );
    cluster.passes(&["delete", "policywaiver/others"], &Value::Null);
    wait_for(log, "a waiver is gone");
    cluster.denied(&DRY, &elsewhere);
}

fn the_end_takes_effect_at_its_second(cluster: &Cluster, log: &Receiver<Value>) {
    let end = Timestamp::now() + SignedDuration::from_secs(4);
    let end = Timestamp::from_second(end.as_second()).unwrap();
    cluster.waive(log, &waiver("brief", "legacy", &end.to_string()));
    let object = config_map("legacy", "brief");
    let mut last_let_in = None;
    let refused = wait::until("it ends", PATIENCE, || {
        let asked = Timestamp::now();
        let outcome = cluster.kubectl(&DRY, &object);
        if outcome.succeeded() {
            assert!(outcome.stderr.contains("by brief: "), "{}", outcome.stderr);
            last_let_in = Some(asked);
            return Ok(None);
        }
        Ok(Some((Timestamp::now(), outcome.stderr)))
    });
    let (answered, said) = refused.unwrap();
    assert!(said.contains("[BSP-G001]"), "{said}");
    assert!(answered >= end, "it ended before its time");
    assert!(
        last_let_in.is_some_and(|asked| asked < end),
        "{last_let_in:?}"
    );
    let status = cluster.status("brief", |status| {
        status["conditions"][0]["reason"] == "Expired"
    });
    assert_eq!(status["conditions"][0]["status"], "False");
    assert_eq!(status["used"], 0, "{status}");
    wait_for(log, "a waiver has expired");
}

/// The schema refuses most; what is left is said.
fn what_cannot_be_read_says_so(cluster: &Cluster, log: &Receiver<Value>) {
    let mut odd = waiver("odd", "legacy", FAR);
    odd["spec"]["match"]["labelSelector"] = json!({"matchLabels": {"not a label": "x"}});
    cluster.passes(&["apply", "-f", "-"], &odd);
    let line = wait_for(log, "a waiver waives nothing");
    let problem = line["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("spec.match.labelSelector.matchLabels"),
        "{problem}"
    );
    let status = cluster.status("odd", |status| status["conditions"][0]["status"] == "False");
    assert_eq!(status["conditions"][0]["reason"], "Unreadable");
    cluster.denied(&DRY, &config_map("legacy", "odd"));
}

fn a_file_waives_too(cluster: &Cluster, log: &Receiver<Value>) {
    let object = config_map("legacy", "filed");
    cluster.write("waiver.json", &waiver("filed", "legacy", FAR).to_string());
    wait_for(log, "policies are in force");
    let said = cluster.passes(&DRY, &object);
    assert!(
        said.contains("by filed: moved in June) [BSP-G005]"),
        "{said}"
    );
    // A bad one leaves what is in force, as everything that is wrong in the directory.
    cluster.write(
        "waiver.json",
        &waiver("filed", "legacy", "never").to_string(),
    );
    let line = wait_for(log, "the policies in force stay");
    let problem = line["problem"].as_str().unwrap();
    assert!(
        problem.contains("waiver.json: PolicyWaiver filed: spec.expires: must be a time"),
        "{problem}"
    );
    let said = cluster.passes(&DRY, &object);
    assert!(said.contains("by filed"), "{said}");
}
