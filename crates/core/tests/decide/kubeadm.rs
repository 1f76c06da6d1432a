//! Control planes and what kubeadm is told.

use basphere_core::ApiVersion::{self, V1Beta1, V1Beta2};
use basphere_core::{Code, Kind};
use serde_json::{Value, json};

use crate::world::{World, denials, example, warnings};

fn control_plane(version: ApiVersion) -> Value {
    example("cluster", version)[2].clone()
}

#[test]
fn a_version_that_is_not_offered_is_refused_with_the_nearest() {
    for (written, hint) in [
        ("v1.29.3", "nearest: v1.28.0"),
        ("v1.36.0", "nearest: v1.34.4"),
        ("latest", "for example: v1.28.0"),
    ] {
        let mut object = control_plane(V1Beta1);
        object["spec"]["version"] = written.into();
        let decision = World::new().apply(&object);
        assert_eq!(
            denials(&decision),
            [("BSP-K001", "spec.version")],
            "{written}"
        );
        assert_eq!(decision.denials[0].hint.as_deref(), Some(hint));
    }
    let mut deployment = example("cluster", V1Beta1)[4].clone();
    deployment["spec"]["template"]["spec"]["version"] = "v1.27.0".into();
    assert_eq!(
        denials(&World::new().apply(&deployment)),
        [("BSP-K001", "spec.template.spec.version")]
    );
}

#[test]
fn an_even_number_of_replicas_is_refused_unless_etcd_is_elsewhere() {
    let mut object = control_plane(V1Beta2);
    object["spec"]["replicas"] = 2.into();
    let decision = World::new().apply(&object);
    assert_eq!(denials(&decision), [("BSP-K003", "spec.replicas")]);
    assert_eq!(decision.denials[0].hint.as_deref(), Some("1 or 3"));
    object["spec"]["kubeadmConfigSpec"]["clusterConfiguration"] =
        json!({"etcd": {"external": {"endpoints": ["a"]}}});
    assert_eq!(denials(&World::new().apply(&object)), []);
}

#[test]
fn the_api_server_is_given_no_argument_that_its_version_lacks() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let mut object = control_plane(version);
        object["spec"]["version"] = "v1.34.4".into();
        world.apply_all(&[object.clone()]);
        let stored = &world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["kubeadmConfigSpec"];
        assert_eq!(stored["clusterConfiguration"].get("apiServer"), None);
        assert!(
            stored["clusterConfiguration"]["controllerManager"]["extraArgs"]
                .to_string()
                .contains("external")
        );

        let (arguments, path) = match version {
            V1Beta2 => (
                json!([{"name": "cloud-provider", "value": "external"}]),
                "extraArgs[0]",
            ),
            _ => (
                json!({"cloud-provider": "external"}),
                "extraArgs.cloud-provider",
            ),
        };
        object["spec"]["kubeadmConfigSpec"]["clusterConfiguration"] =
            json!({"apiServer": {"extraArgs": arguments}});
        let decision = World::new().apply(&object);
        let path = format!("spec.kubeadmConfigSpec.clusterConfiguration.apiServer.{path}");
        assert_eq!(
            denials(&decision),
            [(Code::ArgumentUnknown.as_str(), path.as_str())]
        );
    }
}

#[test]
fn arguments_that_are_there_are_kept() {
    let mut world = World::new();
    let mut object = control_plane(V1Beta2);
    let arguments = json!([{"name": "v", "value": "4"}, {"name": "cloud-provider", "value": ""}]);
    object["spec"]["kubeadmConfigSpec"]["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"] =
        arguments.clone();
    world.apply_all(&[object]);
    let stored =
        &world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["kubeadmConfigSpec"];
    assert_eq!(
        stored["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"],
        arguments
    );
}

