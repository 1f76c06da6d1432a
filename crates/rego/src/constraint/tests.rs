//! Constraints: what is accepted, what Rego sees, and what follows.

use serde_json::{Value, json};

use super::{Action, Constraint, ConstraintError, Point};
use crate::template::Template;

fn template_of(version: &str, validation: Value) -> Template {
    let mut template = json!({
        "apiVersion": format!("templates.gatekeeper.sh/{version}"),
        "kind": "ConstraintTemplate",
        "metadata": {"name": "k8sthing"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "K8sThing"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": "package a"}],
        },
    });
    template["spec"]["crd"]["spec"]["validation"] = validation;
    Template::read(&template).unwrap()
}

fn template() -> Template {
    let schema = json!({
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "count": {"type": "integer", "default": 3},
            "ratio": {"type": "number"},
        },
    });
    template_of("v1", json!({"openAPIV3Schema": schema}))
}

fn constraint(spec: Value) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "K8sThing",
        "metadata": {"name": "thing"},
        "spec": spec,
    })
}

fn read(spec: Value) -> Result<Constraint, ConstraintError> {
    Constraint::read(&constraint(spec), &template())
}

#[test]
fn a_constraint_with_defaults_is_what_rego_and_results_see() {
    let mut document = constraint(json!({"parameters": {"label": "a", "ratio": 2e6}}));
    document["status"] = json!({"anything": true});
    let read = Constraint::read(&document, &template()).unwrap();
    assert_eq!(
        (read.kind.as_str(), read.name.as_str()),
        ("K8sThing", "thing")
    );
    assert_eq!(
        read.parameters,
        json!({"label": "a", "count": 3, "ratio": 2_000_000})
    );
    assert_eq!(read.enforcement_action(), "deny");
    let spec = json!({"enforcementAction": "deny", "parameters": {"label": "a", "ratio": 2e6, "count": 3}});
    assert_eq!(read.document, constraint(spec));
}

#[test]
fn without_parameters_there_are_no_defaults() {
    for document in [
        constraint(json!({})),
        constraint(json!({"enforcementAction": "warn"})),
    ] {
        let read = Constraint::read(&document, &template()).unwrap();
        assert_eq!(read.parameters, json!({}));
    }
    let mut document = constraint(Value::Null);
    document.as_object_mut().unwrap().remove("spec");
    let read = Constraint::read(&document, &template()).unwrap();
    assert_eq!(
        (read.parameters.clone(), read.enforcement_action()),
        (json!({}), "deny")
    );
    // A default of the parameters themselves is one.
    let schema = json!({"type": "object", "default": {}, "properties": {"a": {"type": "string", "default": "x"}}});
    let template = template_of("v1", json!({"openAPIV3Schema": schema}));
    let read = Constraint::read(&constraint(json!({})), &template).unwrap();
    assert_eq!(read.parameters, json!({"a": "x"}));
    // Where any type will do, null does.
    let read = Constraint::read(
        &constraint(json!({"parameters": null})),
        &template_of("v1beta1", Value::Null),
    );
    assert_eq!(read.unwrap().parameters, json!({}));
}

#[test]
fn who_it_is_comes_first() {
    let with = |pointer: &str, value: Value| {
        let mut document = constraint(json!({}));
        *document.pointer_mut(pointer).unwrap() = value;
        Constraint::read(&document, &template()).unwrap_err()
    };
    for (pointer, value, message) in [
        (
            "/metadata/name",
            json!(""),
            "invalid Constraint: metadata.name: is required",
        ),
        (
            "/metadata",
            json!("x"),
            "invalid Constraint: metadata.name: is required",
        ),
        ("/kind", json!(""), "invalid Constraint: kind: is required"),
        (
            "/apiVersion",
            json!("v1"),
            "invalid Constraint: apiVersion: must be of the group \"constraints.gatekeeper.sh\", and is of \"\"",
        ),
        (
            "/apiVersion",
            json!("constraints.gatekeeper.sh/v1"),
            "invalid Constraint: apiVersion: must be of version v1beta1 or v1alpha1, and is of \"v1\"",
        ),
        (
            "/metadata/name",
            json!("My_Thing"),
            "invalid Constraint: metadata.name: must be a DNS subdomain in lower case, and is \"My_Thing\"",
        ),
        (
            "/kind",
            json!("K8sthing"),
            "invalid Constraint: kind: must be \"K8sThing\", and is \"K8sthing\"",
        ),
        (
            "/spec",
            json!("x"),
            "invalid Constraint: spec: must be an object, and is \"x\"",
        ),
        (
            "/spec",
            json!({"match": 1}),
            "invalid Constraint: spec.match: must be an object, and is 1",
        ),
    ] {
        let error = with(pointer, value);
        assert_eq!(error.to_string(), message);
        assert!(!error.is_of_schema());
    }
    let alpha = {
        let mut document = constraint(json!({}));
        document["apiVersion"] = json!("constraints.gatekeeper.sh/v1alpha1");
        document
    };
    assert!(Constraint::read(&alpha, &template()).is_ok());
    assert_eq!(Constraint::template_name(&alpha).unwrap(), "k8sthing");
    assert!(Constraint::is_constraint(&alpha));
    assert!(!Constraint::is_constraint(
        &json!({"apiVersion": "v1", "kind": "K8sThing"})
    ));
}

