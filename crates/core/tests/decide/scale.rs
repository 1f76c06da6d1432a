//! `kubectl scale` and the autoscaler.

use basphere_core::Kind::{KubeadmControlPlane, MachineDeployment};
use basphere_core::{ApiVersion, Decision, Operation, Part, Phase, decide};
use serde_json::{Value, json};

use crate::world::{World, denials, example, warnings};

fn scaled(world: &World, parent: &Value, replicas: Value) -> Decision {
    let mut request = world.request(Phase::Validate, parent);
    request.part = Part::Scale;
    request.operation = Operation::Update;
    let scale = |replicas: Value| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": request.name, "uid": request.name}, "spec": {"replicas": replicas}});
    request.old_object = Some(scale(1.into()));
    request.object = Some(scale(replicas));
    decide(&request, &world.snapshot())
}

#[test]
fn a_control_plane_is_not_scaled_to_an_even_number() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let objects = example("cluster", version);
        world.apply_all(&objects);
        let even = scaled(&world, &objects[2], 2.into());
        assert_eq!(denials(&even), [("BSP-K003", "spec.replicas")]);
        assert_eq!(denials(&scaled(&world, &objects[2], 3.into())), []);
        assert_eq!(
            denials(&scaled(&world, &objects[4], 2.into())),
            [],
            "workers"
        );

        let key = (KubeadmControlPlane, "demo-control-plane".to_owned());
        world.stored.get_mut(&key).expect("stored")["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]
            ["etcd"] = json!({"external": {"endpoints": ["a"]}});
        assert_eq!(denials(&scaled(&world, &objects[2], 2.into())), []);
    }
}

#[test]
fn a_number_that_the_topology_sets_is_told_of() {
    let mut world = World::new();
    let objects = example("cluster", ApiVersion::V1Beta2);
    world.apply_all(&objects);
    let key = (MachineDeployment, "demo-workers".to_owned());
    world.stored.get_mut(&key).expect("stored")["metadata"]["labels"]["topology.cluster.x-k8s.io/owned"] =
        "".into();
    let decision = scaled(&world, &objects[4], 5.into());
    assert_eq!(warnings(&decision), [("BSP-W009", "spec.replicas")]);
    assert_eq!(denials(&decision), []);
}

#[test]
fn what_is_no_number_is_refused() {
    let mut world = World::new();
    let objects = example("cluster", ApiVersion::V1Beta1);
    world.apply_all(&objects);
    for rubbish in [json!("3"), json!(-1), json!(1.5)] {
        assert_eq!(
            denials(&scaled(&world, &objects[4], rubbish)),
            [("BSP-F001", "spec.replicas")]
        );
    }
}
