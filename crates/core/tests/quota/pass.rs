//! What always passes: less, the same, deleting; and what a dry-run leaves behind.

use basphere_core::Kind::{Cluster, MachineDeployment};
use basphere_core::quota::{Limits, Measure};
use basphere_core::{Phase, Request};
use serde_json::json;

use crate::objects::*;
use crate::world::{World, denials};

/// A tenant whose limits were lowered below what it has, with or without a ledger.
fn lowered(is_counted: bool) -> World {
    let mut world = World::with(Limits::default());
    let mut ranged = topology("top", 3, json!([group("a", 4), group("b", 2)]), json!([]));
    ranged["metadata"]["labels"] = json!({"basphere.dev/cluster-type": "standard"});
    world.put_all(&[
        template("l", "large"),
        template("s", "small"),
        cluster("demo"),
        deployment("w", 5, "l"),
        control_plane("demo", 3, "s"),
        ranged,
    ]);
    world.book();
    let none = Limits {
        clusters: Some(0),
        nodes: Some(1),
        vcpus: Some(1),
        nodes_per_cluster: Some(1),
        node_pools: Some(0),
        ..Limits::default()
    };
    world.tenant("kim", None, none);
    if !is_counted {
        world.tenants.get_mut("kim").expect("kim").ledger = None;
    }
    world
}

#[test]
fn what_shrinks_passes_over_a_limit_and_without_a_ledger() {
    for is_counted in [true, false] {
        let mut world = lowered(is_counted);
        assert_eq!(denials(&world.apply(&deployment("w", 4, "l"))), []);
        assert!(world.scale(MachineDeployment, "w", 3).is_ok());
        assert!(world.scale(MachineDeployment, "w", 0).is_ok());
        assert_eq!(denials(&world.apply(&control_plane("demo", 1, "s"))), []);
        let fewer = |top: &mut serde_json::Value| {
            top["spec"]["topology"]["workers"]["machineDeployments"] =
                json!([group("a", 3), group("b", 2)])
        };
        assert_eq!(
            denials(&world.edit(Cluster, "top", fewer)),
            [],
            "one group shrinks, {is_counted}"
        );
        let none = |top: &mut serde_json::Value| {
            top["spec"]["topology"]["workers"]["machineDeployments"] = json!([group("a", 3)])
        };
        assert_eq!(
            denials(&world.edit(Cluster, "top", none)),
            [],
            "one group goes, {is_counted}"
        );
        world.delete(Cluster, "top");
        world.delete(MachineDeployment, "w");
    }
}

#[test]
fn what_grows_is_refused_over_a_limit_and_told_to_wait_without_a_ledger() {
    let mut world = lowered(true);
    assert!(world.scale(MachineDeployment, "w", 6).is_err());
    let moved = |top: &mut serde_json::Value| {
        top["spec"]["topology"]["workers"]["machineDeployments"] =
            json!([group("a", 3), group("c", 2)])
    };
    let decision = world.edit(Cluster, "top", moved);
    let codes = decision.denials.iter().map(|finding| finding.code.as_str());
    let all = ["BSP-Q002", "BSP-Q003", "BSP-Q012", "BSP-Q005"];
    assert_eq!(
        codes.collect::<Vec<_>>(),
        all,
        "what comes is there before what goes is gone"
    );

    let mut world = lowered(false);
    let refused = world.apply(&deployment("w", 6, "l"));
    assert_eq!(
        crate::world::words(&refused),
        ["what tenant kim uses is being counted; try again in a moment [BSP-Q015]"]
    );
    assert_eq!(
        denials(
            &world
                .scale(MachineDeployment, "w", 6)
                .expect_err("not counted")
        ),
        [("BSP-Q015", "")]
    );
    assert_eq!(
        denials(&world.apply(&cluster("second"))),
        [("BSP-Q015", "")]
    );
}

#[test]
fn a_ledger_that_lacks_the_namespace_admits_no_growth() {
    let mut world = World::with(Limits::default());
    world.put(&deployment("a", 2, "t"));
    let ledger = world
        .tenants
        .get_mut("kim")
        .expect("kim")
        .ledger
        .as_mut()
        .expect("a ledger");
    ledger.namespaces.remove("user-kim");
    assert_eq!(
        denials(&world.apply(&deployment("a", 3, "t"))),
        [("BSP-Q015", "")]
    );
    assert_eq!(denials(&world.apply(&deployment("a", 1, "t"))), []);
}

