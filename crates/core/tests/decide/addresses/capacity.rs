//! Growth that the pool could not serve is told of where it is written.

use basphere_core::{Part, Phase, Subject};
use serde_json::{Value, json};

use super::{cluster, control_plane, infrastructure};
use crate::world::{World, capi, denials, site_spec};

/// A block of 14 addresses and no further one.
fn small() -> World {
    let mut spec = site_spec();
    // Topologies may be of any class here.
    spec.topology = None;
    let mut world = World::with_site(spec);
    let spec = json!({"domain": "default", "cidr": "10.254.0.0/21", "blockSize": 28, "blocksPerTenant": 1});
    world
        .pools
        .put("nodes", "", serde_json::from_value(spec).expect("a pool"));
    world.apply_all(&[cluster("demo"), infrastructure("demo", json!({}))]);
    world
}

fn deployment(replicas: u64, surge: Value) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "MachineDeployment",
        "metadata": {"name": "demo-workers"},
        "spec": {
            "clusterName": "demo",
            "replicas": replicas,
            "strategy": {"rollingUpdate": {"maxSurge": surge}},
            "template": {"spec": {}},
        },
    })
}

#[test]
fn nodes_surge_and_the_clusters_own_address_must_fit() {
    let mut world = small();
    let mut three = control_plane("demo", json!({"joinConfiguration": {}}));
    three["spec"]["replicas"] = json!(3);
    world.apply_all(&[three]);
    // 16 in the block: one for the API server, four for the control plane and its rollout.
    world.apply_all(&[deployment(10, json!(1))]);
    let decision = world.admit(&deployment(11, json!(1)));
    assert_eq!(denials(&decision), [("BSP-I002", "spec.replicas")]);
    assert_eq!(
        decision.denials[0].message,
        "pool nodes: all machines of the tenant, those that rollouts add and the clusters' own addresses \
         would be 17, and 16 are to be had (blocks: 1, further ones: 0)"
    );
    assert_eq!(
        decision.denials[0].hint.as_deref(),
        Some("ask for 1 less, or an admin for more")
    );
    // A rollout that replaces before it adds takes no more.
    assert_eq!(denials(&world.admit(&deployment(11, json!(0)))), []);
    let half = |replicas: u64| world.admit(&deployment(replicas, json!("50%")));
    assert_eq!(denials(&half(7)), []);
    assert_eq!(denials(&half(8)), [("BSP-I002", "spec.replicas")]);
}

#[test]
fn a_second_cluster_is_refused_where_it_is_written() {
    let mut world = small();
    world.apply_all(&[deployment(14, json!(1))]);
    let decision = world.admit(&cluster("more"));
    assert_eq!(denials(&decision), [("BSP-I002", "spec.topology")]);
}

#[test]
fn a_topology_counts_what_it_will_make_and_not_twice() {
    let world = small();
    let mut all = cluster("big");
    let groups = |replicas: u64| {
        json!({
            "class": "c", "version": "v1.28.0", "controlPlane": {"replicas": 3},
            "workers": {"machineDeployments": [{"class": "w", "name": "w", "replicas": replicas}]},
        })
    };
    all["spec"]["topology"] = groups(8);
    assert_eq!(denials(&world.admit(&all)), []);
    all["spec"]["topology"] = groups(10);
    all["spec"]["infrastructureRef"] = Value::Null;
    assert_eq!(denials(&world.admit(&all)), [("BSP-I002", "spec.topology")]);
    all["spec"]["topology"] = groups(6);
    assert_eq!(denials(&world.admit(&all)), []);
    all["spec"]["topology"]["workers"]["machinePools"] =
        json!([{"class": "p", "name": "p", "replicas": 8}]);
    assert_eq!(denials(&world.admit(&all)), [("BSP-I002", "spec.topology")]);
}

#[test]
fn what_the_autoscaler_may_make_is_counted() {
    let mut world = small();
    let mut few = deployment(2, json!(1));
    let most =
        |count: &str| json!({"cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size": count});
    few["metadata"]["annotations"] = most("14");
    world.apply_all(&[few.clone()]);
    few["metadata"]["annotations"] = most("15");
    assert_eq!(denials(&world.admit(&few)), [("BSP-I002", "spec.replicas")]);
}

#[test]
fn scaling_is_counted_and_shrinking_always_passes() {
    let mut world = small();
    world.apply_all(&[deployment(5, json!(1))]);
    let scale = |replicas: u64| {
        json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "demo-workers", "uid": "demo-workers"}, "spec": {"replicas": replicas},
        })
    };
    let request = |replicas: u64| {
        let mut request = world.request(Phase::Validate, &deployment(5, json!(1)));
        request.subject =
            Subject::parse("cluster.x-k8s.io", "v1beta1", "MachineDeployment").unwrap();
        request.part = Part::Scale;
        request.old_object = Some(scale(5));
        request.object = Some(scale(replicas));
        request
    };
    assert_eq!(denials(&world.decide(&request(14))), []);
    assert_eq!(
        denials(&world.decide(&request(15))),
        [("BSP-I002", "spec.replicas")]
    );
    assert_eq!(denials(&world.decide(&request(1))), []);
}

#[test]
fn controllers_make_what_was_counted_already() {
    let mut world = small();
    world.requester = capi();
    assert_eq!(denials(&world.admit(&deployment(100, json!(1)))), []);
}

#[test]
fn what_cools_cannot_be_had_and_further_blocks_can() {
    let mut world = small();
    let spec = json!({"domain": "default", "cidr": "10.254.0.0/21", "blockSize": 28, "blocksPerTenant": 2});
    world
        .pools
        .put("nodes", "", serde_json::from_value(spec).unwrap());
    assert_eq!(denials(&world.admit(&deployment(30, json!(1)))), []);
    assert_eq!(
        denials(&world.admit(&deployment(31, json!(1)))),
        [("BSP-I002", "spec.replicas")]
    );
    let mut lease = world
        .ledger
        .borrow()
        .get("ip.default.10.254.0.16")
        .cloned()
        .unwrap();
    lease.slot = basphere_core::ipam::Slot::address("default", "10.254.0.20".parse().unwrap());
    lease.spec.address = "10.254.0.20".to_owned();
    lease.spec.state = basphere_core::ipam::State::Releasing;
    world.ledger.borrow_mut().put(lease);
    let decision = world.admit(&deployment(30, json!(1)));
    assert_eq!(denials(&decision), [("BSP-I002", "spec.replicas")]);
    assert!(
        decision.denials[0].message.ends_with(", 1 are cooling"),
        "{decision:?}"
    );
}
