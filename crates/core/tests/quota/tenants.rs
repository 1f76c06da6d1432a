//! Tenants themselves.

use basphere_core::quota::Limits;
use basphere_core::{Decision, Operation, Phase, Request};
use serde_json::{Value, json};

use crate::objects::*;
use crate::world::{World, admin, capi, denials, kim, words};

fn tenant(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "basphere.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec})
}

fn world() -> World {
    let mut world = World::with(Limits::default());
    world.requester = admin();
    world
}

fn judged(world: &World, object: &Value) -> Decision {
    world.decide(&world.request(Phase::Validate, object))
}

#[test]
fn only_admins_write_tenants() {
    let mut world = world();
    world.requester = kim();
    assert_eq!(
        denials(&judged(&world, &tenant("kim", json!({})))),
        [("BSP-A001", "kind")]
    );
    world.requester = admin();
    assert_eq!(denials(&judged(&world, &tenant("kim", json!({})))), []);
}

#[test]
fn who_sets_a_limit_is_written_down_once() {
    let mut world = world();
    let quotas = json!([{"limits": {"nodes": 5}, "reason": "a project"}]);
    let mut written = tenant("kim", json!({"quotas": quotas}));
    let set = |world: &World, old: Option<&Value>, object: &Value| {
        let request = Request {
            old_object: old.cloned(),
            ..world.request(Phase::Mutate, object)
        };
        world.decide(&request).object.expect("an object")
    };
    let stored = set(&world, None, &written);
    assert_eq!(stored["spec"]["quotas"][0]["setBy"], "ops");
    world.requester.username = "other".to_owned();
    let again = set(&world, Some(&stored), &written);
    assert_eq!(
        again["spec"]["quotas"][0]["setBy"], "ops",
        "who sends the same again has not set it"
    );
    written["spec"]["quotas"][0]["limits"]["nodes"] = json!(6);
    let changed = set(&world, Some(&stored), &written);
    assert_eq!(changed["spec"]["quotas"][0]["setBy"], "other");
}

#[test]
fn what_a_tenant_says_must_hold() {
    let world = world();
    let quota = |limits: Value, reason: &str| {
        tenant(
            "kim",
            json!({"quotas": [{"limits": limits, "reason": reason}]}),
        )
    };
    let cases = [
        (
            quota(json!({"largestNodeSpec": "huge"}), "r"),
            "BSP-S001",
            "spec.quotas[0].limits.largestNodeSpec",
        ),
        (
            quota(json!({"clustersByType": {"prod": 1}}), "r"),
            "BSP-T001",
            "spec.quotas[0].limits.clustersByType",
        ),
        (
            quota(json!({"nodes": 1}), " "),
            "BSP-Q018",
            "spec.quotas[0].reason",
        ),
        (quota(json!({"nodez": 1}), "r"), "BSP-Q018", "spec"),
        (quota(json!({"nodes": -1}), "r"), "BSP-Q018", "spec"),
        (quota(json!({"nodes": "5"}), "r"), "BSP-Q018", "spec"),
        (
            tenant("kim", json!({"parent": "nobody"})),
            "BSP-Q018",
            "spec.parent",
        ),
        (
            tenant("kim", json!({"parent": "kim"})),
            "BSP-Q018",
            "spec.parent",
        ),
    ];
    for (object, code, path) in cases {
        assert_eq!(
            denials(&judged(&world, &object)),
            [(code, path)],
            "{object}"
        );
    }
}

#[test]
fn nobody_stands_above_himself() {
    let mut world = world();
    world.tenant("team", Some("kim"), Limits::default());
    world.tenant("sub", Some("team"), Limits::default());
    assert_eq!(
        words(&judged(&world, &tenant("kim", json!({"parent": "sub"})))),
        [
            "spec.parent: Invalid value: \"sub\": kim would be above itself: kim > team > sub [BSP-Q018]"
        ]
    );
    assert_eq!(
        denials(&judged(&world, &tenant("lee", json!({"parent": "sub"})))),
        []
    );
    let lost = words(&judged(&world, &tenant("lee", json!({"parent": "nobody"}))));
    assert_eq!(
        lost,
        [
            "spec.parent: Invalid value: \"nobody\": there is no Tenant nobody; make it first [BSP-Q018]"
        ]
    );
}

#[test]
fn a_tenant_that_uses_something_is_not_deleted() {
    let mut world = world();
    world.requester = kim();
    world.put(&deployment("a", 2, "t"));
    world.book();
    world.requester = admin();
    let delete = |world: &World| {
        let mut stored = tenant("kim", json!({}));
        stored["status"] = json!({"ledger": world.ledger()});
        let request = world.request(Phase::Validate, &stored);
        let request = Request {
            operation: Operation::Delete,
            object: None,
            old_object: Some(stored),
            ..request
        };
        world.decide(&request)
    };
    let refused = delete(&world);
    assert_eq!(denials(&refused), [("BSP-Q019", "metadata.name")]);
    assert!(
        words(&refused)[0].contains(
            "tenant kim uses nodes 2, node pools 1, addresses 2; delete its clusters first"
        ),
        "{:?}",
        words(&refused)
    );
    world.delete(basphere_core::Kind::MachineDeployment, "a");
    world.book();
    assert_eq!(denials(&delete(&world)), []);
    // A template uses nothing by itself; whoever lost sight of one under way would not know its size later.
    world.requester = kim();
    let admitted = world.admit(&template("t", "small"));
    assert!(admitted.is_ok());
    world.requester = admin();
    let refused = delete(&world);
    assert_eq!(denials(&refused), [("BSP-Q019", "metadata.name")]);
    let text = words(&refused);
    let reason = "requests of tenant kim are under way";
    assert!(text[0].contains(reason), "{text:?}");
    world.requester = capi();
}
