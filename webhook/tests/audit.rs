//! The audit on a real API server, with the definitions of reports that other programs read: what was stored before
//! there was a policy is found, told once, and told no more when it is mended, whoever leads.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_api::install::{Bundle, audit_objects};
use basphere_harness::{ControlPlane, Options, Outcome, ReportCrds, User, run, wait};
use serde_json::{Value, json};
use support::{read_log, wait_for};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
/// More than two pages.
const MANY: usize = 1200;

/// ConfigMaps have an owner.
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
        msg := sprintf("%v %v has no owner", [input.review.kind.kind, input.review.object.metadata.name])
      }
"#;

fn constraint(name: &str, action: &str, kinds: &[&str]) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "RequiredOwner",
        "metadata": {"name": name},
        "spec": {
            "enforcementAction": action,
            "match": {
                "kinds": [{"apiGroups": ["*"], "kinds": kinds}],
                "namespaceSelector": {"matchLabels": {"audited": "yes"}},
            },
        },
    })
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"audited": "yes"}}})
}

/// It ends with the test, however that ends.
struct Program {
    process: Child,
    log: Receiver<Value>,
    metrics: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    /// The next audit that ends.
    fn audited(&self) -> Value {
        wait_for(&self.log, "audited")
    }

    fn metrics(&self) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.metrics)).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

struct Cluster {
    control_plane: ControlPlane,
    policies: TempDir,
}

