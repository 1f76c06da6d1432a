//! Fields and kinds that the API does not have, and what is sure of that without a cluster.

use serde_json::{Value, json};

use crate::program::{Ran, example, review, review_text};

const TYPOS: &str = "\
apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata: {name: demo, labelz: {a: b}}
spec:
  pods: {cidrBlocks: [10.0.0.0/16]}
  infrastructureRef: {apiGroup: infrastructure.cluster.x-k8s.io, kind: VSphereCluster, name: demo}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KubeadmControlPlane
metadata: {name: demo}
spec:
  replica: 1
  machineTemplate:
    infrastructureRef: {apiGroup: x, kind: VSphereMachineTemplate, name: demo}
  kubeadmConfigSpec:
    files: [{path: /a, content: b}, {path: /b, contents: b}]
    clusterConfiguration: {apiServer: {extraArgs: {a: b}}}
---
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: VSphereMachineTemplate
metadata: {name: demo}
spec:
  numCPUs: 2
  template:
    spec:
      numCPU: 2
      network: {dhcp4: false, devices: [{dhcp4: false, gatway4: x}]}
";

fn items(ran: &Ran) -> Vec<Value> {
    let result: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    result["items"].as_array().unwrap().clone()
}

/// Path, code and hint of each denial by the schemas.
fn refused(item: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    item["denials"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|denial| ["BSP-F002", "BSP-F003"].contains(&denial["code"].as_str().unwrap()))
        .map(|denial| {
            assert_eq!(denial["needsCluster"], json!(["CustomResourceDefinition"]));
            (
                text(&denial["path"]),
                text(&denial["code"]),
                text(&denial["hint"]),
            )
        })
        .collect()
}

#[test]
fn unknown_fields_are_named_with_the_nearest_known_one() {
    let ran = review_text(&["-n", "user-kim", "-o", "json"], TYPOS);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let expected = [
        ("metadata.labelz", "nearest: labels"),
        ("spec.pods", "nearest: spec.clusterNetwork.pods"),
        (
            "spec.infrastructureRef.apiGroup",
            "v1beta2 has it, v1beta1 not; nearest: apiVersion; also known: kind, uid, name, namespace, fieldPath, resourceVersion",
        ),
        ("spec.replica", "nearest: replicas"),
        (
            "spec.machineTemplate.infrastructureRef",
            "v1beta1 has it, v1beta2 not; nearest: spec.machineTemplate.spec.infrastructureRef",
        ),
        (
            "spec.kubeadmConfigSpec.files[1].contents",
            "nearest: content",
        ),
        (
            "spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs.a",
            "v1beta1 has it, v1beta2 not; spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs is a list",
        ),
        ("spec.numCPUs", "nearest: spec.template.spec.numCPUs"),
        ("spec.template.spec.numCPU", "nearest: numCPUs"),
        (
            "spec.template.spec.network.dhcp4",
            "nearest: spec.template.spec.network.devices[].dhcp4",
        ),
        (
            "spec.template.spec.network.devices[0].gatway4",
            "nearest: gateway4",
        ),
    ]
    .map(|(path, hint)| (path.to_owned(), "BSP-F002".to_owned(), hint.to_owned()));
    let items = items(&ran);
    let found: Vec<_> = items.iter().flat_map(refused).collect();
    assert_eq!(found, expected);
    assert!(
        items.iter().all(|item| item["allowed"] == false),
        "{items:?}"
    );
    let denial = &items[2]["denials"][1];
    assert_eq!(
        (&denial["value"], &denial["message"]),
        (&json!(2), &json!("unknown field"))
    );
}

#[test]
fn what_stands_below_an_unknown_field_is_neither_judged_nor_shown() {
    let cluster = "apiVersion: cluster.x-k8s.io/v1beta2\nkind: Cluster\nmetadata: {name: demo}\nspec: {secrets: {password: hunter2}}\n";
    let ran = review_text(&["-n", "user-kim", "-o", "json"], cluster);
    let denials = items(&ran)[0]["denials"].clone();
    assert_eq!(denials.as_array().unwrap().len(), 1, "{denials:#}");
    assert_eq!(
        (&denials[0]["path"], &denials[0]["value"]),
        (&json!("spec.secrets"), &Value::Null)
    );
}