#[test]
fn the_same_again_is_free() {
    let mut world = World::with(Limits {
        nodes: Some(6),
        vcpus: Some(14),
        ..Limits::default()
    });
    world.put_all(&[
        template("small", "small"),
        cluster("demo"),
        deployment("a", 5, "small"),
        topology("top", 1, json!([]), json!([])),
    ]);
    world.book();
    let before = world.ledger().clone();
    for ((kind, ..), object) in world.stored.clone() {
        let decision = world.decide(&world.request(Phase::Validate, &object));
        assert_eq!(denials(&decision), [], "{kind}");
        assert_eq!(decision.charge, None, "{kind}");
    }
    let scaled = world.scaling(MachineDeployment, "a", json!(5));
    assert_eq!(world.decide(&scaled).charge, None);
    assert_eq!(*world.ledger(), before);
}

#[test]
fn a_label_is_changed_without_a_charge() {
    let mut world = World::with(Limits::default());
    world.put(&deployment("a", 5, "small"));
    world.book();
    let object = labelled(world.get(MachineDeployment, "a"), "team", "blue");
    assert_eq!(
        world
            .decide(&world.request(Phase::Validate, &object))
            .charge,
        None
    );
}

#[test]
fn a_dry_run_has_the_verdict_of_the_real_request() {
    let mut world = World::with(Limits {
        nodes: Some(5),
        ..Limits::default()
    });
    world.put(&deployment("a", 2, "small"));
    for (replicas, expected) in [(5, vec![]), (6, vec![("BSP-Q003", "spec.replicas")])] {
        for phase in [Phase::Mutate, Phase::Validate] {
            let mut object = world.get(MachineDeployment, "a");
            object["spec"]["replicas"] = json!(replicas);
            let request = Request {
                dry_run: true,
                ..world.request(phase, &object)
            };
            assert_eq!(denials(&world.decide(&request)), expected);
        }
    }
    assert_eq!(world.nodes(), 2);
}

#[test]
fn the_topology_controllers_dry_run_is_neither_refused_nor_charged() {
    let mut world = World::with(Limits {
        nodes: Some(1),
        ..Limits::default()
    });
    world.requester = crate::world::capi();
    let asked = annotated(
        deployment("a", 9, "small"),
        "topology.cluster.x-k8s.io/dry-run",
        "",
    );
    let decision = world.decide(&world.request(Phase::Validate, &asked));
    assert_eq!(denials(&decision), []);
    assert_eq!(crate::world::warnings(&decision), []);
    assert_eq!(decision.charge, None);
    world.requester = crate::world::kim();
    assert_eq!(
        denials(&world.apply(&asked)),
        [("BSP-Q003", "spec.replicas")],
        "anybody can write the annotation"
    );
}

#[test]
fn a_controller_is_let_in_and_flagged() {
    let mut world = World::with(Limits {
        nodes: Some(1),
        ..Limits::default()
    });
    world.requester = crate::world::capi();
    let decision = world.apply(&deployment("a", 2, "small"));
    assert_eq!(
        (denials(&decision), crate::world::warnings(&decision)),
        (vec![], vec![("BSP-Q017", "spec.replicas")])
    );
    assert_eq!(world.used(&Measure::Nodes), 2, "and charged");
}

#[test]
fn an_object_that_is_being_deleted_takes_its_finalizers_off() {
    let mut world = World::with(Limits {
        nodes: Some(5),
        ..Limits::default()
    });
    world.put(&deployment("a", 5, "small"));
    world.tenant(
        "kim",
        None,
        Limits {
            nodes: Some(0),
            ..Limits::default()
        },
    );
    let key = world.key(MachineDeployment, "a");
    let stored = world.stored.get_mut(&key).expect("stored");
    stored["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    stored["metadata"]["finalizers"] = json!(["cluster.x-k8s.io/machinedeployment"]);
    let decision = world.edit(MachineDeployment, "a", |object| {
        object["metadata"]["finalizers"] = json!([])
    });
    assert_eq!(denials(&decision), []);
}
