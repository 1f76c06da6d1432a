//! The addresses of API servers.

use std::sync::Arc;

use basphere_core::ipam::State;
use basphere_core::{Kind, Phase, decide};
use serde_json::{Value, json};

use super::{cluster, control_plane, infrastructure};
use crate::world::{World, admin, denials};

fn host(world: &World, name: &str) -> String {
    let stored = world.get(Kind::VSphereCluster, &format!("{name}-infra"));
    let host = &stored["spec"]["controlPlaneEndpoint"]["host"];
    host.as_str().unwrap_or_default().to_owned()
}

fn named(name: &str, host: &str) -> Value {
    infrastructure(name, json!({"controlPlaneEndpoint": {"host": host}}))
}

#[test]
fn an_infrastructure_without_a_host_gets_the_lowest_address_of_the_tenants_first_block() {
    let mut world = World::new();
    world.apply_all(&[cluster("demo"), infrastructure("demo", json!({}))]);
    let stored = world.get(Kind::VSphereCluster, "demo-infra");
    assert_eq!(
        stored["spec"]["controlPlaneEndpoint"],
        json!({"host": "10.254.0.32", "port": 6443})
    );
    let leased = world.leased();
    assert!(
        leased.contains(&"10.254.0.32 Cluster user-kim/demo".to_owned()),
        "{leased:?}"
    );
    assert!(
        leased.contains(&"10.254.0.32/27 Tenant kim".to_owned()),
        "{leased:?}"
    );
    // Applying the same again changes nothing.
    world.apply_all(&[infrastructure("demo", json!({}))]);
    assert_eq!(world.leased(), leased);
}

#[test]
fn what_comes_before_its_cluster_holds_the_address_until_that_comes() {
    let mut world = World::new();
    world.apply_all(&[infrastructure("demo", json!({}))]);
    assert_eq!(host(&world, "demo"), "10.254.0.32");
    let held = "10.254.0.32 VSphereCluster user-kim/demo-infra".to_owned();
    assert!(world.leased().contains(&held));
    world.apply_all(&[
        cluster("demo"),
        control_plane("demo", json!({"joinConfiguration": {}})),
    ]);
    let taken = "10.254.0.32 Cluster user-kim/demo".to_owned();
    assert!(world.leased().contains(&taken), "{:?}", world.leased());
}

#[test]
fn a_host_of_the_own_block_is_leased_and_one_outside_refused() {
    let mut world = World::new();
    world.apply_all(&[named("demo", "10.254.0.72")]);
    let held = "10.254.0.72 VSphereCluster user-kim/demo-infra".to_owned();
    assert!(
        world.leased().contains(&held),
        "the first block is the one that is named"
    );
    for (host, code) in [
        ("10.254.0.40", "BSP-I004"),
        ("10.254.0.1", "BSP-I004"),
        ("10.254.0.2", "BSP-I004"),
        ("10.254.7.255", "BSP-I004"),
        ("192.0.2.1", "BSP-I004"),
        ("api.corp.example", "BSP-I004"),
        ("10.254.0.72", "BSP-I003"),
    ] {
        let decision = world.admit(&named("other", host));
        let path = "spec.controlPlaneEndpoint.host";
        assert_eq!(denials(&decision), [(code, path)], "{host}");
    }
    let finding = world
        .admit(&named("other", "10.254.0.72"))
        .denials
        .remove(0);
    assert_eq!(
        finding.message,
        "VSphereCluster user-kim/demo-infra has this address"
    );
    let finding = world
        .admit(&named("other", "10.254.0.40"))
        .denials
        .remove(0);
    assert_eq!(
        finding.message,
        "the tenant's addresses are in 10.254.0.64/27"
    );
}

#[test]
fn of_another_tenant_nothing_is_told() {
    let mut world = World::new();
    world.apply_all(&[named("demo", "10.254.0.72")]);
    world.namespace = "user-lee".to_owned();
    world.requester.username = "lee".to_owned();
    world.stored.clear();
    for (host, code, message) in [
        ("10.254.0.72", "BSP-I003", "another tenant has this address"),
        (
            "10.254.0.73",
            "BSP-I004",
            "this address is in another tenant's block",
        ),
    ] {
        let decision = world.admit(&named("theirs", host));
        assert_eq!(
            denials(&decision),
            [(code, "spec.controlPlaneEndpoint.host")]
        );
        assert_eq!(decision.denials[0].message, message);
    }
}

