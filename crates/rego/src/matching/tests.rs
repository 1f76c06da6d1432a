//! Every criterion by itself, then together, as tables.

mod selectors;

use serde_json::{Value, json};

use super::glob::Glob;
use super::{Match, MatchError};
use crate::review::{Review, Source};

fn read(criteria: &Value) -> Match {
    Match::read(Some(criteria)).unwrap()
}

fn review(object: Value) -> Review {
    Review::of_object(object, None, Source::Original).unwrap()
}

fn within(object: Value, namespace: Value) -> Review {
    let mut review = review(object);
    review.namespace = Some(namespace);
    review
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn pod(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
}

/// Matches each row's criteria with its review.
fn check(rows: impl IntoIterator<Item = (Value, Review, bool)>) {
    for (criteria, review, expected) in rows {
        let matched = read(&criteria).matches(&review);
        assert_eq!(matched, Ok(expected), "{criteria} of {:?}", review.request);
    }
}

#[test]
fn globs_have_an_asterisk_at_either_end() {
    for (glob, name, matches, generated) in [
        ("kube-system", "kube-system", true, false),
        ("kube-system", "kube-system2", false, false),
        ("kube-", "kube-system", false, false),
        ("kube-*", "kube-system", true, true),
        ("kube-*", "kube", false, false),
        ("*-system", "kube-system", true, false),
        ("*-system", "kube-systems", false, false),
        ("*-kube-*", "a-kube-b", true, true),
        ("*-kube-*", "a-kub-b", false, false),
        ("*", "anything", true, true),
        ("**", "any:thing", true, true),
        ("a*b", "a*b", true, false),
        ("a*b", "aXb", false, false),
        ("***", "a*b", true, true),
        ("***", "ab", false, false),
    ] {
        assert_eq!(Glob::new(glob).matches(name), matches, "{glob} {name}");
        assert_eq!(
            Glob::new(glob).matches_generated(name),
            generated,
            "{glob} {name}"
        );
    }
}

#[test]
fn without_criteria_everything_matches_also_what_is_nothing() {
    let mut nothing = review(pod(json!({})));
    nothing.request.remove("object");
    assert_eq!(Match::read(None).unwrap().matches(&nothing), Ok(true));
    assert_eq!(read(&json!({})).matches(&nothing), Err(MatchError::Nothing));
    assert_eq!(
        MatchError::Nothing.rejection(),
        "unable to match constraints: invalid request object: neither object nor old object are defined"
    );
    check([(json!({}), review(pod(json!({"name": "a"}))), true)]);
}

#[test]
fn kinds_are_alternatives_of_groups_and_kinds() {
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
    let kinds = |entries: Value| json!({"kinds": entries});
    check([
        (kinds(json!([])), review(deployment.clone()), true),
        (kinds(json!([{}])), review(deployment.clone()), true),
        (
            kinds(json!([{"kinds": ["Deployment"]}])),
            review(deployment.clone()),
            true,
        ),
        (
            kinds(json!([{"kinds": ["deployment"]}])),
            review(deployment.clone()),
            false,
        ),
        (
            kinds(json!([{"kinds": ["*"], "apiGroups": ["apps"]}])),
            review(deployment.clone()),
            true,
        ),
        (
            kinds(json!([{"kinds": ["Pod", "*"], "apiGroups": ["", "*"]}])),
            review(deployment.clone()),
            true,
        ),
        (
            kinds(json!([{"kinds": ["Deployment"], "apiGroups": [""]}])),
            review(deployment.clone()),
            false,
        ),
        (
            kinds(json!([{"kinds": ["Dep*"]}])),
            review(deployment.clone()),
            false,
        ),
        (
            kinds(json!([{"kinds": ["Pod"]}, {"apiGroups": ["apps"]}])),
            review(deployment.clone()),
            true,
        ),
        (
            kinds(json!([{"kinds": ["Pod"], "apiGroups": ["apps"]}, {"apiGroups": ["batch"]}])),
            review(deployment),
            false,
        ),
        (
            kinds(json!([{"apiGroups": [""], "kinds": ["Pod"]}])),
            review(pod(json!({}))),
            true,
        ),
    ]);
}

#[test]
fn an_index_of_kinds_passes_over_nothing_that_would_match() {
    let criteria =
        json!({"kinds": [{"apiGroups": ["apps"], "kinds": ["Deployment"]}, {"kinds": ["Pod"]}]});
    let criteria = read(&criteria);
    assert!(criteria.may_match_kind("apps", "Deployment"));
    assert!(criteria.may_match_kind("other", "Pod"));
    assert!(!criteria.may_match_kind("", "Deployment"));
    assert!(Match::read(None).unwrap().may_match_kind("any", "Thing"));
    assert!(read(&json!({"scope": "Cluster"})).may_match_kind("", "Pod"));
}

#[test]
fn the_group_is_of_the_objects_api_version_and_not_of_the_request() {
    let mut odd = review(pod(json!({"name": "a"})));
    odd.request.insert(
        "kind".into(),
        json!({"group": "apps", "version": "v1", "kind": "Deployment"}),
    );
    check([
        (json!({"kinds": [{"kinds": ["Pod"]}]}), odd.clone(), true),
        (json!({"kinds": [{"kinds": ["Deployment"]}]}), odd, false),
    ]);
}

#[test]
fn scope_is_of_the_cluster_for_namespaces_too() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}});
    let other = json!({"apiVersion": "x.io/v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "b"}});
    let ns = namespace("a", json!({}));
    let (cluster, namespaced) = (json!({"scope": "Cluster"}), json!({"scope": "Namespaced"}));
    check([
        (
            cluster.clone(),
            review(pod(json!({"namespace": "a"}))),
            false,
        ),
        (cluster.clone(), within(pod(json!({})), ns.clone()), false),
        (cluster.clone(), review(role.clone()), true),
        (cluster.clone(), review(ns.clone()), true),
        (cluster.clone(), within(ns.clone(), ns.clone()), true),
        (cluster, review(other.clone()), false),
        (
            namespaced.clone(),
            review(pod(json!({"namespace": "a"}))),
            true,
        ),
        (namespaced.clone(), within(pod(json!({})), ns.clone()), true),
        (namespaced.clone(), review(role.clone()), false),
        (namespaced.clone(), within(ns.clone(), ns), false),
        (namespaced, review(other), true),
        (json!({"scope": "*"}), review(role.clone()), true),
        (
            json!({"scope": "cluster"}),
            review(pod(json!({"namespace": "a"}))),
            true,
        ),
        (json!({"scope": ""}), review(role), true),
    ]);
}

#[test]
fn namespaces_are_those_of_the_object_or_its_own_name() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "prod"}});
    let named = |glob: &str| json!({"namespaces": [glob]});
    check([
        (
            named("prod"),
            review(pod(json!({"namespace": "prod"}))),
            true,
        ),
        (
            named("prod"),
            review(pod(json!({"namespace": "production"}))),
            false,
        ),
        (
            named("prod*"),
            review(pod(json!({"namespace": "production"}))),
            true,
        ),
        (
            json!({"namespaces": ["a", "*tion"]}),
            review(pod(json!({"namespace": "production"}))),
            true,
        ),
        (
            json!({"namespaces": []}),
            review(pod(json!({"namespace": "prod"}))),
            true,
        ),
        // The Namespace that is known wins over what the object says.
        (
            named("prod"),
            within(
                pod(json!({"namespace": "dev"})),
                namespace("prod", json!({})),
            ),
            true,
        ),
        (
            named("dev"),
            within(
                pod(json!({"namespace": "dev"})),
                namespace("prod", json!({})),
            ),
            false,
        ),
        (named("prod"), review(namespace("prod", json!({}))), true),
        (named("prod"), review(namespace("dev", json!({}))), false),
        (
            named("dev"),
            within(namespace("prod", json!({})), namespace("dev", json!({}))),
            false,
        ),
        (named("dev"), review(role), true),
        (named("dev"), review(pod(json!({}))), true),
    ]);
}

