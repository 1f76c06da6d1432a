//! What a tenant must not write into a topology.

use std::sync::Arc;

use basphere_core::{ApiVersion, Site};
use serde_json::{Value, json};

use super::{NODE_SPEC, five, image, partial, size, stored, topology, with_variable};
use crate::world::{World, admin, denials, site_spec, without_endpoints};

const V1BETA2: ApiVersion = ApiVersion::V1Beta2;

fn refused(given: Value) -> Vec<(String, String)> {
    let decision = World::new().admit(&partial(V1BETA2, given));
    let found = denials(&decision).into_iter();
    found
        .map(|(code, path)| (code.to_owned(), path.to_owned()))
        .collect()
}

fn refused_one(given: Value, code: &str, path: &str) {
    assert_eq!(refused(given), [(code.to_owned(), path.to_owned())]);
}

#[test]
fn another_class() {
    for (version, given, code, path) in [
        (
            V1BETA2,
            json!({"classRef": {"name": "mine"}}),
            "BSP-C004",
            "classRef.name",
        ),
        (
            ApiVersion::V1Beta1,
            json!({"class": "mine"}),
            "BSP-C004",
            "class",
        ),
        (
            V1BETA2,
            json!({"classRef": {"name": "basphere", "namespace": "user-kim"}}),
            "BSP-C004",
            "classRef.namespace",
        ),
        (
            ApiVersion::V1Beta1,
            json!({"class": "basphere", "classNamespace": "user-lee"}),
            "BSP-A004",
            "classNamespace",
        ),
    ] {
        let world = World::new();
        let given = partial(version, given);
        let path = format!("spec.topology.{path}");
        let decision = world.admit(&given);
        assert_eq!(denials(&decision), [(code, path.as_str())]);
        let mut world = World::new();
        world.requester = admin();
        assert_eq!(denials(&world.admit(&given)), [], "admins name any class");
    }
}

/// Every value that says where machines stand, and as whom CAPV logs in.
#[test]
fn another_place() {
    let complete = topology(&stored(V1BETA2));
    let ours = super::variable(&complete, "vsphere");
    let index = 5;
    for (field, value) in [
        ("server", json!("mine.example")),
        ("thumbprint", json!("00")),
        ("identity", json!("lees")),
        ("datacenter", json!("DC1")),
        ("datastore", json!("other")),
        ("folder", json!("/DC0/vm/lee")),
        ("resourcePool", json!("/DC0/other")),
        ("network", json!("other")),
        ("dhcp4", json!(true)),
    ] {
        let mut place = ours.clone();
        place[field] = value;
        let code = if field == "dhcp4" {
            "BSP-C005"
        } else {
            "BSP-V001"
        };
        let given = with_variable(complete.clone(), "vsphere", place.clone());
        let path = format!("spec.topology.variables[{index}].value.{field}");
        refused_one(given, code, &path);
        // Neither for some of the machines only, nor once the Cluster is stored.
        for group in ["controlPlane", "workers/machineDeployments/0"] {
            let mut given = complete.clone();
            let at = given.pointer_mut(&format!("/{group}")).expect("a group");
            at["variables"]["overrides"] = json!([{"name": "vsphere", "value": place}]);
            let found = refused(given);
            let path = group.replace("/0", "[0]").replace('/', ".");
            let path = format!("spec.topology.{path}.variables.overrides[0].value.{field}");
            assert!(found.contains(&(code.to_owned(), path)), "{found:?}");
        }
        let mut world = stored(V1BETA2);
        let given = with_variable(topology(&world), "vsphere", place);
        let decision = world.apply(&partial(V1BETA2, given));
        assert_eq!(denials(&decision)[0].0, code);
    }
}

#[test]
fn a_place_that_is_none() {
    let found = refused(json!({"variables": [{"name": "vsphere", "value": "x"}]}));
    assert!(
        found.len() > 5 && found.iter().any(|(code, _)| code == "BSP-V001"),
        "{found:?}"
    );
}

#[test]
fn another_image() {
    for (value, template) in [
        (json!([image("v1.28.0", "mine")]), "[0].template"),
        (
            json!([image("v9.9.9", "ubuntu-2204-kube-v1.28.0")]),
            "[0].version",
        ),
        (
            json!([image("1.28.0", "ubuntu-2204-kube-v1.28.0")]),
            "[0].version",
        ),
        (
            json!([image("v1.34.4", "ubuntu-2204-kube-v1.28.0")]),
            "[0].template",
        ),
        (
            json!([image("v1.28.0", "ubuntu-2204-kube-v1.28.0"), {"template": 1}]),
            "[1].template",
        ),
    ] {
        let given = json!({"variables": [{"name": "images", "value": value}]});
        let path = format!("spec.topology.variables[0].value{template}");
        refused_one(given, "BSP-V002", &path);
    }
    refused_one(
        json!({"variables": [{"name": "images", "value": "x"}]}),
        "BSP-F001",
        "spec.topology.variables[0].value",
    );
}

