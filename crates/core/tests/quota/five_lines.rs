//! A Cluster that names its type and nothing else is charged for what is filled in.

use basphere_core::quota::{Limits, Measure};
use basphere_core::site::TopologySpec;
use serde_json::{Value, json};

use crate::world::{World, denials, words};

fn five(name: &str) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster",
        "metadata": {"name": name, "labels": {"basphere.dev/cluster-type": "dev"}},
    })
}

fn world(limits: Limits) -> World {
    let mut world = World::with(limits);
    world.set_site(|spec| {
        spec.topology = Some(TopologySpec {
            class: "basphere".to_owned(),
            namespace: "basphere-system".to_owned(),
        });
    });
    world
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