#[test]
fn excluded_namespaces_never_exclude_what_is_in_none() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "kube-system"}});
    let kube = json!({"excludedNamespaces": ["kube-*"]});
    check([
        (
            kube.clone(),
            review(pod(json!({"namespace": "kube-system"}))),
            false,
        ),
        (kube.clone(), review(pod(json!({"namespace": "dev"}))), true),
        (
            kube.clone(),
            within(
                pod(json!({"namespace": "dev"})),
                namespace("kube-public", json!({})),
            ),
            false,
        ),
        (
            kube.clone(),
            review(namespace("kube-system", json!({}))),
            false,
        ),
        (kube.clone(), review(namespace("dev", json!({}))), true),
        (kube.clone(), review(role), true),
        (kube, review(pod(json!({}))), true),
        (
            json!({"excludedNamespaces": []}),
            review(pod(json!({"namespace": "dev"}))),
            true,
        ),
        (
            json!({"namespaces": ["dev"], "excludedNamespaces": ["d*"]}),
            review(pod(json!({"namespace": "dev"}))),
            false,
        ),
    ]);
}

#[test]
fn names_match_what_will_be_generated_too() {
    let name = |glob: &str| json!({"name": glob});
    check([
        (name(""), review(pod(json!({"name": "web"}))), true),
        (name("web"), review(pod(json!({"name": "web"}))), true),
        (name("web"), review(pod(json!({"name": "web-1"}))), false),
        (name("web-*"), review(pod(json!({"name": "web-1"}))), true),
        (name("*-1"), review(pod(json!({"name": "web-1"}))), true),
        (
            name("web-*"),
            review(pod(json!({"generateName": "web-"}))),
            true,
        ),
        (
            name("web-"),
            review(pod(json!({"generateName": "web-"}))),
            false,
        ),
        (
            name("*-"),
            review(pod(json!({"generateName": "web-"}))),
            false,
        ),
        (name("web"), review(pod(json!({}))), false),
        (name("web"), review(pod(json!({"name": 5}))), false),
    ]);
}

