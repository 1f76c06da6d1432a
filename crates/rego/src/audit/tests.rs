//! What is counted, what is kept, and that the same state always makes the same report.

use std::time::Duration;

use serde_json::{Value, json};

use super::entry::cut;
use super::{
    Auditor, Bounds, Counts, Entry, Flavour, LEFT_OUT, Outcome, Tally, Waives, misses_nothing,
    waives_nothing,
};
use crate::inventory::Inventory;
use crate::policies::{Finding, Policies};
use crate::review::Review;

const OPEN: &str = "openreports.io/v1alpha1";

/// ConfigMaps have an owner. One that is called `spin` is never decided.
const REGO: &str = r#"
package owners

violation[{"msg": msg, "details": {"about": "owner"}}] {
  not input.review.object.metadata.labels.owner
  input.review.object.metadata.name != "spin"
  msg := sprintf("%v has no owner in %v", [input.review.object.metadata.name, input.review.namespaceObject.metadata.name])
}

violation[{"msg": "two answers"}] {
  answer(input.review.object.metadata.name) == 3
}

answer(name) = 1 { name == "spin" }
answer(name) = 2 { name == "spin" }
"#;

fn template() -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "owners"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "Owners"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": REGO}],
        },
    })
}

fn constraint(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "Owners",
        "metadata": {"name": name},
        "spec": spec,
    })
}

fn policies(constraints: &[Value]) -> Policies {
    let mut policies = Policies::default();
    policies.add_template(&template()).expect("a template");
    for constraint in constraints {
        policies.add_constraint(constraint).expect("a constraint");
    }
    policies
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{namespace}-{name}")},
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": name}}})
}

fn audit(policies: &Policies, objects: &[Value], waives: &Waives<'_>, tally: &mut Tally) {
    let inventory = Inventory::default();
    let auditor = Auditor {
        policies,
        inventory: inventory.shown(),
        missing: &misses_nothing,
        limit: Duration::from_secs(10),
        waives,
    };
    for object in objects {
        let around = object["metadata"]["namespace"].as_str().map(namespace);
        auditor
            .judge(object.clone(), around, tally)
            .expect("an object");
    }
}

fn tally_of(policies: &Policies, objects: &[Value], bounds: Bounds) -> Tally {
    let mut tally = Tally::new(policies, bounds);
    audit(policies, objects, &waives_nothing, &mut tally);
    tally
}

fn counts(fail: u64, error: u64, warn: u64, skip: u64) -> Counts {
    Counts {
        fail,
        error,
        warn,
        skip,
    }
}

/// All reports of a tally, as they would be written.
fn reports(tally: &Tally) -> Vec<Value> {
    let reports = tally.reports();
    reports
        .map(|(namespace, report)| Flavour::OpenReports.report(OPEN, namespace, report))
        .collect()
}