/// What is said leads to what passes.
#[test]
fn a_template_under_another_version_is_told_of_its_own() {
    let images = json!([image("1.28.0", "ubuntu-2204-kube-v1.28.0")]);
    let given = json!({"variables": [{"name": "images", "value": images}]});
    let decision = World::new().admit(&partial(V1BETA2, given));
    let hint = decision.denials[0].hint.as_deref();
    assert_eq!(hint, Some("nearest: v1.28.0"));
}

/// The class would put both names into one template.
#[test]
fn two_images_of_one_version() {
    let mut spec = site_spec();
    spec.kubernetes.versions[0].vsphere_template = Some("rebuilt".to_owned());
    let mut world = stored(V1BETA2);
    world.site = Arc::new(Site::try_from(spec).expect("a site"));
    let both = json!([
        image("v1.28.0", "ubuntu-2204-kube-v1.28.0"),
        image("v1.28.0", "rebuilt")
    ]);
    let given = with_variable(topology(&world), "images", both);
    let decision = world.apply(&partial(V1BETA2, given));
    let path = "spec.topology.variables[5].value[1].version";
    assert_eq!(denials(&decision), [("BSP-C006", path)]);
    let hint = decision.denials[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("value[0]"), "{hint}");
    let one = json!([image("v1.28.0", "rebuilt")]);
    let given = with_variable(topology(&world), "images", one.clone());
    world.apply_all(&[partial(V1BETA2, given)]);
    assert_eq!(super::variable(&topology(&world), "images"), one);
}

#[test]
fn a_rebuilt_image_may_be_named() {
    let images = json!([image("v1.28.0", "ubuntu-2204-kube-v1.28.0")]);
    assert_eq!(
        refused(json!({"variables": [{"name": "images", "value": images}]})),
        []
    );
}

#[test]
fn another_socket() {
    let given = json!({"variables": [{"name": "criSocket", "value": "/run/mine.sock"}]});
    refused_one(given, "BSP-C005", "spec.topology.variables[0].value");
}

/// Quota is charged by the node spec that a group is marked with.
#[test]
fn machines_that_are_larger_than_their_node_spec() {
    let complete = topology(&stored(V1BETA2));
    for given in [
        size(8, 16384, 200),
        size(4, 8192, 101),
        Value::Null,
        json!("large"),
    ] {
        let larger = with_variable(complete.clone(), "controlPlaneMachine", given.clone());
        let found = refused(larger);
        if given.is_null() {
            assert_eq!(found, [], "that says nothing, and is filled in");
        } else {
            let path = "spec.topology.variables[5].value".to_owned();
            assert_eq!(found, [("BSP-S003".to_owned(), path)]);
        }
    }
    let mut larger = complete.clone();
    larger["controlPlane"]["variables"]["overrides"] =
        json!([{"name": "controlPlaneMachine", "value": size(8, 16384, 200)}]);
    refused_one(
        larger,
        "BSP-S003",
        "spec.topology.controlPlane.variables.overrides[0].value",
    );
    let mut larger = complete.clone();
    larger["workers"]["machineDeployments"][0]["variables"]["overrides"] =
        json!([{"name": "workerMachine", "value": size(8, 16384, 200)}]);
    refused_one(
        larger,
        "BSP-S003",
        "spec.topology.workers.machineDeployments[0].variables.overrides[0].value",
    );
}

/// A size that is changed by itself, and a mark that is changed so that the size it had would stay.
#[test]
fn a_size_and_a_mark_that_part_later() {
    let mut world = stored(V1BETA2);
    let given = with_variable(topology(&world), "controlPlaneMachine", size(8, 16384, 999));
    let decision = world.apply(&partial(V1BETA2, given));
    assert_eq!(
        denials(&decision),
        [("BSP-S003", "spec.topology.variables[5].value")]
    );
    let hint = decision.denials[0].hint.as_deref().unwrap_or_default();
    assert!(
        hint.contains("spec.topology.controlPlane.metadata.labels"),
        "{hint}"
    );

    let small = json!({"controlPlane": {"metadata": {"labels": {NODE_SPEC: "small"}}}});
    let mut given = partial(V1BETA2, small);
    given["spec"]["topology"]["variables"] =
        json!([{"name": "controlPlaneMachine", "value": size(8, 16384, 999)}]);
    assert_eq!(denials(&world.apply(&given))[0].0, "BSP-S003");
}

#[test]
fn a_node_spec_that_there_is_not() {
    let mark = json!({"metadata": {"labels": {NODE_SPEC: "huge"}}});
    let found = refused(json!({"controlPlane": mark, "workers": {"machineDeployments": [mark]}}));
    let paths: Vec<_> = found
        .iter()
        .map(|(code, path)| (code.as_str(), path.as_str()))
        .collect();
    let label = "metadata.labels[basphere.dev/node-spec]";
    assert_eq!(
        paths,
        [
            (
                "BSP-S001",
                format!("spec.topology.controlPlane.{label}").as_str()
            ),
            (
                "BSP-S001",
                format!("spec.topology.workers.machineDeployments[0].{label}").as_str()
            ),
        ]
    );
}

