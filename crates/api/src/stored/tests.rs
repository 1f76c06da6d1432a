//! Kinds out of discovery documents, and the pages of a list.

use std::collections::BTreeSet;

use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::{Value, json};

use super::{LARGEST_PAGE, Pages, Stored, asked, is_left_out, served};

fn resource(plural: &str, kind: &str, verbs: &[&str]) -> Value {
    json!({
        "resource": plural,
        "responseKind": {"group": "", "version": "v1", "kind": kind},
        "scope": "Namespaced",
        "verbs": verbs,
        "subresources": [{"subresource": "status", "verbs": ["get", "patch"]}],
    })
}

fn group(name: &str, versions: &[(&str, Vec<Value>)]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|(version, resources)| json!({"version": version, "resources": resources, "freshness": "Current"}))
        .collect();
    json!({"metadata": {"name": name}, "versions": versions})
}

fn list(groups: &[Value]) -> APIGroupDiscoveryList {
    serde_json::from_value(json!({"items": groups})).expect("a discovery document")
}

fn cluster() -> Vec<Stored> {
    let listed = ["get", "list", "watch"];
    let mut namespaces = resource("namespaces", "Namespace", &listed);
    namespaces["scope"] = "Cluster".into();
    let core = list(&[json!({"versions": [{"version": "v1", "resources": [
        resource("pods", "Pod", &listed),
        namespaces,
        resource("events", "Event", &listed),
        resource("endpoints", "Endpoints", &listed),
        resource("bindings", "Binding", &["create"]),
    ]}]})]);
    let groups = list(&[
        group(
            "apps",
            &[
                ("v1", vec![resource("deployments", "Deployment", &listed)]),
                (
                    "v1beta1",
                    vec![
                        resource("deployments", "Deployment", &listed),
                        resource("olds", "Old", &listed),
                    ],
                ),
            ],
        ),
        group(
            "coordination.k8s.io",
            &[("v1", vec![resource("leases", "Lease", &listed)])],
        ),
        group(
            "wgpolicyk8s.io",
            &[(
                "v1alpha2",
                vec![resource("policyreports", "PolicyReport", &listed)],
            )],
        ),
        group(
            "metrics.k8s.io",
            &[("v1beta1", vec![resource("pods", "PodMetrics", &listed)])],
        ),
    ]);
    served(&core, &groups)
}

fn shown(kinds: &[(&str, &str)]) -> Vec<String> {
    let kinds: BTreeSet<_> = kinds
        .iter()
        .map(|(group, kind)| ((*group).to_owned(), (*kind).to_owned()))
        .collect();
    let cluster = cluster();
    let asked = asked(&cluster, &kinds).into_iter();
    asked
        .map(|it| format!("{} {}", it.resource.api_version, it.resource.kind))
        .collect()
}

#[test]
fn a_star_stands_for_what_people_write() {
    assert_eq!(
        shown(&[("*", "*")]),
        [
            "v1 Namespace",
            "v1 Pod",
            "apps/v1 Deployment",
            "apps/v1beta1 Old"
        ]
    );
    assert_eq!(
        shown(&[("apps", "*")]),
        ["apps/v1 Deployment", "apps/v1beta1 Old"]
    );
    assert_eq!(shown(&[("*", "Pod"), ("", "Pod")]), ["v1 Pod"]);
    assert_eq!(
        shown(&[("nobody", "*"), ("", "Nothing")]),
        Vec::<String>::new()
    );
}

#[test]
fn some_are_looked_at_only_by_name_and_some_never() {
    assert_eq!(shown(&[("", "Endpoints")]), ["v1 Endpoints"]);
    assert_eq!(
        shown(&[("metrics.k8s.io", "PodMetrics")]),
        ["metrics.k8s.io/v1beta1 PodMetrics"]
    );
    let never = [
        ("", "Event"),
        ("coordination.k8s.io", "Lease"),
        ("wgpolicyk8s.io", "PolicyReport"),
        ("", "Binding"),
    ];
    assert_eq!(shown(&never), Vec::<String>::new());
}

#[test]
fn what_a_kind_is_comes_from_discovery() {
    let cluster = cluster();
    let find = |kind: &str| {
        cluster
            .iter()
            .find(|it| it.resource.kind == kind)
            .expect("it")
    };
    assert!(!find("Namespace").is_namespaced);
    assert!(find("Pod").is_namespaced && find("Pod").has_status);
    assert_eq!(find("Deployment").resource.plural, "deployments");
}

fn page(names: &[&str], token: &str, padding: usize) -> String {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name}, "data": "x".repeat(padding)}))
        .collect();
    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": token}, "items": items})
        .to_string()
}

fn uri(pages: &Pages) -> Option<String> {
    let request = pages.request().expect("a URL");
    request.map(|request| request.uri().to_string())
}

#[test]
fn pages_follow_one_another() {
    let cluster = cluster();
    let pods = cluster
        .iter()
        .find(|it| it.resource.kind == "Pod")
        .expect("it");
    let mut pages = Pages::new(pods.clone(), Some("a".to_owned()));
    let path = "/api/v1/namespaces/a/pods?";
    assert_eq!(uri(&pages), Some(format!("{path}&limit=100")));
    let items = pages.take(&page(&["x", "y"], "t+1", 0)).expect("a list");
    let names: Vec<_> = items
        .iter()
        .map(|it| it["metadata"]["name"].as_str())
        .collect();
    assert_eq!(names, [Some("x"), Some("y")]);
    assert_eq!(items[0]["apiVersion"], "v1");
    assert_eq!(items[0]["kind"], "Pod");
    assert_eq!(
        uri(&pages),
        Some(format!("{path}&limit={LARGEST_PAGE}&continue=t%2B1"))
    );
    // A megabyte each: four of them would do.
    pages
        .take(&page(&["z"], "t2", 1024 * 1024))
        .expect("a list");
    assert_eq!(uri(&pages), Some(format!("{path}&limit=10&continue=t2")));
    let null = json!({"metadata": {}, "items": null}).to_string();
    assert_eq!(pages.take(&null).expect("a list"), Vec::<Value>::new());
    assert_eq!(uri(&pages), None);
    assert!(pages.take("{}x").is_err());
}

#[test]
fn what_took_too_long_begins_again_once() {
    let cluster = cluster();
    let mut pages = Pages::new(cluster[0].clone(), None);
    let first = uri(&pages);
    pages.take(&page(&["x"], "t", 40_000)).expect("a list");
    assert!(pages.begin_again());
    // The size of the objects is not forgotten.
    let again = uri(&pages).expect("more");
    assert!(!again.contains("continue"), "{again}");
    assert_ne!(Some(again), first);
    assert!(!pages.begin_again());
}

#[test]
fn namespaces_that_nobody_is_asked_about_are_left_out() {
    let object = |kind: &str, namespace: Option<&str>, name: &str| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        object
    };
    assert!(is_left_out(&object("Pod", Some("kube-system"), "a")));
    assert!(is_left_out(&object("Namespace", None, "basphere-system")));
    assert!(!is_left_out(&object("Pod", Some("default"), "kube-system")));
    assert!(!is_left_out(&object("Node", None, "kube-system")));
}
