//! The seven objects of document 000, without the site's values.

use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use crate::world::{World, denials, example, machine, warnings};

#[test]
fn the_seven_objects_are_stored_complete() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.apply_all(&example("cluster", version));

        let cluster = world.get(Kind::Cluster, "demo");
        assert_eq!(cluster["metadata"]["labels"]["basphere.dev/owner"], "kim");
        assert_eq!(cluster["metadata"]["labels"]["owner"], "kim");
        assert_eq!(
            cluster["metadata"]["annotations"]["basphere.dev/requester"],
            "kim"
        );
        assert_eq!(
            cluster["spec"]["clusterNetwork"]["pods"]["cidrBlocks"],
            json!(["192.168.0.0/16"])
        );

        let vsphere = &world.get(Kind::VSphereCluster, "demo")["spec"];
        assert_eq!(vsphere["server"], "vcenter.corp.example");
        assert_eq!(
            vsphere["identityRef"],
            json!({"kind": "VSphereClusterIdentity", "name": "basphere"})
        );

        let control_plane = &world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"];
        assert_eq!(control_plane["replicas"], 1);
        assert_eq!(control_plane["version"], "v1.28.0");
        let expected = match version {
            ApiVersion::V1Beta2 => json!([{"name": "cloud-provider", "value": "external"}]),
            _ => json!({"cloud-provider": "external"}),
        };
        let config = &control_plane["kubeadmConfigSpec"];
        assert_eq!(
            config["clusterConfiguration"]["apiServer"]["extraArgs"],
            expected
        );
        assert_eq!(
            config["clusterConfiguration"]["controllerManager"]["extraArgs"],
            expected
        );
        for join in ["initConfiguration", "joinConfiguration"] {
            let registration = &config[join]["nodeRegistration"];
            assert_eq!(
                registration["criSocket"],
                "/var/run/containerd/containerd.sock"
            );
            assert_eq!(registration["kubeletExtraArgs"], expected);
        }

        let workers = &world.get(Kind::MachineDeployment, "demo-workers")["spec"];
        assert_eq!(workers["replicas"], 2);
        assert_eq!(workers["template"]["spec"]["clusterName"], "demo");
        assert_eq!(workers["template"]["spec"]["version"], "v1.28.0");
        assert_eq!(
            workers["template"]["metadata"]["labels"]["basphere.dev/owner"],
            "kim"
        );
        let selector = json!({"cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/deployment-name": "demo-workers"});
        assert_eq!(workers["selector"]["matchLabels"], selector);

        let control_plane_machine = json!({
            "cloneMode": "linkedClone",
            "network": {"devices": [{"dhcp4": false, "networkName": "VM Network"}]},
            "server": "vcenter.corp.example",
            "thumbprint": "6D:1C:94:0B:5A:9F:E2:73:C8:41:8E:57:20:B6:AD:F3:19:C4:7E:85",
            "datacenter": "DC0",
            "datastore": "LocalDS_0",
            "folder": "/DC0/vm",
            "resourcePool": "/DC0/host/DC0_C0/Resources",
            "numCPUs": 4,
            "memoryMiB": 8192,
            "diskGiB": 100,
            "template": "ubuntu-2204-kube-v1.28.0",
        });
        assert_eq!(machine(&world, "demo-control-plane"), control_plane_machine);
        assert_eq!(
            machine(&world, "demo-workers")["numCPUs"],
            2,
            "the annotation says small"
        );
        let join =
            &world.get(Kind::KubeadmConfigTemplate, "demo-workers")["spec"]["template"]["spec"];
        assert_eq!(
            join["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"],
            expected
        );
    }
}

#[test]
fn applying_the_same_file_again_changes_nothing() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let objects = example("cluster", version);
        world.apply_all(&objects);
        let stored = world.stored.clone();
        world.apply_all(&objects);
        assert_eq!(world.stored, stored);
    }
}

#[test]
fn replacing_the_objects_by_the_same_file_changes_nothing() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let objects = example("cluster", version);
        world.apply_all(&objects);
        for (stored, object) in objects
            .iter()
            .map(|object| (world.stored_as(object), object))
        {
            let decision = world.admit(object);
            assert_eq!(decision.object.as_ref(), Some(stored));
        }
    }
}

#[test]
fn a_template_before_its_links_takes_the_sites_defaults_and_warnings() {
    let mut world = World::new();
    let objects = example("cluster", ApiVersion::V1Beta1);
    let decision = world.apply(&objects[3]);
    assert_eq!(
        warnings(&decision),
        [
            ("BSP-W002", "metadata"),
            ("BSP-W007", "spec.template.spec.template")
        ]
    );
}