/// A static pod of the control plane may do anything with it.
#[test]
fn another_pod() {
    let given = json!({"variables": [{"name": "kubeVipPodManifest", "value": "kind: Pod"}]});
    refused_one(
        given.clone(),
        "BSP-C005",
        "spec.topology.variables[0].value",
    );
    let given = json!({"controlPlane": {"variables": {"overrides": given["variables"]}}});
    refused_one(
        given,
        "BSP-C005",
        "spec.topology.controlPlane.variables.overrides[0].value",
    );
}

/// Also where the site hands out no addresses of API servers, and where the name is not known yet.
#[test]
fn another_pod_where_no_address_is_reserved() {
    let pod = json!({"name": "kubeVipPodManifest", "value": "kind: Pod"});
    let address = json!({"name": "controlPlaneIpAddr", "value": "192.0.2.9"});
    for variables in [json!([pod]), json!([pod, address])] {
        let mut world = World::with_site(without_endpoints());
        let mut given = partial(V1BETA2, json!({"variables": variables}));
        let expected = [("BSP-C005", "spec.topology.variables[0].value")];
        assert_eq!(denials(&world.apply(&given)), expected);
        given["metadata"] = json!({"generateName": "five-"});
        assert_eq!(denials(&world.apply(&given)), expected);
    }
}

/// A group's own value would count before that of the whole topology.
#[test]
fn another_address_for_some_of_the_machines() {
    let complete = topology(&stored(V1BETA2));
    for (group, path) in [
        ("controlPlane", "controlPlane"),
        (
            "workers/machineDeployments/0",
            "workers.machineDeployments[0]",
        ),
    ] {
        let with = |value: &str| {
            let mut given = complete.clone();
            let at = given.pointer_mut(&format!("/{group}")).expect("a group");
            at["variables"]["overrides"] = json!([{"name": "controlPlaneIpAddr", "value": value}]);
            given
        };
        let path = format!("spec.topology.{path}.variables.overrides[0].value");
        refused_one(with("10.254.0.40"), "BSP-I007", &path);
        assert_eq!(refused(with("10.254.0.32")), []);
        let mut world = stored(V1BETA2);
        let decision = world.apply(&partial(V1BETA2, with("10.254.0.40")));
        assert_eq!(denials(&decision), [("BSP-I007", path.as_str())]);
    }
}

#[test]
fn an_address_of_another_cluster_or_of_no_pool() {
    let named = |host: &str| json!({"variables": [{"name": "controlPlaneIpAddr", "value": host}]});
    let path = "spec.topology.variables[0].value";
    for host in ["192.0.2.9", "vip.example"] {
        refused_one(named(host), "BSP-I004", path);
    }
    let mut world = stored(V1BETA2);
    let mut second = partial(V1BETA2, named("10.254.0.32"));
    second["metadata"]["name"] = "second".into();
    assert_eq!(denials(&world.apply(&second)), [("BSP-I003", path)]);
    second["spec"] = json!({"controlPlaneEndpoint": {"host": "192.0.2.9", "port": 6443}});
    let decision = world.apply(&second);
    let found = denials(&decision);
    assert!(
        found.contains(&("BSP-I004", "spec.controlPlaneEndpoint.host")),
        "{found:?}"
    );
}

#[test]
fn another_address_once_it_is_stored() {
    let mut world = stored(V1BETA2);
    let given = with_variable(topology(&world), "controlPlaneIpAddr", "10.254.0.40".into());
    let decision = world.apply(&partial(V1BETA2, given));
    assert!(
        denials(&decision)
            .iter()
            .any(|(code, _)| *code == "BSP-V005"),
        "{:?}",
        denials(&decision)
    );
}

#[test]
fn a_generated_name() {
    let mut cluster = five(V1BETA2);
    let metadata = cluster["metadata"].as_object_mut().expect("metadata");
    metadata.remove("name");
    metadata.insert("generateName".to_owned(), "five-".into());
    let decision = World::new().admit(&cluster);
    assert_eq!(denials(&decision), [("BSP-N001", "metadata.generateName")]);
}

#[test]
fn more_groups_than_are_looked_at() {
    let groups: Vec<_> = (0..300)
        .map(|index| json!({"name": format!("g{index}")}))
        .collect();
    let found = refused(json!({"workers": {"machineDeployments": groups}}));
    let long = (
        "BSP-R005".to_owned(),
        "spec.topology.workers.machineDeployments".to_owned(),
    );
    assert!(found.contains(&long), "{found:?}");
}

#[test]
fn more_machines_than_the_pool_has() {
    let given = json!({"controlPlane": {"replicas": 201}});
    refused_one(given, "BSP-I002", "spec.topology");
}
