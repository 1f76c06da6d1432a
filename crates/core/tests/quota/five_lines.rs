//! A Cluster that names its type and nothing else is charged for what is filled in.

use basphere_core::SiteSpec;
use basphere_core::quota::{Limits, Measure};
use basphere_core::site::TopologySpec;
use serde_json::{Value, json};

use crate::world::{World, admin, denials, words};

fn five(name: &str) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster",
        "metadata": {"name": name, "labels": {"basphere.dev/cluster-type": "dev"}},
    })
}

fn world(limits: Limits) -> World {
    let mut world = World::with(limits);
    set_site(&mut world, |_| {});
    world
}

/// The example site with a class, and a change.
fn set_site(world: &mut World, change: impl FnOnce(&mut SiteSpec)) {
    world.set_site(|spec| {
        spec.topology = Some(TopologySpec {
            class: "basphere".to_owned(),
            namespace: "basphere-system".to_owned(),
        });
        change(spec);
    });
}

#[test]
fn its_machines_and_their_sizes_are_charged_when_it_is_made() {
    let mut world = world(Limits {
        nodes: Some(3),
        vcpus: Some(12),
        ..Limits::default()
    });
    world.put_all(&[five("a")]);
    assert_eq!(world.used(&Measure::Nodes), 3);
    assert_eq!(world.used(&Measure::ControlPlaneNodes), 1);
    assert_eq!(world.used(&Measure::Vcpus), 12, "three of medium");
    let decision = world.apply(&five("b"));
    assert_eq!(
        denials(&decision),
        [("BSP-Q003", "spec.topology"), ("BSP-Q005", "spec.topology")]
    );
    let told = words(&decision).join("\n");
    assert!(
        told.contains("nodes requested +3, used 3, limit 3, exceeded by 3"),
        "{told}"
    );
}

#[test]
fn a_larger_node_spec_is_charged_when_it_is_named() {
    let mut world = world(Limits {
        vcpus: Some(15),
        ..Limits::default()
    });
    world.put_all(&[five("a")]);
    let mut larger = five("a");
    larger["spec"] = json!({"topology": {"controlPlane": {
        "metadata": {"labels": {"basphere.dev/node-spec": "large"}}}}});
    assert_eq!(
        denials(&world.apply(&larger)),
        [("BSP-Q005", "spec.topology")]
    );
}

/// The Cluster of five lines with so many workers, as somebody writes it who changes nothing else.
fn scaled(world: &World, name: &str, replicas: u64) -> Value {
    let stored = world.stored.iter().find(|(key, _)| key.2 == name);
    let mut cluster = stored.expect("stored").1.clone();
    cluster["spec"]["topology"]["workers"]["machineDeployments"][0]["replicas"] = replicas.into();
    cluster
}

/// Machines are made by the size that is stored, whatever the Site says of the mark by now.
#[test]
fn a_stored_size_is_charged_and_not_what_its_mark_means_today() {
    let change: [fn(&mut SiteSpec); 2] = [
        |spec| spec.node_specs.get_mut("medium").expect("medium").cpus = 2,
        without_medium,
    ];
    for change in change {
        let mut world = world(Limits {
            vcpus: Some(40),
            ..Limits::default()
        });
        world.put_all(&[five("a")]);
        set_site(&mut world, change);
        let decision = world.apply(&scaled(&world, "a", 10));
        assert_eq!(denials(&decision), [("BSP-Q005", "spec.topology")]);
        let told = words(&decision).join("\n");
        assert!(told.contains("vCPUs requested +32, used 12"), "{told}");
        world.put_all(&[scaled(&world, "a", 9)]);
        assert_eq!(world.used(&Measure::Vcpus), 40);
    }
}

/// The Site offers `small` in its place.
fn without_medium(spec: &mut SiteSpec) {
    spec.node_specs.remove("medium");
    spec.defaults.node_spec = "small".to_owned();
    for of in spec.cluster_types.values_mut() {
        of.control_plane.spec = "small".to_owned();
        of.workers.spec = "small".to_owned();
    }
    for cloud in spec
        .openstack
        .iter_mut()
        .flat_map(|of| of.clouds.values_mut())
    {
        cloud.flavors.remove("medium");
    }
    if let Some(metal3) = &mut spec.metal3 {
        metal3.hosts.remove("medium");
    }
}

/// The group gets another size with the mark, and that is what the mark means now.
#[test]
fn a_new_mark_is_charged_as_it_is_offered_now() {
    let mut world = world(Limits {
        vcpus: Some(40),
        ..Limits::default()
    });
    world.put_all(&[five("a")]);
    set_site(&mut world, |spec| {
        spec.node_specs.get_mut("small").expect("small").cpus = 7
    });
    let mut marked = scaled(&world, "a", 2);
    marked["spec"]["topology"]["workers"]["machineDeployments"][0]["metadata"]["labels"]["basphere.dev/node-spec"] =
        "small".into();
    world.put_all(&[marked]);
    assert_eq!(world.used(&Measure::Vcpus), 4 + 2 * 7);
}

/// Of a class that Basphere does not fill in nobody knows what a variable of that name is.
#[test]
fn a_variable_of_another_class_makes_no_machine_smaller() {
    let mut world = world(Limits::default());
    world.requester = admin();
    let mut cluster = five("a");
    let small = json!({"numCPUs": 1, "memoryMiB": 1, "diskGiB": 1});
    cluster["spec"] = json!({"topology": {
        "classRef": {"name": "mine"}, "version": "v1.28.0",
        "variables": [{"name": "controlPlaneMachine", "value": small}],
    }});
    world.put_all(&[cluster]);
    assert_eq!(world.used(&Measure::Vcpus), 4);
}