#[test]
fn a_host_is_not_changed_but_by_an_admin() {
    let mut world = World::new();
    world.apply_all(&[named("demo", "10.254.0.72")]);
    let decision = world.admit(&named("demo", "10.254.0.73"));
    assert_eq!(
        denials(&decision),
        [("BSP-V005", "spec.controlPlaneEndpoint")]
    );
    world.requester = admin();
    world.apply_all(&[named("demo", "10.254.0.73")]);
    assert!(
        world
            .leased()
            .contains(&"10.254.0.73 VSphereCluster user-kim/demo-infra".to_owned())
    );
}

#[test]
fn objects_of_one_cluster_name_one_address() {
    let mut world = World::new();
    let mut both = cluster("demo");
    both["spec"]["controlPlaneEndpoint"] = json!({"host": "10.254.0.40", "port": 6443});
    world.apply_all(&[both]);
    let decision = world.admit(&named("demo", "10.254.0.41"));
    assert_eq!(
        denials(&decision),
        [("BSP-I007", "spec.controlPlaneEndpoint.host")]
    );
    assert_eq!(
        decision.denials[0].message,
        "the Cluster says 10.254.0.40, and one cluster has one address"
    );
    // What the Cluster names, its infrastructure gets.
    world.apply_all(&[infrastructure("demo", json!({}))]);
    assert_eq!(host(&world, "demo"), "10.254.0.40");
}

#[test]
fn a_pool_that_is_not_there_is_an_operators_fault_and_passes_later() {
    let mut world = World::new();
    world.pools.remove("nodes");
    let decision = world.admit(&infrastructure("demo", json!({})));
    assert_eq!(
        denials(&decision),
        [("BSP-I006", "spec.controlPlaneEndpoint.host")]
    );
    assert_eq!(decision.denials[0].message, "there is no AddressPool nodes");
}

#[test]
fn a_dry_run_shows_an_address_and_leaves_none_behind() {
    let world = World::new();
    let mut request = world.request(Phase::Mutate, &infrastructure("demo", json!({})));
    request.dry_run = true;
    let decision = world.decide(&request);
    let object = decision.object.expect("an object");
    assert_eq!(
        object["spec"]["controlPlaneEndpoint"]["host"],
        "10.254.0.32"
    );
    // Validation sees that address, and no lease of it, or by then another's.
    let lee = World::new();
    let theirs = lee.admit(&infrastructure("other", json!({})));
    assert_eq!(theirs.claims.len(), 2, "the address and its block");
    for claim in theirs.claims {
        world.ledger.borrow_mut().put(claim.lease().clone());
    }
    let mut request = world.request(Phase::Validate, &object);
    request.dry_run = true;
    assert_eq!(denials(&world.decide(&request)), []);
}

#[test]
fn what_a_cluster_took_over_a_moment_ago_is_no_strangers() {
    let mut world = World::new();
    world.apply_all(&[cluster("demo")]);
    let admitted = world.admit(&named("demo", "10.254.0.32"));
    let infrastructure = admitted.object.unwrap();
    let held = "10.254.0.32 Cluster user-kim/demo".to_owned();
    assert!(world.leased().contains(&held), "{:?}", world.leased());
    // All Clusters were read before this one was stored, and its lease afterwards.
    let request = world.request(Phase::Validate, &infrastructure);
    let path = "spec.controlPlaneEndpoint.host";
    let mut old = world.snapshot();
    old.inventory = Arc::default();
    let decision = decide(&request, &old);
    let retry = [("BSP-R006", path)];
    assert_eq!(denials(&decision), retry, "to be tried again");
    // Its namesake went between completing and judging.
    let mut ledger = world.ledger.borrow().clone();
    let mut lease = ledger
        .iter()
        .find(|lease| lease.spec.address == "10.254.0.32")
        .cloned();
    let mut lease = lease.take().unwrap();
    lease.spec.state = State::Releasing;
    ledger.put(lease);
    old.ledger = ledger;
    assert_eq!(denials(&decide(&request, &old)), retry, "it cools");
    let request = world.request(Phase::Mutate, &infrastructure);
    let refused = [("BSP-I003", path)];
    assert_eq!(
        denials(&decide(&request, &old)),
        refused,
        "who writes it is told"
    );
}
