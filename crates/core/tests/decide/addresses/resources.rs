//! AddressPools and AddressLeases: what would break a promise is refused.

use basphere_core::{Operation, Phase, Request};
use serde_json::{Value, json};

use super::{machine, making};
use crate::world::{World, admin, denials, kim};

fn pool(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "basphere.dev/v1alpha1", "kind": "AddressPool",
        "metadata": {"name": name}, "spec": spec,
    })
}

fn nodes() -> Value {
    json!({
        "domain": "default", "cidr": "10.254.0.0/21", "gateway": "10.254.0.1",
        "blockSize": 27, "blocksPerTenant": 4,
    })
}

fn request(world: &World, old: Option<Value>, new: Option<Value>) -> Request {
    let object = new.as_ref().or(old.as_ref()).expect("one of both").clone();
    Request {
        operation: match (&old, &new) {
            (None, _) => Operation::Create,
            (_, None) => Operation::Delete,
            _ => Operation::Update,
        },
        old_object: old,
        object: new,
        namespace: String::new(),
        ..world.request(Phase::Validate, &object)
    }
}

/// A world in which one machine has an address, and an admin writes.
fn used() -> World {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{}]))]);
    world.requester = admin();
    world
}

#[test]
fn pools_of_one_domain_do_not_overlap() {
    let mut world = World::new();
    world.requester = admin();
    let create = |domain: &str, cidr: &str| {
        let object = pool("mine", json!({"domain": domain, "cidr": cidr}));
        world.decide(&request(&world, None, Some(object)))
    };
    let decision = create("default", "10.254.4.0/24");
    assert_eq!(denials(&decision), [("BSP-I011", "spec.cidr")]);
    assert_eq!(
        decision.denials[0].message,
        "it overlaps AddressPool nodes (10.254.0.0/21) of the same domain"
    );
    assert_eq!(denials(&create("elsewhere", "10.254.4.0/24")), []);
    assert_eq!(denials(&create("default", "10.254.12.0/24")), []);
}

#[test]
fn a_faulty_pool_is_told_all_its_faults() {
    let mut world = World::new();
    world.requester = admin();
    let object = pool(
        "mine",
        json!({"cidr": "10.9.0.0/24", "blockSize": 32, "reserved": ["x"]}),
    );
    let decision = world.decide(&request(&world, None, Some(object)));
    assert_eq!(
        denials(&decision),
        [
            ("BSP-I010", "spec.reserved[0]"),
            ("BSP-I010", "spec.blockSize")
        ]
    );
}

