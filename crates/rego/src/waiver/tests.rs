use serde_json::json;

use super::*;
use crate::review::Source;

const NOW: &str = "2026-06-01T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A waiver for Pods of `legacy`, until the end of the year.
fn document() -> Value {
    json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "PolicyWaiver",
        "metadata": {"name": "old-web"},
        "spec": {
            "reason": "the vendor mends it",
            "expires": "2026-12-31T00:00:00Z",
            "grantedBy": "root",
            "constraints": [{"kind": "HostNetwork", "name": "no-*"}],
            "match": {
                "kinds": [{"apiGroups": [""], "kinds": ["Pod"]}],
                "namespaces": ["legacy"],
            },
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    parent
        .as_object_mut()
        .unwrap()
        .insert(name.to_owned(), value);
    document
}

fn pod(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}})
}

fn review(object: Value) -> Review {
    let mut review = Review::of_object(object, Some("CREATE"), Source::Original).unwrap();
    let user = json!({"username": "kim", "groups": ["dev", "system:authenticated"]});
    review.request.insert("userInfo".to_owned(), user);
    review
}

#[track_caller]
fn covers(document: &Value, object: Value) -> bool {
    let waiver = Waiver::read(document).unwrap();
    waiver.covers("HostNetwork", "no-ports", &review(object), now())
}

fn refusal(document: &Value) -> String {
    Waiver::read(document).unwrap_err().to_string()
}

#[test]
fn every_bound_of_the_scope_must_hold() {
    assert!(covers(&document(), pod("legacy", "web")));
    assert!(!covers(&document(), pod("other", "web")), "namespaces");
    let mut service = pod("legacy", "web");
    service["kind"] = json!("Service");
    assert!(!covers(&document(), service), "kinds");
    let named = with("/spec/match/name", json!("web-*"));
    assert!(covers(&named, pod("legacy", "web-1")));
    assert!(!covers(&named, pod("legacy", "shop-1")), "name");
    let excluded = with("/spec/match/excludedNamespaces", json!(["leg*"]));
    assert!(
        !covers(&excluded, pod("legacy", "web")),
        "excludedNamespaces"
    );
    let labels = with(
        "/spec/match/labelSelector",
        json!({"matchLabels": {"app": "web"}}),
    );
    assert!(!covers(&labels, pod("legacy", "web")), "labelSelector");
    let mut labelled = pod("legacy", "web");
    labelled["metadata"]["labels"] = json!({"app": "web"});
    assert!(covers(&labels, labelled));
}

#[test]
fn only_the_constraints_that_are_named_are_waived() {
    let waiver = Waiver::read(&document()).unwrap();
    let review = review(pod("legacy", "web"));
    let covers = |kind, name| waiver.covers(kind, name, &review, now());
    assert!(covers("HostNetwork", "no-ports"));
    assert!(!covers("HostNetwork", "ports"), "the name");
    assert!(!covers("HostPath", "no-ports"), "the kind");
}

#[test]
fn it_ends_at_its_second() {
    let waiver = Waiver::read(&document()).unwrap();
    let review = review(pod("legacy", "web"));
    let at = |time: &str| waiver.covers("HostNetwork", "no-ports", &review, time.parse().unwrap());
    assert!(at("2026-12-30T23:59:59.999Z"));
    assert!(!at("2026-12-31T00:00:00Z"));
}

#[test]
fn subjects_are_users_groups_and_service_accounts() {
    let is_for = |subject: Value, user: Value| {
        let waiver = Waiver::read(&with("/spec/subjects", json!([subject]))).unwrap();
        let mut review = review(pod("legacy", "web"));
        review.request.insert("userInfo".to_owned(), user);
        waiver.covers("HostNetwork", "no-ports", &review, now())
    };
    let kim = json!({"username": "kim", "groups": ["dev"]});
    let robot = json!({"username": "system:serviceaccount:ci:robot"});
    let user = |name: &str| json!({"kind": "User", "name": name});
    assert!(is_for(user("k*"), kim.clone()));
    assert!(!is_for(user("lee"), kim.clone()));
    assert!(!is_for(user("*"), json!({})), "nobody is known");
    let group = |name: &str| json!({"kind": "Group", "name": name});
    assert!(is_for(group("dev"), kim.clone()));
    assert!(!is_for(group("kim"), kim.clone()));
    let account = |namespace: &str, name: &str| json!({"kind": "ServiceAccount", "namespace": namespace, "name": name});
    assert!(is_for(account("ci", "*"), robot.clone()));
    assert!(!is_for(account("cd", "robot"), robot.clone()));
    assert!(!is_for(account("ci", "other"), robot));
    assert!(!is_for(account("*", "*"), kim));
}

