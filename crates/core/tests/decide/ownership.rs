//! Whose objects these are.

use basphere_core::{ApiVersion, Kind, Requester};
use serde_json::{Value, json};

use crate::world::{World, admin, capi, denials, example};

fn cluster() -> Value {
    example("cluster", ApiVersion::V1Beta1)[0].clone()
}

fn owners(world: &World, kind: Kind, name: &str) -> (Value, Value) {
    let labels = &world.get(kind, name)["metadata"]["labels"];
    (
        labels["basphere.dev/owner"].clone(),
        labels["owner"].clone(),
    )
}

#[test]
fn a_foreign_owner_is_refused_under_either_key() {
    for key in ["basphere.dev/owner", "owner"] {
        let mut world = World::new();
        let mut cluster = cluster();
        cluster["metadata"]["labels"][key] = "lee".into();
        let decision = world.apply(&cluster);
        assert_eq!(
            denials(&decision),
            [(
                "BSP-O002",
                format!("metadata.labels{}", shown(key)).as_str()
            )]
        );
    }
}

fn shown(key: &str) -> String {
    if key.contains('/') {
        format!("[{key}]")
    } else {
        format!(".{key}")
    }
}

#[test]
fn the_owner_of_a_stored_object_is_not_changed() {
    let mut world = World::new();
    world.apply_all(&[cluster()]);
    let mut stolen = cluster();
    stolen["metadata"]["labels"]["basphere.dev/owner"] = "lee".into();
    assert_eq!(
        denials(&world.apply(&stolen)),
        [("BSP-O003", "metadata.labels[basphere.dev/owner]")]
    );
}

#[test]
fn a_label_that_is_taken_off_is_put_back() {
    let mut world = World::new();
    world.apply_all(&[cluster()]);
    let decision = world.admit(&cluster());
    let object = decision.object.expect("an object");
    assert_eq!(object["metadata"]["labels"]["owner"], "kim");
}

#[test]
fn an_admin_names_another_owner_and_both_labels_follow() {
    let mut world = World::new();
    world.apply_all(&[cluster()]);
    world.requester = admin();
    for key in ["basphere.dev/owner", "owner"] {
        let mut given = cluster();
        given["metadata"]["labels"][key] = format!("lee-{}", key.len()).into();
        let expected = given["metadata"]["labels"][key].clone();
        world.apply_all(&[given]);
        assert_eq!(
            owners(&world, Kind::Cluster, "demo"),
            (expected.clone(), expected)
        );
    }
}

#[test]
fn two_different_owners_on_one_object_are_refused_to_admins_too() {
    let mut world = World::new();
    world.requester = admin();
    let mut cluster = cluster();
    cluster["metadata"]["labels"]["basphere.dev/owner"] = "lee".into();
    cluster["metadata"]["labels"]["owner"] = "pat".into();
    assert_eq!(
        denials(&world.apply(&cluster)),
        [("BSP-O002", "metadata.labels.owner")]
    );
}

#[test]
fn what_belongs_to_a_cluster_has_the_clusters_owner() {
    let mut world = World::new();
    world.requester = admin();
    let mut cluster = cluster();
    cluster["metadata"]["labels"]["owner"] = "team-7".into();
    world.apply_all(&[cluster]);
    world.requester = capi();
    let machine = json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Machine",
        "metadata": {"name": "demo-x", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
        "spec": {"clusterName": "demo"},
    });
    world.apply_all(&[machine]);
    assert_eq!(
        owners(&world, Kind::Machine, "demo-x"),
        ("team-7".into(), "team-7".into())
    );
}

#[test]
fn the_namespaces_label_wins_over_its_name() {
    let mut world = World::new();
    world.owner_label = Some("team-7".to_owned());
    world.apply_all(&[cluster()]);
    assert_eq!(
        owners(&world, Kind::Cluster, "demo"),
        ("team-7".into(), "team-7".into())
    );
}

#[test]
fn a_namespace_of_nobody_takes_admins_and_controllers_only() {
    let mut world = World::new();
    world.namespace = "default".to_owned();
    assert_eq!(
        denials(&world.apply(&cluster())),
        [("BSP-O001", "metadata.namespace")]
    );
    for trusted in [admin(), capi()] {
        world.requester = trusted;
        assert_eq!(denials(&world.admit(&cluster())), []);
    }
}

