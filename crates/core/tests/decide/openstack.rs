//! OpenStack and Ironic by CAPO, in v1alpha7 and v1beta1.

use basphere_core::ApiVersion::{self, V1Alpha7, V1Beta1};
use basphere_core::{Decision, Kind, Phase, decide};
use serde_json::{Value, json};

use crate::world::{World, admin, capi, denials, example, site_spec, warnings};

const TEMPLATE: Kind = Kind::OpenStackMachineTemplate;

fn versions() -> &'static [ApiVersion] {
    TEMPLATE.versions()
}

fn object(kind: Kind, version: ApiVersion, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", kind.group()),
        "kind": kind.as_str(),
        "metadata": {"name": "t"},
        "spec": spec,
    })
}

fn template(version: ApiVersion, spec: Value) -> Value {
    object(TEMPLATE, version, json!({"template": {"spec": spec}}))
}

fn cluster(version: ApiVersion, spec: Value) -> Value {
    object(Kind::OpenStackCluster, version, spec)
}

/// A machine of that cloud, flavor and image in either version's words.
fn named(version: ApiVersion, cloud: &str, flavor: &str, image: &str) -> Value {
    match version {
        V1Alpha7 => json!({"cloudName": cloud, "flavor": flavor, "image": image}),
        _ => {
            json!({"identityRef": {"cloudName": cloud}, "flavor": flavor, "image": {"filter": {"name": image}}})
        }
    }
}

fn machine(world: &World, name: &str) -> Value {
    world.get(TEMPLATE, name)["spec"]["template"]["spec"].clone()
}

fn apply(object: &Value) -> Decision {
    World::new().apply(object)
}

#[test]
fn an_empty_cluster_is_completed() {
    let mut world = World::new();
    world.apply_all(&[cluster(V1Alpha7, json!({}))]);
    let stored = &world.get(Kind::OpenStackCluster, "t");
    assert_eq!(
        stored["spec"],
        json!({
            "cloudName": "mycloud",
            "identityRef": {"name": "mycloud-cloud-config", "kind": "Secret"},
            "externalNetworkId": "public-network-id",
            "nodeCidr": "10.0.0.0/24",
            "dnsNameservers": ["8.8.8.8", "1.1.1.1"],
        })
    );
    assert_eq!(stored["metadata"]["labels"]["basphere.dev/owner"], "kim");

    let mut world = World::new();
    world.apply_all(&[cluster(V1Beta1, json!({}))]);
    assert_eq!(
        world.get(Kind::OpenStackCluster, "t")["spec"],
        json!({
            "identityRef": {"cloudName": "mycloud", "name": "mycloud-cloud-config"},
            "externalNetwork": {"filter": {"name": "public-network-id"}},
            "managedSubnets": [{"cidr": "10.0.0.0/24", "dnsNameservers": ["8.8.8.8", "1.1.1.1"]}],
        })
    );
}

#[test]
fn an_explicit_cluster_is_completed_as_its_type_wants() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        world.apply_all(&example("openstack", version));
        let (control_plane, workers) = (
            machine(&world, "cloudy-control-plane"),
            machine(&world, "cloudy-workers"),
        );
        assert_eq!(control_plane["flavor"], "m1.medium");
        assert_eq!(workers["flavor"], "m1.small");
        let (image, cloud) = match version {
            V1Beta1 => ("/image", "/cloudName"),
            _ => ("/image/filter/name", "/identityRef/cloudName"),
        };
        for machine in [&control_plane, &workers] {
            assert_eq!(
                machine.pointer(image),
                Some(&json!("ubuntu-2204-kube-v1.28.0"))
            );
            assert_eq!(machine.pointer(cloud), Some(&json!("mycloud")));
            assert_eq!(machine["identityRef"]["name"], "mycloud-cloud-config");
        }
        let before = world.stored.clone();
        world.apply_all(&example("openstack", version));
        assert_eq!(world.stored, before, "applying again changes nothing");
    }
}

#[test]
fn a_template_stands_in_its_clusters_cloud() {
    for version in ApiVersion::CLUSTER_API {
        let mut objects = example("openstack", version);
        let cloud = match version {
            V1Beta1 => json!({"cloudName": "bifrost"}),
            _ => json!({"identityRef": {"cloudName": "bifrost"}}),
        };
        objects[1]["spec"] = cloud;
        let mut world = World::new();
        world.apply_all(&objects);
        let workers = machine(&world, "cloudy-workers");
        assert_eq!(workers["flavor"], "baremetal");
        assert_eq!(workers["identityRef"]["name"], "bifrost-cloud-config");
    }
}

#[test]
fn what_is_assumed_is_warned_of() {
    for &version in versions() {
        let cloud = match version {
            V1Alpha7 => "spec.template.spec.cloudName",
            _ => "spec.template.spec.identityRef.cloudName",
        };
        let image = match version {
            V1Alpha7 => "spec.template.spec.image",
            _ => "spec.template.spec.image.filter.name",
        };
        assert_eq!(
            warnings(&apply(&template(version, json!({})))),
            [
                ("BSP-P007", cloud),
                ("BSP-W002", "metadata"),
                ("BSP-W007", image)
            ]
        );
    }
}