/// A constraint takes the object before into account; an exception that did so would outlive the label it is for.
#[test]
fn only_the_object_as_it_would_be_stored_counts() {
    let labels = with(
        "/spec/match/labelSelector",
        json!({"matchLabels": {"app": "web"}}),
    );
    let mut before = pod("legacy", "web");
    before["metadata"]["labels"] = json!({"app": "web"});
    let mut review = review(pod("legacy", "web"));
    review.request.insert("oldObject".to_owned(), before);
    let waiver = Waiver::read(&labels).unwrap();
    assert_eq!(waiver.matches.matches(&review), Ok(true));
    assert!(!waiver.covers("HostNetwork", "no-ports", &review, now()));
}

#[test]
fn an_object_of_the_cluster_is_in_no_namespace_that_is_named() {
    let role = || json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}});
    let everything = json!([{"apiGroups": ["*"], "kinds": ["*"]}]);
    let anything = |namespaces: Value| {
        let mut document = with("/spec/match/namespaces", namespaces);
        document["spec"]["match"]["kinds"] = everything.clone();
        document
    };
    assert!(!covers(&anything(json!(["legacy", "leg*"])), role()));
    assert!(covers(&anything(json!(["*"])), role()));
    let namespace =
        || json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "legacy"}});
    assert!(covers(&anything(json!(["legacy"])), namespace()));
    let mut selected = anything(json!(["*"]));
    let selector = json!({"matchLabels": {"team": "web"}});
    selected["spec"]["match"]["namespaceSelector"] = selector;
    assert!(!covers(&selected, role()));
}

#[test]
fn what_cannot_be_decided_is_not_waived() {
    let selector = json!({"matchLabels": {"team": "web"}});
    let selected = with("/spec/match/namespaceSelector", selector);
    assert!(
        !covers(&selected, pod("legacy", "web")),
        "no Namespace is known"
    );
    let waiver = Waiver::read(&selected).unwrap();
    let mut review = review(pod("legacy", "web"));
    review.namespace = Some(json!({"metadata": {"name": "legacy", "labels": {"team": "web"}}}));
    assert!(waiver.covers("HostNetwork", "no-ports", &review, now()));
}

#[test]
fn a_name_is_the_name_whatever_stands_beside_it() {
    let named = with("/spec/match/name", json!("web-*"));
    let mut generated = pod("legacy", "web-1");
    generated["metadata"] = json!({"namespace": "legacy", "generateName": "web-"});
    assert!(covers(&named, generated.clone()));
    generated["metadata"]["name"] = json!("shop");
    assert!(!covers(&named, generated));
}

#[test]
fn what_bounds_nothing_is_refused_in_clear_words() {
    let everywhere = "spec: would waive for everybody everywhere: name match.namespaces, match.namespaceSelector or \
                      subjects; namespaces: [\"*\"] says everywhere";
    for criteria in [
        json!(null),
        json!({}),
        json!({"namespaces": []}),
        json!({"namespaceSelector": {}}),
        json!({"namespaceSelector": {"matchLabels": {}}}),
        json!({"name": "web-*"}),
        json!({"labelSelector": {"matchLabels": {"app": "web"}}}),
        json!({"excludedNamespaces": ["kube-system"]}),
        json!({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}),
    ] {
        assert_eq!(
            refusal(&with("/spec/match", criteria.clone())),
            everywhere,
            "{criteria}"
        );
    }
    for (criteria, place) in [
        (json!({"namespaces": ["*"]}), "/spec/match"),
        (
            json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}),
            "/spec/match",
        ),
        (json!([{"kind": "User", "name": "kim"}]), "/spec/subjects"),
    ] {
        let mut document = with("/spec/match", json!({}));
        document["spec"][place.trim_start_matches("/spec/")] = criteria.clone();
        assert!(Waiver::read(&document).is_ok(), "{criteria}");
    }
}

