//! What becomes of a topology that is stored, when it is written again.

use std::sync::Arc;

use basphere_core::{ApiVersion, Kind, Phase, Site};
use serde_json::{Value, json};

use super::{
    NODE_SPEC, five, image, partial, size, stored, topology, variable, with_variable, workers,
};
use crate::world::{World, admin, capi, denials, site_spec, warnings};

/// Applies a change of the topology, as a merge patch over what is stored.
fn change(world: &mut World, version: ApiVersion, patch: Value) -> Value {
    world.apply_all(&[partial(version, patch)]);
    topology(world)
}

/// What `kubectl replace` makes of an object: nothing that is not in it is there.
fn replace(world: &World, object: &Value) -> Value {
    let decision = world.admit(object);
    assert_eq!(denials(&decision), []);
    decision.object.expect("an object")
}

#[test]
fn applying_the_five_lines_again_changes_nothing() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let before = world.get(Kind::Cluster, "five").clone();
        world.apply_all(&[five(version)]);
        assert_eq!(world.get(Kind::Cluster, "five"), &before);
        let replaced = replace(&world, &five(version));
        assert_eq!(replaced["spec"], before["spec"]);
    }
}

#[test]
fn a_list_of_ones_own_drops_nothing() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let before = topology(&world);
        let own = json!({
            "variables": [{"name": "own", "value": 1}],
            "workers": {"machineDeployments": [{"class": "worker", "name": "workers", "replicas": 4}]},
        });
        let after = change(&mut world, version, own.clone());
        assert_eq!(variable(&after, "own"), 1);
        for name in [
            "vsphere",
            "images",
            "criSocket",
            "controlPlaneMachine",
            "controlPlaneIpAddr",
            "kubeVipPodManifest",
        ] {
            assert_ne!(variable(&before, name), Value::Null, "{name}");
            assert_eq!(variable(&after, name), variable(&before, name));
        }
        let mut expected = workers(&before).clone();
        expected["replicas"] = 4.into();
        assert_eq!(workers(&after), &expected);
        assert_eq!(change(&mut world, version, own), after);
    }
}

/// Machines would roll at a moment that nobody chose.
#[test]
fn a_changed_site_changes_no_stored_cluster() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let before = topology(&world);
        let mut spec = site_spec();
        let vsphere = spec.vsphere.as_mut().expect("vSphere");
        vsphere.folder = "/DC0/vm/new".to_owned();
        spec.kube_vip.as_mut().expect("kube-vip").image =
            "harbor.corp.example:8443/other".to_owned();
        spec.kubernetes.cri_socket = "/run/other.sock".to_owned();
        spec.kubernetes.versions[0].vsphere_template = Some("rebuilt".to_owned());
        spec.defaults.kubernetes_version = "v1.34.4".to_owned();
        spec.topology.as_mut().expect("a class").namespace = "elsewhere".to_owned();
        spec.node_specs.get_mut("medium").expect("medium").cpus = 6;
        spec.cluster_types
            .get_mut("dev")
            .expect("dev")
            .workers
            .count = 9;
        world.site = Arc::new(Site::try_from(spec).expect("a site"));
        world.apply_all(&[five(version)]);
        assert_eq!(topology(&world), before);
        world.apply_all(&[partial(version, json!({"controlPlane": {"replicas": 3}}))]);
        let mut expected = before.clone();
        expected["controlPlane"]["replicas"] = 3.into();
        assert_eq!(topology(&world), expected);
    }
}

/// What was stored under the site as it was is held against nobody, also beside a real change.
#[test]
fn a_changed_site_holds_up_no_change_of_something_else() {
    let mut world = stored(ApiVersion::V1Beta2);
    let mut spec = site_spec();
    spec.vsphere.as_mut().expect("vSphere").folder = "/DC0/vm/new".to_owned();
    spec.node_specs.get_mut("medium").expect("medium").cpus = 6;
    world.site = Arc::new(Site::try_from(spec).expect("a site"));
    let mut given = topology(&world);
    // In front of all others, so that every place shifts.
    given["variables"]
        .as_array_mut()
        .expect("variables")
        .insert(0, json!({"name": "own", "value": 1}));
    let groups = given["workers"]["machineDeployments"]
        .as_array_mut()
        .expect("groups");
    groups.insert(
        0,
        json!({"class": "worker", "name": "first", "replicas": 1}),
    );
    let after = change(&mut world, ApiVersion::V1Beta2, given);
    let sizes = after["workers"]["machineDeployments"]
        .as_array()
        .expect("groups");
    let cpus: Vec<_> = sizes
        .iter()
        .map(|group| group["variables"]["overrides"][0]["value"]["numCPUs"].clone())
        .collect();
    assert_eq!(cpus, [6, 4], "the new group is as the site is now");
    assert_eq!(variable(&after, "vsphere")["folder"], "/DC0/vm");
}

