//! What a ClusterResourceSet names is looked at: in the stream, and in the cluster.

use serde_json::{Value, json};

use crate::live;
use crate::program::{Ran, review_text};
use crate::server::{run_against, status};

const SET: &str = "apiVersion: addons.cluster.x-k8s.io/v1beta2\nkind: ClusterResourceSet\nmetadata: {name: cni}\n\
                   spec:\n  clusterSelector: {matchLabels: {a: b}}\n  resources:\n  - {kind: ConfigMap, name: cni}\n";

fn config_map(image: &str) -> Value {
    let pod = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n");
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cni"}, "data": {"a.yaml": pod}})
}

/// The cluster of the other tests, with a ConfigMap that was stored before there were rules.
fn reply(path: &str) -> (u16, String) {
    if path.ends_with("/configmaps/cni") {
        return (200, config_map("quay.io/a/b:1").to_string());
    }
    if path.contains("/clusterresourcesets/") {
        return (404, status(404, "NotFound", "not found").to_string());
    }
    live::reply(path)
}

fn last(ran: &Ran) -> Value {
    let result: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    result["items"].as_array().unwrap().last().unwrap().clone()
}

#[test]
fn what_the_cluster_has_is_read() {
    let set = last(&run_against(
        reply,
        &["review", "-f", "-", "-o", "json"],
        SET,
    ));
    assert_eq!(set["denials"][0]["code"], "BSP-M001", "{set}");
    assert_eq!(set["denials"][0]["path"], "spec.resources[0].name");
    assert_eq!(set["denials"][0]["value"], "quay.io/a/b:1");
}

#[test]
fn what_stands_earlier_in_the_stream_is_what_it_names() {
    let good = config_map("harbor.corp.example:8443/a/b:1");
    let stream = format!("{good}\n---\n{SET}");
    let set = last(&review_text(&["-o", "json"], &stream));
    assert_eq!(set["allowed"], true, "{set}");
    assert!(
        !set["needsCluster"].to_string().contains("ConfigMap"),
        "{set}"
    );
    // Without it, only the cluster can tell.
    let set = last(&review_text(&["-o", "json"], SET));
    assert_eq!(set["allowed"], true, "{set}");
    assert!(
        set["needsCluster"].to_string().contains("ConfigMap"),
        "{set}"
    );
}
