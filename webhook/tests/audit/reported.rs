//! What is found is told in reports.

use basphere_harness::{ReportCrds, wait};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, Program, config_map, constraint, namespace};
use crate::support::wait_for;

/// More than two pages.
const MANY: usize = 1200;

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
