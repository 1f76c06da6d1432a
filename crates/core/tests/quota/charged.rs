//! What is charged, once each.

use basphere_core::ApiVersion::{self, V1Beta1};
use basphere_core::Kind::{self, KubeadmControlPlane, MachineDeployment, VSphereMachineTemplate};
use basphere_core::quota::{Amounts, Limits, Measure};
use serde_json::{Value, json};

use crate::objects::*;
use crate::world::{World, admin, capi, denials};

fn free() -> World {
    World::with(Limits::default())
}

fn of_demo() -> Measure {
    Measure::NodesOf("user-kim/demo".to_owned())
}

fn amounts(of: &[(Measure, u64)]) -> Amounts {
    of.iter().cloned().collect()
}

#[test]
fn every_kind_that_asks_for_machines_is_charged_in_both_versions() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = free();
        world.put_all(&[
            template_in(version, "small", "small"),
            cluster_in(version, "demo"),
            control_plane_in(version, "demo", 3, "small"),
            deployment_in(version, "workers", "demo", 4, "small"),
        ]);
        let expected = amounts(&[
            (Measure::Clusters, 1),
            (Measure::ClustersOf("dev".to_owned()), 1),
            (of_demo(), 7),
            (Measure::Nodes, 7),
            (Measure::ControlPlaneNodes, 3),
            (Measure::NodePools, 1),
            (Measure::Vcpus, 14),
            (Measure::MemoryMib, 7 * 4096),
            (Measure::DiskGib, 7 * 50),
            (Measure::Addresses, 8),
        ]);
        assert_eq!(world.ledger().used(), expected, "{version}");
        world.book();
        assert_eq!(world.ledger().used(), expected, "booked, {version}");
        assert_eq!(world.ledger().stored(), expected, "{version}");
    }
}

#[test]
fn pools_and_standalone_sets_and_machines_are_charged() {
    let mut world = free();
    world.put(&template("small", "small"));
    for (object, nodes, pools) in [
        (pool("p", 2), 2, 1),
        (set("s", 3, "small"), 5, 2),
        (machine("m", "demo"), 6, 2),
    ] {
        world.put(&object);
        let used = world.ledger().used();
        assert_eq!(
            (used.of(&Measure::Nodes), used.of(&Measure::NodePools)),
            (nodes, pools)
        );
        assert_eq!(used.of(&of_demo()), nodes);
    }
    assert_eq!(
        world.used(&Measure::Vcpus),
        10,
        "a machine's infrastructure is no template"
    );
}

#[test]
fn the_autoscalers_bound_counts_when_it_is_larger() {
    let limits = || Limits {
        nodes: Some(8),
        ..Limits::default()
    };
    for (most, nodes) in [("6", 6), ("1", 2), ("-3", 2), ("many", 2), ("6.5", 2)] {
        let mut world = World::with(limits());
        world.put(&annotated(deployment("a", 2, "small"), MOST, most));
        assert_eq!(world.nodes(), nodes, "{most}");
    }
    for most in ["9", "18446744073709551615"] {
        let mut world = World::with(limits());
        let decision = world.apply(&annotated(deployment("a", 2, "small"), MOST, most));
        let path = format!("metadata.annotations[{MOST}]");
        assert_eq!(denials(&decision), [("BSP-Q003", path.as_str())]);
    }
}

#[test]
fn without_a_number_there_are_as_many_as_the_autoscaler_leaves() {
    let mut world = free();
    let mut group = json!({"class": "workers", "name": "w"});
    group["metadata"]["annotations"] = json!({LEAST: "5", MOST: "3"});
    world.put(&topology("demo", 1, json!([group]), json!([])));
    assert_eq!(world.nodes(), 6, "Cluster API makes five at first");
}