#[test]
fn the_schema_decides_what_a_suite_calls_invalid() {
    let of_schema = [
        (
            json!({"parameters": {"label": 1}}),
            "spec.parameters.label: must be of type string, and is 1",
        ),
        (
            json!({"parameters": null}),
            "spec.parameters: must be of type object, and is null",
        ),
        (
            json!({"match": null}),
            "spec.match: must be of type object, and is null",
        ),
        (
            json!({"match": {"kinds": [{"kinds": "Pod"}]}}),
            "spec.match.kinds[0].kinds: must be of type array",
        ),
        (
            json!({"match": {"namespaces": ["A"]}}),
            "spec.match.namespaces[0]: must match",
        ),
        (
            json!({"match": {"excludedNamespaces": ["a*b"]}}),
            "spec.match.excludedNamespaces[0]: must match",
        ),
        (
            json!({"match": {"name": "Web"}}),
            "spec.match.name: must match",
        ),
        (
            json!({"match": {"source": "original"}}),
            "spec.match.source: must be one of \"All\"",
        ),
        (
            json!({"match": {"scope": 1}}),
            "spec.match.scope: must be of type string",
        ),
        (
            json!({"enforcementAction": 1}),
            "spec.enforcementAction: must be of type string",
        ),
        (
            json!({"scopedEnforcementActions": "x"}),
            "spec.scopedEnforcementActions: must be of type array",
        ),
        (
            json!({"match": {"labelSelector": {"matchLabels": null}}}),
            "spec.match.labelSelector.matchLabels: must be",
        ),
    ];
    for (spec, message) in of_schema {
        let error = read(spec).unwrap_err();
        assert!(error.is_of_schema(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("schema validation failed: {message}")),
            "{error}"
        );
    }
    let mut long = constraint(json!({}));
    long["metadata"]["name"] = json!("a".repeat(64));
    let error = Constraint::read(&long, &template()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("metadata.name: must be at most 63 characters long"),
        "{error}"
    );

    for (spec, message) in [
        (
            json!({"parameters": {"labels": []}}),
            "invalid Constraint: unknown fields: spec.parameters.labels",
        ),
        (
            json!({"x": 1, "match": {"Kinds": []}}),
            "invalid Constraint: unknown fields: spec.match.Kinds, spec.x",
        ),
        (
            json!({"match": {"labelSelector": {"matchLabels": {"a": 1}}}}),
            "invalid Constraint: spec.match.labelSelector.matchLabels[a]: must be a string, and is 1",
        ),
        (
            json!({"match": {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}),
            "invalid Constraint: spec.match.namespaceSelector.matchExpressions[0].values: is required for In and NotIn",
        ),
    ] {
        let error = read(spec).unwrap_err();
        assert!(!error.is_of_schema());
        assert_eq!(error.to_string(), message);
    }
    // The selector is looked at before the schema.
    let both =
        json!({"parameters": {"label": 1}, "match": {"labelSelector": {"matchLabels": {"-": ""}}}});
    assert!(!read(both).unwrap_err().is_of_schema());
}

#[test]
fn parameters_without_a_schema_are_refused_or_left_alone() {
    let document = constraint(json!({"parameters": {"a": {"b": [1]}}}));
    let error = Constraint::read(&document, &template_of("v1", Value::Null)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid Constraint: unknown fields: spec.parameters"
    );
    let read = Constraint::read(&document, &template_of("v1beta1", Value::Null)).unwrap();
    assert_eq!(read.parameters, json!({"a": {"b": [1]}}));
}

#[test]
fn unscoped_actions_hold_at_every_point() {
    for (word, action) in [
        ("deny", Action::Deny),
        ("warn", Action::Warn),
        ("dryrun", Action::Dryrun),
        ("Deny", Action::Unrecognized),
        ("", Action::Unrecognized),
    ] {
        let read = read(json!({"enforcementAction": word})).unwrap();
        assert_eq!(read.enforcement_action(), word);
        assert_eq!(read.actions_for(Point::Webhook), [action], "{word}");
        assert_eq!(read.actions_for(Point::Gator), [action], "{word}");
        assert!(!read.is_scoped() && read.scoped_actions(Point::Gator).is_empty());
        assert_eq!(
            read.unrecognized_actions().is_empty(),
            action != Action::Unrecognized
        );
    }
    let message = read(json!({"enforcementAction": "block"}))
        .unwrap()
        .unrecognized_actions();
    assert_eq!(
        message,
        ["spec.enforcementAction: \"block\" is none of deny, dryrun, warn and scoped"]
    );
    // Without `scoped`, scoped actions are of no account.
    let scoped = json!([{"action": "warn", "enforcementPoints": [{"name": "*"}]}]);
    let read = read(json!({"scopedEnforcementActions": scoped})).unwrap();
    assert_eq!(read.actions_for(Point::Webhook), [Action::Deny]);
    assert!(read.scoped_actions(Point::Webhook).is_empty());
}

#[test]
fn scoped_actions_hold_at_their_points() {
    let points =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name})).collect() };
    let scoped = read(json!({"enforcementAction": "scoped", "scopedEnforcementActions": [
        {"action": "warn", "enforcementPoints": points(&["validation.gatekeeper.sh", "audit.gatekeeper.sh"])},
        {"action": "deny", "enforcementPoints": points(&["gator.gatekeeper.sh", "validation.gatekeeper.sh"])},
        {"action": "warn", "enforcementPoints": points(&["validation.gatekeeper.sh"])},
        {"action": "block", "enforcementPoints": points(&["elsewhere", "vap.k8s.io"])},
        {"action": "dryrun"},
    ]}))
    .unwrap();
    assert!(scoped.is_scoped());
    assert_eq!(scoped.scoped_actions(Point::Webhook), ["warn", "deny"]);
    assert_eq!(
        scoped.actions_for(Point::Webhook),
        [Action::Deny, Action::Warn]
    );
    assert_eq!(scoped.actions_for(Point::Audit), [Action::Warn]);
    assert_eq!(scoped.actions_for(Point::Gator), [Action::Deny]);
    assert_eq!(
        scoped.actions_for(Point::ValidatingAdmissionPolicy),
        [Action::Unrecognized]
    );
    assert_eq!(
        scoped.unrecognized_actions(),
        [
            "spec.scopedEnforcementActions[3].action: \"block\" is none of deny, dryrun and warn",
            "spec.scopedEnforcementActions[3].enforcementPoints: \"elsewhere\" is none of validation.gatekeeper.sh, \
             audit.gatekeeper.sh, gator.gatekeeper.sh, vap.k8s.io",
            "spec.scopedEnforcementActions[4].enforcementPoints: names no point",
        ]
    );

    let everywhere = read(
        json!({"enforcementAction": "scoped", "scopedEnforcementActions": [
            {"action": "dryrun", "enforcementPoints": points(&["*"])},
        ]}),
    )
    .unwrap();
    assert_eq!(everywhere.actions_for(Point::Audit), [Action::Dryrun]);
    let unknown = read(
        json!({"enforcementAction": "scoped", "scopedEnforcementActions": [
            {"action": "block", "enforcementPoints": points(&["*"])},
            {"action": "halt", "enforcementPoints": points(&["*"])},
        ]}),
    )
    .unwrap();
    assert_eq!(unknown.scoped_actions(Point::Audit), ["block", "halt"]);
    assert_eq!(unknown.actions_for(Point::Audit), [Action::Unrecognized]);
    let nowhere =
        read(json!({"enforcementAction": "scoped", "scopedEnforcementActions": []})).unwrap();
    assert_eq!(nowhere.actions_for(Point::Webhook), []);

    let error = read(json!({"enforcementAction": "scoped"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid Constraint: spec.scopedEnforcementActions: is required if spec.enforcementAction is scoped"
    );
}
