//! Templates and constraints together.
#![allow(clippy::expect_used, reason = "a test may fail loudly")]

use std::time::Duration;

use basphere_rego::constraint::{Action, Point};
use basphere_rego::policies::LoadError;
use basphere_rego::{Policies, Review, Source};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(5);

fn template(rego: &str) -> Value {
    let labels = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "requiredlabels"},
        "spec": {
            "crd": {"spec": {
                "names": {"kind": "RequiredLabels"},
                "validation": {"openAPIV3Schema": {"type": "object", "properties": {"labels": labels}}},
            }},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    })
}

fn constraint(name: &str, labels: &[&str], action: &str) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "RequiredLabels",
        "metadata": {"name": name},
        "spec": {
            "enforcementAction": action,
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]},
            "parameters": {"labels": labels},
        },
    })
}

const REGO: &str = r#"package requiredlabels
violation[{"msg": msg, "details": {"missing": missing}}] {
  provided := {label | input.review.object.metadata.labels[label]}
  required := {label | label := input.parameters.labels[_]}
  missing := required - provided
  count(missing) > 0
  msg := sprintf("you must provide labels: %v", [missing])
}
"#;

fn said(policies: &Policies, kind: &str) -> Vec<(String, Vec<Action>, Value)> {
    let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "labels": {"app": "web"}}});
    let review = Review::of_object(object, Some("CREATE"), Source::Original).expect("an object");
    let findings = policies.review(&review, Point::Webhook, &json!({}).into(), LIMIT);
    let findings = findings.into_iter();
    findings
        .map(|it| (it.name.to_owned(), it.actions, it.violation.message))
        .collect()
}

fn policies() -> Policies {
    let mut policies = Policies::default();
    policies.add_template(&template(REGO)).expect("a template");
    for (name, label, action) in [
        ("a-team", "team", "deny"),
        ("b-app", "app", "deny"),
        ("c-cost", "cost", "warn"),
    ] {
        policies
            .add_constraint(&constraint(name, &[label], action))
            .expect("a constraint");
    }
    policies
}

#[test]
fn each_constraint_that_matches_says_what_it_finds() {
    let expected = vec![
        (
            "a-team".to_owned(),
            vec![Action::Deny],
            json!("you must provide labels: {\"team\"}"),
        ),
        (
            "c-cost".to_owned(),
            vec![Action::Warn],
            json!("you must provide labels: {\"cost\"}"),
        ),
    ];
    assert_eq!(said(&policies(), "Pod"), expected);
    assert_eq!(said(&policies(), "Service"), vec![]);
}

#[test]
fn a_bad_template_leaves_the_good_one() {
    let mut policies = policies();
    let before = said(&policies, "Pod");
    let error = policies.add_template(&template("package a\nviolation[x] { x := y }"));
    let error = error.expect_err("unsafe").to_string();
    assert_eq!(
        error,
        "template requiredlabels: rego:2:16: vars x, y are unsafe"
    );
    assert_eq!(said(&policies, "Pod"), before);
}

#[test]
fn a_template_that_is_made_anew_keeps_its_constraints() {
    let mut policies = policies();
    let rego = "package a\nviolation[{\"msg\": \"no\"}] { true }";
    let lost = policies.add_template(&template(rego)).expect("a template");
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(said(&policies, "Pod").len(), 3);
}

#[test]
fn a_constraint_needs_its_template() {
    let error = Policies::default().add_constraint(&constraint("a", &[], "deny"));
    assert!(matches!(error, Err(LoadError::NoTemplate(name)) if name == "requiredlabels"));
}

#[test]
fn a_rule_that_fails_denies_and_says_which() {
    let mut policies = policies();
    let rego = "package a\np = 1 { true }\np = 2 { true }\nviolation[{\"msg\": \"m\"}] { p == 1 }";
    policies.add_template(&template(rego)).expect("a template");
    let said = said(&policies, "Pod");
    let first = said.first().expect("a violation");
    assert_eq!(first.1, vec![Action::Deny]);
    assert_eq!(
        first.2,
        "p: complete rules must not produce multiple outputs"
    );
}
