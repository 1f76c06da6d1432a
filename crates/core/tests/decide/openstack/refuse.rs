//! What is refused, with what would pass.

use basphere_core::ApiVersion::{self, V1Alpha7, V1Beta1};
use basphere_core::Kind;
use serde_json::json;

use super::{TEMPLATE, apply, cluster, machine, named, object, template, versions};
use crate::world::{World, capi, denials, example, kim, site_spec, warnings};

#[test]
fn another_cloud_or_kind_of_identity_is_refused() {
    let own = json!({"cloudName": "mycloud", "identityRef": {"name": "x", "kind": "OpenStackClusterIdentity"}});
    for (version, spec, path) in [
        (V1Alpha7, json!({"cloudName": "mycloudd"}), "spec.cloudName"),
        (V1Alpha7, json!({"cloudName": 7}), "spec.cloudName"),
        (V1Alpha7, own, "spec.identityRef.kind"),
        (
            V1Beta1,
            json!({"identityRef": {"cloudName": "theirs", "name": "x"}}),
            "spec.identityRef.cloudName",
        ),
        (
            V1Beta1,
            json!({"identityRef": {"cloudName": "mycloud", "type": "ClusterIdentity"}}),
            "spec.identityRef.type",
        ),
        (
            V1Beta1,
            json!({"identityRef": {"cloudName": "mycloud", "region": "other"}}),
            "spec.identityRef.region",
        ),
    ] {
        let code = if spec["cloudName"] == 7 {
            "BSP-F001"
        } else {
            "BSP-P001"
        };
        let decision = apply(&cluster(version, spec.clone()));
        assert!(
            denials(&decision).contains(&(code, path)),
            "{spec}: {:?}",
            decision.denials
        );
        let decision = apply(&template(version, spec));
        let path = path.replace("spec.", "spec.template.spec.");
        assert!(
            denials(&decision).contains(&(code, path.as_str())),
            "{:?}",
            decision.denials
        );
    }
    let decision = apply(&cluster(V1Alpha7, json!({"cloudName": "mycloudd"})));
    assert_eq!(
        decision.denials[0].hint.as_deref(),
        Some("nearest: mycloud")
    );
}

#[test]
fn a_flavor_or_an_image_that_is_not_offered_is_refused_with_the_nearest() {
    for &version in versions() {
        let decision = apply(&template(
            version,
            named(version, "mycloud", "m1.larg", "ubuntu-22.4"),
        ));
        let image = match version {
            V1Alpha7 => "spec.template.spec.image",
            _ => "spec.template.spec.image.filter.name",
        };
        assert_eq!(
            denials(&decision),
            [
                ("BSP-P002", "spec.template.spec.flavor"),
                ("BSP-P003", image)
            ]
        );
        let hints = decision
            .denials
            .iter()
            .map(|finding| finding.hint.as_deref());
        assert!(hints.eq([Some("nearest: m1.large"), Some("nearest: ubuntu-22.04")]));
        // What one cloud offers, another may not.
        let decision = apply(&template(
            version,
            named(version, "bifrost", "m1.large", "ubuntu-k8s"),
        ));
        assert_eq!(
            denials(&decision),
            [("BSP-P002", "spec.template.spec.flavor")]
        );
    }
}

#[test]
fn flavors_and_images_are_chosen_by_name() {
    let cases = [
        (
            V1Alpha7,
            json!({"flavorID": "7", "imageUUID": "8"}),
            "imageUUID",
        ),
        (
            V1Beta1,
            json!({"flavorID": "7", "image": {"id": "8"}}),
            "image.id",
        ),
    ];
    for (version, spec, image) in cases {
        let decision = apply(&template(version, spec));
        let image = format!("spec.template.spec.{image}");
        assert_eq!(
            denials(&decision),
            [
                ("BSP-P002", "spec.template.spec.flavorID"),
                ("BSP-P003", image.as_str())
            ]
        );
    }
}

#[test]
fn a_node_spec_chooses_the_flavor_and_contradicts_another() {
    for &version in versions() {
        let mut world = World::new();
        let mut file = template(version, json!({}));
        file["metadata"]["annotations"] = json!({"basphere.dev/node-spec": "large"});
        world.apply_all(std::slice::from_ref(&file));
        assert_eq!(machine(&world, "t")["flavor"], "m1.large");

        file["spec"]["template"]["spec"] = named(version, "mycloud", "m1.small", "ubuntu-22.04");
        let decision = apply(&file);
        assert_eq!(
            denials(&decision),
            [("BSP-S003", "spec.template.spec.flavor")]
        );
        assert_eq!(
            decision.denials[0].message,
            "basphere.dev/node-spec asks for large, which is m1.large"
        );
        file["metadata"]["annotations"] = json!({"basphere.dev/node-spec": "larg"});
        let path = "metadata.annotations[basphere.dev/node-spec]";
        assert_eq!(denials(&apply(&file)), [("BSP-S001", path)]);
    }
}

