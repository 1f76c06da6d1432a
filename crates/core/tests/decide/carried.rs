//! Owners in metadata that controllers carry on to the machines that they make.

use basphere_core::ApiVersion;
use basphere_core::Kind;
use serde_json::{Value, json};

use crate::world::{World, admin, capi, denials, example};

fn machine_set(version: ApiVersion, owner: &str) -> Value {
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{version}"), "kind": "MachineSet",
        "metadata": {"name": "set"},
        "spec": {"clusterName": "demo", "selector": {}, "template": {
            "metadata": {"labels": {"owner": owner}}, "spec": {"clusterName": "demo"}}},
    })
}

fn topology(version: ApiVersion, owner: &str) -> Value {
    let metadata = json!({"labels": {"basphere.dev/owner": owner}});
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{version}"), "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {"topology": {
            "controlPlane": {"metadata": metadata},
            "workers": {
                "machineDeployments": [{"name": "a"}, {"name": "b", "metadata": metadata}],
                "machinePools": [{"name": "c", "metadata": metadata}],
            },
        }},
    })
}

#[test]
fn a_foreign_owner_behind_a_machine_set_is_refused() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        assert_eq!(
            denials(&world.apply(&machine_set(version, "lee"))),
            [("BSP-O002", "spec.template.metadata.labels.owner")]
        );
        assert_eq!(denials(&world.apply(&machine_set(version, "kim"))), []);
        assert_eq!(
            denials(&world.apply(&machine_set(version, "lee"))),
            [("BSP-O003", "spec.template.metadata.labels.owner")]
        );
        // The deployment's controller carries on what was judged where it was written.
        world.requester = capi();
        assert_eq!(denials(&world.apply(&machine_set(version, "lee"))), []);
    }
}

#[test]
fn a_foreign_owner_in_a_topology_is_refused() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let labels = "metadata.labels[basphere.dev/owner]";
        let paths = [
            "controlPlane",
            "workers.machineDeployments[1]",
            "workers.machinePools[0]",
        ]
        .map(|place| format!("spec.topology.{place}.{labels}"));
        let decision = world.apply(&topology(version, "lee"));
        let expected: Vec<_> = paths
            .iter()
            .map(|path| ("BSP-O002", path.as_str()))
            .collect();
        assert_eq!(denials(&decision), expected);

        world.apply_all(&[topology(version, "kim")]);
        let stored = &world.get(Kind::Cluster, "demo")["spec"]["topology"];
        let labels = &stored["workers"]["machineDeployments"][0]["metadata"]["labels"];
        assert_eq!(
            labels["basphere.dev/owner"],
            Value::Null,
            "no owner is filled in where the topology controller compares"
        );
    }
}

#[test]
fn the_topology_controllers_label_does_not_spare_a_person() {
    let mut world = World::new();
    let mut deployment = example("cluster", ApiVersion::V1Beta2)[4].clone();
    deployment["metadata"]["labels"] = json!({"topology.cluster.x-k8s.io/owned": ""});
    world.apply_all(&[deployment]);
    let stored = world.get(Kind::MachineDeployment, "demo-workers");
    assert_eq!(stored["spec"]["replicas"], 2);
    assert_eq!(
        stored["spec"]["template"]["metadata"]["labels"]["owner"],
        "kim"
    );
}

#[test]
fn an_admin_who_replaces_an_object_renames_every_owner() {
    let mut world = World::new();
    let cluster = &example("cluster", ApiVersion::V1Beta1)[0];
    world.apply_all(std::slice::from_ref(cluster));
    world.requester = admin();
    let mut given = cluster.clone();
    given["metadata"]["labels"] = json!({"basphere.dev/owner": "lee"});
    let labels = &world.admit(&given).object.expect("an object")["metadata"]["labels"];
    assert_eq!(
        (&labels["basphere.dev/owner"], &labels["owner"]),
        (&"lee".into(), &"lee".into())
    );
}

#[test]
fn machines_that_a_person_makes_by_hand_have_an_offered_version() {
    let world = World::new();
    for (kind, spec, path) in [
        ("Machine", json!({"version": "v1.99.0"}), "spec.version"),
        (
            "MachineSet",
            json!({"template": {"spec": {"version": "v1.99.0"}}}),
            "spec.template.spec.version",
        ),
    ] {
        let object = json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": kind,
            "metadata": {"name": "m"}, "spec": spec,
        });
        assert_eq!(denials(&world.admit(&object)), [("BSP-K001", path)]);
        let mut world = World::new();
        world.requester = capi();
        assert_eq!(denials(&world.admit(&object)), []);
    }
}
