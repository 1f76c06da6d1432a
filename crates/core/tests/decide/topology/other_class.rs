//! A Site that names another class, or none any more: what was made of the one it named goes on.

use std::sync::Arc;

use basphere_core::site::TopologySpec;
use basphere_core::{ApiVersion, Kind, Site};
use serde_json::{Value, json};

use super::{NODE_SPEC, image, partial, size, stored, topology, variable, workers};
use crate::world::{World, admin, denials, kim, site_spec};

/// The five lines, stored before the Site named another class, or took it away.
fn worlds(version: ApiVersion) -> [World; 2] {
    let newer = TopologySpec {
        class: "basphere-v2".to_owned(),
        namespace: "basphere-system".to_owned(),
    };
    [Some(newer), None].map(|class| {
        let mut world = stored(version);
        let mut spec = site_spec();
        spec.topology = class;
        world.site = Arc::new(Site::try_from(spec).expect("a site"));
        world
    })
}

#[test]
fn a_change_brings_what_it_needs() {
    for version in ApiVersion::CLUSTER_API {
        for mut world in worlds(version) {
            let before = topology(&world);
            let large = json!({"metadata": {"labels": {NODE_SPEC: "large"}}});
            let given = json!({"version": "v1.34.4", "controlPlane": large});
            world.apply_all(&[partial(version, given)]);
            let after = topology(&world);
            assert_eq!(variable(&after, "controlPlaneMachine"), size(8, 16384, 200));
            assert_eq!(
                variable(&after, "images")[1],
                image("v1.34.4", "ubuntu-2404-kube-v1.34.4")
            );
            for field in ["class", "classNamespace", "classRef"] {
                assert_eq!(after[field], before[field]);
            }
        }
    }
}

#[test]
fn what_is_left_out_is_put_back() {
    for version in ApiVersion::CLUSTER_API {
        for world in worlds(version) {
            let before = topology(&world);
            let given = json!({
                "variables": [{"name": "own", "value": 1}],
                "workers": {"machineDeployments": [{"name": "workers", "replicas": 4}]},
            });
            let decision = world.admit(&partial(version, given));
            assert_eq!(denials(&decision), []);
            let after = decision.object.expect("an object")["spec"]["topology"].clone();
            for of in before["variables"].as_array().expect("variables") {
                let name = of["name"].as_str().expect("a name");
                assert_eq!(variable(&after, name), of["value"]);
            }
            let mut expected = workers(&before).clone();
            expected["replicas"] = 4.into();
            assert_eq!(workers(&after), &expected);
        }
    }
}

/// Admins name any class, and what one means by a variable is not Basphere's to fill in.
#[test]
fn a_class_that_was_never_the_sites_is_left_alone() {
    let version = ApiVersion::V1Beta2;
    for mut world in worlds(version) {
        world.requester = admin();
        let given = json!({
            "classRef": {"name": "corp", "namespace": "classes"}, "version": "v1.28.0",
            "variables": [{"name": "vsphere", "value": "a"}],
        });
        let mut cluster = partial(version, given);
        cluster["metadata"]["name"] = "corp".into();
        world.apply_all(&[cluster.clone()]);
        cluster["spec"]["topology"]["version"] = "v1.34.4".into();
        world.apply_all(&[cluster.clone()]);
        let stored = &world.get(Kind::Cluster, "corp")["spec"]["topology"];
        assert_eq!(stored, &cluster["spec"]["topology"]);
    }
}

/// Nor does a tenant get another class by what stands in the variables.
#[test]
fn another_class_is_refused_as_ever() {
    let version = ApiVersion::V1Beta2;
    for mut world in worlds(version) {
        let change: Value = json!({"classRef": {"name": "mine", "namespace": "elsewhere"}});
        let decision = world.apply(&partial(version, change));
        let codes: Vec<_> = denials(&decision).into_iter().map(|of| of.0).collect();
        assert!(codes.contains(&"BSP-A004"), "{codes:?}");
    }
}

/// Where the namespace is left out, the class would be looked for in the Cluster's own.
#[test]
fn a_change_to_the_sites_class_needs_its_name_only() {
    for version in ApiVersion::CLUSTER_API {
        for requester in [kim(), admin()] {
            let mut world = stored(version);
            let key = (Kind::Cluster, "five".to_owned());
            let cluster = world.stored.get_mut(&key).expect("stored");
            let of = &mut cluster["spec"]["topology"];
            let (own, ours) = match version {
                ApiVersion::V1Beta2 => {
                    let own = json!({"classRef": {"name": "own", "namespace": null}});
                    (own, json!({"classRef": {"name": "basphere"}}))
                }
                _ => {
                    let own = json!({"class": "own", "classNamespace": null});
                    (own, json!({"class": "basphere"}))
                }
            };
            json_patch::merge(of, &own);
            world.requester = requester;
            world.apply_all(&[partial(version, ours)]);
            let after = topology(&world);
            let namespaces = [&after["classRef"]["namespace"], &after["classNamespace"]];
            assert!(
                namespaces.iter().any(|of| **of == "basphere-system"),
                "{after:#}"
            );
        }
    }
}
