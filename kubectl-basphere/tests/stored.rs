//! `policy audit` on a real API server: what policies would do to what is stored, before anybody is held to them.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use basphere_harness::{ControlPlane, Options, Outcome, User, run, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
/// More than a page.
const MANY: usize = 130;

struct Cluster(ControlPlane);

impl Cluster {
    fn start() -> Self {
        let cluster = Self(ControlPlane::start(&Options::default()).unwrap());
        let namespaces = ["user-kim", "web"].map(
            |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
        cluster.create(&namespaces);
        cluster
    }

    #[track_caller]
    fn create(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let mut kubectl = self.0.kubectl(self.0.admin()).unwrap();
        let created = run(kubectl.args(["create", "-f", "-"]), &list.to_string()).unwrap();
        assert!(created.succeeded(), "{}", created.stderr);
    }

    fn audit(&self, user: &User, arguments: &[&str]) -> Outcome {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-basphere"));
        program.envs(self.0.environment(user).unwrap());
        run(program.args(["policy", "audit"]).args(arguments), "").unwrap()
    }

    #[track_caller]
    fn found(&self, arguments: &[&str]) -> Value {
        let outcome = self.audit(self.0.admin(), &[arguments, &["-o", "json"]].concat());
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr, "");
        serde_json::from_str(&outcome.stdout).unwrap()
    }
}

fn shipped(name: &str) -> String {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    policies.join(name).display().to_string()
}

fn node_port(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
    })
}

/// A bundle's findings of a constraint.
fn of_constraint<'a>(found: &'a Value, bundle: &str, name: &str) -> &'a Value {
    let bundles = found["bundles"].as_array().unwrap();
    let bundle = bundles.iter().find(|it| it["bundle"] == bundle).unwrap();
    let mut constraints = bundle["constraints"].as_array().unwrap().iter();
    constraints.find(|it| it["name"] == name).unwrap()
}

#[test]
fn what_the_shipped_policies_would_do_is_told_by_bundle() {
    let cluster = Cluster::start();
    let many: Vec<Value> = (0..MANY)
        .map(|number| node_port("web", &format!("s{number:03}")))
        .collect();
    cluster.create(&many);
    cluster.create(&[
        node_port("user-kim", "mine"),
        node_port("kube-system", "system"),
    ]);
    let (all, workload) = (shipped(""), shipped("workload"));
    let found = cluster.found(&["-f", &all, "-A"]);
    let management = of_constraint(&found, &shipped("management"), "tenants-node-ports");
    assert_eq!(
        management["objects"],
        json!({"denied": 1, "warned": 0, "errors": 0})
    );
    assert_eq!(management["results"][0]["name"], "mine");
    let ports = of_constraint(&found, &workload, "node-ports");
    // Admission asks nobody about those of the system.
    assert_eq!(ports["objects"]["denied"], MANY + 1);
    assert_eq!(ports["results"].as_array().unwrap().len(), 10);
    assert_eq!(ports["leftOut"], MANY + 1 - 10);
    let labels = of_constraint(
        &found,
        &shipped("management"),
        "platform-pod-security-labels",
    );
    let warned: Vec<_> = labels["results"].as_array().unwrap().iter().collect();
    let warned: Vec<_> = warned
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(
        warned.contains(&"web") && !warned.contains(&"user-kim"),
        "{warned:?}"
    );
    assert!(
        warned
            .iter()
            .all(|name| *name == "web" || *name == "default"),
        "{warned:?}"
    );

    // One namespace, and nothing that is in none.
    let found = cluster.found(&["-f", &workload, "-n", "user-kim", "--all"]);
    let ports = of_constraint(&found, &workload, "node-ports");
    assert_eq!(ports["findings"]["denied"], 1);
    let labels = of_constraint(&found, &workload, "pod-security-labels");
    assert_eq!(labels["objects"]["denied"], 0);
    let found = cluster.found(&["-f", &workload, "-n", "web", "--all"]);
    let ports = of_constraint(&found, &workload, "node-ports");
    assert_eq!(ports["results"].as_array().unwrap().len(), MANY);

    let denied = cluster.audit(cluster.0.admin(), &["-f", &workload, "-A", "--exit-code"]);
    assert_eq!(denied.status.code(), Some(1), "{}", denied.stderr);
    assert!(
        denied.stdout.contains("  denies Service user-kim/mine: "),
        "{}",
        denied.stdout
    );
    what_may_not_be_read_is_said(&cluster, &workload);
    policies_of_the_cluster_are_asked(&cluster);
}

