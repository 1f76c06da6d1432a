//! Metal3: hosts and images.

use basphere_core::ApiVersion::V1Beta1;
use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use crate::world::{World, capi, denials, example, site_spec, warnings};

fn template(spec: Value) -> Value {
    json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1",
        "kind": "Metal3MachineTemplate",
        "metadata": {"name": "t"},
        "spec": {"template": {"spec": spec}},
    })
}

fn hosts(spec: &str) -> Value {
    json!({"matchLabels": {"basphere.dev/node-spec": spec}})
}

fn image(version: &str) -> Value {
    let url = format!("http://images.corp.example/ubuntu-{version}.qcow2");
    json!({"url": url, "checksum": format!("{url}.sha256sum"), "checksumType": "sha256", "format": "qcow2"})
}

fn machine(world: &World, name: &str) -> Value {
    world.get(Kind::Metal3MachineTemplate, name)["spec"]["template"]["spec"].clone()
}

#[test]
fn an_explicit_cluster_is_completed_as_its_type_wants() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.apply_all(&example("metal3", version));
        assert_eq!(
            machine(&world, "iron-control-plane"),
            json!({"hostSelector": hosts("medium"), "image": image("2204-kube-v1.28.0")})
        );
        assert_eq!(
            machine(&world, "iron-workers")["hostSelector"],
            hosts("small")
        );
        let cluster = &world.get(Kind::Metal3Cluster, "iron")["spec"];
        assert_eq!(cluster["controlPlaneEndpoint"]["port"], 6443);
        assert_eq!(cluster["cloudProviderEnabled"], false);
        let before = world.stored.clone();
        world.apply_all(&example("metal3", version));
        assert_eq!(world.stored, before, "applying again changes nothing");
    }
}

#[test]
fn what_is_assumed_is_warned_of() {
    assert_eq!(
        warnings(&World::new().apply(&template(json!({})))),
        [
            ("BSP-W002", "metadata"),
            ("BSP-W007", "spec.template.spec.image.url")
        ]
    );
}

#[test]
fn the_older_field_of_the_cloud_provider_is_left_alone() {
    let mut world = World::new();
    let cluster = json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1",
        "kind": "Metal3Cluster",
        "metadata": {"name": "iron"},
        "spec": {"noCloudProvider": true},
    });
    world.apply_all(&[cluster]);
    assert_eq!(
        world.get(Kind::Metal3Cluster, "iron")["spec"],
        json!({
            "noCloudProvider": true,
            "controlPlaneEndpoint": {"host": "10.254.0.32", "port": 6443},
        })
    );
}

#[test]
fn an_image_is_the_sites_as_a_whole() {
    let mut world = World::new();
    let newer = image("2404-kube-v1.34.4");
    world.apply_all(&[template(json!({"image": {"url": newer["url"]}}))]);
    assert_eq!(machine(&world, "t")["image"], newer);

    let other = json!({"image": {"url": "http://elsewhere.example/x", "checksum": "1"}});
    let decision = World::new().apply(&template(other));
    assert_eq!(
        denials(&decision),
        [("BSP-P003", "spec.template.spec.image.url")]
    );
    let mut changed = newer;
    changed["checksum"] = "d41d8cd98f00b204e9800998ecf8427e".into();
    let decision = World::new().apply(&template(json!({"image": changed})));
    assert_eq!(
        denials(&decision),
        [("BSP-P003", "spec.template.spec.image.checksum")]
    );
}

#[test]
fn an_image_of_another_version_is_warned_of() {
    let mut world = World::new();
    let mut objects = example("metal3", V1Beta1);
    objects[3]["spec"]["template"]["spec"]["image"] =
        json!({"url": image("2404-kube-v1.34.4")["url"]});
    world.apply_all(&objects[..3]);
    let decision = world.apply(&objects[3]);
    assert_eq!(
        warnings(&decision),
        [("BSP-W005", "spec.template.spec.image.url")]
    );
}

#[test]
fn only_the_hosts_of_a_node_spec_can_be_selected() {
    let labels = "spec.template.spec.hostSelector.matchLabels";
    let more = json!({"matchLabels": {"basphere.dev/node-spec": "small", "rack": "7"}});
    let any = json!({"matchExpressions": [{"key": "a", "operator": "exists"}]});
    let expressions = "spec.template.spec.hostSelector.matchExpressions";
    for (selector, expected) in [
        (hosts("gigantic"), vec![("BSP-P005", labels)]),
        (more, vec![("BSP-P005", labels)]),
        (any, vec![("BSP-P005", expressions), ("BSP-P005", labels)]),
        (hosts("large"), vec![]),
    ] {
        let decision = World::new().apply(&template(json!({"hostSelector": selector})));
        assert_eq!(denials(&decision), expected);
    }
}

#[test]
fn a_node_spec_contradicts_other_hosts() {
    let mut file = template(json!({"hostSelector": hosts("large")}));
    file["metadata"]["labels"] = json!({"basphere.dev/node-spec": "small"});
    let decision = World::new().apply(&file);
    let path = "spec.template.spec.hostSelector.matchLabels";
    assert_eq!(denials(&decision), [("BSP-S003", path)]);
    file["metadata"]["labels"] = json!({"basphere.dev/node-spec": "smal"});
    let path = "metadata.labels[basphere.dev/node-spec]";
    assert_eq!(denials(&World::new().apply(&file)), [("BSP-S001", path)]);
}

#[test]
fn what_goes_around_the_image_is_refused() {
    let decision = World::new().apply(&template(json!({"customDeploy": {"method": "x"}})));
    assert_eq!(
        denials(&decision),
        [("BSP-P004", "spec.template.spec.customDeploy")]
    );
}

#[test]
fn machines_are_not_written_by_hand() {
    let mut file = template(json!({}));
    file["kind"] = "Metal3Machine".into();
    file["spec"] = json!({"hostSelector": {}, "image": image("2204-kube-v1.28.0")});
    let decision = World::new().apply(&file);
    assert_eq!(denials(&decision), [("BSP-A001", "kind")]);
    let mut world = World::new();
    world.requester = capi();
    assert_eq!(denials(&world.apply(&file)), []);
}

#[test]
fn a_site_without_metal3_refuses_its_kinds() {
    let mut spec = site_spec();
    spec.metal3 = None;
    for object in [1, 3].map(|index| example("metal3", V1Beta1)[index].clone()) {
        let decision = World::with_site(spec.clone()).apply(&object);
        assert_eq!(denials(&decision), [("BSP-P006", "kind")]);
    }
}
