//! Ranges of load balancers, and networks inside of clusters.

use basphere_core::Kind;
use serde_json::json;

use super::cluster;
use crate::world::{World, denials, site_spec};

const ANNOTATION: &str = "basphere.dev/load-balancer-range";
const PATH: &str = "metadata.annotations[basphere.dev/load-balancer-range]";

#[test]
fn a_cluster_gets_a_range_of_ten_and_keeps_it() {
    let mut world = World::new();
    world.apply_all(&[cluster("demo"), cluster("more")]);
    let range = |world: &World, name: &str| {
        world.get(Kind::Cluster, name)["metadata"]["annotations"][ANNOTATION].clone()
    };
    assert_eq!(range(&world, "demo"), "10.254.8.10-10.254.8.19");
    assert_eq!(range(&world, "more"), "10.254.8.20-10.254.8.29");
    assert!(
        world
            .leased()
            .contains(&"10.254.8.10-10.254.8.19 Cluster user-kim/demo (loadBalancer)".to_owned())
    );
    let mut changed = cluster("demo");
    changed["metadata"]["annotations"] = json!({ANNOTATION: "10.254.8.30-10.254.8.39"});
    assert_eq!(denials(&world.admit(&changed)), [("BSP-A005", PATH)]);
    // A new one may name a free range of the grid.
    changed["metadata"]["name"] = json!("own");
    assert_eq!(denials(&world.admit(&changed)), []);
    for (range, code) in [
        ("10.254.8.35-10.254.8.44", "BSP-A005"),
        ("10.254.8.10-10.254.8.19", "BSP-I003"),
    ] {
        changed["metadata"]["annotations"] = json!({ANNOTATION: range});
        assert_eq!(denials(&world.admit(&changed)), [(code, PATH)], "{range}");
    }
}

#[test]
fn clusters_that_are_never_stored_exhaust_nothing() {
    let world = World::new();
    for attempt in 0..64 {
        let decision = world.admit(&cluster(&format!("refused-{attempt}")));
        assert_eq!(denials(&decision), [], "{attempt}");
    }
    let decision = world.admit(&cluster("refused-64"));
    assert_eq!(denials(&decision), [("BSP-I005", PATH)]);
    assert_eq!(
        decision.denials[0].message,
        "tenant kim has 64 reservations for objects that were never stored"
    );
}

#[test]
fn a_site_without_a_pool_for_them_gives_none() {
    let mut spec = site_spec();
    spec.addresses.load_balancers = None;
    let mut world = World::with_site(spec);
    world.apply_all(&[cluster("demo")]);
    assert_eq!(
        world.get(Kind::Cluster, "demo")["metadata"]["annotations"].get(ANNOTATION),
        None
    );
}

#[test]
fn a_network_that_a_cluster_names_takes_every_slot_that_it_touches() {
    let mut spec = site_spec();
    spec.cluster_network = serde_json::from_value(json!({"unique": {
        "pods": {"supernet": "10.100.0.0/14", "prefix": 16},
        "services": {"supernet": "10.96.0.0/14", "prefix": 16},
    }}))
    .unwrap();
    let mut world = World::with_site(spec);
    let mut named = cluster("demo");
    named["spec"]["clusterNetwork"] = json!({"pods": {"cidrBlocks": ["10.100.0.0/15"]}});
    world.apply_all(&[named]);
    let leased = world.leased();
    for slot in ["10.100.0.0/16", "10.101.0.0/16", "10.96.0.0/16"] {
        assert!(
            leased.contains(&format!("{slot} Cluster user-kim/demo")),
            "{slot}: {leased:?}"
        );
    }
    // What only the leases tell of, since the other cluster is in no cache and no list yet.
    world.stored.clear();
    world.apply_all(&[cluster("more")]);
    let stored = world.get(Kind::Cluster, "more");
    assert_eq!(
        stored["spec"]["clusterNetwork"]["pods"]["cidrBlocks"],
        json!(["10.102.0.0/16"])
    );
    let mut part = cluster("part");
    part["spec"]["clusterNetwork"] = json!({"pods": {"cidrBlocks": ["10.101.7.0/24"]}});
    let path = "spec.clusterNetwork.pods.cidrBlocks[0]";
    assert_eq!(denials(&world.admit(&part)), [("BSP-N003", path)]);
    part["spec"]["clusterNetwork"] = json!({"pods": {"cidrBlocks": ["12.0.0.0/7"]}});
    let decision = world.admit(&part);
    assert_eq!(denials(&decision), [("BSP-N003", path)]);
}