#[test]
fn what_escapes_sizes_or_carries_addresses_is_refused() {
    let ports = json!([{
        "fixedIPs": [{"ipAddress": "10.0.0.9"}],
        "disablePortSecurity": true,
        "network": {"id": "lees"},
    }]);
    for &version in versions() {
        for (field, value, expected) in [
            (
                "additionalBlockDevices",
                json!([{"name": "d", "sizeGiB": 9000}]),
                vec![("BSP-S002", "")],
            ),
            ("serverGroupID", json!("7"), vec![("BSP-P004", "")]),
            ("serverGroup", json!({"id": "7"}), vec![("BSP-P004", "")]),
            ("floatingIP", json!("203.0.113.7"), vec![("BSP-V004", "")]),
            (
                "floatingIPPoolRef",
                json!({"kind": "x", "name": "y"}),
                vec![("BSP-P004", "")],
            ),
            ("instanceID", json!("lees"), vec![("BSP-P004", "")]),
            (
                "ports",
                ports.clone(),
                vec![
                    ("BSP-V004", "[0].fixedIPs"),
                    ("BSP-P004", "[0].network"),
                    ("BSP-P004", "[0].disablePortSecurity"),
                ],
            ),
        ] {
            let mut spec = named(version, "mycloud", "m1.large", "ubuntu-22.04");
            spec[field] = value;
            let decision = apply(&template(version, spec));
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(code, rest)| (code, format!("spec.template.spec.{field}{rest}")))
                .collect();
            let found: Vec<_> = denials(&decision)
                .into_iter()
                .map(|(code, path)| (code, path.to_owned()))
                .collect();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_root_volume_is_as_large_as_the_node_spec() {
    for (version, field) in [(V1Alpha7, "diskSize"), (V1Beta1, "sizeGiB")] {
        let with = |flavor: &str, size: u64| {
            let mut spec = named(version, "mycloud", flavor, "ubuntu-22.04");
            spec["rootVolume"] = json!({field: size});
            apply(&template(version, spec))
        };
        assert_eq!(denials(&with("m1.small", 50)), []);
        let path = format!("spec.template.spec.rootVolume.{field}");
        assert_eq!(
            denials(&with("m1.small", 51)),
            [("BSP-S002", path.as_str())]
        );
        assert_eq!(
            denials(&with("baremetal", 1)),
            [("BSP-S002", path.as_str())]
        );
    }
}

#[test]
fn a_cluster_brings_neither_networks_nor_machines_of_its_own() {
    for (version, field, value, path) in [
        (V1Alpha7, "network", json!({"id": "lees"}), "spec.network"),
        (V1Alpha7, "subnet", json!({"id": "lees"}), "spec.subnet"),
        (V1Beta1, "subnets", json!([{"id": "lees"}]), "spec.subnets"),
        (V1Beta1, "router", json!({"id": "lees"}), "spec.router"),
        (
            V1Alpha7,
            "bastion",
            json!({"enabled": true, "instance": {"flavor": "huge"}}),
            "spec.bastion",
        ),
        (
            V1Beta1,
            "bastion",
            json!({"spec": {"flavor": "huge"}}),
            "spec.bastion",
        ),
        (
            V1Alpha7,
            "disablePortSecurity",
            json!(true),
            "spec.disablePortSecurity",
        ),
    ] {
        let decision = apply(&cluster(version, json!({field: value})));
        assert_eq!(denials(&decision), [("BSP-P004", path)]);
    }
    for (version, field, value, path) in [
        (
            V1Alpha7,
            "externalNetworkId",
            json!("other"),
            "spec.externalNetworkId",
        ),
        (
            V1Beta1,
            "externalNetwork",
            json!({"id": "other"}),
            "spec.externalNetwork",
        ),
    ] {
        let decision = apply(&cluster(version, json!({field: value})));
        assert_eq!(denials(&decision), [("BSP-P001", path)]);
    }
    let none = json!({"disableExternalNetwork": true});
    assert_eq!(denials(&apply(&cluster(V1Beta1, none))), []);
    let off = json!({"bastion": {"enabled": false}, "disablePortSecurity": false});
    assert_eq!(denials(&apply(&cluster(V1Alpha7, off))), []);
}

#[test]
fn machines_are_not_written_by_hand() {
    for &version in versions() {
        let spec = named(version, "mycloud", "huge", "ubuntu-22.04");
        let machine = object(Kind::OpenStackMachine, version, spec);
        assert_eq!(denials(&apply(&machine)), [("BSP-A001", "kind")]);
        let mut world = World::new();
        world.requester = capi();
        assert_eq!(denials(&world.apply(&machine)), []);
        // A person may still label it, and nothing else.
        world.requester = kim();
        let mut labelled = json!({
            "apiVersion": machine["apiVersion"],
            "kind": "OpenStackMachine",
            "metadata": {"name": "t", "labels": {"team": "7"}},
        });
        let decision = world.apply(&labelled);
        assert_eq!((denials(&decision), warnings(&decision)), (vec![], vec![]));
        labelled["spec"] = json!({"identityRef": {"name": "own"}});
        assert_eq!(denials(&world.apply(&labelled)), [("BSP-A005", "spec")]);
    }
    for kind in [Kind::OpenStackServer, Kind::OpenStackFloatingIPPool] {
        let made = object(kind, ApiVersion::V1Alpha1, json!({"flavor": "huge"}));
        assert_eq!(denials(&apply(&made)), [("BSP-A001", "kind")]);
    }
}

#[test]
fn a_site_without_the_provider_refuses_its_kinds() {
    let mut spec = site_spec();
    spec.openstack = None;
    for kind in [Kind::OpenStackCluster, TEMPLATE] {
        let decision = World::with_site(spec.clone()).apply(&object(kind, V1Beta1, json!({})));
        assert_eq!(denials(&decision), [("BSP-P006", "kind")]);
        assert_eq!(
            decision.denials[0].message,
            "the site's machines stand on vSphere and Metal3"
        );
    }
    let mut spec = site_spec();
    spec.vsphere = None;
    spec.topology = None;
    let objects = example("cluster", V1Beta1);
    let mut world = World::with_site(spec);
    for object in [&objects[1], &objects[3]] {
        assert_eq!(denials(&world.apply(object)), [("BSP-P006", "kind")]);
    }
    world.apply_all(&example("openstack", V1Beta1));
}