#[test]
fn what_is_leased_stays_in_its_pool() {
    let world = used();
    let change = |edit: &dyn Fn(&mut Value)| {
        let mut spec = nodes();
        edit(&mut spec);
        let (old, new) = (pool("nodes", nodes()), pool("nodes", spec));
        world.decide(&request(&world, Some(old), Some(new)))
    };
    for (field, value, paths) in [
        ("cidr", json!("10.254.4.0/22"), vec!["spec"]),
        ("reserved", json!(["10.254.0.32"]), vec!["spec"]),
        ("gateway", json!("10.254.0.32"), vec!["spec"]),
        ("ranges", json!(["10.254.1.0/24"]), vec!["spec"]),
        ("blockSize", json!(26), vec!["spec.blockSize", "spec"]),
        ("blocksPerTenant", json!(9), vec![]),
        ("nameservers", json!(["9.9.9.9"]), vec![]),
        ("reserved", json!(["10.254.0.33"]), vec![]),
    ] {
        let decision = change(&|spec| {
            spec[field] = value.clone();
            if field == "cidr" {
                spec["gateway"] = Value::Null;
            }
        });
        let wanted: Vec<_> = paths.iter().map(|path| ("BSP-I012", *path)).collect();
        assert_eq!(denials(&decision), wanted, "{field} {value}");
    }
    let decision = change(&|spec| {
        spec["cidr"] = json!("10.254.4.0/22");
        spec["gateway"] = Value::Null;
    });
    assert_eq!(
        decision.denials[0].message,
        "it would not hold what is leased: 10.254.0.32 (VSphereMachine user-kim/a (0)), 10.254.0.32/27 (Tenant kim)"
    );
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let world = used();
    let delete = |object: Value| world.decide(&request(&world, Some(object), None));
    let decision = delete(pool("nodes", nodes()));
    assert_eq!(denials(&decision), [("BSP-I012", "metadata.name")]);
    assert_eq!(
        decision.denials[0].message,
        "2 leases are of this pool, 0 of them cooling"
    );
    assert_eq!(
        denials(&delete(pool(
            "load-balancers",
            json!({"domain": "default", "cidr": "10.254.8.0/22"})
        ))),
        []
    );

    let lease = |name: &str, state: Option<&str>| {
        let spec = world.ledger.borrow().get(name).unwrap().spec.clone();
        let mut spec = serde_json::to_value(spec).unwrap();
        if let Some(state) = state {
            spec["state"] = json!(state);
        }
        json!({
            "apiVersion": "basphere.dev/v1alpha1", "kind": "AddressLease",
            "metadata": {"name": name}, "spec": spec,
        })
    };
    let (address, block) = ("ip.default.10.254.0.32", "block.default.10.254.0.32-27");
    let decision = delete(lease(address, None));
    assert_eq!(denials(&decision), [("BSP-I013", "spec.holder")]);
    assert_eq!(
        decision.denials[0].message,
        "VSphereMachine user-kim/a (0) has it"
    );
    assert_eq!(denials(&delete(lease(address, Some("MovedAway")))), []);
    assert_eq!(denials(&delete(lease(address, Some("Releasing")))), []);
    let decision = delete(lease(block, None));
    assert_eq!(decision.denials[0].message, "1 addresses in it are leased");
    let freed = lease(block, None);
    world.ledger.borrow_mut().remove(address);
    assert_eq!(
        denials(&world.decide(&request(&world, Some(freed), None))),
        []
    );
}

#[test]
fn a_lease_is_what_its_name_says_and_of_its_pool() {
    let world = used();
    let lease = |name: &str, address: &str, pool: &str, tenant: &str| {
        json!({
            "apiVersion": "basphere.dev/v1alpha1", "kind": "AddressLease", "metadata": {"name": name},
            "spec": {
                "kind": "Address", "domain": "default", "address": address, "pool": pool, "tenant": tenant,
                "purpose": "import", "holder": {"kind": "VirtualMachine", "name": "vm"},
                "state": "Bound", "since": "2026-01-01T00:00:00Z",
            },
        })
    };
    for (object, wanted) in [
        (
            lease("ip.default.10.254.0.40", "10.254.0.40", "nodes", "kim"),
            None,
        ),
        (
            lease("mine", "10.254.0.40", "nodes", "kim"),
            Some(("BSP-I014", "metadata.name")),
        ),
        (
            lease("ip.default.10.9.0.1", "10.9.0.1", "nodes", "kim"),
            Some(("BSP-I014", "spec.address")),
        ),
        (
            lease("ip.default.10.254.0.40", "10.254.0.40", "gone", "kim"),
            Some(("BSP-I014", "spec.address")),
        ),
        (
            lease("ip.default.10.254.0.40", "10.254.0.40", "nodes", "lee"),
            Some(("BSP-I014", "spec.address")),
        ),
    ] {
        let decision = world.decide(&request(&world, None, Some(object.clone())));
        assert_eq!(
            denials(&decision),
            wanted.into_iter().collect::<Vec<_>>(),
            "{object}"
        );
    }
}

#[test]
fn a_tenant_writes_neither() {
    let mut world = World::new();
    world.requester = kim();
    let object = pool("mine", json!({"domain": "own", "cidr": "10.9.0.0/24"}));
    let decision = world.decide(&request(&world, None, Some(object)));
    assert_eq!(denials(&decision), [("BSP-A001", "kind")]);
}
