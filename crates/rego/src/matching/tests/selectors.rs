//! Label selectors, and what is refused of a match.

use serde_json::{Value, json};

use super::super::{Match, SelectorError};
use super::{check, namespace, pod, read, review, within};

#[test]
fn label_selectors_have_four_operators() {
    let labelled = |labels: Value| review(pod(json!({"labels": labels})));
    let expression = |operator: &str, values: Value| {
        let mut expression = json!({"key": "env", "operator": operator});
        if !values.is_null() {
            expression["values"] = values;
        }
        json!({"labelSelector": {"matchExpressions": [expression]}})
    };
    let nothing = Value::Null;
    check([
        (json!({"labelSelector": {}}), labelled(json!({})), true),
        (
            json!({"labelSelector": {"matchLabels": {"env": "prod"}}}),
            labelled(json!({"env": "prod"})),
            true,
        ),
        (
            json!({"labelSelector": {"matchLabels": {"env": "prod"}}}),
            labelled(json!({"env": "dev"})),
            false,
        ),
        (
            json!({"labelSelector": {"matchLabels": {"env": "prod"}}}),
            labelled(json!({})),
            false,
        ),
        (
            json!({"labelSelector": {"matchLabels": {"env": ""}}}),
            labelled(json!({})),
            false,
        ),
        (
            json!({"labelSelector": {"matchLabels": {"a": "1", "b": "2"}}}),
            labelled(json!({"a": "1"})),
            false,
        ),
        (
            expression("In", json!(["prod", "test"])),
            labelled(json!({"env": "test"})),
            true,
        ),
        (
            expression("In", json!(["prod"])),
            labelled(json!({"env": "dev"})),
            false,
        ),
        (
            expression("In", json!(["prod"])),
            labelled(json!({})),
            false,
        ),
        (
            expression("NotIn", json!(["prod"])),
            labelled(json!({"env": "dev"})),
            true,
        ),
        (
            expression("NotIn", json!(["prod"])),
            labelled(json!({"env": "prod"})),
            false,
        ),
        (
            expression("NotIn", json!(["prod"])),
            labelled(json!({})),
            true,
        ),
        (
            expression("Exists", nothing.clone()),
            labelled(json!({"env": ""})),
            true,
        ),
        (
            expression("Exists", nothing.clone()),
            labelled(json!({})),
            false,
        ),
        (
            expression("DoesNotExist", nothing.clone()),
            labelled(json!({"env": "x"})),
            false,
        ),
        (
            expression("DoesNotExist", nothing),
            labelled(json!({})),
            true,
        ),
    ]);
}

#[test]
fn labels_that_are_no_texts_are_no_labels_at_all_but_for_nulls() {
    let selects = json!({"labelSelector": {"matchLabels": {"a": "1"}}});
    let empty = json!({"labelSelector": {"matchLabels": {"a": ""}}});
    let absent =
        json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}});
    let labelled = |labels: Value| review(pod(json!({"labels": labels})));
    check([
        (selects.clone(), labelled(json!({"a": "1", "b": 2})), false),
        (absent.clone(), labelled(json!({"a": "1", "b": 2})), true),
        (selects, labelled(json!({"a": "1", "b": null})), true),
        (empty, labelled(json!({"a": null})), true),
        (absent.clone(), labelled(Value::Null), true),
        (absent.clone(), labelled(json!(["a"])), true),
        (
            absent,
            review(json!({"kind": "Pod", "metadata": "text"})),
            true,
        ),
    ]);
}

#[test]
fn namespace_selectors_look_at_the_namespace_or_at_the_namespace_itself() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "a", "labels": {"env": "dev"}}});
    let prod = json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}});
    let (in_prod, in_dev) = (
        namespace("a", json!({"env": "prod"})),
        namespace("a", json!({"env": "dev"})),
    );
    check([
        (
            prod.clone(),
            within(pod(json!({"namespace": "a"})), in_prod.clone()),
            true,
        ),
        (
            prod.clone(),
            within(
                pod(json!({"namespace": "a", "labels": {"env": "prod"}})),
                in_dev.clone(),
            ),
            false,
        ),
        (prod.clone(), review(in_prod.clone()), true),
        (prod.clone(), review(in_dev.clone()), false),
        (prod.clone(), within(in_dev.clone(), in_prod), false),
        (prod.clone(), review(role.clone()), true),
        // An object that names no namespace is the cluster's, unless its Namespace is known.
        (prod.clone(), review(pod(json!({}))), true),
        (prod.clone(), within(role, in_dev), false),
    ]);

    let missing = review(pod(json!({"name": "web", "namespace": "a"})));
    let error = read(&prod).matches(&missing).unwrap_err();
    assert_eq!(
        error.rejection(),
        "unable to match constraints: error matching the requested object: web :failed to run Match criteria: \
         namespace selector for namespace-scoped object but missing Namespace"
    );
    // Who does not match anyway is not asked for a Namespace.
    let mut criteria = prod;
    criteria["kinds"] = json!([{"kinds": ["Deployment"]}]);
    assert_eq!(read(&criteria).matches(&missing), Ok(false));
}

#[test]
fn what_go_refuses_is_refused_with_its_path() {
    for (criteria, message) in [
        (json!([]), "spec.match: must be an object, and is []"),
        (
            json!({"labelSelector": []}),
            "spec.match.labelSelector: must be an object, and is []",
        ),
        (
            json!({"labelSelector": null}),
            "spec.match.labelSelector: must be an object, and is null",
        ),
        (
            json!({"labelSelector": {"matchLabels": {"a": 1}}}),
            "spec.match.labelSelector.matchLabels[a]: must be a string, and is 1",
        ),
        (
            json!({"namespaces": "a"}),
            "spec.match.namespaces: must be a list, and is \"a\"",
        ),
        (
            json!({"kinds": [{"kinds": [1]}]}),
            "spec.match.kinds[0].kinds[0]: must be a string, and is 1",
        ),
        (
            json!({"name": 5}),
            "spec.match.name: must be a string, and is 5",
        ),
    ] {
        let error = Match::read(Some(&criteria)).unwrap_err();
        assert!(matches!(error, SelectorError::WrongType(_)), "{criteria}");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn selectors_that_are_none_are_refused() {
    let key = "must be 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at either end, and the key is";
    let value = "must be at most 63 letters, digits, '-', '_' or '.', with a letter or digit at either end, and is";
    for (selector, path, detail) in [
        (
            json!({"matchLabels": {"a b": ""}}),
            "matchLabels[a b]",
            format!("{key} \"a b\""),
        ),
        (
            json!({"matchLabels": {"a": "b c"}}),
            "matchLabels[a]",
            format!("{value} \"b c\""),
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}),
            "matchExpressions[0].operator",
            "must be In, NotIn, Exists or DoesNotExist, and is \"in\"".to_owned(),
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
            "matchExpressions[0].values",
            "is required for In and NotIn".to_owned(),
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": []}]}),
            "matchExpressions[0].values",
            "is required for In and NotIn".to_owned(),
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
            "matchExpressions[0].values",
            "must be empty for Exists and DoesNotExist".to_owned(),
        ),
        (
            json!({"matchExpressions": [{"operator": "Exists"}]}),
            "matchExpressions[0].key",
            format!("{key} \"\""),
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "-"]}]}),
            "matchExpressions[0].values[1]",
            format!("{value} \"-\""),
        ),
    ] {
        for name in ["labelSelector", "namespaceSelector"] {
            let mut criteria = json!({});
            criteria[name] = selector.clone();
            let error = Match::read(Some(&criteria)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("spec.match.{name}.{path}: {detail}")
            );
        }
    }
}