impl Cluster {
    fn start(reports: &[ReportCrds]) -> Self {
        let cluster = Self {
            control_plane: ControlPlane::start(&Options::default()).unwrap(),
            policies: tempfile::tempdir().unwrap(),
        };
        for crds in reports {
            let directory: PathBuf = crds.directory().unwrap();
            let directory = directory.to_str().unwrap();
            cluster.passes(&["create", "-f", directory], &Value::Null);
        }
        let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "basphere-system"}});
        cluster.create(&[system]);
        cluster.write("template.yaml", TEMPLATE);
        cluster
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.policies.path().join(name), text).unwrap();
    }

    /// A program that audits and is asked by nobody.
    fn serve(&self, user: &User, flags: &[&str]) -> Program {
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [reviews, metrics] = ports.map(|port| port.local_addr().unwrap().port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        command
            .args(["serve", "--profile=workload", "--self-signed"])
            .args([
                "--lease-duration=3s",
                "--lease-renew=2s",
                "--lease-retry=500ms",
            ])
            .arg(format!("--listen=127.0.0.1:{reviews}"))
            .arg(format!("--metrics-listen=127.0.0.1:{metrics}"))
            .arg("--kubeconfig")
            .arg(user.kubeconfig())
            .arg("--policies")
            .arg(self.policies.path())
            .args(flags);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = read_log(&mut process);
        Program {
            process,
            log,
            metrics,
        }
    }

    fn kubectl(&self, arguments: &[&str], stdin: &Value) -> Outcome {
        let admin = self.control_plane.admin();
        let mut command = self.control_plane.kubectl(admin).unwrap();
        run(command.args(arguments), &stdin.to_string()).unwrap()
    }

    #[track_caller]
    fn passes(&self, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    fn create(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.passes(&["create", "-f", "-", "--output=name"], &list);
    }

    /// An object; null where there is none.
    #[track_caller]
    fn get(&self, arguments: &[&str]) -> Value {
        let all = [&["get", "--ignore-not-found", "--output=json"], arguments].concat();
        let text = self.passes(&all, &Value::Null);
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn report(&self, plural: &str, namespace: &str) -> Value {
        let namespace = format!("--namespace={namespace}");
        self.get(&[plural, "basphere-audit", &namespace])
    }

    fn report_is(&self, what: &str, plural: &str, namespace: &str, is: impl Fn(&Value) -> bool) {
        wait::until(what, PATIENCE, || {
            Ok(is(&self.report(plural, namespace)).then_some(()))
        })
        .unwrap();
    }

    /// How often ConfigMaps were listed until now.
    fn lists(&self) -> u64 {
        let metrics = self.passes(&["get", "--raw=/metrics"], &Value::Null);
        let of_lists = |line: &&str| {
            let parts = [
                "apiserver_request_total{",
                "resource=\"configmaps\"",
                "verb=\"LIST\"",
                "scope=\"cluster\"",
            ];
            parts.iter().all(|part| line.contains(part))
        };
        let counts = metrics.lines().filter(of_lists);
        let counts = counts.map(|line| line.rsplit_once(' ').unwrap().1);
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }
}

fn versions(reports: &[Value]) -> Vec<String> {
    let versions = reports.iter();
    versions
        .map(|it| it["metadata"]["resourceVersion"].to_string())
        .collect()
}

#[test]
fn what_is_stored_is_reported() {
    const REPORTS: &str = "policyreports.wgpolicyk8s.io";
    let cluster = Cluster::start(&[ReportCrds::PolicyReports]);
    let objects: Vec<Value> = (0..MANY)
        .map(|number| config_map("many", &format!("c{number:04}")))
        .collect();
    cluster.create(&["web", "many", "other"].map(namespace));
    cluster.create(&objects);
    cluster.create(&[config_map("web", "one"), config_map("web", "two")]);
    let unlabelled = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "left"}});
    cluster.create(&[unlabelled, config_map("left", "one")]);
    cluster.write(
        "deny.json",
        &constraint("hard", "deny", &["ConfigMap"]).to_string(),
    );
    cluster.write(
        "trial.json",
        &constraint("trial", "dryrun", &["Service"]).to_string(),
    );

    let before = cluster.lists();
    let first = cluster.serve(cluster.control_plane.admin(), &["--audit-interval=1h"]);
    let line = first.audited();
    // A hundred, five hundred, five hundred, and the rest.
    assert_eq!(cluster.lists() - before, 4);
    let audited = MANY + 2;
    assert_eq!(line["violations"], audited);
    what_was_found(&cluster, REPORTS);
    let metrics = first.metrics();
    for line in [
        &format!("basphere_violations{{enforcement_action=\"deny\"}} {audited}\n"),
        "basphere_violations{enforcement_action=\"dryrun\"} 0\n",
        "basphere_audit_duration_seconds_count 1\n",
        "basphere_audit_unread_kinds 0\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    for gauge in [
        "basphere_audit_last_run_time 1",
        "basphere_audit_last_run_end_time 1",
    ] {
        assert!(metrics.contains(gauge), "{gauge} is not in {metrics}");
    }
    let reports = || ["web", "many", "other"].map(|it| cluster.report(REPORTS, it));
    let written = versions(&reports());
    drop(first);

    // Whoever leads next looks again and again, and writes nothing while nothing changes.
    let second = cluster.serve(cluster.control_plane.admin(), &["--audit-interval=1s"]);
    let third = cluster.serve(cluster.control_plane.admin(), &["--audit-interval=1s"]);
    let (leader, next) = leader_and_next(second, third);
    for _ in 0..2 {
        assert_eq!(leader.audited()["reports"], 0);
    }
    assert_eq!(versions(&reports()), written);
    what_is_mended_is_told_no_more(&cluster, REPORTS);
    assert!(next.metrics().contains("\nbasphere_leader 0\n"));
    drop(leader);
    wait_for(&next.log, "leading");
    assert_eq!(next.audited()["reports"], 0);
    what_is_new_is_told(&cluster, REPORTS);
    for file in ["deny.json", "trial.json"] {
        std::fs::remove_file(cluster.policies.path().join(file)).unwrap();
    }
    for namespace in ["web", "many"] {
        cluster.report_is("nothing is asked about", REPORTS, namespace, Value::is_null);
    }
}

