//! A review against a cluster that does not let everything be read.

use serde_json::{Value, json};

use crate::program::{CLUSTER, Ran, example};
use crate::server::{run_against, status};

/// The schemas of a CAPV that is newer than the one this plugin was made for.
fn published() -> Value {
    let gvk = json!([{"group": "infrastructure.cluster.x-k8s.io", "version": "v1beta2", "kind": "VSphereCluster"}]);
    json!({"components": {"schemas": {"a": {
        "type": "object",
        "x-kubernetes-group-version-kind": gvk,
        "properties": {"metadata": {"allOf": [{"$ref": "#/components/schemas/meta"}]}, "spec": {
            "type": "object",
            "properties": {"brandNew": {"type": "string"}},
        }},
    }}}})
}

/// What an API server answers that knows the example Site and kim's namespace, serves Clusters as v1beta2
/// only, and shows nobody a MachineDeployment.
pub(crate) fn reply(path: &str) -> (u16, String) {
    let (code, body) = match path {
        "/openapi/v3/apis/infrastructure.cluster.x-k8s.io/v1beta2" => (200, published()),
        "/openapi/v3/apis/cluster.x-k8s.io/v1beta3" => (404, status(404, "NotFound", "not found")),
        "/openapi/v3" => (
            200,
            json!({"paths": {"api/v1": {}, "apis/cluster.x-k8s.io/v1beta1": {}, "apis/cluster.x-k8s.io/v1beta2": {}}}),
        ),
        _ if path.contains("/sites/") => {
            let text = std::fs::read_to_string(example("site.yaml")).unwrap();
            (200, serde_saphyr::from_str(&text).unwrap())
        }
        _ if path.ends_with("/selfsubjectreviews") => (
            201,
            json!({"status": {"userInfo": {"username": "kim", "groups": ["system:authenticated"]}}}),
        ),
        "/api/v1/namespaces/user-kim" => (200, json!({"metadata": {"name": "user-kim"}})),
        _ if path.contains("/cluster.x-k8s.io/v1beta1/") => {
            return (404, "404 page not found\n".to_owned());
        }
        _ if path.contains("/machinedeployments/") => (
            403,
            status(
                403,
                "Forbidden",
                "machinedeployments is forbidden: kim may not",
            ),
        ),
        _ if path.contains("/clusters/") || path.contains("/vsphereclusters/") => {
            (404, status(404, "NotFound", "not found"))
        }
        _ => (200, json!({"metadata": {}, "items": []})),
    };
    (code, body.to_string())
}

fn review(manifest: &str, output: &str) -> Ran {
    run_against(reply, &["review", "-f", "-", "-o", output], manifest)
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_judged() {
    let hidden = "apiVersion: cluster.x-k8s.io/v1beta2\nkind: MachineDeployment\nmetadata: {name: hidden}\nspec: {}\n";
    let served = CLUSTER.replace("v1beta1", "v1beta2");
    let manifest = format!("{CLUSTER}---\n{hidden}---\n{served}");
    let ran = review(&manifest, "json");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let not_served = "cannot read Cluster user-kim/demo: no matches for kind \"Cluster\" in version \"cluster.x-k8s.io/v1beta1\"";
    let forbidden = "cannot read MachineDeployment user-kim/hidden: machinedeployments is forbidden: kim may not";
    for line in [
        format!("error: -: document 1, line 1: {not_served}\n"),
        format!("error: -: document 2, line 6: {forbidden}\n"),
    ] {
        assert!(ran.err.contains(&line), "{line:?} is not in {}", ran.err);
    }
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(result["allowed"], false);
    let short = |item: &Value| json!([item["judged"], item["allowed"], item["error"]]);
    let items: Vec<_> = result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(short)
        .collect();
    assert_eq!(
        items,
        [
            json!([false, false, not_served]),
            json!([false, false, forbidden]),
            json!([true, true, null]),
        ]
    );
}

#[test]
fn the_fields_that_the_cluster_publishes_count() {
    let object = "apiVersion: infrastructure.cluster.x-k8s.io/v1beta2\nkind: VSphereCluster\nmetadata: {name: a, labels: {b: c}}\nspec: {brandNew: a, thumbprint: b}\n";
    let ran = review(object, "json");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let denials = result["items"][0]["denials"].as_array().unwrap();
    let unknown: Vec<_> = denials
        .iter()
        .filter(|denial| denial["code"] == "BSP-F002")
        .collect();
    assert_eq!(unknown.len(), 1, "{ran:?}");
    assert_eq!(
        (
            &unknown[0]["path"],
            &unknown[0]["needsCluster"],
            &unknown[0]["hint"]
        ),
        (
            &json!("spec.thumbprint"),
            &json!([]),
            &json!("v1beta1 has it, v1beta2 not; nearest: brandNew")
        )
    );
    let ran = review(&object.replace("VSphereCluster", "VSphereClutser"), "json");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let denial = &result["items"][0]["denials"][0];
    assert_eq!(
        (&denial["code"], &denial["hint"], &denial["needsCluster"]),
        (
            &json!("BSP-F003"),
            &json!("nearest: VSphereCluster"),
            &json!([])
        )
    );
}

#[test]
fn a_version_that_is_not_served_is_named_with_one_that_is() {
    let ran = review(&CLUSTER.replace("v1beta1", "v1beta3"), "json");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let denial = &result["items"][0]["denials"][0];
    assert_eq!(
        (&denial["code"], &denial["path"], &denial["hint"]),
        (
            &json!("BSP-F003"),
            &json!("apiVersion"),
            &json!("nearest: cluster.x-k8s.io/v1beta2")
        )
    );
}

#[test]
fn without_the_clusters_schemas_those_of_the_plugin_count_and_that_is_said() {
    let ran = review(
        &CLUSTER
            .replace("v1beta1", "v1beta2")
            .replace("spec: {}", "spec: {pausd: true}"),
        "text",
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.err
            .contains("warning: cannot read the schemas of cluster.x-k8s.io/v1beta2 (the document has none): fields and kinds are taken to be those of cluster-api v1.14.2, cluster-api-provider-openstack v0.11.0 and cluster-api-provider-vsphere v1.16.1\n"),
        "{}",
        ran.err
    );
    assert!(
        ran.out
            .contains("denied: spec.pausd: Invalid value: true: unknown field; nearest: paused [BSP-F002]\nsure only with the cluster: AddressPool objects of namespace user-kim, and what its tenant uses and may use\nsure only with the cluster: which kinds and fields it has"),
        "{}",
        ran.out
    );
}