fn what_may_not_be_read_is_said(cluster: &Cluster, workload: &str) {
    let role = |kind: &str, rest: Value| {
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": "services", "namespace": "web"},
        });
        let fields = rest.as_object().unwrap().clone();
        object.as_object_mut().unwrap().extend(fields);
        object
    };
    cluster.create(&[
        role("Role", json!({"rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]})),
        role("RoleBinding", json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "services"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kim"}],
        })),
    ]);
    let kim = cluster.0.user("kim", &[]).unwrap();
    let outcome = cluster.audit(&kim, &["-f", workload, "-n", "web", "-o", "json"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome
            .stderr
            .contains("warning: pods.v1 could not be read: pods is forbidden"),
        "{}",
        outcome.stderr
    );
    let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let ports = of_constraint(&found, workload, "node-ports");
    assert_eq!(ports["objects"]["denied"], MANY);
}

/// As Gatekeeper would have them, as far as it matters here.
fn policies_of_the_cluster_are_asked(cluster: &Cluster) {
    let none = cluster.audit(cluster.0.admin(), &["-A"]);
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(
        none.stderr,
        "error: the cluster has no constraints; name policies by -f\n"
    );
    let definition = |group: &str, version: &str, kind: &str, plural: &str| {
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group,
                "scope": "Cluster",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{
                    "name": version, "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": open},
                }],
            },
        })
    };
    let constraints = "constraints.gatekeeper.sh";
    cluster.create(&[
        definition(
            "templates.gatekeeper.sh",
            "v1",
            "ConstraintTemplate",
            "constrainttemplates",
        ),
        definition(
            constraints,
            "v1beta1",
            "BasphereNodePorts",
            "baspherenodeports",
        ),
    ]);
    let admin = cluster.0.admin();
    let files = ["template.yaml", "constraint.yaml"];
    let files = files.map(|name| {
        format!(
            "--filename={}",
            shipped(&format!("workload/node-ports/{name}"))
        )
    });
    wait::until("policies are stored", PATIENCE, || {
        let mut kubectl = cluster.0.kubectl(admin)?;
        let stored = run(kubectl.arg("apply").args(&files), "")?;
        Ok(stored.succeeded().then_some(()))
    })
    .unwrap();
    let found = cluster.found(&["-A"]);
    let ports = of_constraint(&found, "cluster", "node-ports");
    assert_eq!(ports["objects"]["denied"], MANY + 1);
}

#[test]
fn objects_of_files_need_no_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        node_port("web", "open"),
        node_port("kube-system", "system"),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}},
    ]});
    std::fs::write(&objects, list.to_string()).unwrap();
    let audit = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-basphere"));
        program.env("KUBECONFIG", "/nonexistent/kubeconfig");
        let objects = format!("--objects={}", objects.display());
        run(
            program.args(["policy", "audit", &objects]).args(arguments),
            "",
        )
        .unwrap()
    };
    let workload = shipped("workload");
    let outcome = audit(&["-f", &workload]);
    assert_eq!(
        (outcome.status.code(), outcome.stderr.as_str()),
        (Some(0), "")
    );
    assert!(
        outcome
            .stdout
            .starts_with(&format!("{workload}: objects judged: 2\n")),
        "{}",
        outcome.stdout
    );
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert!(lines.contains(&"BasphereNodePorts/node-ports"), "{lines:?}");
    let found = lines
        .iter()
        .filter(|line| line.starts_with("  denies Service "));
    assert_eq!(found.count(), 1);
    assert_eq!(
        audit(&["-f", &workload, "--exit-code"]).status.code(),
        Some(1)
    );
    let unnamed = audit(&[]);
    assert_eq!(
        (unnamed.status.code(), unnamed.stderr.as_str()),
        (Some(1), "error: name the policies by -f\n")
    );
}