#[test]
fn what_is_missing_or_unknown_is_refused() {
    for (pointer, value, words) in [
        (
            "/apiVersion",
            json!("basphere.dev/v1"),
            "apiVersion: must be of version v1alpha1, and is of \"v1\"",
        ),
        ("/metadata/name", json!(""), "metadata.name: is required"),
        ("/spec/reason", json!(" \n"), "spec.reason: is required"),
        (
            "/spec/grantedBy",
            json!(null),
            "spec.grantedBy: is required",
        ),
        ("/spec/expires", json!(null), "spec.expires: is required"),
        (
            "/spec/expires",
            json!("never"),
            "spec.expires: must be a time such as 2026-12-31T00:00:00Z, and is \"never\"",
        ),
        (
            "/spec/expires",
            json!("2026-12-31"),
            "spec.expires: must be a time such as 2026-12-31T00:00:00Z, and is \"2026-12-31\"",
        ),
        (
            "/spec/constraints",
            json!([]),
            "spec.constraints: names no constraint; write kind and name, \"*\" for all",
        ),
        (
            "/spec/constraints",
            json!([{"kind": "A"}]),
            "spec.constraints[0].name: is required",
        ),
        (
            "/spec/constraints",
            json!([{"kind": "A", "name": "a*b"}]),
            "spec.constraints[0].name: may have an asterisk at its ends only, and is \"a*b\"",
        ),
        (
            "/spec/constraint",
            json!([]),
            "spec: has no field \"constraint\"; there are reason, expires, grantedBy, requestedBy, constraints, match, subjects",
        ),
        (
            "/spec/match/namespace",
            json!("a"),
            "spec.match: has no field \"namespace\"; there are kinds, namespaces, excludedNamespaces, labelSelector, namespaceSelector, name",
        ),
        (
            "/spec/match/name",
            json!(null),
            "spec.match.name: is required",
        ),
        (
            "/spec/match/kinds",
            json!([{"kinds": ["Pod"]}]),
            "spec.match.kinds[0].apiGroups: is required, with \"*\" for all",
        ),
        (
            "/spec/match/labelSelector",
            json!({"matchlabels": {}}),
            "spec.match.labelSelector: has no field \"matchlabels\"; there are matchLabels, matchExpressions",
        ),
        (
            "/spec/match/labelSelector",
            json!({"matchExpressions": [{"key": "a", "operator": "Is"}]}),
            "spec.match.labelSelector.matchExpressions[0].operator: must be In, NotIn, Exists or DoesNotExist, and is \"Is\"",
        ),
        (
            "/spec/subjects",
            json!([{"kind": "Robot", "name": "a"}]),
            "spec.subjects[0].kind: must be User, Group or ServiceAccount, and is \"Robot\"",
        ),
        (
            "/spec/subjects",
            json!([{"kind": "ServiceAccount", "name": "a"}]),
            "spec.subjects[0].namespace: is required",
        ),
        (
            "/spec/subjects",
            json!([{"kind": "User", "name": "a", "namespace": "b"}]),
            "spec.subjects[0].namespace: only a ServiceAccount has one",
        ),
        (
            "/spec/match/namespaces",
            json!("legacy"),
            "spec.match.namespaces: must be a list, and is \"legacy\"",
        ),
    ] {
        assert_eq!(refusal(&with(pointer, value)), words);
    }
}

#[test]
fn of_several_the_one_that_holds_longest_is_named() {
    let named = |name: &str, expires: &str| {
        let mut document = with("/spec/expires", json!(expires));
        document["metadata"]["name"] = json!(name);
        Waiver::read(&document).unwrap()
    };
    let waivers = [
        named("gone", "2026-01-01T00:00:00Z"),
        named("c", "2026-08-01T00:00:00Z"),
        named("b", "2026-07-01T00:00:00Z"),
        named("d", "2026-08-01T00:00:00Z"),
    ];
    let review = review(pod("legacy", "web"));
    let constraint = ("HostNetwork", "no-ports");
    let found = covering(&waivers, constraint, &review, now());
    assert_eq!(found.map(|it| it.name.as_str()), Some("c"));
    assert!(covering(&waivers, ("Other", "no-ports"), &review, now()).is_none());
}

#[test]
fn an_excuse_always_says_who_and_until_when() {
    let waiver = Waiver::read(&document()).unwrap();
    let all = "[no-ports] it has ports (waived until 2026-12-31 by old-web: the vendor mends it)";
    assert_eq!(waiver.excuse("[no-ports] it has ports", 109), all);
    let long = "many words ".repeat(20);
    let cut = waiver.excuse(&long, 109);
    assert_eq!(cut.chars().count(), 109, "{cut}");
    assert!(cut.starts_with("many words many"), "{cut}");
    assert!(
        cut.ends_with("… (waived until 2026-12-31 by old-web: the vendor mends it)"),
        "{cut}"
    );
    let mut document = with("/spec/reason", json!(long));
    document["spec"]["expires"] = json!("2026-12-31T06:30:00+01:00");
    let waiver = Waiver::read(&document).unwrap();
    let cut = waiver.excuse("[no-ports] it has ports", 109);
    assert!(
        cut.starts_with(
            "[no-ports] it has ports (waived until 2026-12-31T05:30:00Z by old-web: many"
        ),
        "{cut}"
    );
    assert!(cut.chars().count() <= 109, "{cut}");
}