#[test]
fn what_follows_at_audit_decides() {
    let scoped = |action: &str, point: &str| {
        json!({
            "enforcementAction": "scoped",
            "scopedEnforcementActions": [{"action": action, "enforcementPoints": [{"name": point}]}],
        })
    };
    let policies = policies(&[
        constraint("denies", &json!({})),
        constraint("tries", &json!({"enforcementAction": "dryrun"})),
        constraint("warns", &json!({"enforcementAction": "warn"})),
        constraint("odd", &json!({"enforcementAction": "shout"})),
        constraint("scoped", &scoped("deny", "audit.gatekeeper.sh")),
        constraint("elsewhere", &scoped("deny", "validation.gatekeeper.sh")),
    ]);
    let objects = [config_map("a", "one"), config_map("a", "spin")];
    let tally = tally_of(&policies, &objects, Bounds::default());
    assert_eq!(tally.objects(), 2);
    let rules: Vec<_> = tally
        .rules()
        .map(|it| (it.rule.name.as_str(), it.rule.action, it.findings))
        .collect();
    assert_eq!(
        rules,
        [
            ("denies", "deny", counts(1, 1, 0, 0)),
            ("odd", "unrecognized", counts(0, 1, 1, 0)),
            ("scoped", "scoped", counts(1, 1, 0, 0)),
            ("tries", "dryrun", counts(0, 1, 1, 0)),
            ("warns", "warn", counts(0, 1, 1, 0)),
        ]
    );
    let report = Flavour::PolicyReports.report(
        "wgpolicyk8s.io/v1alpha2",
        "a",
        tally.reports().next().expect("one").1,
    );
    assert_eq!(
        report["summary"],
        json!({"pass": 0, "fail": 2, "error": 5, "warn": 3, "skip": 0})
    );
    let shown = report["results"].as_array().expect("a list").iter();
    let shown: Vec<_> = shown
        .map(|it| (it["result"].as_str(), it["rule"].as_str()))
        .map(|(result, rule)| format!("{} {}", result.expect("one"), rule.expect("one")))
        .collect();
    assert_eq!(
        shown,
        [
            "fail denies",
            "fail scoped",
            "error denies",
            "error odd",
            "error scoped",
            "error tries",
            "error warns",
            "warn odd",
            "warn tries",
            "warn warns",
        ]
    );
    assert_eq!(
        report["results"][1]["properties"],
        json!({"enforcementAction": "scoped", "enforcementActions": "deny"})
    );
}

#[test]
fn a_report_has_the_fields_of_its_kind() {
    let mut judged = constraint("owned", &json!({}));
    judged["metadata"]["annotations"] =
        json!({"basphere.dev/severity": "high", "basphere.dev/category": "Tidiness"});
    let policies = policies(&[judged]);
    let tally = tally_of(&policies, &[config_map("a", "one")], Bounds::default());
    let (_, report) = tally.reports().next().expect("one");
    let expected = json!({
        "apiVersion": "openreports.io/v1alpha1",
        "kind": "Report",
        "metadata": {
            "name": "basphere-audit",
            "namespace": "a",
            "labels": {"app.kubernetes.io/managed-by": "basphere"},
        },
        "source": "basphere",
        "summary": {"pass": 0, "fail": 1, "error": 0, "warn": 0, "skip": 0},
        "results": [{
            "source": "basphere",
            "policy": "Owners",
            "rule": "owned",
            "result": "fail",
            "scored": true,
            "severity": "high",
            "category": "Tidiness",
            "message": "one has no owner in a",
            "resources": [{
                "apiVersion": "v1", "kind": "ConfigMap", "namespace": "a", "name": "one", "uid": "uid-a-one",
            }],
            "properties": {"enforcementAction": "deny"},
        }],
    });
    assert_eq!(Flavour::OpenReports.report(OPEN, "a", report), expected);
    let older = Flavour::PolicyReports.report("wgpolicyk8s.io/v1alpha2", "", report);
    assert_eq!(older["apiVersion"], "wgpolicyk8s.io/v1alpha2");
    assert_eq!(older["kind"], "ClusterPolicyReport");
    assert_eq!(older["metadata"].get("namespace"), None);
    assert_eq!(older.get("source"), None);
    assert_eq!(older["results"], expected["results"]);
}

