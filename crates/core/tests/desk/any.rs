//! Any address that is free.

use basphere_core::ipam::{Refusal, Selection, SlotKind, State};
use serde_json::json;

use crate::world::{
    GRACE, World, blocks, endpoint, machine, of_lee, pool, range_pool, range_slot, slot,
};

#[test]
fn a_holder_keeps_what_it_has() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &machine("a"), State::Reserved);
    world.put(slot(&pool, "10.0.0.5"), &machine("a"), State::Bound);
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.5"), "the bound one first");
    assert_eq!(claims, [""; 0]);
}

#[test]
fn a_reservation_that_is_used_late_counts_as_new() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &machine("a"), State::Reserved);
    let (_, claims) = world.any(GRACE / 4, &pool, &machine("a"));
    assert_eq!(claims, [""; 0]);
    let (answer, claims) = world.any(GRACE / 4 + 1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.2"));
    assert_eq!(claims, ["replace 10.0.0.2 Reserved a"]);
}

#[test]
fn a_reserved_endpoint_is_written_by_all_who_use_it() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &endpoint(), State::Reserved);
    let (answer, claims) = world.any(0, &pool, &endpoint());
    assert_eq!(answer.as_deref(), Ok("10.0.0.2"));
    assert_eq!(claims, ["replace 10.0.0.2 Reserved demo"]);
    // Once in a decision.
    let mut desk = world.desk(0);
    desk.address(&pool, &endpoint()).unwrap();
    desk.address(&pool, &endpoint()).unwrap();
    assert_eq!(desk.claims().len(), 1);
}

#[test]
fn what_another_request_is_asking_for_is_waited_for() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    let mut lease = world.put(slot(&pool, "10.0.0.2"), &machine("a"), State::Reserved);
    lease.note();
    world.ledger.put(lease);
    let (_, claims) = world.any(0, &pool, &machine("a"));
    assert_eq!(claims, ["replace 10.0.0.2 Reserved a"]);
}

#[test]
fn a_cluster_made_again_takes_its_endpoint_back_and_a_machine_does_not() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &endpoint(), State::Releasing);
    world.put(slot(&pool, "10.0.0.3"), &of_lee("a"), State::Releasing);
    let (answer, claims) = world.any(1, &pool, &endpoint());
    assert_eq!(answer.as_deref(), Ok("10.0.0.2"));
    assert_eq!(claims, ["replace 10.0.0.2 Reserved demo"]);
    let (answer, _) = world.any(1, &pool, &of_lee("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.1"));
}

#[test]
fn an_owner_uses_again_what_it_reserved_in_vain() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    for state in [State::Reserved, State::Releasing] {
        let mut world = World::default();
        world.put(slot(&pool, "10.0.0.4"), &machine("a"), state);
        let (answer, _) = world.any(GRACE - 1, &pool, &machine("b"));
        assert_eq!(answer.as_deref(), Ok("10.0.0.1"), "too young");
        let (answer, claims) = world.any(GRACE, &pool, &machine("b"));
        assert_eq!(answer.as_deref(), Ok("10.0.0.4"));
        assert_eq!(claims, ["replace 10.0.0.4 Reserved b"]);
        world.there.push("a");
        let (answer, _) = world.any(GRACE, &pool, &machine("b"));
        assert_eq!(answer.as_deref(), Ok("10.0.0.1"), "its holder is stored");
        let mut stranger = machine("c");
        stranger.owner.as_mut().unwrap().uid = "uid-others".to_owned();
        world.there.clear();
        let (answer, _) = world.any(GRACE, &pool, &stranger);
        assert_eq!(answer.as_deref(), Ok("10.0.0.1"), "another's");
    }
}

