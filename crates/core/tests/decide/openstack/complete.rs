//! What is filled in, and what stays as it is.

use basphere_core::ApiVersion::{self, V1Alpha7, V1Beta1};
use basphere_core::{Kind, Phase, decide};
use serde_json::{Value, json};

use super::{TEMPLATE, apply, cluster, machine, named, template, versions};
use crate::world::{World, admin, denials, example, site_spec, warnings};

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
            "controlPlaneEndpoint": {"host": "10.0.0.10", "port": 6443},
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
            "controlPlaneEndpoint": {"host": "10.0.0.10", "port": 6443},
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
