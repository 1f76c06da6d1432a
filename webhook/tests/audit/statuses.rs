//! What is found is told in the status of constraints, with no more rights than are installed.

use basphere_api::install::{Bundle, audit_objects};
use basphere_harness::{ReportCrds, User, wait};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, Program, constraint, namespace};
use crate::support::wait_for;

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
    // kubectl ends with an error where there are no conditions yet.
    wait::until("the definitions are served", PATIENCE, || {
        let outcome = cluster.kubectl(&established, &Value::Null);
        Ok(outcome.succeeded().then_some(()))
    })
    .unwrap();
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