#[test]
fn the_same_state_makes_the_same_reports_in_whatever_order_it_is_read() {
    let policies = policies(&[
        constraint("owned", &json!({})),
        constraint("tried", &json!({"enforcementAction": "dryrun"})),
    ]);
    // Ten namespaces with 1, 2, … 10 objects.
    let objects: Vec<Value> = (1..=10)
        .flat_map(|count| {
            (0..count).map(move |it| config_map(&format!("n{count}"), &format!("c{it}")))
        })
        .collect();
    let bounds = Bounds {
        report: 15,
        reports: 60,
        rule: 3,
        message: 64,
    };
    let whole = tally_of(&policies, &objects, bounds);
    let mut backwards = objects.clone();
    backwards.reverse();
    let backwards = tally_of(&policies, &backwards, bounds);
    let mut parts = Tally::new(&policies, bounds);
    for part in objects.chunks(7) {
        parts.merge(tally_of(&policies, part, bounds));
    }
    let expected = serde_json::to_string(&reports(&whole)).expect("JSON");
    for other in [&backwards, &parts] {
        assert_eq!(
            serde_json::to_string(&reports(other)).expect("JSON"),
            expected
        );
        assert_eq!(other.objects(), 55);
        let rules = whole.rules().zip(other.rules());
        for (one, other) in rules {
            assert_eq!(one.status(), other.status());
            assert_eq!(one.objects, other.objects);
        }
    }
    // 2 + 4 + 6 + 7 times 6 are 54; with 7 each there would be 61.
    let sizes: Vec<_> = whole.reports().map(|(_, it)| it.entries().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 54);
    assert_eq!(sizes.iter().max(), Some(&6));
    let (_, largest) = whole
        .reports()
        .find(|(name, _)| *name == "n10")
        .expect("it");
    let report = Flavour::OpenReports.report(OPEN, "n10", largest);
    assert_eq!(report["metadata"]["annotations"], json!({LEFT_OUT: "14"}));
    assert_eq!(report["summary"]["fail"], 10);
    let kept = largest.entries();
    assert!(kept.iter().all(|entry| entry.outcome == Outcome::Fail));
}

#[test]
fn what_one_part_may_not_keep_the_others_may_not_either() {
    let policies = policies(&[constraint("owned", &json!({}))]);
    let bounds = Bounds {
        report: 15,
        reports: 60,
        ..Bounds::default()
    };
    // With three each, these would be 63.
    let many = (0..63).map(|it| config_map(&format!("n{}", it % 21), &format!("c{it}")));
    let many: Vec<Value> = many.collect();
    let few: Vec<Value> = (0..10)
        .map(|it| config_map("few", &format!("c{it}")))
        .collect();
    let whole = tally_of(&policies, &[many.clone(), few.clone()].concat(), bounds);
    let mut merged = tally_of(&policies, &few, bounds);
    merged.merge(tally_of(&policies, &many, bounds));
    assert_eq!(reports(&merged), reports(&whole));
    let few = merged.report("few").expect("it has findings");
    assert_eq!((few.entries().len(), few.findings.fail), (2, 10));
}

#[test]
fn the_worst_is_kept() {
    let mut high = constraint("high", &json!({}));
    high["metadata"]["annotations"] = json!({"basphere.dev/severity": "high"});
    let policies = policies(&[
        constraint("a-tried", &json!({"enforcementAction": "dryrun"})),
        constraint("b-plain", &json!({})),
        high,
    ]);
    let bounds = Bounds {
        report: 4,
        ..Bounds::default()
    };
    let objects = [
        config_map("a", "x"),
        config_map("a", "y"),
        config_map("a", "z"),
    ];
    let tally = tally_of(&policies, &objects, bounds);
    let (_, report) = tally.reports().next().expect("one");
    let shown = |entry: &Entry| format!("{}/{}", entry.rule.name, entry.subject.name);
    let shown: Vec<_> = report.entries().iter().map(shown).collect();
    assert_eq!(shown, ["high/x", "high/y", "high/z", "b-plain/x"]);
    assert_eq!(report.findings, counts(6, 0, 3, 0));
}

