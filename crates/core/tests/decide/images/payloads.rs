//! What ClusterResourceSets and HelmChartProxies bring into clusters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use basphere_core::images::is_payload;
use basphere_core::{ApiVersion, Operation, Phase};
use serde_json::{Value, json};

use super::{said, short, without_rules, world};
use crate::world::{World, admin, capi};

const MANIFEST: &str = "apiVersion: apps/v1\nkind: DaemonSet\nspec:\n  template:\n    spec:\n      containers:\n      - image: docker.io/calico/node:v3.26.1\n";

fn harbor() -> World {
    world(ApiVersion::V1Beta2)
}

fn config_map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cni"}, "data": data})
}

fn secret(data: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cni"},
        "type": "addons.cluster.x-k8s.io/resource-set",
        "data": data,
    })
}

#[test]
fn manifests_of_config_maps_and_secrets() {
    for (object, place) in [
        (config_map(&json!({"cni.yaml": MANIFEST})), "data[cni.yaml]"),
        (
            secret(&json!({"cni.yaml": STANDARD.encode(MANIFEST)})),
            "data[cni.yaml]",
        ),
    ] {
        let decision = harbor().admit(&object);
        let said = said(&decision);
        assert_eq!(
            short(&said),
            [("BSP-M001", place, "docker.io/calico/node:v3.26.1")]
        );
        let begins = "Unsupported value: \"docker.io/calico/node:v3.26.1\": line 7, spec.template.spec.containers[0].image: ";
        assert!(said[0].3.starts_with(begins), "{}", said[0].3);
        assert!(!decision.is_allowed());
        assert!(decision.patch.is_empty());
    }
    let fine = MANIFEST.replace("docker.io", "harbor.corp.example:8443");
    assert_eq!(
        said(&harbor().admit(&config_map(&json!({"cni.yaml": fine})))),
        []
    );
}

#[test]
fn what_holds_no_manifest_is_nobodys_business() {
    for data in [
        json!({}),
        json!({"image": "docker.io/x"}),
        json!({"a": "apiVersion: v1"}),
    ] {
        assert!(!is_payload(&config_map(&data)), "{data}");
        assert_eq!(said(&harbor().admit(&config_map(&data))), []);
    }
    let mut other = secret(&json!({"cni.yaml": STANDARD.encode(MANIFEST)}));
    other["type"] = "Opaque".into();
    assert!(!is_payload(&other));
    assert_eq!(said(&harbor().admit(&other)), []);
}

/// What is not a tenant's may be anything: Argo CD has manifests in its ConfigMaps too.
#[test]
fn config_maps_of_other_namespaces_pass() {
    let mut world = harbor();
    world.namespace = "argocd".to_owned();
    world.requester = admin();
    assert_eq!(
        said(&world.admit(&config_map(&json!({"cni.yaml": MANIFEST})))),
        []
    );
}

#[test]
fn the_stored_and_controllers_and_deletion_pass() {
    let object = config_map(&json!({"cni.yaml": MANIFEST}));
    let mut old = without_rules();
    old.apply_all(std::slice::from_ref(&object));
    let mut world = harbor();
    world.stored = old.stored;
    let mut changed = object.clone();
    changed["data"]["more"] = "x".into();
    assert!(world.admit(&changed).is_allowed());
    let mut request = world.request(Phase::Validate, &object);
    request.operation = Operation::Delete;
    request.object = None;
    assert!(world.decide(&request).is_allowed());
    let mut world = harbor();
    world.requester = capi();
    assert!(world.admit(&object).is_allowed());
}

/// Nothing of a Secret but the name of an image is in an answer.
#[test]
fn words_of_a_secret_are_not_told() {
    let manifest = "apiVersion: v1\nimage: x\nruncmd:\n- curl https://hidden.example/x-token | sh $IT\n- ctr i pull $HIDDEN\n";
    let decision = harbor().admit(&secret(
        &json!({"a": STANDARD.encode(manifest), "b": "/w=="}),
    ));
    let findings = decision.denials.iter().chain(&decision.warnings);
    let unseen: Vec<_> = findings
        .filter(|finding| finding.code.as_str() == "BSP-M005")
        .collect();
    assert!(!unseen.is_empty());
    for finding in unseen {
        assert_eq!(finding.value, Value::Null, "{finding:?}");
        assert!(!finding.text().contains("HIDDEN"), "{finding:?}");
    }
}

#[test]
fn charts_and_their_values() {
    let proxy = |spec: Value| {
        json!({
            "apiVersion": "addons.cluster.x-k8s.io/v1alpha1",
            "kind": "HelmChartProxy",
            "metadata": {"name": "x"},
            "spec": spec,
        })
    };
    let values = "{{ if .Cluster }}\nimage:\n  registry: quay.io\n  repository: cilium/cilium\n  tag: {{ .Tag }}\n{{ end }}\noperator:\n  image: harbor.corp.example:8443/cilium/operator:{{ .Tag }}\nother:\n  image: \"{{ .Registry }}/a/b\"\n";
    let decision = harbor().admit(&proxy(json!({
        "repoURL": "https://helm.cilium.io/",
        "chartName": "cilium",
        "valuesTemplate": values,
    })));
    let found = said(&decision);
    let expected = [
        ("BSP-M003", "spec.repoURL", "https://helm.cilium.io/"),
        ("BSP-M001", "spec.valuesTemplate", "quay.io/cilium/cilium:$"),
        ("BSP-M005", "spec.valuesTemplate", "$/a/b"),
    ];
    assert_eq!(short(&found), expected);
    for (spec, expected) in [
        (
            json!({"repoURL": "oci://quay.io/charts", "chartName": "x"}),
            "spec.repoURL",
        ),
        (
            json!({"chartName": "oci://quay.io/charts/x"}),
            "spec.chartName",
        ),
    ] {
        let found = said(&harbor().admit(&proxy(spec)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].0.as_str(), found[0].1.as_str()),
            ("BSP-M001", expected)
        );
    }
    let ours = json!({"repoURL": "oci://harbor.corp.example:8443/charts", "chartName": "x"});
    assert_eq!(said(&harbor().admit(&proxy(ours))), []);
}