#[test]
fn what_was_bound_cools() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    let mut lease = world.put(slot(&pool, "10.0.0.1"), &machine("a"), State::Bound);
    lease.spec.state = State::Releasing;
    world.ledger.put(lease);
    let (answer, _) = world.any(10 * GRACE, &pool, &machine("b"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.2"));
}

#[test]
fn reservations_in_vain_are_bounded() {
    let pool = pool(json!({"cidr": "10.0.0.0/27"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.20"), &machine("up"), State::Bound);
    for (last, name) in ["a", "b", "c"].iter().enumerate() {
        let slot = slot(&pool, &format!("10.0.0.{}", last + 1));
        world.put(slot, &machine(name), State::Reserved);
    }
    // One machine is missing, and three more may be in vain.
    assert!(world.any(1, &pool, &machine("d")).0.is_ok());
    world.put(slot(&pool, "10.0.0.4"), &machine("d"), State::Reserved);
    let (answer, claims) = world.any(1, &pool, &machine("e"));
    let refusal = answer.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "MachineSet workers lacks 1 machines, and 4 addresses were reserved for machines that were never stored"
    );
    assert!(refusal.is_passing());
    assert_eq!(claims, [""; 0]);
    let kims = Selection::Tenant("kim".to_owned());
    assert!(world.asked.borrow().contains(&kims), "read live before");
    // Who has a reservation already keeps it.
    assert!(world.any(1, &pool, &machine("d")).0.is_ok());
}

#[test]
fn the_lowest_free_address_comes_first_in_flat_pools() {
    let mut world = World::default();
    let four =
        pool(json!({"cidr": "10.0.0.0/29", "gateway": "10.0.0.1", "reserved": ["10.0.0.3"]}));
    world.fill(&four, "10.0.0.", 2..=2);
    let (answer, claims) = world.any(1, &four, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.4"));
    assert_eq!(claims, ["create 10.0.0.4 Reserved a"]);
    let six = pool(json!({"cidr": "fd00::/125", "gateway": "fd00::1"}));
    let (answer, claims) = world.any(1, &six, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("fd00::2"));
    assert_eq!(claims, ["create fd00::2 Reserved a"]);
}

#[test]
fn a_flat_pool_is_full_when_all_is_leased_or_cooling() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.fill(&pool, "10.0.0.", 1..=5);
    world.put(slot(&pool, "10.0.0.6"), &of_lee("x"), State::Releasing);
    let (answer, _) = world.any(1, &pool, &machine("a"));
    let refusal = answer.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "pool nodes has no address left for this tenant: 5 leased, 0 cooling"
    );
    let all = Selection::Kind(SlotKind::Address);
    assert!(world.asked.borrow().contains(&all), "read live before");
}

#[test]
fn a_tenant_gets_the_lowest_free_block_but_not_the_first() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block(&pool, "10.0.0.8", "lee");
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.16"));
    assert_eq!(
        claims,
        [
            "create 10.0.0.16/29 Reserved kim",
            "create 10.0.0.16 Reserved a"
        ],
        "nobody uses the block before it is certain that kim may have it"
    );
}

#[test]
fn full_blocks_are_followed_by_others_up_to_the_limit() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block(&pool, "10.0.0.8", "kim");
    world.fill(&pool, "10.0.0.", 8..=15);
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.16"));
    assert_eq!(claims[0], "create 10.0.0.16/29 Reserved kim");
    world.put_block(&pool, "10.0.0.16", "kim");
    world.fill(&pool, "10.0.0.", 16..=22);
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.23"));
    assert_eq!(claims, ["create 10.0.0.23 Reserved a"]);
    world.fill(&pool, "10.0.0.", 23..=23);
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    let refusal = answer.unwrap_err();
    assert!(matches!(refusal, Refusal::Exhausted { .. }));
    assert_eq!(
        refusal.to_string(),
        "pool nodes has no address left for this tenant: 16 leased, 0 cooling, 2 of at most 2 blocks"
    );
    assert_eq!(claims, [""; 0]);
}

#[test]
fn ranges_are_kept_taken_back_and_handed_out_in_order() {
    let pool = range_pool();
    let mut world = World::default();
    let mut asker = endpoint();
    asker.purpose = basphere_core::ipam::Purpose::LoadBalancer;
    let mut of_lee = of_lee("other");
    of_lee.purpose = asker.purpose;
    let given = |world: &World| world.desk(1).range(&pool, &asker).map(|slot| slot.text());
    // The network's own address is in the first one, its broadcast address in the last.
    assert_eq!(given(&world).as_deref(), Ok("10.0.8.16-10.0.8.31"));
    world.put(range_slot("10.0.8.16-10.0.8.31"), &of_lee, State::Bound);
    assert_eq!(given(&world).as_deref(), Ok("10.0.8.32-10.0.8.47"));
    world.put(range_slot("10.0.8.32-10.0.8.47"), &asker, State::Releasing);
    assert_eq!(given(&world).as_deref(), Ok("10.0.8.32-10.0.8.47"));
    world.put(range_slot("10.0.8.32-10.0.8.47"), &of_lee, State::Bound);
    assert_eq!(
        given(&world).unwrap_err().to_string(),
        "pool nodes has no range left for this tenant: 0 leased, 0 cooling"
    );
}

#[test]
fn a_cluster_takes_over_what_its_parts_hold_unless_it_has_its_own() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut part = endpoint();
    part.holder.kind = "VSphereCluster".to_owned();
    part.holder.name = "demo-x7".to_owned();
    let parts = [part.holder.clone()];
    let taken = |world: &World| {
        let mut desk = world.desk(1);
        desk.take_over(&parts, &endpoint());
        let address = desk.address(&pool, &endpoint()).unwrap().to_string();
        (address, desk.claims().len())
    };
    let expected = |address: &str, claims| (address.to_owned(), claims);

    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.4"), &part, State::Bound);
    assert_eq!(taken(&world), expected("10.0.0.4", 1));
    world.put(slot(&pool, "10.0.0.5"), &endpoint(), State::Bound);
    assert_eq!(taken(&world), expected("10.0.0.5", 0), "it has its own");

    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.4"), &part, State::Releasing);
    assert_eq!(taken(&world), expected("10.0.0.1", 1), "it cools");
    part.tenant = "lee";
    world.put(slot(&pool, "10.0.0.4"), &part, State::Bound);
    assert_eq!(taken(&world), expected("10.0.0.1", 1), "another tenant's");
}