#[test]
fn what_is_waived_is_told_and_is_no_violation() {
    let policies = policies(&[constraint("owned", &json!({}))]);
    let objects = [config_map("a", "old"), config_map("a", "new")];
    let mut tally = Tally::new(&policies, Bounds::default());
    let waives = |review: &Review, finding: &Finding<'_>| {
        let name = review.object()?.pointer("/metadata/name")?.as_str()?;
        (name == "old" && finding.name == "owned").then(|| "until-march".to_owned())
    };
    audit(&policies, &objects, &waives, &mut tally);
    let rule = tally.rule("Owners", "owned").expect("it was asked");
    assert_eq!(rule.findings, counts(1, 0, 0, 1));
    assert_eq!(rule.status()["totalViolations"], 1);
    assert_eq!(rule.status()["violations"][0]["name"], "new");
    assert_eq!(
        rule.status()["violations"].as_array().map(Vec::len),
        Some(1)
    );
    let report = &reports(&tally)[0];
    assert_eq!(report["results"][1]["result"], "skip");
    assert_eq!(report["results"][1]["properties"]["waiver"], "until-march");
    assert_eq!(report["results"][1].get("scored"), None);
}

#[test]
fn a_status_is_gatekeepers() {
    let policies = policies(&[constraint("owned", &json!({}))]);
    let long = "x".repeat(300);
    let mut objects: Vec<Value> = (0..25)
        .map(|it| config_map("a", &format!("c{it:02}")))
        .collect();
    objects.push(config_map("a", &long));
    let tally = tally_of(&policies, &objects, Bounds::default());
    let rule = tally.rule("Owners", "owned").expect("it was asked");
    let status = rule.status();
    assert_eq!(status["totalViolations"], 26);
    let violations = status["violations"].as_array().expect("a list");
    // The first twenty by their names, the last of these first.
    let names: Vec<_> = violations.iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(
        (names.len(), names[0], names[19]),
        (20, Some("c19"), Some("c00"))
    );
    assert_eq!(
        violations[0],
        json!({
            "enforcementAction": "deny",
            "group": "",
            "version": "v1",
            "kind": "ConfigMap",
            "name": "c19",
            "namespace": "a",
            "message": "c19 has no owner in a",
        })
    );
    let only = tally_of(&policies, &[config_map("a", &long)], Bounds::default());
    let status = only.rule("Owners", "owned").expect("it").status();
    let message = status["violations"][0]["message"].as_str().expect("text");
    assert_eq!(message, format!("{}...", "x".repeat(253)));
    let nothing = tally_of(&policies, &[], Bounds::default());
    let status = nothing.rule("Owners", "owned").expect("it").status();
    assert_eq!(status, json!({"totalViolations": 0}));
}

#[test]
fn messages_are_cut_between_letters() {
    assert_eq!(cut("short", 5), "short");
    assert_eq!(cut("shorter", 6), "sho...");
    assert_eq!(cut("ääää", 6), "ä...");
    assert_eq!(cut("ääää", 2), "...");
}

#[test]
fn a_report_knows_since_when_and_is_the_same_at_any_time() {
    let policies = policies(&[constraint("owned", &json!({}))]);
    let flavour = Flavour::OpenReports;
    let report = |objects: &[Value]| {
        let tally = tally_of(&policies, objects, Bounds::default());
        reports(&tally).remove(0)
    };
    let one = report(&[config_map("a", "one")]);
    let first = flavour.at(one.clone(), None, 100);
    assert_eq!(
        first["results"][0]["timestamp"],
        json!({"seconds": 100, "nanos": 0})
    );
    assert!(flavour.is_same(&one, &first));
    let two = report(&[config_map("a", "one"), config_map("a", "two")]);
    assert!(!flavour.is_same(&two, &first));
    let second = flavour.at(two.clone(), Some(&first), 200);
    let times = second["results"].as_array().expect("a list").iter();
    let times: Vec<_> = times
        .map(|it| it["timestamp"]["seconds"].as_i64())
        .collect();
    assert_eq!(times, [Some(100), Some(200)]);
    assert!(flavour.is_same(&two, &second));
    let mut foreign = second.clone();
    foreign["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "kyverno"});
    assert!(!flavour.is_same(&two, &foreign));
    let mut edited = second;
    edited["results"][0]["message"] = "nothing to see".into();
    assert!(!flavour.is_same(&two, &edited));
}