#[test]
fn surge_is_shown_and_not_charged() {
    let mut world = World::with(Limits {
        nodes: Some(4),
        ..Limits::default()
    });
    let mut wide = deployment("a", 4, "small");
    wide["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 3}});
    world.put(&wide);
    assert_eq!((world.nodes(), world.ledger().surge()), (4, 3));
    world.book();
    let decision = world.edit(MachineDeployment, "a", |object| {
        object["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = json!(9);
        object["spec"]["template"]["spec"]["infrastructureRef"]["name"] = json!("next");
    });
    assert_eq!(denials(&decision), [], "a rollout at the limit goes on");
    world.book();
    assert_eq!((world.nodes(), world.ledger().surge()), (4, 9));
}

/// Nobody removes machines of what is paused, so that its number in the spec could be lent to another.
#[test]
fn machines_of_a_paused_deployment_are_charged_until_they_are_gone() {
    let mut world = World::with(Limits {
        nodes: Some(5),
        ..Limits::default()
    });
    let paused = |status: &str| json!([{"type": "Paused", "status": status}]);
    for (name, list) in [("a", "conditions"), ("b", "v1beta2")] {
        let report = |status: &str, machines: u64| match list {
            "v1beta2" => {
                json!({"replicas": machines, "v1beta2": {"conditions": paused(status)}})
            }
            _ => json!({"replicas": machines, "conditions": paused(status)}),
        };
        world.put(&deployment(name, 5, "small"));
        world.report(MachineDeployment, name, report("True", 5));
        world
            .scale(MachineDeployment, name, 0)
            .expect("shrinking always passes");
        world.book();
        assert_eq!(world.nodes(), 5);
        assert_eq!(
            denials(&world.apply(&deployment("other", 1, "small"))),
            [("BSP-Q003", "spec.replicas")]
        );
        world
            .scale(MachineDeployment, name, 5)
            .expect("they are there already");
        world
            .scale(MachineDeployment, name, 0)
            .expect("shrinking always passes");
        world.report(MachineDeployment, name, report("False", 5));
        assert_eq!(world.nodes(), 0, "they go, and what is asked for counts");
        world.report(MachineDeployment, name, report("True", 2));
        assert_eq!(world.nodes(), 2);
        world.delete(MachineDeployment, name);
        world.book();
    }
}

/// What the topology controller makes of a Cluster with these groups.
fn made_of_topology(world: &mut World, control_plane_size: u64, workers: u64) {
    let owned = |object: Value| labelled(object, "topology.cluster.x-k8s.io/owned", "");
    let mut control_plane = owned(control_plane("demo", control_plane_size, "small"));
    control_plane["metadata"]["labels"]["cluster.x-k8s.io/cluster-name"] = json!("demo");
    let workers = labelled(
        owned(deployment("demo-w-x1", workers, "small")),
        "topology.cluster.x-k8s.io/deployment-name",
        "w",
    );
    let mut pool = owned(pool("demo-w-x2", 2));
    pool["metadata"]["labels"]["topology.cluster.x-k8s.io/pool-name"] = json!("w");
    for object in [template("small", "small"), control_plane, workers, pool] {
        world.put_as(capi(), &object);
    }
}

#[test]
fn what_a_topology_makes_is_counted_once_and_by_the_larger_number() {
    let mut world = free();
    world.put(&topology(
        "demo",
        3,
        json!([group("w", 4)]),
        json!([group("w", 2)]),
    ));
    assert_eq!(
        world.nodes(),
        9,
        "a deployment and a pool of one name are two"
    );
    assert_eq!(world.used(&Measure::NodePools), 2);
    made_of_topology(&mut world, 3, 4);
    for _ in 0..2 {
        assert_eq!((world.nodes(), world.used(&of_demo())), (9, 9));
        assert_eq!(
            (
                world.used(&Measure::ControlPlaneNodes),
                world.used(&Measure::NodePools)
            ),
            (3, 2)
        );
        world.book();
    }
    assert_eq!(
        world.rebuilt().used(),
        world.ledger().used(),
        "a rebuild counts the same"
    );
    world
        .scale(MachineDeployment, "demo-w-x1", 6)
        .expect("there is room");
    assert_eq!(world.nodes(), 11, "the larger of both");
}

#[test]
fn a_topology_is_refused_at_its_own_path() {
    let mut world = World::with(Limits {
        nodes: Some(5),
        ..Limits::default()
    });
    let decision = world.apply(&topology(
        "demo",
        3,
        json!([group("a", 1), group("b", 2)]),
        json!([]),
    ));
    assert_eq!(denials(&decision), [("BSP-Q003", "spec.topology")]);
    let mut scaled = group("a", 1);
    scaled["metadata"]["annotations"] = json!({MOST: "3"});
    let decision = world.apply(&topology("demo", 3, json!([scaled]), json!([])));
    assert_eq!(
        denials(&decision),
        [("BSP-Q003", "spec.topology")],
        "the autoscaler's bound counts"
    );
    world.put(&topology("demo", 3, json!([group("a", 2)]), json!([])));
    let mut world = World::with(Limits {
        nodes: Some(5),
        ..Limits::default()
    });
    let twice = topology("demo", 1, json!([group("a", 2), group("a", 3)]), json!([]));
    assert_eq!(
        denials(&world.apply(&twice)),
        [("BSP-Q003", "spec.topology")],
        "one name twice is two groups"
    );
}

#[test]
fn a_topology_has_the_sizes_of_its_node_specs() {
    let mut world = free();
    let mut large = group("w", 2);
    large["metadata"]["labels"] = json!({"basphere.dev/node-spec": "large"});
    let mut unknown = group("v", 1);
    unknown["metadata"]["labels"] = json!({"basphere.dev/node-spec": "nonsense"});
    // A person is refused what is not known; it may have been stored before.
    world.put_as(
        capi(),
        &topology("demo", 1, json!([large, unknown]), json!([])),
    );
    assert_eq!(
        world.used(&Measure::Vcpus),
        4 + 2 * 8 + 4,
        "what is not known is of the type's size"
    );
}

#[test]
fn what_controllers_make_of_a_deployment_is_not_charged() {
    let mut world = free();
    world.put_all(&[
        deployment("a", 3, "small"),
        control_plane("demo", 1, "small"),
    ]);
    let set = owned_by(set("a-1", 3, "small"), &world.get(MachineDeployment, "a"));
    world.put_as(capi(), &set);
    let of_set = owned_by(
        machine("a-1-1", "demo"),
        &world.get(Kind::MachineSet, "a-1"),
    );
    let of_control_plane = owned_by(
        machine("demo-cp-1", "demo"),
        &world.get(KubeadmControlPlane, "demo-cp"),
    );
    world.put_as(capi(), &of_set);
    world.put_as(capi(), &of_control_plane);
    assert_eq!(world.nodes(), 4);
    world.book();
    assert_eq!((world.nodes(), world.ledger().entries.len()), (4, 2));
}

/// `clusterctl move` creates everything anew, what controllers made included.
#[test]
fn what_an_admin_moves_here_is_counted_once_and_flagged_over_quota() {
    let mut world = World::with(Limits {
        nodes: Some(2),
        ..Limits::default()
    });
    world.requester = admin();
    let mut paused = cluster("demo");
    paused["spec"]["paused"] = json!(true);
    world.put(&paused);
    let of_cluster = owned_by(
        deployment("a", 3, "small"),
        &world.get(Kind::Cluster, "demo"),
    );
    let decision = world.apply(&of_cluster);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        crate::world::warnings(&decision),
        [("BSP-Q017", "spec.replicas")]
    );
    world.put(&owned_by(
        set("a-1", 3, "small"),
        &world.get(MachineDeployment, "a"),
    ));
    world.put(&owned_by(
        machine("a-1-1", "demo"),
        &world.get(Kind::MachineSet, "a-1"),
    ));
    assert_eq!(world.nodes(), 3);
    world.requester = crate::world::kim();
    assert_eq!(
        denials(&world.apply(&deployment("b", 1, "small"))),
        [("BSP-Q003", "spec.replicas")]
    );
}

#[test]
fn sizes_come_from_templates_of_all_providers() {
    let of = [
        (
            openstack_template("t", "m1.large"),
            "OpenStackMachineTemplate",
            16,
        ),
        (
            openstack_template("t", "baremetal"),
            "OpenStackMachineTemplate",
            16,
        ),
        (metal3_template("t", "medium"), "Metal3MachineTemplate", 8),
    ];
    for (template, kind, vcpus) in of {
        let mut world = free();
        let decision = world.apply(&template);
        assert_eq!(denials(&decision), [], "{kind}");
        world.put(&deployment_on(kind, "a", 2, "t"));
        assert_eq!(world.used(&Measure::Vcpus), vcpus, "{kind}");
    }
    // One of the same name and another kind is another one.
    let mut world = free();
    world.put_all(&[
        template("t", "large"),
        deployment_on("Metal3MachineTemplate", "a", 2, "t"),
    ]);
    assert_eq!(world.used(&Measure::Vcpus), 0);
}

#[test]
fn a_template_that_leaves_its_numbers_to_the_image_counts_as_usual() {
    let mut world = free();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    let key = world.key(VSphereMachineTemplate, "t");
    let stored = world.stored.get_mut(&key).expect("stored");
    stored["spec"]["template"]["spec"]["numCPUs"] = json!(0);
    assert_eq!(
        world.rebuilt().used().of(&Measure::Vcpus),
        16,
        "as is asked for"
    );
    let stored = world.stored.get_mut(&key).expect("stored");
    stored["metadata"]["annotations"] = json!({});
    assert_eq!(
        world.rebuilt().used().of(&Measure::Vcpus),
        8,
        "medium is the site's default"
    );
}

#[test]
fn a_control_plane_counts_for_the_cluster_that_refers_to_it() {
    let mut world = World::with(Limits {
        nodes_per_cluster: Some(4),
        ..Limits::default()
    });
    let elsewhere = labelled(
        control_plane("demo", 3, "small"),
        "cluster.x-k8s.io/cluster-name",
        "other",
    );
    world.put_all(&[elsewhere, cluster_in(V1Beta1, "demo")]);
    assert_eq!(world.used(&of_demo()), 3);
    assert_eq!(
        world.used(&Measure::NodesOf("user-kim/other".to_owned())),
        0
    );
    assert_eq!(
        denials(&world.apply(&deployment("a", 2, "small"))),
        [("BSP-Q002", "spec.replicas")]
    );
}

#[test]
fn gpus_come_from_the_node_spec_that_is_named() {
    let mut world = free();
    world.set_site(|spec| spec.node_specs.get_mut("large").expect("a spec").gpus = 2);
    world.tenant(
        "kim",
        None,
        Limits {
            gpus: Some(5),
            ..Limits::default()
        },
    );
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    let decision = world.apply(&deployment("a", 3, "t"));
    assert_eq!(
        crate::world::words(&decision),
        [
            "spec.replicas: Forbidden: quota kim: GPUs requested +2, used 4, limit 5, exceeded by 1; at most 2 replicas fit \
          [BSP-Q008]; kubectl basphere quota explain"
        ]
    );
}

#[test]
fn numbers_beyond_all_bounds_are_refused_and_do_not_wrap() {
    let mut world = World::with(Limits {
        vcpus: Some(100),
        nodes: Some(100),
        ..Limits::default()
    });
    world.put(&template("small", "small"));
    let decision = world.apply(&deployment("a", u64::MAX, "small"));
    assert_eq!(
        denials(&decision),
        [("BSP-Q003", "spec.replicas"), ("BSP-Q005", "spec.replicas")]
    );
    for rubbish in [json!("3"), json!(-1), json!(1.5)] {
        let mut object = deployment("a", 0, "small");
        object["spec"]["replicas"] = rubbish;
        assert!(denials(&world.apply(&object)).contains(&("BSP-F001", "spec.replicas")));
    }

    let mut world = free();
    world.put_all(&[
        deployment("a", u64::MAX, "small"),
        deployment("b", 2, "small"),
    ]);
    assert_eq!(world.nodes(), u64::MAX);
}

#[test]
fn a_deployment_and_a_pool_of_one_name_are_two_groups() {
    let mut world = free();
    world.put(&topology(
        "demo",
        1,
        json!([group("w", 4)]),
        json!([group("w", 2)]),
    ));
    let owned = labelled(
        deployment("demo-w", 6, "t"),
        "topology.cluster.x-k8s.io/owned",
        "",
    );
    world.put_as(
        capi(),
        &labelled(owned, "topology.cluster.x-k8s.io/deployment-name", "w"),
    );
    assert_eq!(world.nodes(), 1 + 6 + 2);
}
