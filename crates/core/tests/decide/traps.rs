//! The traps of Cluster API that are known by name and that no other file here is about.

use basphere_core::{ApiVersion, Decision, Kind, Operation, Phase, decide};
use serde_json::{Value, json};

use crate::world::{World, admin, capi, denials, example, template};

const TOPOLOGY_OWNED: &str = "topology.cluster.x-k8s.io/owned";

fn made(kind: Kind, version: ApiVersion, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", kind.group()),
        "kind": kind.as_str(),
        "metadata": {"name": "made", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
        "spec": spec,
    })
}

fn patched_paths(decision: &Decision) -> Vec<String> {
    let operations = decision.patch.0.iter();
    operations
        .map(|operation| operation.path().to_string())
        .collect()
}

fn are_owner_labels(paths: &[String]) -> bool {
    paths.iter().all(|path| {
        [
            "/metadata/labels/basphere.dev~1owner",
            "/metadata/labels/owner",
        ]
        .contains(&path.as_str())
    })
}

/// Its control plane compares it with its own spec, and would roll for ever.
#[test]
fn a_kubeadm_config_is_never_changed_but_for_its_labels() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.requester = capi();
        let config = made(
            Kind::KubeadmConfig,
            version,
            json!({"joinConfiguration": {}}),
        );
        let paths = patched_paths(&world.admit(&config));
        assert!(paths.len() == 2 && are_owner_labels(&paths), "{paths:?}");
    }
}

/// Its deployment compares the template with its own, and would make another set.
#[test]
fn the_template_of_a_machine_set_is_never_changed() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.requester = capi();
        let spec = json!({"clusterName": "demo", "selector": {}, "template": {"spec": {"clusterName": "demo"}}});
        let paths = patched_paths(&world.admit(&made(Kind::MachineSet, version, spec)));
        assert!(paths.len() == 2 && are_owner_labels(&paths), "{paths:?}");
    }
}

/// The topology controller rotates templates without end when what it gets differs between CREATE,
/// UPDATE and dry-run.
#[test]
fn what_the_topology_controller_writes_comes_out_the_same_each_time() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.requester = capi();
        let mut given = template("t", version, json!({"network": {"devices": [{}]}}));
        let vsphere = &world.site.spec().vsphere.clone().expect("vSphere");
        given["metadata"]["labels"] = json!({TOPOLOGY_OWNED: ""});
        given["spec"]["template"]["spec"] = json!({
            "server": vsphere.server, "thumbprint": vsphere.thumbprint, "datacenter": vsphere.datacenter,
            "datastore": vsphere.datastore, "folder": vsphere.folder, "resourcePool": vsphere.resource_pool,
            "template": "ubuntu-2204-kube-v1.28.0", "numCPUs": 2, "memoryMiB": 4096, "diskGiB": 50,
            "network": {"devices": [{"networkName": vsphere.network}]},
        });
        let snapshot = world.snapshot();
        let create = world.request(Phase::Mutate, &given);
        let mut update = create.clone();
        update.operation = Operation::Update;
        update.old_object = Some(given.clone());
        let mut dry_run = update.clone();
        dry_run.dry_run = true;
        let outcomes = [create, update, dry_run].map(|request| decide(&request, &snapshot));
        for outcome in &outcomes {
            assert_eq!(denials(outcome), []);
            assert!(are_owner_labels(&patched_paths(outcome)));
            assert_eq!(outcome.object, outcomes[0].object);
        }
    }
}

/// Its dry-runs change what cannot be changed, to see what would come of it.
#[test]
fn a_dry_run_of_the_topology_controller_is_not_refused_for_what_is_immutable() {
    let mut world = World::new();
    let cluster = &example("cluster", ApiVersion::V1Beta2)[1];
    world.apply_all(std::slice::from_ref(cluster));
    world.requester = capi();
    let mut changed = world.stored_as(cluster).clone();
    changed["metadata"]["annotations"] = json!({"topology.cluster.x-k8s.io/dry-run": ""});
    changed["spec"]["controlPlaneEndpoint"]["host"] = "10.254.0.73".into();
    assert_eq!(denials(&world.admit(&changed)), []);
}

/// `clusterctl move` replaces all annotations before it deletes.
#[test]
fn an_admin_replaces_all_annotations_before_a_move() {
    let mut world = World::new();
    let objects = example("cluster", ApiVersion::V1Beta1);
    world.apply_all(&objects);
    world.requester = admin();
    for object in &objects {
        let mut leaving = world.stored_as(object).clone();
        leaving["metadata"]["annotations"] =
            json!({"clusterctl.cluster.x-k8s.io/delete-for-move": ""});
        assert_eq!(denials(&world.admit(&leaving)), [], "{}", object["kind"]);
    }
}

/// Collecting garbage and emptying a namespace must never wait for anybody.
#[test]
fn deleting_is_never_refused() {
    let world = World::new();
    for object in example("cluster", ApiVersion::V1Beta1) {
        let mut request = world.request(Phase::Validate, &object);
        request.operation = Operation::Delete;
        request.old_object = request.object.take();
        assert!(decide(&request, &world.snapshot()).is_allowed());
    }
}
