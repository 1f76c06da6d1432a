//! Clusters that an admin moves in from another management cluster.

use basphere_core::ApiVersion;
use serde_json::{Value, json};

use crate::world::{World, admin, denials, example, kim, template, warnings};

/// As `clusterctl move` creates it: with its owner, and as it ran where it came from.
fn moved(mut object: Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster", "name": "demo", "uid": "u", "controller": true,
    }]);
    object
}

fn only_labels_were_put_in(world: &World, object: &Value) -> bool {
    let decision = world.admit(object);
    let operations = decision.patch.0;
    operations
        .iter()
        .all(|operation| operation.path().to_string().contains("metadata"))
}

#[test]
fn what_runs_elsewhere_is_taken_as_it_is() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.requester = admin();
        let objects = example("cluster", version);
        let mut cluster = objects[0].clone();
        cluster["spec"]["paused"] = true.into();
        cluster["spec"]["topology"] = json!({"version": "v1.27.3"});
        assert!(only_labels_were_put_in(&world, &cluster));
        let decision = world.apply(&cluster);
        assert_eq!(
            (denials(&decision), warnings(&decision)),
            (vec![], vec![("BSP-W006", "spec.topology.version")])
        );

        let mut control_plane = moved(objects[2].clone());
        control_plane["spec"]["version"] = "v1.27.3".into();
        assert!(only_labels_were_put_in(&world, &control_plane));
        let decision = world.apply(&control_plane);
        assert_eq!(
            (denials(&decision), warnings(&decision)),
            (vec![], vec![("BSP-W006", "spec.version")])
        );
        assert_eq!(
            decision.warnings[0].message,
            "taken as an admin brings it in, although the site offers v1.28.0 and v1.34.4 (BSP-K001)"
        );
    }
}

#[test]
fn size_and_place_of_what_runs_elsewhere_are_told_of() {
    let mut world = World::new();
    world.requester = admin();
    let spec = json!({"numCPUs": 6, "memoryMiB": 4096, "diskGiB": 50, "template": "old", "datastore": "old"});
    let stored = moved(template("t", ApiVersion::V1Beta1, spec));
    assert!(only_labels_were_put_in(&world, &stored));
    let decision = world.apply(&stored);
    assert_eq!(denials(&decision), []);
    assert!(warnings(&decision).contains(&("BSP-W006", "spec.template.spec.datastore")));
    assert!(warnings(&decision).contains(&("BSP-W006", "spec.template.spec")));
}

#[test]
fn only_an_admin_moves_and_nobody_moves_an_owner() {
    let mut world = World::new();
    world.requester = kim();
    let mut control_plane = moved(example("cluster", ApiVersion::V1Beta1)[2].clone());
    control_plane["spec"]["version"] = "v1.27.3".into();
    assert_eq!(
        denials(&world.apply(&control_plane)),
        [("BSP-K001", "spec.version")]
    );
    world.requester = admin();
    control_plane["metadata"]["labels"] = json!({"basphere.dev/owner": "kim", "owner": "lee"});
    assert_eq!(
        denials(&world.apply(&control_plane)),
        [("BSP-O002", "metadata.labels.owner")]
    );
}

#[test]
fn the_requester_survives_a_replacement_and_a_move() {
    let pointer = "/metadata/annotations/basphere.dev~1requester";
    let mut world = World::new();
    let cluster = &example("cluster", ApiVersion::V1Beta1)[0];
    world.apply_all(std::slice::from_ref(cluster));
    world.requester = admin();
    let replaced = world.admit(cluster).object.expect("an object");
    assert_eq!(replaced.pointer(pointer), Some(&json!("kim")));

    let mut elsewhere = World::new();
    elsewhere.requester = admin();
    elsewhere.apply_all(&[replaced]);
    assert_eq!(
        elsewhere.stored_as(cluster).pointer(pointer),
        Some(&json!("kim"))
    );
}
