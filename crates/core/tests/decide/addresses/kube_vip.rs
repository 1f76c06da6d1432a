//! kube-vip agrees with the cluster's address, whichever object arrives first.

use basphere_core::Kind;
use serde_json::{Value, json};

use super::{cluster, control_plane, infrastructure};
use crate::world::{World, denials};

const PATH: &str = "/etc/kubernetes/manifests/kube-vip.yaml";

/// The address in the kube-vip of the stored control plane.
fn vip(world: &World) -> Option<String> {
    let files =
        &world.get(Kind::KubeadmControlPlane, "demo-cp")["spec"]["kubeadmConfigSpec"]["files"];
    let files = files.as_array()?;
    let file = files.iter().find(|file| file["path"] == PATH)?;
    let pod: Value = serde_saphyr::from_str(file["content"].as_str()?).expect("YAML");
    let environment = pod["spec"]["containers"][0]["env"].as_array()?;
    let address = environment
        .iter()
        .find(|variable| variable["name"] == "address")?;
    address["value"].as_str().map(str::to_owned)
}

fn host(world: &World) -> String {
    let stored = world.get(Kind::VSphereCluster, "demo-infra");
    let host = &stored["spec"]["controlPlaneEndpoint"]["host"];
    host.as_str().unwrap_or_default().to_owned()
}

fn config() -> Value {
    json!({"joinConfiguration": {}})
}

#[test]
fn in_any_order_both_have_one_address() {
    let objects = [
        cluster("demo"),
        infrastructure("demo", json!({})),
        control_plane("demo", config()),
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut world = World::new();
        for index in order {
            world.apply_all(&[objects[index].clone()]);
        }
        // What the controller does when a Cluster names a control plane: it writes it as it is.
        world.apply_all(&[objects[2].clone()]);
        assert_eq!(vip(&world), Some(host(&world)), "{order:?}");
        let endpoints = world
            .leased()
            .iter()
            .filter(|lease| lease.contains("Cluster"))
            .count();
        assert_eq!(
            endpoints,
            2,
            "the address and the load balancers' range: {:?}",
            world.leased()
        );
    }
}

#[test]
fn the_address_that_the_infrastructure_names_later_takes_the_place_of_the_reserved_one() {
    let mut world = World::new();
    world.apply_all(&[cluster("demo"), control_plane("demo", config())]);
    assert_eq!(vip(&world).as_deref(), Some("10.254.0.32"));
    let named = json!({"controlPlaneEndpoint": {"host": "10.254.0.40"}});
    world.apply_all(&[
        infrastructure("demo", named),
        control_plane("demo", config()),
    ]);
    assert_eq!(vip(&world).as_deref(), Some("10.254.0.40"));
}

#[test]
fn a_kube_vip_of_ones_own_names_the_address() {
    let own = |address: &str| {
        let pod =
            json!({"spec": {"containers": [{"env": [{"name": "address", "value": address}]}]}});
        let file = json!({"path": PATH, "content": pod.to_string()});
        control_plane("demo", json!({"joinConfiguration": {}, "files": [file]}))
    };
    let mut world = World::new();
    world.apply_all(&[
        cluster("demo"),
        own("10.254.0.50"),
        infrastructure("demo", json!({})),
    ]);
    assert_eq!(host(&world), "10.254.0.50");

    let mut world = World::new();
    world.apply_all(&[cluster("demo"), infrastructure("demo", json!({}))]);
    let decision = world.admit(&own("10.254.0.50"));
    let path = "spec.kubeadmConfigSpec.files[0].content";
    assert_eq!(denials(&decision), [("BSP-I007", path)]);
    assert_eq!(
        decision.denials[0].message,
        "VSphereCluster demo-infra says 10.254.0.32, and one cluster has one address"
    );
}

#[test]
fn what_came_before_its_cluster_is_compared_when_that_comes() {
    let pod =
        json!({"spec": {"containers": [{"env": [{"name": "address", "value": "10.254.0.50"}]}]}});
    let file = json!({"path": PATH, "content": pod.to_string()});
    let own = control_plane("demo", json!({"joinConfiguration": {}, "files": [file]}));
    let mut world = World::new();
    world.apply_all(&[own, infrastructure("demo", json!({}))]);
    let decision = world.admit(&cluster("demo"));
    assert_eq!(denials(&decision), [("BSP-I007", "spec")]);
    assert_eq!(
        decision.denials[0].message,
        "VSphereCluster demo-infra says 10.254.0.32 and kube-vip in KubeadmControlPlane demo-cp \
         10.254.0.50, and one cluster has one address"
    );
}

#[test]
fn a_kube_vip_with_the_address_of_another_tenant_is_refused_with_its_cluster() {
    let mut world = World::new();
    world.apply_all(&[infrastructure(
        "lees",
        json!({"controlPlaneEndpoint": {"host": "10.254.0.72"}}),
    )]);
    world.namespace = "user-lee".to_owned();
    world.requester.username = "lee".to_owned();
    world.stored.clear();
    let pod =
        json!({"spec": {"containers": [{"env": [{"name": "address", "value": "10.254.0.72"}]}]}});
    let file = json!({"path": PATH, "content": pod.to_string()});
    let own = control_plane("demo", json!({"joinConfiguration": {}, "files": [file]}));
    world.apply_all(&[own]);
    assert_eq!(
        denials(&world.admit(&cluster("demo"))),
        [("BSP-I003", "spec")]
    );
}

#[test]
fn a_list_of_files_of_ones_own_drops_nothing_on_the_way() {
    let mut world = World::new();
    let own = |permissions: &str| {
        let file = json!({"path": "/etc/motd", "content": "hello", "permissions": permissions});
        control_plane("demo", json!({"joinConfiguration": {}, "files": [file]}))
    };
    world.apply_all(&[
        cluster("demo"),
        infrastructure("demo", json!({})),
        own("0644"),
    ]);
    let stored = world.get(Kind::KubeadmControlPlane, "demo-cp").clone();
    // It has machines by now, so that every change would roll them.
    let mut running = stored.clone();
    running["status"] = json!({"replicas": 1});
    let key = (Kind::KubeadmControlPlane, "demo-cp".to_owned());
    world.stored.insert(key, running);
    world.apply_all(&[own("0644")]);
    let again = world.get(Kind::KubeadmControlPlane, "demo-cp");
    assert_eq!(again["spec"], stored["spec"]);
}

#[test]
fn super_admin_goes_with_it_from_1_29_on() {
    for (version, has_step) in [("v1.28.0", false), ("v1.34.4", true)] {
        let mut world = World::new();
        let mut object = control_plane("demo", config());
        object["spec"]["version"] = json!(version);
        world.apply_all(&[cluster("demo"), infrastructure("demo", json!({})), object]);
        let stored = world.get(Kind::KubeadmControlPlane, "demo-cp");
        let commands = stored["spec"]["kubeadmConfigSpec"]["preKubeadmCommands"].to_string();
        assert_eq!(
            commands.contains("super-admin.conf"),
            has_step,
            "{version}: {commands}"
        );
    }
}

#[test]
fn a_control_plane_that_no_cluster_names_is_left_alone() {
    let mut world = World::new();
    world.apply_all(&[control_plane("demo", config())]);
    assert_eq!(vip(&world), None);
    assert_eq!(world.leased(), Vec::<String>::new());
}
