//! The oracle says what gator says.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Oracle, Progress, gator, run};
use serde_json::{Value, json};

const REGO: &str = r#"package labels

violation[{"msg": message, "details": {"missing": missing}}] {
  provided := {label | input.review.object.metadata.labels[label]}
  missing := input.parameters.labels[_]
  not provided[missing]
  message := sprintf("%v lacks the label %v", [input.review.object.metadata.name, missing])
}
"#;

#[test]
fn the_oracle_says_what_gator_says() -> Result<()> {
    let labels = json!(["app", "owner", "team"]);
    let found = json!(["web lacks the label app", "web lacks the label team"]);

    let objects = objects(&labels);
    let list = objects.iter().map(Value::to_string);
    let mut command = Command::new(gator(Progress::default())?);
    command.args(["test", "-o", "json"]);
    let outcome = run(&mut command, &list.collect::<Vec<_>>().join("\n"))?;
    ensure!(!outcome.succeeded(), "gator has found nothing: {outcome:?}");
    let by_gator: Value = serde_json::from_str(&outcome.stdout).context("gator wrote no JSON")?;
    assert_eq!(messages(&by_gator), found);

    let oracle = Oracle::start(Progress::default())?;
    let tested = oracle.ask(&json!({"kind": "test", "objects": objects}))?;
    assert_eq!(tested["results"], by_gator);
    let [template, constraint, pod] = objects;
    let review = json!({"object": pod});
    let asked = json!({
        "kind": "violations", "rego": REGO, "parameters": {"labels": labels}, "review": review,
    });
    assert_eq!(messages(&oracle.ask(&asked)?["violations"]), found);
    let asked = json!({"kind": "review", "objects": [template, constraint], "request": review});
    assert_eq!(messages(&oracle.ask(&asked)?["results"]), found);
    Ok(())
}

#[test]
fn each_question_has_an_answer_of_its_own() -> Result<()> {
    let oracle = Oracle::start(Progress::default())?;
    let eval = |query: &str| {
        let module = "package p\nx = 1\ny { false }\nz = 1 { input.n }\nz = 2 { input.n }";
        oracle.ask(&json!({"kind": "eval", "module": module, "query": query, "input": {"n": 1}}))
    };
    assert_eq!(eval("data.p.x")?, json!({"value": 1}));
    assert_eq!(eval("data.p.y")?, json!({"undefined": true}));
    let conflict =
        "module:5: eval_conflict_error: complete rules must not produce multiple outputs";
    assert_eq!(
        eval("data.p.z")?,
        json!({"error": "eval", "message": conflict})
    );

    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "prod-1"}});
    let matches = |block: Value| {
        oracle.ask(&json!({"kind": "match", "match": block, "request": {"object": pod}}))
    };
    assert_eq!(
        matches(json!({"namespaces": ["prod-*"]}))?,
        json!({"matches": true})
    );
    assert_eq!(
        matches(json!({"namespaces": ["*-prod"]}))?,
        json!({"matches": false})
    );
    let unknown = matches(json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}))?;
    assert_eq!(unknown["error"], "match", "{unknown}");

    let misunderstood = oracle.ask(&json!({"kind": "guess"}));
    let message = misunderstood.expect_err("it understood that").to_string();
    assert!(
        message.contains(r#"there is no kind \"guess\""#),
        "{message}"
    );
    // It goes on after that.
    assert_eq!(eval("data.p.x")?, json!({"value": 1}));
    Ok(())
}

/// A template, its constraint and a pod that lacks some of these labels.
fn objects(labels: &Value) -> [Value; 3] {
    let schema = json!({"type": "object", "properties": {
        "labels": {"type": "array", "items": {"type": "string"}},
    }});
    let template = json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "labels"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "Labels"}, "validation": {"openAPIV3Schema": schema}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": REGO}],
        },
    });
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "Labels",
        "metadata": {"name": "labels"},
        "spec": {
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]},
            "parameters": {"labels": labels},
        },
    });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"owner": "kim"}},
    });
    [template, constraint, pod]
}

/// The messages of violations or of gator's results, in order.
fn messages(found: &Value) -> Value {
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    found.iter().map(|one| one["msg"].clone()).collect()
}
