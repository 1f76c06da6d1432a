//! The addresses of machines.

use basphere_core::ipam::{Claim, Delay};
use basphere_core::{Kind, Phase};
use serde_json::{Value, json};

use super::{machine, making};
use crate::world::{World, admin, capi, denials, kim, template, warnings};

const DEVICE: &str = "/spec/network/devices/0";

fn device(world: &World, name: &str) -> Value {
    world
        .get(Kind::VSphereMachine, name)
        .pointer(DEVICE)
        .cloned()
        .unwrap_or_default()
}

/// A world in which kim's only block has no address left.
fn full() -> World {
    let mut world = making();
    let spec = json!({"domain": "default", "cidr": "10.254.0.0/21", "blockSize": 30, "blocksPerTenant": 1});
    world
        .pools
        .put("nodes", "", serde_json::from_value(spec).expect("a pool"));
    for name in ["a", "b", "c", "d"] {
        world.apply_all(&[machine(name, json!([{}]))]);
    }
    world
}

#[test]
fn a_machine_gets_address_gateway_and_name_servers() {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{"networkName": "VM Network"}]))]);
    assert_eq!(
        device(&world, "a"),
        json!({
            "networkName": "VM Network",
            "dhcp4": false,
            "gateway4": "10.254.0.1",
            "nameservers": ["8.8.8.8", "1.1.1.1"],
            "ipAddrs": ["10.254.0.32/21"],
        })
    );
    let ledger = world.ledger.borrow();
    let lease = ledger.get("ip.default.10.254.0.32").expect("a lease");
    let owner = lease.spec.owner.as_ref().expect("an owner");
    assert_eq!(
        (owner.kind.as_str(), owner.uid.as_str()),
        ("MachineSet", "uid-ms")
    );
    assert_eq!(
        lease.spec.holder.to_string(),
        "VSphereMachine user-kim/a (0)"
    );
}

#[test]
fn each_device_gets_its_own_but_for_those_that_need_none() {
    let mut world = making();
    world.apply_all(&[machine(
        "a",
        json!([
            {"networkName": "VM Network"},
            {"networkName": "VM Network", "dhcp4": true},
            {"networkName": "Storage"},
            {"networkName": "VM Network", "skipIPAllocation": true},
            {"networkName": "VM Network"},
        ]),
    )]);
    let devices = &world.get(Kind::VSphereMachine, "a")["spec"]["network"]["devices"];
    let addresses: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["ipAddrs"][0].clone())
        .collect();
    assert_eq!(
        addresses,
        [
            json!("10.254.0.32/21"),
            Value::Null,
            Value::Null,
            Value::Null,
            json!("10.254.0.33/21")
        ]
    );
}

#[test]
fn what_is_sent_without_addresses_gets_the_same_ones_back() {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{"networkName": "VM Network"}]))]);
    let before = device(&world, "a");
    for requester in [capi(), kim()] {
        world.requester = requester;
        world.apply_all(&[machine("a", json!([{"networkName": "VM Network"}]))]);
        assert_eq!(device(&world, "a"), before);
        world.apply_all(&[machine("a", json!([]))]);
        assert_eq!(device(&world, "a"), before, "a list without devices");
    }
}

#[test]
fn only_an_admin_changes_an_address() {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{"networkName": "VM Network"}]))]);
    let changed = machine(
        "a",
        json!([{"networkName": "VM Network", "ipAddrs": ["10.254.0.40/21"]}]),
    );
    let path = "spec.network.devices[0].ipAddrs[0]";
    assert_eq!(denials(&world.admit(&changed)), [("BSP-I008", path)]);
    world.requester = kim();
    assert_eq!(denials(&world.admit(&changed)), [("BSP-A005", "spec")]);
    world.requester = admin();
    world.apply_all(&[changed]);
    assert!(
        world
            .leased()
            .contains(&"10.254.0.40 VSphereMachine user-kim/a (0)".to_owned())
    );
}

#[test]
fn an_address_that_is_there_is_adopted_when_it_is_free_and_refused_when_it_is_not() {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{"ipAddrs": ["10.254.0.40/21"]}]))]);
    assert!(
        world
            .leased()
            .contains(&"10.254.0.40 VSphereMachine user-kim/a (0)".to_owned())
    );
    let path = "spec.network.devices[0].ipAddrs[0]";
    for (address, code) in [
        ("10.254.0.40/21", "BSP-I003"),
        ("10.254.0.200/21", "BSP-I004"),
    ] {
        let decision = world.admit(&machine("b", json!([{"ipAddrs": [address]}])));
        assert_eq!(denials(&decision), [(code, path)], "{address}");
    }
    // Addresses of another network are nobody's business; in the site's own they are the pool's.
    let elsewhere = |network: &str, address: &str| {
        machine("c", json!([{"networkName": network, "ipAddrs": [address]}]))
    };
    assert_eq!(
        denials(&world.admit(&elsewhere("Storage", "192.0.2.7/24"))),
        []
    );
    for (address, code) in [
        ("192.0.2.7/24", "BSP-I004"),
        ("::ffff:10.254.0.40/117", "BSP-I003"),
    ] {
        let decision = world.admit(&elsewhere("VM Network", address));
        assert_eq!(denials(&decision), [(code, path)], "{address}");
    }
}