#[test]
fn another_node_spec_is_another_size_of_that_group_only() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let large = json!({"metadata": {"labels": {NODE_SPEC: "large"}}});
        let after = change(&mut world, version, json!({"controlPlane": large}));
        assert_eq!(variable(&after, "controlPlaneMachine"), size(8, 16384, 200));
        let overrides = &workers(&after)["variables"]["overrides"];
        assert_eq!(overrides[0]["value"], size(4, 8192, 100));

        let mut groups = after["workers"]["machineDeployments"].clone();
        groups[0]["metadata"]["labels"][NODE_SPEC] = "small".into();
        let after = change(
            &mut world,
            version,
            json!({"workers": {"machineDeployments": groups}}),
        );
        let overrides = &workers(&after)["variables"]["overrides"];
        assert_eq!(overrides[0]["value"], size(2, 4096, 50));
        assert_eq!(variable(&after, "controlPlaneMachine"), size(8, 16384, 200));
    }
}

/// A file that was exported carries the size, and only its mark is edited. It is the same file when it is
/// applied again.
#[test]
fn a_size_that_is_left_behind_by_its_mark_is_replaced_each_time() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let mut file = world.get(Kind::Cluster, "five").clone();
        let topology_of_file = &mut file["spec"]["topology"];
        topology_of_file["controlPlane"]["metadata"]["labels"][NODE_SPEC] = "large".into();
        let group = &mut topology_of_file["workers"]["machineDeployments"][0];
        group["metadata"]["labels"][NODE_SPEC] = "small".into();
        for round in 0..3 {
            let decision = world.apply(&file);
            assert_eq!(denials(&decision), [], "round {round}");
            let codes: Vec<_> = warnings(&decision).into_iter().map(|of| of.0).collect();
            let expected: &[_] = if round == 0 { &[] } else { &["BSP-W012"; 2] };
            assert_eq!(codes, expected, "round {round}");
            let after = topology(&world);
            assert_eq!(variable(&after, "controlPlaneMachine"), size(8, 16384, 200));
            let overrides = &workers(&after)["variables"]["overrides"];
            assert_eq!(overrides[0]["value"], size(2, 4096, 50));
        }
    }
}

#[test]
fn another_version_brings_its_image_and_keeps_the_one_that_runs() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let before = topology(&world);
        let after = change(&mut world, version, json!({"version": "v1.34.4"}));
        let both = json!([
            image("v1.28.0", "ubuntu-2204-kube-v1.28.0"),
            image("v1.34.4", "ubuntu-2404-kube-v1.34.4")
        ]);
        assert_eq!(variable(&after, "images"), both);
        let mut expected = with_variable(before, "images", both.clone());
        expected["version"] = "v1.34.4".into();
        expected["variables"] = after["variables"].clone();
        assert_eq!(after, expected);
        world.apply_all(&[five(version)]);
        assert_eq!(variable(&topology(&world), "images"), both);
    }
}

/// A version without its letter is the same version, and Cluster API writes the letter.
#[test]
fn an_image_is_named_by_the_version_as_cluster_api_writes_it() {
    let mut world = World::new();
    world.apply_all(&[partial(ApiVersion::V1Beta2, json!({"version": "1.34.4"}))]);
    let images = variable(&topology(&world), "images");
    assert_eq!(
        images,
        json!([image("v1.34.4", "ubuntu-2404-kube-v1.34.4")])
    );
}

/// Who adds a group by a list that names no other takes the others away.
#[test]
fn a_group_that_disappears_is_told_of() {
    for version in ApiVersion::CLUSTER_API {
        for groups in [json!([{"name": "gpu"}]), json!([])] {
            let mut world = stored(version);
            let given = partial(version, json!({"workers": {"machineDeployments": groups}}));
            let decision = world.apply(&given);
            assert_eq!(denials(&decision), []);
            let path = "spec.topology.workers.machineDeployments";
            assert_eq!(warnings(&decision), [("BSP-W013", path)]);
            let told = decision.warnings[0].to_string();
            assert!(told.contains("workers"), "{told}");
            assert_eq!(warnings(&world.apply(&given)), [], "only once");
        }
    }
    // Controllers know what they do, and what is put back does not disappear.
    let mut world = stored(ApiVersion::V1Beta2);
    assert_eq!(warnings(&world.apply(&five(ApiVersion::V1Beta2))), []);
    let groups = json!({"workers": {"machineDeployments": [{"name": "gpu", "class": "worker"}]}});
    world.requester = capi();
    let decision = world.apply(&partial(ApiVersion::V1Beta2, groups));
    assert_eq!(warnings(&decision), []);
}

