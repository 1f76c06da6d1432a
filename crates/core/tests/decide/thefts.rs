//! What a tenant could take by writing, one test a theft. Each fails when its rule is taken out.

use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use crate::world::{World, admin, capi, denials, example, template};

const MACHINE_LABELS: [&str; 6] = [
    "cluster.x-k8s.io/cluster-name",
    "cluster.x-k8s.io/control-plane",
    "cluster.x-k8s.io/control-plane-name",
    "cluster.x-k8s.io/deployment-name",
    "cluster.x-k8s.io/set-name",
    "machine-template-hash",
];

fn object(kind: Kind, version: ApiVersion, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", kind.group()),
        "kind": kind.as_str(),
        "metadata": {"name": "thing"},
        "spec": spec,
    })
}

/// A world in which this object is stored, whoever wrote it.
fn stored(kind: Kind, version: ApiVersion, spec: Value) -> (World, Value) {
    let mut world = World::new();
    world.requester = capi();
    let object = object(kind, version, spec);
    world.apply_all(std::slice::from_ref(&object));
    world.requester = crate::world::kim();
    let object = world.stored_as(&object).clone();
    (world, object)
}

#[test]
fn credentials_by_a_server_that_collects_them() {
    let elsewhere = "collector.example";
    for version in ApiVersion::CLUSTER_API {
        for (kind, path) in [
            (Kind::VSphereCluster, "spec.server"),
            (Kind::VSphereMachineTemplate, "spec.template.spec.server"),
            (Kind::VSphereMachine, "spec.server"),
            (Kind::VSphereVM, "spec.server"),
            (Kind::VSphereClusterTemplate, "spec.template.spec.server"),
            (Kind::VSphereDeploymentZone, "spec.server"),
        ] {
            let mut given = object(kind, version, json!({"template": {"spec": {}}}));
            let pointer = format!("/{}", path.replace('.', "/"));
            let (parent, _) = pointer.rsplit_once('/').expect("a parent");
            given.pointer_mut(parent).expect("it")["server"] = elsewhere.into();
            let mut world = World::new();
            // Not even an admin or a controller may, since both can be led to.
            for requester in [capi(), admin()] {
                world.requester = requester;
                let decision = world.admit(&given);
                assert_eq!(denials(&decision), [("BSP-V001", path)], "{kind}");
            }
        }
    }
}

#[test]
fn credentials_by_a_thumbprint_of_another_server() {
    let mut world = World::new();
    let mut cluster = example("cluster", ApiVersion::V1Beta2)[1].clone();
    cluster["spec"]["thumbprint"] = "00:11".into();
    assert_eq!(
        denials(&world.apply(&cluster)),
        [("BSP-V001", "spec.thumbprint")]
    );
    world.requester = capi();
    let machine = object(
        Kind::VSphereMachine,
        ApiVersion::V1Beta2,
        json!({"thumbprint": "00:11"}),
    );
    assert_eq!(
        denials(&world.apply(&machine)),
        [("BSP-V001", "spec.thumbprint")]
    );
}

#[test]
fn credentials_while_the_cluster_is_being_deleted() {
    let mut world = World::new();
    world.apply_all(&example("cluster", ApiVersion::V1Beta1)[..2]);
    let key = (Kind::VSphereCluster, "demo".to_owned());
    let deleting = world.stored.get_mut(&key).expect("stored");
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let mut given = deleting.clone();
    given["spec"]["server"] = "collector.example".into();
    assert_eq!(denials(&world.admit(&given)), [("BSP-D001", "spec")]);
    world.requester = capi();
    assert_eq!(denials(&world.admit(&given)), [("BSP-V001", "spec.server")]);
}

#[test]
fn the_credentials_of_another_cluster_or_tenant() {
    let mut world = World::new();
    for (kind, name) in [
        ("Secret", "lees-credentials"),
        ("VSphereClusterIdentity", "lees-identity"),
    ] {
        let mut cluster = example("cluster", ApiVersion::V1Beta1)[1].clone();
        cluster["spec"]["identityRef"] = json!({"kind": kind, "name": name});
        let decision = world.apply(&cluster);
        if kind == "Secret" {
            let identity = &world.get(Kind::VSphereCluster, "demo")["spec"]["identityRef"];
            assert_eq!(identity["name"], "basphere", "it takes the Secret's place");
        } else {
            assert_eq!(denials(&decision), [("BSP-V001", "spec.identityRef.name")]);
        }
    }
}