/// A control plane stored without defaults, as if Basphere had been away.
fn bare(version: ApiVersion) -> (World, Value) {
    let mut world = World::new();
    let mut object = control_plane(version);
    object["metadata"]["uid"] = "kcp-1".into();
    object["spec"]["version"] = "v1.28.0".into();
    world.stored.insert(
        (Kind::KubeadmControlPlane, "demo-control-plane".to_owned()),
        object.clone(),
    );
    (world, object)
}

#[test]
fn a_control_plane_without_machines_is_completed_on_update() {
    let (mut world, object) = bare(V1Beta1);
    world.apply_all(&[object]);
    assert_eq!(
        world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["replicas"],
        1
    );
}

#[test]
fn a_control_plane_with_machines_is_left_alone() {
    let (mut world, object) = bare(V1Beta1);
    let machine = json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Machine",
        "metadata": {"name": "m", "ownerReferences": [{"kind": "KubeadmControlPlane", "name": "x", "uid": "kcp-1"}]},
    });
    world
        .stored
        .insert((Kind::Machine, "m".to_owned()), machine);
    let spec = object["spec"]["kubeadmConfigSpec"].clone();
    world.apply_all(std::slice::from_ref(&object));
    assert_eq!(
        world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["kubeadmConfigSpec"],
        spec
    );

    let (mut world, mut object) = bare(V1Beta1);
    object["status"] = json!({"replicas": 1});
    world.stored.insert(
        (Kind::KubeadmControlPlane, "demo-control-plane".to_owned()),
        object.clone(),
    );
    world.apply_all(&[object]);
    assert_eq!(
        world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["kubeadmConfigSpec"],
        spec
    );
}

#[test]
fn what_kubectl_drops_from_lists_is_put_back() {
    let mut world = World::new();
    let mut object = control_plane(V1Beta2);
    let arguments = json!([{"name": "v", "value": "4"}]);
    object["spec"]["kubeadmConfigSpec"]["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"] =
        arguments;
    world.apply_all(&[object.clone()]);
    let key = (Kind::KubeadmControlPlane, "demo-control-plane".to_owned());
    let mut running = world.stored[&key].clone();
    running["status"] = json!({"replicas": 1});
    world.stored.insert(key.clone(), running.clone());
    world.apply_all(&[object]);
    assert_eq!(world.stored[&key], running);
}

#[test]
fn a_control_plane_before_its_cluster_takes_the_default_type_and_a_warning() {
    let decision = World::new().apply(&control_plane(V1Beta2));
    assert_eq!(warnings(&decision), [("BSP-W001", "spec.replicas")]);
}

#[test]
fn a_deployment_keeps_within_the_autoscalers_bounds() {
    let mut world = World::new();
    let mut objects = example("cluster", V1Beta1);
    objects[4]["metadata"]["annotations"] =
        json!({"cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size": "5"});
    world.apply_all(&objects);
    assert_eq!(
        world.get(Kind::MachineDeployment, "demo-workers")["spec"]["replicas"],
        5
    );
}

#[test]
fn a_deployment_of_two_clusters_or_of_none_is_refused() {
    let mut world = World::new();
    let objects = example("cluster", V1Beta1);
    let mut other = objects[0].clone();
    other["metadata"]["name"] = "other".into();
    world.apply_all(&[objects[0].clone(), other]);
    let mut deployment = objects[4].clone();
    deployment["spec"]["template"]["spec"]["clusterName"] = "other".into();
    assert_eq!(
        denials(&world.apply(&deployment)),
        [("BSP-C002", "spec.template.spec.clusterName")]
    );
    let mut lost = objects[4].clone();
    lost["metadata"]["name"] = "pool".into();
    lost["spec"]
        .as_object_mut()
        .expect("a spec")
        .remove("clusterName");
    let decision = world.apply(&lost);
    assert_eq!(denials(&decision), [("BSP-C001", "spec.clusterName")]);
    assert_eq!(
        decision.denials[0].message,
        "several Clusters are in this namespace: demo and other"
    );
}