#[test]
fn what_the_api_keeps_is_known() {
    let kept = "\
apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata:
  name: demo
  annotations: {any.example/key: a}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: a, uid: u, controller: true}]
  managedFields: [{manager: a, fieldsV1: {'f:spec': {'f:paused': {}}}}]
spec:
  topology:
    classRef: {name: a}
    version: v1.28.0
    variables: [{name: v, value: {anything: [{goes: here}]}}]
status: {phase: Provisioned, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: demo}
spec:
  kubeadmConfigSpec: {clusterConfiguration: {apiServer: {extraArgs: {any-argument: a}}}}
";
    let ran = review_text(&["-n", "user-kim", "-o", "json"], kept);
    for item in items(&ran) {
        assert_eq!(refused(&item), [], "{item:#}");
    }
}

#[test]
fn kinds_and_versions_that_there_are_not_are_named_with_the_nearest() {
    let object = |api_version: &str, kind: &str| {
        format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: demo}}\n---\n")
    };
    let cases = [
        (
            "cluster.x-k8s.io/v1beta1",
            "Clusterr",
            "kind",
            "nearest: Cluster",
        ),
        (
            "cluster.x-k8s.io/v1beta2",
            "VSphereCluster",
            "apiVersion",
            "nearest: infrastructure.cluster.x-k8s.io/v1beta2",
        ),
        (
            "cluster.x-k8s.io/v1alpha4",
            "Cluster",
            "apiVersion",
            "nearest: cluster.x-k8s.io/v1beta2",
        ),
        (
            "infrastucture.cluster.x-k8s.io/v1beta1",
            "VSphereCluster",
            "apiVersion",
            "nearest: infrastructure.cluster.x-k8s.io/v1beta1",
        ),
    ];
    let stream: String = cases
        .iter()
        .map(|(api_version, kind, ..)| object(api_version, kind))
        .collect();
    let ran = review_text(&["-n", "user-kim", "-o", "json"], &stream);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for (item, (_, kind, path, hint)) in items(&ran).iter().zip(cases) {
        let expected = (path.to_owned(), "BSP-F003".to_owned(), hint.to_owned());
        assert_eq!(refused(item), [expected], "{kind}");
        assert_eq!(
            (&item["allowed"], &item["object"]),
            (&json!(false), &Value::Null)
        );
    }

    // Other providers' kinds live in the same groups; nothing is known of them here.
    let foreign = object(
        "infrastructure.cluster.x-k8s.io/v1beta1",
        "AWSMachineTemplate",
    ) + &object("ipam.cluster.x-k8s.io/v1alpha2", "InClusterIPPool")
        + &object("postgresql.example/v1", "Cluster");
    let ran = review_text(&["-n", "user-kim"], &foreign);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.ends_with("\n3 objects: 3 not judged\n"),
        "{}",
        ran.out
    );
}

#[test]
fn the_text_says_what_only_the_cluster_could_tell_and_of_which_findings() {
    let ran = review_text(&["-n", "user-kim"], TYPOS);
    let said: Vec<_> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("sure only with the cluster: "))
        .collect();
    let schema = "which kinds and fields it has; these are those of cluster-api v1.14.2, cluster-api-provider-openstack v0.11.0 and cluster-api-provider-vsphere v1.16.1 (BSP-F002)";
    assert_eq!(
        said,
        [
            "VSphereCluster, AddressPool objects of namespace user-kim, and whose namespace user-kim is, and what its tenant uses and may use",
            schema,
            "Cluster objects of namespace user-kim, and whose namespace user-kim is (BSP-W001)",
            schema,
            "MachineDeployment, MachinePool, MachineSet, KubeadmControlPlane objects of namespace user-kim, and whose namespace user-kim is, and what its tenant uses and may use (BSP-W002, BSP-W007)",
            schema,
        ]
    );
}

#[test]
fn a_finding_that_no_other_object_changes_is_sure() {
    let ran = review(&["-f", &example("refused.v1beta2.yaml"), "-o", "json"]);
    let item = items(&ran)[0].clone();
    for denial in item["denials"].as_array().unwrap() {
        let is_sure =
            ["BSP-V001", "BSP-V002", "BSP-V003"].contains(&denial["code"].as_str().unwrap());
        let needed = denial["needsCluster"].as_array().unwrap();
        assert_eq!(needed.is_empty(), is_sure, "{denial:#}");
    }
}
