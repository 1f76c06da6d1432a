use serde_json::json;

use super::*;

fn template(message: &str, parameter: &str) -> Value {
    let rego = format!("package one\n\nviolation[{{\"msg\": \"{message}\"}}] {{ true }}\n");
    let properties = json!({parameter: {"type": "string"}});
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "one", "resourceVersion": message},
        "spec": {
            "crd": {"spec": {
                "names": {"kind": "One"},
                "validation": {"openAPIV3Schema": {"type": "object", "properties": properties}},
            }},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    })
}

fn constraint(parameters: &Value) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "One",
        "metadata": {"name": "a"},
        "spec": {"parameters": parameters},
    })
}

/// What is in force of a directory and these: the template's message, the constraint's parameters; and what is said.
fn in_force(kept: &mut Kept, directory: &Policies) -> (String, Vec<Value>, Vec<String>) {
    let policies = kept.settle(directory);
    let rego = policies.templates().next().map(|it| it.source.rego.clone());
    let rego = rego.unwrap_or_default();
    let message = rego.split('"').nth(3).unwrap_or_default().to_owned();
    let parameters = policies.constraints().map(|it| it.parameters.clone());
    let complaints = kept.complaints().into_iter();
    let complaints = complaints.map(|((kind, name), it)| format!("{kind} {name}: {it}"));
    (message, parameters.collect(), complaints.collect())
}

fn good() -> Kept {
    let mut kept = Kept::default();
    assert!(kept.put_template(template("first", "x")));
    assert!(kept.put_constraint(constraint(&json!({"x": "1"}))));
    let expected = ("first".to_owned(), vec![json!({"x": "1"})], vec![]);
    assert_eq!(in_force(&mut kept, &Policies::default()), expected);
    kept
}

#[test]
fn a_bad_new_version_leaves_the_good_old_one() {
    let (mut kept, nothing) = (good(), Policies::default());
    kept.put_template(template("second\" := ", "x"));
    kept.put_constraint(constraint(&json!({"y": "1"})));
    let (message, parameters, complaints) = in_force(&mut kept, &nothing);
    assert_eq!(
        (message.as_str(), parameters),
        ("first", vec![json!({"x": "1"})])
    );
    assert!(
        complaints[0].starts_with("ConstraintTemplate one: template one: rego:3:"),
        "{complaints:?}"
    );
    assert!(
        complaints[1].starts_with("One a: invalid Constraint: unknown fields: "),
        "{complaints:?}"
    );
    for complaint in complaints {
        assert!(
            complaint.ends_with("; the version before stays in force"),
            "{complaint}"
        );
    }
    kept.put_template(template("third", "y"));
    let expected = ("third".to_owned(), vec![json!({"y": "1"})], vec![]);
    assert_eq!(
        in_force(&mut kept, &nothing),
        expected,
        "both are good together"
    );
}

#[test]
fn a_template_waits_for_constraints_that_would_not_hold_by_it() {
    let (mut kept, nothing) = (good(), Policies::default());
    kept.put_template(template("second", "y"));
    let (message, parameters, complaints) = in_force(&mut kept, &nothing);
    assert_eq!(
        (message.as_str(), parameters),
        ("first", vec![json!({"x": "1"})])
    );
    assert!(
        complaints[0].contains("One a, which is in force, would not hold by it: "),
        "{complaints:?}"
    );
    assert!(kept.remove_constraint("One", "a"));
    assert_eq!(
        in_force(&mut kept, &nothing),
        ("second".to_owned(), vec![], vec![])
    );
}

#[test]
fn whoever_was_never_good_is_not_in_force_and_what_is_gone_neither() {
    let (mut kept, nothing) = (Kept::default(), Policies::default());
    kept.put_template(template("bad\" := ", "x"));
    kept.put_constraint(constraint(&json!({})));
    let (_, parameters, complaints) = in_force(&mut kept, &nothing);
    assert!(parameters.is_empty());
    assert!(!complaints[0].contains("stays in force"), "{complaints:?}");
    assert_eq!(
        complaints[1],
        "One a: its ConstraintTemplate is not in force"
    );
    let mut kept = good();
    assert!(kept.remove_template("one"));
    let waits = vec!["One a: its ConstraintTemplate is not in force".to_owned()];
    assert_eq!(
        in_force(&mut kept, &nothing),
        (String::new(), vec![], waits)
    );
    assert!(kept.remove_kind("One") && !kept.remove_kind("One"));
    assert_eq!(
        in_force(&mut kept, &nothing),
        (String::new(), vec![], vec![])
    );
}

/// A status is written every minute, and changes no policy.
#[test]
fn what_says_nothing_new_is_nothing_new() {
    let mut kept = good();
    let mut again = template("first", "x");
    again["metadata"]["resourceVersion"] = json!("2");
    again["metadata"]["managedFields"] = json!([{"manager": "kim"}]);
    again["status"] = json!({"created": true});
    assert!(!kept.put_template(again));
    assert_eq!(kept.templates()[0].status, json!({"created": true}));
    let mut again = constraint(&json!({"x": "1"}));
    again["status"] = json!({"totalViolations": 1});
    assert!(!kept.put_constraint(again));
    assert!(kept.put_constraint(constraint(&json!({"x": "2"}))));
}

#[test]
fn what_the_directory_has_wins_by_name() {
    let mut directory = Policies::default();
    directory.add_template(&template("directory", "x")).unwrap();
    directory
        .add_constraint(&constraint(&json!({"x": "directory"})))
        .unwrap();
    let mut kept = good();
    let mut other = constraint(&json!({"x": "other"}));
    other["metadata"]["name"] = json!("b");
    kept.put_constraint(other);
    let shadowed = "the directory of policies has one of this name";
    let expected = (
        "directory".to_owned(),
        vec![json!({"x": "directory"}), json!({"x": "other"})],
        vec![
            format!("ConstraintTemplate one: {shadowed}"),
            format!("One a: {shadowed}"),
        ],
    );
    assert_eq!(in_force(&mut kept, &directory), expected);
    let own = vec![json!({"x": "1"}), json!({"x": "other"})];
    assert_eq!(
        in_force(&mut kept, &Policies::default()),
        ("first".to_owned(), own, vec![])
    );
}
