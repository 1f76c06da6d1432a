//! Every dimension refuses, with its own code, at the field that asks, in one line.

use basphere_core::quota::Limits;
use serde_json::json;

use crate::objects::*;
use crate::world::{World, denials, words};

const COMMAND: &str = "kubectl basphere quota explain";

#[test]
fn the_refusal_of_the_design_reads_as_it_is_written_there() {
    let limits = Limits {
        nodes: Some(10),
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.put_all(&[
        cluster("demo"),
        deployment("a", 2, "small"),
        deployment("b", 6, "small"),
    ]);
    let decision = world.apply(&deployment("a", 6, "small"));
    assert_eq!(denials(&decision), [("BSP-Q003", "spec.replicas")]);
    assert_eq!(
        words(&decision),
        [
            "spec.replicas: Forbidden: quota kim: nodes requested +4, used 8, limit 10, exceeded by 2; \
          at most 4 replicas fit [BSP-Q003]; kubectl basphere quota explain"
        ]
    );
    let scaled = world.scale(basphere_core::Kind::MachineDeployment, "a", 6);
    assert_eq!(
        words(&scaled.expect_err("too much")),
        words(&decision),
        "/scale says the same"
    );
}

#[test]
fn every_measure_has_its_own_refusal() {
    let base = || {
        vec![
            template("small", "small"),
            template("large", "large"),
            cluster_of("demo", "dev"),
            control_plane("demo", 1, "small"),
            deployment("a", 1, "small"),
        ]
    };
    let limits = |field: &str, limit: u64| -> Limits {
        serde_json::from_value(json!({field: limit})).expect("limits")
    };
    let by_type: Limits =
        serde_json::from_value(json!({"clustersByType": {"dev": 1}})).expect("limits");
    let ranged = annotated(
        cluster("second"),
        "basphere.dev/load-balancer-range",
        "10.0.0.1-10.0.0.9",
    );
    let more = deployment("b", 4, "large");
    let cases = [
        (
            limits("clusters", 1),
            cluster("second"),
            "spec",
            "BSP-Q001",
            "clusters requested +1, used 1, limit 1, exceeded by 1; none is left",
        ),
        (
            limits("nodesPerCluster", 5),
            more.clone(),
            "spec.replicas",
            "BSP-Q002",
            "nodes of cluster demo requested +4, used 2, limit 5, exceeded by 1; at most 3 replicas fit",
        ),
        (
            limits("nodes", 3),
            more.clone(),
            "spec.replicas",
            "BSP-Q003",
            "nodes requested +4, used 2, limit 3, exceeded by 3; at most 1 replica fits",
        ),
        (
            limits("controlPlaneNodes", 2),
            control_plane("demo", 3, "small"),
            "spec.replicas",
            "BSP-Q004",
            "control-plane nodes requested +2, used 1, limit 2, exceeded by 1; at most 1 replica fits",
        ),
        (
            limits("vcpus", 30),
            more.clone(),
            "spec.replicas",
            "BSP-Q005",
            "vCPUs requested +32, used 4, limit 30, exceeded by 6; at most 3 replicas fit",
        ),
        (
            limits("memoryMiB", 10_000),
            more.clone(),
            "spec.replicas",
            "BSP-Q006",
            "memory in MiB requested +65536, used 8192, limit 10000, exceeded by 63728; at most 0 replicas fit",
        ),
        (
            limits("diskGiB", 899),
            more.clone(),
            "spec.replicas",
            "BSP-Q007",
            "disk in GiB requested +800, used 100, limit 899, exceeded by 1; at most 3 replicas fit",
        ),
        (
            limits("addresses", 5),
            more.clone(),
            "spec.replicas",
            "BSP-Q009",
            "addresses requested +4, used 3, limit 5, exceeded by 2; at most 2 replicas fit",
        ),
        (
            limits("loadBalancerRanges", 0),
            ranged,
            "spec",
            "BSP-Q010",
            "load-balancer ranges requested +1, used 0, limit 0, exceeded by 1; none is left",
        ),
        (
            by_type,
            cluster_of("second", "dev"),
            "spec",
            "BSP-Q011",
            "clusters of type dev requested +1, used 1, limit 1, exceeded by 1; none is left",
        ),
        (
            limits("nodePools", 1),
            more,
            "spec.replicas",
            "BSP-Q012",
            "node pools requested +1, used 1, limit 1, exceeded by 1; none is left",
        ),
    ];
    for (limits, object, path, code, text) in cases {
        let mut world = World::with(limits);
        world.put_all(&base());
        let decision = world.apply(&object);
        let mut words = words(&decision);
        // Who writes a range by hand is told that, too.
        words.retain(|line| !line.contains("BSP-A005"));
        assert_eq!(
            words,
            [format!(
                "{path}: Forbidden: quota kim: {text} [{code}]; {COMMAND}"
            )]
        );
    }
}