#[test]
fn a_template_that_says_its_cluster_takes_the_image_of_its_control_plane() {
    let mut world = World::new();
    let mut objects = example("cluster", ApiVersion::V1Beta1);
    objects[2]["spec"]["version"] = "v1.34.4".into();
    world.apply_all(&objects[..3]);
    let mut template = objects[5].clone();
    template["metadata"]["labels"] = json!({"cluster.x-k8s.io/cluster-name": "demo"});
    assert_eq!(warnings(&world.apply(&template)), []);
    assert_eq!(
        machine(&world, "demo-workers")["template"],
        "ubuntu-2404-kube-v1.34.4"
    );
}

#[test]
fn counts_and_specs_come_from_the_clusters_type() {
    let mut world = World::new();
    let mut objects = example("cluster", ApiVersion::V1Beta1);
    objects[0]["metadata"]["labels"]["basphere.dev/cluster-type"] = "standard".into();
    objects[5]["metadata"]["annotations"] = Value::Null;
    world.apply_all(&objects);
    assert_eq!(
        world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["replicas"],
        3
    );
    assert_eq!(
        world.get(Kind::MachineDeployment, "demo-workers")["spec"]["replicas"],
        3
    );
    assert_eq!(
        machine(&world, "demo-control-plane")["numCPUs"],
        4,
        "medium"
    );
    assert_eq!(machine(&world, "demo-workers")["numCPUs"], 8, "large");
}

#[test]
fn a_secret_as_identity_is_replaced_and_stays_replaced() {
    let mut world = World::new();
    let mut cluster = example("cluster", ApiVersion::V1Beta1)[1].clone();
    cluster["spec"]["identityRef"] = json!({"kind": "Secret", "name": "capv-credentials"});
    let decision = world.apply(&cluster);
    assert_eq!(warnings(&decision), [("BSP-W004", "spec.identityRef")]);
    let stored = world.stored.clone();
    let again = world.apply(&cluster);
    assert_eq!(warnings(&again), []);
    assert_eq!(world.stored, stored);
}

#[test]
fn version_and_image_follow_the_control_plane() {
    let mut world = World::new();
    let mut objects = example("cluster", ApiVersion::V1Beta1);
    objects[2]["spec"]["version"] = "v1.34.4".into();
    world.apply_all(&objects);
    let workers = &world.get(Kind::MachineDeployment, "demo-workers")["spec"];
    assert_eq!(workers["template"]["spec"]["version"], "v1.34.4");
    for name in ["demo-control-plane", "demo-workers"] {
        assert_eq!(
            machine(&world, name)["template"],
            "ubuntu-2404-kube-v1.34.4"
        );
    }
}

#[test]
fn a_deployment_without_a_cluster_name_finds_its_cluster() {
    let mut world = World::new();
    let mut objects = example("cluster", ApiVersion::V1Beta2);
    objects[4]["spec"]
        .as_object_mut()
        .expect("a spec")
        .remove("clusterName");
    world.apply_all(&objects);
    assert_eq!(
        world.get(Kind::MachineDeployment, "demo-workers")["spec"]["clusterName"],
        "demo"
    );
}

#[test]
fn a_deployment_that_fits_no_cluster_is_told_which_was_taken() {
    let mut objects = example("cluster", ApiVersion::V1Beta2);
    let spec = objects[4]["spec"].as_object_mut().expect("a spec");
    spec.remove("clusterName");
    let mut lonely = World::new();
    let decision = lonely.apply(&objects[4]);
    assert_eq!(
        warnings(&decision),
        [
            ("BSP-W003", "spec.clusterName"),
            ("BSP-W007", "spec.template.spec.version"),
            ("BSP-W001", "spec.replicas")
        ]
    );

    // Its own Cluster may come later in the file, whoever is there already.
    let mut other = objects[0].clone();
    other["metadata"]["name"] = "other".into();
    let mut world = World::new();
    world.apply_all(&[other]);
    assert!(warnings(&world.apply(&objects[4])).contains(&("BSP-W003", "spec.clusterName")));
    let stored = |world: &World, name: &str| {
        world.get(Kind::MachineDeployment, name)["spec"]["clusterName"].clone()
    };
    assert_eq!(stored(&world, "demo-workers"), "demo");

    // A name that tells nothing leaves the only Cluster, and says so.
    objects[4]["metadata"]["name"] = "pool".into();
    assert!(warnings(&world.apply(&objects[4])).contains(&("BSP-W003", "spec.clusterName")));
    assert_eq!(stored(&world, "pool"), "other");
}

#[test]
fn a_deployment_whose_name_comes_later_must_say_how_it_selects() {
    let world = World::new();
    let mut deployment = example("cluster", ApiVersion::V1Beta1)[4].clone();
    deployment["metadata"] = json!({"generateName": "demo-"});
    assert_eq!(
        denials(&world.admit(&deployment)),
        [("BSP-C003", "spec.selector")]
    );
    deployment["spec"]["selector"] = json!({"matchLabels": {"pool": "a"}});
    deployment["spec"]["template"]["metadata"] = json!({"labels": {"pool": "a"}});
    assert_eq!(denials(&world.admit(&deployment)), []);
}