#[test]
fn user_names_become_label_values_by_the_sites_rules() {
    let mut world = World::new();
    world.requester = Requester {
        username: "oidc:kim@corp.example".to_owned(),
        groups: vec![],
    };
    let mut cluster = cluster();
    cluster["metadata"]["labels"]["owner"] = "oidc:kim@corp.example".into();
    world.apply_all(&[cluster]);
    assert_eq!(
        owners(&world, Kind::Cluster, "demo"),
        ("kim".into(), "kim".into())
    );
    let annotations = &world.get(Kind::Cluster, "demo")["metadata"]["annotations"];
    assert_eq!(
        annotations["basphere.dev/requester"],
        "oidc:kim@corp.example"
    );
}

#[test]
fn the_requester_is_not_forged() {
    let mut world = World::new();
    let mut forged = cluster();
    forged["metadata"]["annotations"] = json!({"basphere.dev/requester": "lee"});
    world.apply_all(std::slice::from_ref(&forged));
    world.apply_all(&[forged]);
    assert_eq!(
        world.get(Kind::Cluster, "demo")["metadata"]["annotations"]["basphere.dev/requester"],
        "kim"
    );
}

#[test]
fn an_object_from_before_keeps_what_it_says() {
    let mut world = World::new();
    let mut old = cluster();
    old["metadata"]["labels"]["owner"] = "team-7".into();
    world
        .stored
        .insert((Kind::Cluster, "demo".to_owned()), old.clone());
    assert_eq!(denials(&world.apply(&old)), []);
    assert_eq!(
        owners(&world, Kind::Cluster, "demo"),
        ("kim".into(), "team-7".into())
    );
}

#[test]
fn topology_owned_objects_take_labels_and_nothing_else() {
    let mut world = World::new();
    world.requester = capi();
    let mut deployment = example("cluster", ApiVersion::V1Beta2)[4].clone();
    deployment["metadata"]["labels"] = json!({"topology.cluster.x-k8s.io/owned": ""});
    let decision = world.admit(&deployment);
    let paths: Vec<_> = decision
        .patch
        .iter()
        .map(|op| op.path().to_string())
        .collect();
    assert_eq!(
        paths,
        [
            "/metadata/labels/basphere.dev~1owner",
            "/metadata/labels/owner"
        ]
    );
}

#[test]
fn an_object_that_is_being_deleted_keeps_spec_and_owner() {
    let mut world = World::new();
    world.apply_all(&example("cluster", ApiVersion::V1Beta1));
    let key = (Kind::VSphereCluster, "demo".to_owned());
    let mut deleting = world.stored[&key].clone();
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    deleting["metadata"]["finalizers"] = json!(["a/b"]);
    world.stored.insert(key, deleting.clone());

    let mut released = deleting.clone();
    released["metadata"]["finalizers"] = json!([]);
    assert_eq!(denials(&world.admit(&released)), []);
    let mut changed = deleting.clone();
    changed["spec"]["server"] = "elsewhere.example".into();
    assert_eq!(denials(&world.admit(&changed)), [("BSP-D001", "spec")]);
    let mut stolen = deleting;
    stolen["metadata"]["labels"]["owner"] = "lee".into();
    assert_eq!(
        denials(&world.admit(&stolen)),
        [("BSP-O003", "metadata.labels.owner")]
    );
}

#[test]
fn an_object_of_nobody_from_before_can_still_be_written() {
    let mut world = World::new();
    world.namespace = "platform".to_owned();
    let mut object = cluster();
    assert_eq!(
        denials(&world.apply(&object)),
        [("BSP-O001", "metadata.namespace")]
    );
    world
        .stored
        .insert((Kind::Cluster, "demo".to_owned()), cluster());
    object["spec"]["paused"] = true.into();
    let decision = world.apply(&object);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        decision.warnings[0].message,
        "it was stored like this, although this namespace belongs to no tenant (BSP-O001)"
    );
}