fn what_was_found(cluster: &Cluster, plural: &str) {
    let report = cluster.report(plural, "web");
    assert_eq!(
        report["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "basphere"})
    );
    assert_eq!(
        report["summary"],
        json!({"pass": 0, "fail": 2, "error": 0, "warn": 0, "skip": 0})
    );
    let uid = cluster.get(&["configmap/one", "--namespace=web"])["metadata"]["uid"].clone();
    let mut result = report["results"][0].clone();
    let time = result.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(time["seconds"].as_i64().unwrap() > 0);
    assert_eq!(
        result,
        json!({
            "source": "basphere",
            "policy": "RequiredOwner",
            "rule": "hard",
            "result": "fail",
            "scored": true,
            "message": "ConfigMap one has no owner",
            "resources": [{
                "apiVersion": "v1", "kind": "ConfigMap", "namespace": "web", "name": "one", "uid": uid,
            }],
            "properties": {"enforcementAction": "deny"},
        })
    );
    let many = cluster.report(plural, "many");
    assert_eq!(many["summary"]["fail"], MANY);
    assert_eq!(many["results"].as_array().unwrap().len(), 250);
    assert_eq!(
        many["metadata"]["annotations"],
        json!({"basphere.dev/findings-left-out": (MANY - 250).to_string()})
    );
    assert_eq!(cluster.report(plural, "left"), Value::Null);
}

/// The one that leads, and the other.
fn leader_and_next(one: Program, other: Program) -> (Program, Program) {
    let leads = |program: &Program| program.metrics().contains("\nbasphere_leader 1\n");
    for program in [&one, &other] {
        wait_for(&program.log, "ready");
    }
    let is_one = wait::until("one of both leads", PATIENCE, || {
        Ok(match (leads(&one), leads(&other)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        })
    });
    match is_one.unwrap() {
        true => (one, other),
        false => (other, one),
    }
}

fn what_is_mended_is_told_no_more(cluster: &Cluster, plural: &str) {
    let since = cluster.report(plural, "web")["results"][1]["timestamp"].clone();
    let label = ["label", "configmap/one", "owner=kim", "--namespace=web"];
    cluster.passes(&label, &Value::Null);
    cluster.report_is("one has an owner", plural, "web", |report| {
        report["summary"]["fail"] == 1
    });
    let report = cluster.report(plural, "web");
    assert_eq!(report["results"][0]["resources"][0]["name"], "two");
    // The other one is as old as it was.
    assert_eq!(report["results"][0]["timestamp"], since);
    let label = [
        "label",
        "configmap",
        "--all",
        "owner=kim",
        "--overwrite",
        "--namespace=web",
    ];
    cluster.passes(&label, &Value::Null);
    cluster.report_is("all have an owner", plural, "web", Value::is_null);
}

fn what_is_new_is_told(cluster: &Cluster, plural: &str) {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front", "namespace": "web"},
        "spec": {"ports": [{"port": 80}]},
    });
    cluster.create(&[service]);
    cluster.report_is("a service is found", plural, "web", |report| {
        report["results"][0]["message"] == "Service front has no owner"
    });
    let report = cluster.report(plural, "web");
    assert_eq!(
        report["summary"],
        json!({"pass": 0, "fail": 0, "error": 0, "warn": 1, "skip": 0})
    );
    let properties = &report["results"][0]["properties"];
    assert_eq!(properties, &json!({"enforcementAction": "dryrun"}));
}

/// The CRD that Gatekeeper would make of the template, as far as it matters here.
fn definition() -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "requiredowner.constraints.gatekeeper.sh"},
        "spec": {
            "group": "constraints.gatekeeper.sh",
            "scope": "Cluster",
            "names": {"kind": "RequiredOwner", "plural": "requiredowner", "singular": "requiredowner"},
            "versions": [{
                "name": "v1beta1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open, "status": open}}},
            }],
        },
    })
}

/// A user with the rights of the installed audit and what any process needs; the cluster would put the role together.
fn auditor(cluster: &Cluster) -> User {
    let objects = audit_objects(Bundle::Workload).unwrap();
    let is_part = |role: &&Value| role["kind"] == "ClusterRole" && role["rules"].is_array();
    let mut names = vec!["basics".to_owned()];
    let mut created = vec![json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "basics"},
        "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
        ],
    })];
    for role in objects.iter().filter(is_part) {
        names.push(role["metadata"]["name"].as_str().unwrap().to_owned());
        created.push(role.clone());
    }
    for name in names {
        created.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "auditor"}],
        }));
    }
    cluster.create(&created);
    cluster.control_plane.user("auditor", &[]).unwrap()
}