#[test]
fn a_machine_without_an_owner_or_a_cluster_is_its_own() {
    let mut world = World::new();
    world.requester = capi();
    let mut alone = machine("a", json!([{}]));
    alone["metadata"] = json!({"name": "a"});
    world.apply_all(&[alone]);
    assert_eq!(device(&world, "a")["ipAddrs"], json!(["10.254.0.32/21"]));
}

#[test]
fn machines_that_were_refused_elsewhere_eat_no_block() {
    let mut world = making();
    // Three are wanted, and a few more reservations are let pass; none is ever stored.
    for attempt in 0..6 {
        let decision = world.admit(&machine(&format!("refused-{attempt}"), json!([{}])));
        assert_eq!(denials(&decision), [], "{attempt}");
    }
    let decision = world.admit(&machine("refused-6", json!([{}])));
    let path = "spec.network.devices[0].ipAddrs";
    assert_eq!(denials(&decision), [("BSP-I005", path)]);
    assert_eq!(
        decision.denials[0].message,
        "MachineSet demo-ms lacks 3 machines, and 6 addresses were reserved for machines that were never stored"
    );
    // Once no request can carry it any more, the oldest one is used again.
    world.now = world
        .now
        .checked_add(Delay::seconds(75).duration())
        .unwrap();
    let decision = world.admit(&machine("later", json!([{}])));
    assert_eq!(denials(&decision), []);
    assert!(
        matches!(decision.claims.as_slice(), [Claim::Replace(_)]),
        "{:?}",
        decision.claims
    );
    assert_eq!(
        world
            .leased()
            .iter()
            .filter(|lease| lease.contains("VSphereMachine"))
            .count(),
        6
    );
}

#[test]
fn a_machine_that_lost_its_address_before_a_vm_was_made_gets_another() {
    let mut world = making();
    world.apply_all(&[machine("late", json!([{}]))]);
    // Its reservation was used again for another machine.
    let lease = world
        .ledger
        .borrow()
        .get("ip.default.10.254.0.32")
        .cloned()
        .unwrap();
    let mut taken = lease.clone();
    taken.spec.holder.name = "other".to_owned();
    world.ledger.borrow_mut().put(taken);
    let stored = world.get(Kind::VSphereMachine, "late").clone();
    let decision = world.admit(&stored);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        warnings(&decision),
        [("BSP-I015", "spec.network.devices[0].ipAddrs")]
    );
    let given = decision.object.unwrap();
    assert_eq!(
        given.pointer(DEVICE).unwrap()["ipAddrs"],
        json!(["10.254.0.33/21"])
    );

    // With a VM it keeps what it has, and whoever writes is told.
    let mut running = stored;
    running["spec"]["providerID"] = json!("vsphere://1");
    world
        .stored
        .insert((Kind::VSphereMachine, "late".to_owned()), running.clone());
    let decision = world.admit(&running);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        warnings(&decision),
        [("BSP-I016", "spec.network.devices[0].ipAddrs[0]")]
    );
}

#[test]
fn a_full_pool_is_told_of_with_its_numbers() {
    let world = full();
    let decision = world.admit(&machine("e", json!([{}])));
    assert_eq!(
        denials(&decision),
        [("BSP-I001", "spec.network.devices[0].ipAddrs")]
    );
    assert_eq!(
        decision.denials[0].message,
        "pool nodes has no address left for this tenant: 4 leased, 0 cooling, 1 of at most 1 blocks"
    );
}

#[test]
fn a_template_takes_addresses_from_the_sites_pool_only() {
    let version = basphere_core::ApiVersion::V1Beta1;
    let from = |group: &str, kind: &str, name: &str| {
        let pool = json!({"apiGroup": group, "kind": kind, "name": name});
        template(
            "t",
            version,
            json!({"network": {"devices": [{"addressesFromPools": [pool]}]}}),
        )
    };
    let world = World::new();
    assert_eq!(
        denials(&world.admit(&from("basphere.dev", "AddressPool", "nodes"))),
        []
    );
    let path = "spec.template.spec.network.devices[0].addressesFromPools[0]";
    for (group, kind, name) in [
        ("ipam.cluster.x-k8s.io", "InClusterIPPool", "nodes"),
        ("basphere.dev", "AddressPool", "load-balancers"),
    ] {
        let decision = world.admit(&from(group, kind, name));
        assert_eq!(denials(&decision), [("BSP-I009", path)], "{kind} {name}");
    }
}