#[test]
fn a_place_that_is_somebody_elses() {
    let world = World::new();
    for field in ["datacenter", "datastore", "folder", "resourcePool"] {
        let given = template("t", ApiVersion::V1Beta1, json!({field: "/DC0/lees"}));
        let path = format!("spec.template.spec.{field}");
        assert_eq!(denials(&world.admit(&given)), [("BSP-V001", path.as_str())]);
        let mut world = World::new();
        world.requester = capi();
        let given = object(
            Kind::VSphereMachine,
            ApiVersion::V1Beta1,
            json!({field: "/DC0/lees"}),
        );
        let path = format!("spec.{field}");
        assert_eq!(denials(&world.admit(&given)), [("BSP-V001", path.as_str())]);
    }
}

#[test]
fn what_holds_for_everybody_written_by_a_tenant() {
    for version in ApiVersion::CLUSTER_API {
        for kind in [
            Kind::ClusterClass,
            Kind::ExtensionConfig,
            Kind::IPAddress,
            Kind::KubeadmControlPlaneTemplate,
            Kind::VSphereClusterIdentity,
            Kind::VSphereClusterTemplate,
            Kind::VSphereDeploymentZone,
            Kind::VSphereFailureDomain,
            Kind::VSphereVM,
        ] {
            let mut world = World::new();
            let given = object(kind, version, json!({}));
            assert_eq!(
                denials(&world.admit(&given)),
                [("BSP-A001", "kind")],
                "{kind}"
            );
            world.requester = admin();
            world.apply_all(std::slice::from_ref(&given));
            world.requester = crate::world::kim();
            let mut changed = given.clone();
            changed["spec"]["x"] = 1.into();
            assert_eq!(
                denials(&world.apply(&changed)),
                [("BSP-A001", "kind")],
                "{kind}"
            );
        }
    }
}

#[test]
fn an_address_by_a_machine_of_ones_own_making() {
    for version in ApiVersion::CLUSTER_API {
        let given = object(Kind::VSphereMachine, version, json!({"template": "t"}));
        assert_eq!(denials(&World::new().admit(&given)), [("BSP-A001", "kind")]);
    }
}

#[test]
fn an_address_by_readdressing_a_machine_that_runs() {
    for version in ApiVersion::CLUSTER_API {
        let devices = json!([{"networkName": "VM Network", "ipAddrs": ["10.254.0.40/21"]}]);
        let (world, mut machine) = stored(
            Kind::VSphereMachine,
            version,
            json!({"network": {"devices": devices}}),
        );
        machine["metadata"]["labels"]["note"] = "mine".into();
        assert_eq!(denials(&world.admit(&machine)), [], "a label is nothing");
        machine["spec"]["network"]["devices"][0]["ipAddrs"] = json!(["10.254.0.41/21"]);
        assert_eq!(denials(&world.admit(&machine)), [("BSP-A005", "spec")]);
    }
}

#[test]
fn a_mac_address_by_a_template() {
    let spec = json!({"network": {"devices": [{"macAddr": "00:50:56:00:00:01"}]}});
    let given = template("t", ApiVersion::V1Beta2, spec);
    assert_eq!(
        denials(&World::new().admit(&given)),
        [("BSP-V004", "spec.template.spec.network.devices[0].macAddr")]
    );
}

#[test]
fn a_host_by_settings_below_the_node_spec() {
    let given = template(
        "t",
        ApiVersion::V1Beta1,
        json!({"customVMXKeys": {"a": "b"}}),
    );
    assert_eq!(
        denials(&World::new().admit(&given)),
        [("BSP-S002", "spec.template.spec.customVMXKeys")]
    );
}

#[test]
fn a_machine_by_its_owner_reference() {
    for version in ApiVersion::CLUSTER_API {
        for kind in [
            Kind::Machine,
            Kind::MachineSet,
            Kind::KubeadmConfig,
            Kind::VSphereMachine,
        ] {
            let owner =
                |name: &str| json!([{"apiVersion": "a/v1", "kind": "K", "name": name, "uid": "u"}]);
            let (mut world, mut machine) = stored(kind, version, json!({}));
            machine["metadata"]["ownerReferences"] = owner("theirs");
            let key = (kind, "thing".to_owned());
            world.stored.insert(key, machine.clone());
            let mut stolen = machine.clone();
            stolen["metadata"]["ownerReferences"] = owner("mine");
            assert_eq!(
                denials(&world.admit(&stolen)),
                [("BSP-A002", "metadata.ownerReferences")],
                "{kind}"
            );
            // What `kubectl replace` drops is put back.
            stolen["metadata"]["ownerReferences"] = Value::Null;
            let completed = world.admit(&stolen).object.expect("an object");
            assert_eq!(completed["metadata"]["ownerReferences"], owner("theirs"));
            world.requester = capi();
            stolen["metadata"]["ownerReferences"] = owner("mine");
            assert_eq!(denials(&world.admit(&stolen)), []);
        }
    }
}