#[test]
fn ones_own_secret_gives_way_to_the_sites() {
    for (version, spec, kind) in [
        (
            V1Alpha7,
            json!({"cloudName": "bifrost", "identityRef": {"name": "own", "kind": "Secret"}}),
            json!("Secret"),
        ),
        (
            V1Beta1,
            json!({"identityRef": {"name": "own", "cloudName": "bifrost"}}),
            Value::Null,
        ),
    ] {
        let mut world = World::new();
        let file = cluster(version, spec.clone());
        assert_eq!(
            warnings(&world.apply(&file)),
            [("BSP-W004", "spec.identityRef.name")]
        );
        let stored = world.get(Kind::OpenStackCluster, "t").clone();
        assert_eq!(
            stored["spec"]["identityRef"]["name"],
            "bifrost-cloud-config"
        );
        assert_eq!(stored["spec"]["identityRef"]["kind"], kind);
        // kubectl sends the file as it is, again and again.
        let again = world.apply(&file);
        assert_eq!((denials(&again), warnings(&again)), (vec![], vec![]));
        assert_eq!(world.get(Kind::OpenStackCluster, "t"), &stored);

        let file = template(version, spec);
        world.apply_all(std::slice::from_ref(&file));
        let stored = machine(&world, "t");
        assert_eq!(stored["identityRef"]["name"], "bifrost-cloud-config");
        assert_eq!(warnings(&world.apply(&file)), []);
        assert_eq!(machine(&world, "t"), stored);
    }
}

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
fn a_stored_template_takes_no_defaults_and_keeps_what_it_was_given() {
    for &version in versions() {
        let mut world = World::new();
        let file = template(version, json!({}));
        world.apply_all(std::slice::from_ref(&file));
        let stored = machine(&world, "t");
        let decision = world.admit(&file);
        assert_eq!(
            decision.object.expect("an object")["spec"]["template"]["spec"],
            stored
        );

        // Stored before Basphere came: nothing is put onto it.
        let old = template(version, json!({"sshKeyName": "k"}));
        world.stored.insert((TEMPLATE, "t".to_owned()), old.clone());
        let object = world.admit(&old).object.expect("an object");
        assert_eq!(object["spec"], old["spec"]);
    }
}

#[test]
fn machines_that_a_person_writes_get_no_more_than_templates() {
    for &version in versions() {
        let spec = named(version, "mycloud", "huge", "ubuntu-22.04");
        let machine = object(Kind::OpenStackMachine, version, spec);
        let found = denials(&apply(&machine))
            .into_iter()
            .map(|(code, path)| (code, path.to_owned()))
            .collect::<Vec<_>>();
        assert!(
            found.contains(&("BSP-P002", "spec.flavor".to_owned())),
            "{found:?}"
        );
        let mut world = World::new();
        world.requester = capi();
        assert_eq!(denials(&world.apply(&machine)), []);
        // A person may still label it.
        world.requester = crate::world::kim();
        let decision = world.apply(&json!({"apiVersion": machine["apiVersion"], "kind": "OpenStackMachine", "metadata": {"name": "t", "labels": {"team": "7"}}}));
        assert_eq!((denials(&decision), warnings(&decision)), (vec![], vec![]));
    }
    let server = object(
        Kind::OpenStackServer,
        ApiVersion::V1Alpha1,
        json!({"flavor": "huge"}),
    );
    assert_eq!(
        denials(&apply(&server)),
        [
            ("BSP-P001", "spec.identityRef.cloudName"),
            ("BSP-P002", "spec.flavor")
        ]
    );
    let pool = object(
        Kind::OpenStackFloatingIPPool,
        ApiVersion::V1Alpha1,
        json!({"identityRef": {"name": "own", "cloudName": "mycloud"}}),
    );
    assert_eq!(
        denials(&apply(&pool)),
        [("BSP-P001", "spec.identityRef.name")]
    );
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
    let objects = example("cluster", V1Beta1);
    let mut world = World::with_site(spec);
    for object in [&objects[1], &objects[3]] {
        assert_eq!(denials(&world.apply(object)), [("BSP-P006", "kind")]);
    }
    world.apply_all(&example("openstack", V1Beta1));
}

#[test]
fn an_admin_moves_what_runs_elsewhere() {
    let mut world = World::new();
    world.requester = admin();
    let mut moved = template(V1Alpha7, named(V1Alpha7, "theirs", "huge", "old"));
    moved["metadata"]["ownerReferences"] = json!([{"kind": "Cluster", "apiVersion": "cluster.x-k8s.io/v1beta1", "name": "c", "uid": "u"}]);
    let decision = world.apply(&moved);
    assert_eq!(denials(&decision), []);
    assert_eq!(machine(&world, "t"), moved["spec"]["template"]["spec"]);
}

/// The kind is rare, so that no cache holds it.
#[test]
fn the_cloud_of_a_cluster_is_read_live() {
    let mut world = World::new();
    let objects = example("openstack", V1Beta1);
    world.apply_all(&objects[..3]);
    let mut snapshot = world.snapshot();
    let lookup = basphere_core::Lookup::All(Kind::OpenStackCluster);
    snapshot.live.remove(&lookup);
    let inventory = std::sync::Arc::make_mut(&mut snapshot.inventory);
    inventory.remove(Kind::OpenStackCluster, "cloudy");
    let decision = decide(&world.request(Phase::Mutate, &objects[3]), &snapshot);
    assert_eq!(decision.missed, [lookup].into());
}

/// The schema of v1beta1 takes nothing but a UUID for an ID.
#[test]
fn the_network_outside_is_named_by_its_uuid_where_the_site_does() {
    let mut spec = site_spec();
    let uuid = "0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7";
    let openstack = spec.openstack.as_mut().expect("OpenStack");
    let cloud = openstack.clouds.get_mut("mycloud").expect("mycloud");
    cloud.external_network = Some(uuid.to_owned());
    let mut world = World::with_site(spec);
    world.apply_all(&[cluster(V1Beta1, json!({}))]);
    let stored = &world.get(Kind::OpenStackCluster, "t")["spec"]["externalNetwork"];
    assert_eq!(*stored, json!({"id": uuid}));
}