#[test]
fn a_claim_of_a_tenant_is_for_a_pool_of_machines() {
    let world = World::new();
    let claim = |group: &str, kind: &str, name: &str| {
        json!({
            "apiVersion": "ipam.cluster.x-k8s.io/v1beta2", "kind": "IPAddressClaim",
            "metadata": {"name": "a"},
            "spec": {"poolRef": {"apiGroup": group, "kind": kind, "name": name}},
        })
    };
    for (group, kind, name, wanted) in [
        ("basphere.dev", "AddressPool", "nodes", vec![]),
        ("basphere.dev", "AddressPool", "openstack", vec![]),
        (
            "basphere.dev",
            "AddressPool",
            "load-balancers",
            vec![("BSP-I009", "spec.poolRef")],
        ),
        (
            "ipam.cluster.x-k8s.io",
            "GlobalInClusterIPPool",
            "nodes",
            vec![("BSP-I009", "spec.poolRef")],
        ),
    ] {
        assert_eq!(
            denials(&world.admit(&claim(group, kind, name))),
            wanted,
            "{kind} {name}"
        );
    }
}

#[test]
fn what_is_marked_for_a_move_keeps_its_address() {
    let mut world = making();
    world.apply_all(&[machine("a", json!([{}]))]);
    let mut marked = world.get(Kind::VSphereMachine, "a").clone();
    marked["metadata"]["annotations"] = json!({"clusterctl.cluster.x-k8s.io/delete-for-move": ""});
    world.requester = kim();
    let path = "metadata.annotations[clusterctl.cluster.x-k8s.io/delete-for-move]";
    assert_eq!(denials(&world.admit(&marked)), [("BSP-A005", path)]);
    world.requester = admin();
    world.apply_all(&[marked]);
    let state = |world: &World| {
        world
            .ledger
            .borrow()
            .get("ip.default.10.254.0.32")
            .unwrap()
            .spec
            .state
    };
    assert_eq!(state(&world), basphere_core::ipam::State::MovedAway);
    // At the other end the same address is adopted, and so it is here when the machine comes back.
    world.stored.clear();
    world.apply_all(&[machine("a", json!([{"ipAddrs": ["10.254.0.32/21"]}]))]);
    assert_eq!(state(&world), basphere_core::ipam::State::Reserved);
}

#[test]
fn what_is_brought_along_is_leased_in_whatever_block_it_lies() {
    let mut world = making();
    world.requester = admin();
    for (name, address) in [("a", "10.254.0.40"), ("b", "10.254.0.70")] {
        world.apply_all(&[machine(
            name,
            json!([{"ipAddrs": [format!("{address}/21")]}]),
        )]);
    }
    let leased = world.leased();
    for wanted in [
        "10.254.0.70 VSphereMachine user-kim/b (0)",
        "10.254.0.64/27 Tenant kim",
        "10.254.0.32/27 Tenant kim",
    ] {
        assert!(leased.contains(&wanted.to_owned()), "{wanted}: {leased:?}");
    }
}

#[test]
fn a_machine_that_waits_for_an_address_can_be_written_to() {
    let mut world = full();
    // Stored while the webhook was away.
    let waiting = machine("e", json!([{}]));
    world
        .stored
        .insert((Kind::VSphereMachine, "e".to_owned()), waiting.clone());
    let decision = world.admit(&waiting);
    assert_eq!(denials(&decision), []);
    assert_eq!(
        warnings(&decision),
        [("BSP-I018", "spec.network.devices[0].ipAddrs")]
    );
    world.pools.remove("nodes");
    assert_eq!(denials(&world.admit(&waiting)), []);
}

#[test]
fn an_openstack_machine_gets_a_fixed_address_when_it_is_made() {
    for (version, identity) in [
        ("v1alpha7", json!({"cloudName": "mycloud"})),
        (
            "v1beta1",
            json!({"identityRef": {"cloudName": "mycloud", "name": "mycloud-cloud-config"}}),
        ),
    ] {
        let mut world = World::new();
        world.requester = capi();
        let object = json!({
            "apiVersion": format!("infrastructure.cluster.x-k8s.io/{version}"),
            "kind": "OpenStackMachine",
            "metadata": {"name": "a", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
            "spec": identity,
        });
        world.apply_all(&[object]);
        let ports = world.get(Kind::OpenStackMachine, "a")["spec"]["ports"].clone();
        // v1alpha7 wants a subnet; CAPO calls that of a cluster like this.
        let mut fixed = json!({"ipAddress": "10.0.0.10"});
        if version == "v1alpha7" {
            fixed["subnet"] = json!({"name": "k8s-clusterapi-cluster-user-kim-demo"});
        }
        assert_eq!(ports, json!([{"fixedIPs": [fixed]}]), "{version}");
    }
}

#[test]
fn a_dry_run_reserves_nothing_and_is_not_refused_for_that() {
    let world = making();
    let mut request = world.request(
        Phase::Validate,
        &machine("a", json!([{"ipAddrs": ["10.254.0.40/21"]}])),
    );
    request.dry_run = true;
    assert_eq!(denials(&world.decide(&request)), []);
    assert_eq!(world.leased(), Vec::<String>::new());
}