#[test]
fn a_source_must_be_known_where_it_is_asked_for() {
    let of = |source: Option<Source>| {
        let mut review = review(pod(json!({"name": "web"})));
        review.source = source;
        review
    };
    let (original, generated) = (Some(Source::Original), Some(Source::Generated));
    check([
        (json!({"source": "Original"}), of(original), true),
        (json!({"source": "Original"}), of(generated), false),
        (json!({"source": "Generated"}), of(generated), true),
        (json!({"source": "Generated"}), of(original), false),
        (json!({"source": "All"}), of(None), true),
        (json!({}), of(None), true),
    ]);
    for (word, source, reason) in [
        (
            "Original",
            None,
            "source field not specified for resource web",
        ),
        ("original", original, "invalid source field \"original\""),
    ] {
        let error = read(&json!({"source": word}))
            .matches(&of(source))
            .unwrap_err();
        let text = format!(
            "error matching the requested object: web :failed to run Match criteria: {reason}"
        );
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn either_the_object_or_the_one_before_is_enough() {
    let update = |new: &str, old: &str| {
        let mut review = review(pod(json!({"labels": {"env": new}})));
        review
            .request
            .insert("oldObject".into(), pod(json!({"labels": {"env": old}})));
        review
    };
    let prod = json!({"labelSelector": {"matchLabels": {"env": "prod"}}});
    check([
        (prod.clone(), update("prod", "prod"), true),
        (prod.clone(), update("prod", "dev"), true),
        (prod.clone(), update("dev", "prod"), true),
        (prod.clone(), update("dev", "dev"), false),
    ]);
    let mut created_before = update("dev", "prod");
    created_before.request.insert("object".into(), Value::Null);
    check([(prod, created_before, true)]);
}

#[test]
fn objects_that_are_none_are_errors_although_the_other_one_would_match() {
    for (object, json) in [
        (
            json!({"metadata": {"name": "a"}}),
            r#"{"metadata":{"name":"a"}}"#,
        ),
        (
            json!({"apiVersion": "a/b/c", "kind": "Pod"}),
            r#"{"apiVersion":"a/b/c","kind":"Pod"}"#,
        ),
        (json!("text"), "\"text\""),
    ] {
        let mut review = review(pod(json!({})));
        review.request.insert("oldObject".into(), object);
        let error = read(&json!({})).matches(&review).unwrap_err();
        let text = format!("invalid request object: failed to unmarshal gkReview oldObject {json}");
        assert_eq!(error.to_string(), text);
    }
}
