//! The ClusterClass that `deploy/` ships takes what is filled in.

use std::collections::BTreeSet;

use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use super::{stored, topology, workers};
use crate::world::{World, documents, example, examples};

const PLACEHOLDER: &str = "replaced-by-the-class";

fn class(version: ApiVersion) -> Vec<Value> {
    let path = examples().join(format!("../clusterclass.{version}.yaml"));
    documents(&std::fs::read_to_string(path).expect("the class"))
}

fn names(list: &Value) -> BTreeSet<&str> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|variable| variable["name"].as_str())
        .collect()
}

#[test]
fn its_variables_are_those_that_are_filled_in() {
    for version in ApiVersion::CLUSTER_API {
        let class = class(version).remove(0);
        let topology = topology(&stored(version));
        let overrides = &workers(&topology)["variables"]["overrides"];
        let filled: BTreeSet<_> = names(&topology["variables"])
            .union(&names(overrides))
            .copied()
            .collect();
        assert_eq!(names(&class["spec"]["variables"]), filled);
        for variable in class["spec"]["variables"].as_array().expect("variables") {
            let name = variable["name"].as_str().expect("a name");
            let is_required = variable["required"] == true;
            let may_miss = ["workerMachine", "kubeVipPodManifest"].contains(&name);
            assert_eq!(is_required, !may_miss, "{name}");
        }
    }
}

#[test]
fn the_groups_are_of_its_one_class_of_workers() {
    for version in ApiVersion::CLUSTER_API {
        let class = class(version).remove(0);
        let topology = topology(&stored(version));
        assert_eq!(
            class["spec"]["workers"]["machineDeployments"][0]["class"],
            workers(&topology)["class"]
        );
    }
}

/// The pointers of all values that stand for something else.
fn placeholders(value: &Value, here: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| placeholders(value, &format!("{here}/{key}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| placeholders(value, &format!("{here}/{index}"), found)),
        value if value == PLACEHOLDER => drop(found.insert(here.to_owned())),
        _ => {}
    }
}

#[test]
fn whatever_stands_for_something_else_is_replaced() {
    for version in ApiVersion::CLUSTER_API {
        let documents = class(version);
        let patches = documents[0]["spec"]["patches"].as_array().expect("patches");
        for template in &documents[1..] {
            let (kind, name) = (&template["kind"], &template["metadata"]["name"]);
            let is_worker = name == "basphere-worker";
            let definitions = patches.iter().filter(|patch| patch["enabledIf"].is_null());
            let definitions =
                definitions.flat_map(|patch| patch["definitions"].as_array().expect("some"));
            let paths: BTreeSet<_> = definitions
                .filter(|definition| {
                    let selector = &definition["selector"];
                    let resources = &selector["matchResources"];
                    let is_for_worker = !resources["machineDeploymentClass"].is_null();
                    let is_for_other = resources["controlPlane"] == true
                        || resources["infrastructureCluster"] == true;
                    assert_eq!(
                        selector["apiVersion"]
                            .as_str()
                            .expect("text")
                            .rsplit('/')
                            .next(),
                        Some(version.as_str())
                    );
                    selector["kind"] == *kind
                        && if is_worker {
                            is_for_worker
                        } else {
                            is_for_other
                        }
                })
                .flat_map(|definition| definition["jsonPatches"].as_array().expect("patches"))
                .filter_map(|patch| patch["path"].as_str())
                .collect();
            let mut found = BTreeSet::new();
            placeholders(template, "", &mut found);
            assert!(!found.is_empty(), "{name}");
            for place in found {
                let is_replaced = paths.iter().any(|path| place.starts_with(path));
                assert!(is_replaced, "{kind} {name}: {place}, {paths:?}");
            }
        }
    }
}

fn patch<'a>(class: &'a Value, name: &str) -> &'a Value {
    let patches = class["spec"]["patches"].as_array().expect("patches");
    let found = patches.iter().find(|patch| patch["name"] == name);
    found.expect("a patch")
}

/// What an explicit control plane of that version gets, the class gives as well.
#[test]
fn its_control_plane_is_told_what_an_explicit_one_is() {
    for version in ApiVersion::CLUSTER_API {
        let documents = class(version);
        for (kubernetes, has_argument) in [("v1.28.0", true), ("v1.34.4", false)] {
            let mut objects = example("cluster", version);
            objects[2]["spec"]["version"] = kubernetes.into();
            let mut world = World::new();
            world.apply_all(&objects);
            let spec = &world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"];
            let explicit = &spec["kubeadmConfigSpec"];
            let base = documents
                .iter()
                .find(|of| of["kind"] == "KubeadmControlPlaneTemplate");
            let base = &base.expect("a template")["spec"]["template"]["spec"]["kubeadmConfigSpec"];
            for (field, place) in [
                (
                    "controllerManager",
                    "/clusterConfiguration/controllerManager",
                ),
                (
                    "init",
                    "/initConfiguration/nodeRegistration/kubeletExtraArgs",
                ),
                (
                    "join",
                    "/joinConfiguration/nodeRegistration/kubeletExtraArgs",
                ),
            ] {
                assert_eq!(base.pointer(place), explicit.pointer(place), "{field}");
            }
            let api_server = &explicit["clusterConfiguration"]["apiServer"];
            let of_class = patch(&documents[0], "cloudProviderOfApiServer");
            let given = &of_class["definitions"][0]["jsonPatches"][0]["value"];
            assert_eq!(api_server == given, has_argument, "{api_server} {given}");
            let commands = &explicit["preKubeadmCommands"];
            let of_class = patch(&documents[0], "kubeVipSuperAdmin");
            let command = &of_class["definitions"][0]["jsonPatches"][0]["value"];
            if has_argument {
                assert_eq!(commands, &Value::Null);
            } else {
                assert_eq!(commands, &json!([command]));
            }
        }
    }
}

/// Both files are the same class, each as its version writes it.
#[test]
fn both_versions_say_the_same() {
    let mut older: Value = class(ApiVersion::V1Beta1).into();
    let newer: Value = class(ApiVersion::V1Beta2).into();
    for list in ["machineDeployments"] {
        let groups = older[0]["spec"]["workers"][list]
            .as_array_mut()
            .expect("groups");
        for group in groups {
            let mut template = group["template"].take();
            let fields = group.as_object_mut().expect("an object");
            fields.remove("template");
            fields.append(template.as_object_mut().expect("an object"));
        }
    }
    assert_eq!(renewed(older), newer);
}

/// What became of names and shapes in v1beta2.
fn renewed(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("ref", value) => ("templateRef".to_owned(), renewed(value)),
                ("extraArgs" | "kubeletExtraArgs", Value::Object(arguments)) => {
                    let listed = arguments.into_iter();
                    let listed = listed.map(|(name, value)| json!({"name": name, "value": value}));
                    (key, listed.collect())
                }
                (_, value) => (key, renewed(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(renewed).collect(),
        Value::String(text) => text.replace("/v1beta1", "/v1beta2").into(),
        value => value,
    }
}