#[test]
fn a_constraint_of_the_cluster_says_what_its_audit_has_found() {
    let cluster = Cluster::start(&[ReportCrds::OpenReports, ReportCrds::PolicyReports]);
    cluster.create(&[definition(), namespace("web")]);
    let established = ["wait", "--for=condition=Established", "crd", "--all"];
    cluster.passes(&established, &Value::Null);
    // Pods may be read, ServiceAccounts may not.
    let judged = constraint("pods", "deny", &["Pod", "ServiceAccount", "Namespace"]);
    let mut another = constraint("another", "deny", &["Pod"]);
    cluster.write("constraints.json", &judged.to_string());
    cluster.write("another.json", &another.to_string());
    another["spec"]["enforcementAction"] = "warn".into();
    wait::until("constraints are served", PATIENCE, || {
        let outcome = cluster.kubectl(&["create", "-f", "-"], &judged);
        Ok(outcome.succeeded().then_some(()))
    })
    .unwrap();
    cluster.create(&[another]);
    let pod = |name: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "web"},
            "spec": {"containers": [{"name": "a", "image": "a"}], "automountServiceAccountToken": false},
        })
    };
    cluster.create(&[json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "web"}})]);
    cluster.create(&[pod("one"), pod("two")]);
    let user = auditor(&cluster);
    let flags = ["--audit-interval=1s"];
    let program = cluster.serve(&user, &flags);
    let told = wait_for(&program.log, "this kind is not audited");
    assert_eq!(told["kind"], "serviceaccounts.v1");
    assert!(
        told["reason"].as_str().unwrap().contains("forbidden"),
        "{told}"
    );
    let line = program.audited();
    assert_eq!(
        (&line["reports"], &line["statuses"]),
        (&json!(2), &json!(1))
    );

    let of_namespace = cluster.report("reports.openreports.io", "web");
    assert_eq!(of_namespace["source"], "basphere");
    assert_eq!(of_namespace["summary"]["fail"], 4);
    let of_cluster = cluster.get(&["clusterreports.openreports.io", "basphere-audit"]);
    assert_eq!(of_cluster["results"][0]["resources"][0]["name"], "web");
    assert_eq!(
        of_cluster["results"][0]["resources"][0].get("namespace"),
        None
    );
    let older = cluster.get(&["policyreports.wgpolicyk8s.io", "--all-namespaces"]);
    assert_eq!(older, Value::Null);

    let of_constraint = |name: &str| cluster.get(&["requiredowner", name]);
    let mut status = of_constraint("pods")["status"].clone();
    let time = status.as_object_mut().unwrap().remove("auditTimestamp");
    let time = time.unwrap().as_str().unwrap().to_owned();
    assert!(time.ends_with('Z') && !time.contains('.'), "{time}");
    assert_eq!(status["totalViolations"], 3);
    assert_eq!(
        status["violations"][1],
        json!({
            "enforcementAction": "deny",
            "group": "",
            "version": "v1",
            "kind": "Pod",
            "namespace": "web",
            "name": "one",
            "message": "Pod one has no owner",
        })
    );
    // This one is not the one that was judged.
    assert_eq!(of_constraint("another").get("status"), None);

    let version = |name: &str| of_constraint(name)["metadata"]["resourceVersion"].clone();
    let before = version("pods");
    for _ in 0..2 {
        let line = program.audited();
        assert_eq!(
            (&line["reports"], &line["statuses"]),
            (&json!(0), &json!(0))
        );
    }
    assert_eq!(version("pods"), before);
    another_ones_status_is_left_alone(&cluster, &program, &version);
    drop(program);
    let program = cluster.serve(
        &user,
        &["--audit-interval=1s", "--audit-constraint-status=always"],
    );
    wait::until("it is told who counts", PATIENCE, || {
        let status = of_constraint("pods")["status"].clone();
        Ok((status["totalViolations"] == 3).then_some(()))
    })
    .unwrap();
    drop(program);
}

/// As Gatekeeper's audit would write it.
fn another_ones_status_is_left_alone(
    cluster: &Cluster,
    program: &Program,
    version: &impl Fn(&str) -> Value,
) {
    let status =
        json!({"status": {"auditTimestamp": "2026-01-02T03:04:05Z", "totalViolations": 99}});
    let patch = format!("--patch={status}");
    let arguments = [
        "patch",
        "requiredowner",
        "pods",
        "--subresource=status",
        "--type=merge",
        "--field-manager=gatekeeper",
        &patch,
    ];
    cluster.passes(&arguments, &Value::Null);
    let before = version("pods");
    wait_for(&program.log, "somebody else writes the status of its audit");
    for _ in 0..2 {
        program.audited();
    }
    assert_eq!(version("pods"), before);
}
