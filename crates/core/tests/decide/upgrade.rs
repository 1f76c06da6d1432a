//! From one Kubernetes version to another, over the loss of an argument.

use basphere_core::ApiVersion;
use basphere_core::Kind::{KubeadmControlPlane, MachineDeployment};
use serde_json::{Value, json};

use crate::world::{World, denials, example, warnings};

const NAME: &str = "demo-control-plane";
const API_SERVER: &str = "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer";

/// A world with a complete control plane at v1.28.0, and its manifest at v1.34.4.
fn before(version: ApiVersion, has_machines: bool) -> (World, Value) {
    let mut world = World::new();
    let mut objects = example("cluster", version);
    world.apply_all(&objects[..3]);
    let stored = world
        .stored
        .get_mut(&(KubeadmControlPlane, NAME.to_owned()))
        .expect("stored");
    assert!(stored.pointer(API_SERVER).is_some(), "v1.28.0 has it");
    if has_machines {
        stored["status"] = json!({"replicas": 1});
    }
    let mut newer = objects.swap_remove(2);
    newer["spec"]["version"] = "v1.34.4".into();
    (world, newer)
}

#[test]
fn a_control_plane_loses_the_argument_that_its_new_version_lacks() {
    for version in ApiVersion::CLUSTER_API {
        for has_machines in [false, true] {
            let (mut world, newer) = before(version, has_machines);
            let decision = world.apply(&newer);
            assert_eq!(denials(&decision), []);
            let path = "spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs";
            assert_eq!(warnings(&decision), [("BSP-W008", path)]);
            let stored = world.get(KubeadmControlPlane, NAME);
            assert_eq!(stored.pointer(API_SERVER), None, "no empty object is left");
            let manager = "/spec/kubeadmConfigSpec/clusterConfiguration/controllerManager";
            assert!(stored.pointer(manager).is_some(), "this one still has it");
            assert_eq!(world.apply(&newer).patch.0, [], "once is enough");
        }
    }
}

/// A list may hold it more than once, as a map cannot; all of them go at once.
#[test]
fn an_argument_that_is_there_twice_is_dropped_twice() {
    let (mut world, mut newer) = before(ApiVersion::V1Beta2, true);
    let argument = json!({"name": "cloud-provider", "value": "external"});
    newer["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["apiServer"]["extraArgs"] =
        json!([argument, {"name": "v", "value": "2"}, argument]);
    assert_eq!(denials(&world.apply(&newer)), []);
    let stored = world.get(KubeadmControlPlane, NAME);
    let kept = json!({"extraArgs": [{"name": "v", "value": "2"}]});
    assert_eq!(stored.pointer(API_SERVER), Some(&kept));
}

#[test]
fn other_arguments_survive_the_upgrade() {
    for (version, with_another, kept) in [
        (
            ApiVersion::V1Beta1,
            json!({"cloud-provider": "external", "v": "2"}),
            json!({"v": "2"}),
        ),
        (
            ApiVersion::V1Beta2,
            json!([{"name": "cloud-provider", "value": "external"}, {"name": "v", "value": "2"}]),
            json!([{"name": "v", "value": "2"}]),
        ),
    ] {
        let (mut world, newer) = before(version, true);
        let stored = world
            .stored
            .get_mut(&(KubeadmControlPlane, NAME.to_owned()))
            .expect("stored");
        *stored
            .pointer_mut(&format!("{API_SERVER}/extraArgs"))
            .expect("arguments") = with_another;
        assert_eq!(denials(&world.apply(&newer)), []);
        let stored = world.get(KubeadmControlPlane, NAME);
        assert_eq!(
            stored.pointer(API_SERVER),
            Some(&json!({"extraArgs": kept}))
        );
    }
}

#[test]
fn a_file_with_the_argument_can_be_applied_before_and_after() {
    for version in ApiVersion::CLUSTER_API {
        let (mut world, mut file) = before(version, true);
        let argument = match version {
            ApiVersion::V1Beta2 => json!([{"name": "cloud-provider", "value": "external"}]),
            _ => json!({"cloud-provider": "external"}),
        };
        file["spec"]["kubeadmConfigSpec"]["clusterConfiguration"] =
            json!({"apiServer": {"extraArgs": argument}});
        world.apply_all(std::slice::from_ref(&file));
        let stored = world.stored.clone();
        let again = world.apply(&file);
        assert_eq!(denials(&again), []);
        assert_eq!(again.warnings[0].code.as_str(), "BSP-W008");
        assert_eq!(world.stored, stored);
    }
}

#[test]
fn what_runs_with_the_argument_is_not_replaced_for_it() {
    let (mut world, newer) = before(ApiVersion::V1Beta1, true);
    let key = (KubeadmControlPlane, NAME.to_owned());
    world.stored.get_mut(&key).expect("stored")["spec"]["version"] = "v1.34.4".into();
    let stored = world.stored.clone();
    let decision = world.apply(&newer);
    assert_eq!(warnings(&decision)[0].0, "BSP-W006");
    assert_eq!(world.stored, stored);
}

#[test]
fn an_argument_that_somebody_chose_is_not_taken_out_silently() {
    let (mut world, mut newer) = before(ApiVersion::V1Beta1, true);
    *newer.pointer_mut("/spec").expect("a spec") = json!({
        "version": "v1.34.4",
        "kubeadmConfigSpec": {"clusterConfiguration": {"apiServer": {"extraArgs": {"cloud-provider": "vsphere"}}}},
    });
    assert_eq!(
        denials(&world.apply(&newer)),
        [(
            "BSP-K002",
            "spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs.cloud-provider"
        )]
    );
}

#[test]
fn workers_before_their_control_plane_take_the_default_version_and_a_warning() {
    let mut world = World::new();
    let objects = example("cluster", ApiVersion::V1Beta2);
    world.apply_all(&objects[..2]);
    let decision = world.apply(&objects[4]);
    assert_eq!(
        warnings(&decision),
        [("BSP-W007", "spec.template.spec.version")]
    );
    world.apply_all(&objects[2..4]);
    assert_eq!(warnings(&world.apply(&objects[4])), []);
}

#[test]
fn workers_of_a_control_plane_that_is_not_offered_take_its_version_all_the_same() {
    let mut world = World::new();
    let mut objects = example("cluster", ApiVersion::V1Beta1);
    objects[2]["spec"]["version"] = "v1.27.3".into();
    world.apply_all(&objects[..2]);
    world
        .stored
        .insert((KubeadmControlPlane, NAME.to_owned()), objects[2].clone());
    let decision = world.apply(&objects[4]);
    assert_eq!(
        denials(&decision),
        [("BSP-K001", "spec.template.spec.version")]
    );
    assert_eq!(decision.denials[0].value, "v1.27.3");
    objects[4]["spec"]["template"]["spec"]["version"] = "v1.28.0".into();
    world.apply_all(&objects[4..5]);
    let stored = world.get(MachineDeployment, "demo-workers");
    assert_eq!(stored["spec"]["template"]["spec"]["version"], "v1.28.0");
}