/// A patch adds annotations and takes nothing away, and Cluster API refuses them beside a number.
#[test]
fn a_group_that_the_autoscaler_is_given_loses_its_number() {
    let least = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";
    let most = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
    for version in ApiVersion::CLUSTER_API {
        let mut world = stored(version);
        let mut groups = topology(&world)["workers"]["machineDeployments"].clone();
        groups[0]["metadata"]["annotations"] = json!({least: "1", most: "3"});
        let given = json!({"workers": {"machineDeployments": groups}});
        let after = change(&mut world, version, given.clone());
        assert_eq!(workers(&after).get("replicas"), None);
        assert_eq!(workers(&after)["class"], "worker");
        assert_eq!(change(&mut world, version, json!({})), after);
        // What somebody writes who means it is Cluster API's to refuse.
        let mut other = stored(version);
        let mut both = given;
        both["workers"]["machineDeployments"][0]["replicas"] = 3.into();
        let kept = change(&mut other, version, both);
        assert_eq!(workers(&kept)["replicas"], 3);
        // The annotations go, and the number is that of the type again.
        groups[0]["metadata"]["annotations"] = json!({});
        groups[0]["replicas"] = 2.into();
        let back = json!({"workers": {"machineDeployments": groups}});
        let after = change(&mut world, version, back);
        assert_eq!(workers(&after)["replicas"], 2);
    }
}

/// The older version may write an empty list; the newer one only knows that there is none.
#[test]
fn the_last_workers_may_be_taken_away() {
    let none = json!({"workers": {"machineDeployments": []}});
    for (version, expected) in [
        (ApiVersion::V1Beta1, none["workers"].clone()),
        (ApiVersion::V1Beta2, Value::Null),
    ] {
        let mut world = stored(version);
        let before = world.get(Kind::Cluster, "five").clone();
        let after = change(&mut world, version, none.clone());
        assert_eq!(after["workers"], expected);
        // The API server may ask again, with what the first answer made of it.
        let cluster = world.get(Kind::Cluster, "five").clone();
        let key = (Kind::Cluster, "five".to_owned());
        world.stored.insert(key.clone(), before);
        assert_eq!(replace(&world, &cluster), cluster);
        world.stored.insert(key, cluster.clone());
        world.apply_all(&[partial(version, none.clone())]);
        assert_eq!(world.get(Kind::Cluster, "five"), &cluster);
        world.apply_all(&[five(version)]);
        assert_eq!(world.get(Kind::Cluster, "five"), &cluster);
        assert_eq!(replace(&world, &five(version))["spec"], cluster["spec"]);
    }
}

#[test]
fn workers_may_come_back_and_are_not_forgotten_then() {
    let mut world = stored(ApiVersion::V1Beta2);
    let version = ApiVersion::V1Beta2;
    change(
        &mut world,
        version,
        json!({"workers": {"machineDeployments": []}}),
    );
    let group = json!({"workers": {"machineDeployments": [{"name": "again"}]}});
    let after = change(&mut world, version, group);
    assert_eq!(workers(&after)["name"], "again");
    let cluster = world.get(Kind::Cluster, "five").clone();
    let annotations = cluster["metadata"]["annotations"].as_object();
    let annotations = annotations.expect("annotations");
    assert!(
        !annotations.contains_key("basphere.dev/no-workers"),
        "{annotations:?}"
    );
    // A file that says nothing of workers leaves them.
    let other = partial(version, json!({"controlPlane": {"replicas": 3}}));
    let replaced = replace(&world, &other);
    assert_eq!(replaced["spec"]["topology"]["workers"], after["workers"]);
}

#[test]
fn a_cluster_that_is_being_deleted_is_given_nothing_new() {
    let mut world = stored(ApiVersion::V1Beta2);
    let key = (Kind::Cluster, "five".to_owned());
    let kept = world.stored.get_mut(&key).expect("stored");
    kept["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    kept["spec"]["topology"]["variables"] = json!([]);
    let before = kept.clone();
    let request = world.request(Phase::Mutate, &before);
    let decision = world.decide(&request);
    assert_eq!(denials(&decision), []);
    assert_eq!(decision.object, Some(before));
}

/// Whether the old pod is left where it is, as any merge does, or taken out.
#[test]
fn an_admin_who_moves_the_address_gets_the_pod_for_it() {
    for keeps_pod in [false, true] {
        let mut world = stored(ApiVersion::V1Beta2);
        world.requester = admin();
        let mut given = topology(&world);
        let variables = given["variables"].as_array_mut().expect("variables");
        variables.retain(|variable| keeps_pod || variable["name"] != "kubeVipPodManifest");
        let given = with_variable(given, "controlPlaneIpAddr", "10.254.0.40".into());
        let after = change(&mut world, ApiVersion::V1Beta2, given);
        let pod = variable(&after, "kubeVipPodManifest").to_string();
        assert!(
            pod.contains("10.254.0.40") && !pod.contains("10.254.0.32"),
            "{pod}"
        );
    }
}

/// Also where nothing is completed.
#[test]
fn the_pod_of_another_address_is_refused() {
    let mut world = stored(ApiVersion::V1Beta2);
    world.requester = admin();
    let moved = with_variable(topology(&world), "controlPlaneIpAddr", "10.254.0.40".into());
    let mut cluster = world.get(Kind::Cluster, "five").clone();
    cluster["spec"]["topology"] = moved;
    let decision = world.decide(&world.request(Phase::Validate, &cluster));
    let codes: Vec<_> = denials(&decision).into_iter().map(|of| of.0).collect();
    assert!(codes.contains(&"BSP-C005"), "{codes:?}");
}