#[test]
fn a_machine_by_its_selector_labels() {
    for version in ApiVersion::CLUSTER_API {
        for label in MACHINE_LABELS {
            let (mut world, mut machine) = stored(Kind::Machine, version, json!({}));
            machine["metadata"]["labels"][label] = "theirs".into();
            world
                .stored
                .insert((Kind::Machine, "thing".to_owned()), machine.clone());
            machine["metadata"]["labels"][label] = "mine".into();
            let decision = world.admit(&machine);
            assert_eq!(decision.denials.len(), 1, "{label}");
            assert_eq!(decision.denials[0].code.as_str(), "BSP-A003");
            assert!(
                decision.denials[0].path.ends_with(label)
                    || decision.denials[0].path.ends_with(&format!("[{label}]"))
            );
        }
    }
}

#[test]
fn a_template_or_a_bootstrap_of_another_namespace() {
    let mut objects = example("cluster", ApiVersion::V1Beta1);
    for (index, pointer) in [
        (0, "/spec/infrastructureRef"),
        (0, "/spec/controlPlaneRef"),
        (2, "/spec/machineTemplate/infrastructureRef"),
        (4, "/spec/template/spec/infrastructureRef"),
        (4, "/spec/template/spec/bootstrap/configRef"),
    ] {
        let reference = objects[index].pointer_mut(pointer).expect("a reference");
        reference["namespace"] = "user-kim".into();
        assert_eq!(denials(&World::new().admit(&objects[index])), []);
        let reference = objects[index].pointer_mut(pointer).expect("a reference");
        reference["namespace"] = "user-lee".into();
        let path = format!("{}.namespace", pointer[1..].replace('/', "."));
        assert_eq!(
            denials(&World::new().admit(&objects[index])),
            [("BSP-A004", path.as_str())]
        );
        objects[index].pointer_mut(pointer).expect("a reference")["namespace"] = "user-kim".into();
    }
}

#[test]
fn a_class_of_another_namespace() {
    for (version, topology, path) in [
        (
            ApiVersion::V1Beta1,
            json!({"class": "basphere", "classNamespace": "user-lee"}),
            "spec.topology.classNamespace",
        ),
        (
            ApiVersion::V1Beta2,
            json!({"classRef": {"name": "basphere", "namespace": "user-lee"}}),
            "spec.topology.classRef.namespace",
        ),
    ] {
        let given = object(Kind::Cluster, version, json!({"topology": topology}));
        assert_eq!(denials(&World::new().admit(&given)), [("BSP-A004", path)]);
    }
}

#[test]
fn a_secret_of_another_namespace() {
    let reference = json!({"secretRef": {"name": "lees", "namespace": "user-lee"}});
    let given = object(
        Kind::KubeadmConfig,
        ApiVersion::V1Beta1,
        json!({"users": [reference]}),
    );
    assert_eq!(
        denials(&World::new().admit(&given)),
        [("BSP-A004", "spec.users[0].secretRef.namespace")]
    );
}

#[test]
fn a_variable_of_a_class_may_say_what_it_likes() {
    let variables = json!([{"name": "v", "value": {"name": "x", "namespace": "user-lee"}}]);
    let given = object(
        Kind::Cluster,
        ApiVersion::V1Beta2,
        json!({"topology": {"variables": variables}}),
    );
    assert_eq!(denials(&World::new().admit(&given)), []);
}

#[test]
fn the_cluster_modules_of_another_cluster() {
    let mut world = World::new();
    let mut cluster = example("cluster", ApiVersion::V1Beta1)[1].clone();
    world.apply_all(std::slice::from_ref(&cluster));
    cluster["spec"]["clusterModules"] = json!([{"moduleUUID": "theirs"}]);
    assert_eq!(
        denials(&world.apply(&cluster)),
        [("BSP-A005", "spec.clusterModules")]
    );
}

#[test]
fn the_address_of_a_cluster_by_moving_its_endpoint() {
    let mut world = World::new();
    let mut cluster = example("cluster", ApiVersion::V1Beta2)[1].clone();
    world.apply_all(std::slice::from_ref(&cluster));
    cluster["spec"]["controlPlaneEndpoint"]["host"] = "10.254.0.99".into();
    assert_eq!(
        denials(&world.apply(&cluster)),
        [("BSP-V005", "spec.controlPlaneEndpoint")]
    );
    cluster["spec"]["controlPlaneEndpoint"] = json!({});
    let completed = world.admit(&cluster).object.expect("an object");
    assert_eq!(
        completed["spec"]["controlPlaneEndpoint"]["host"],
        "10.254.0.32"
    );
}
