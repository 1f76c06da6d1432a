//! What others are doing at the same moment, or left half done.

use basphere_core::ipam::{Purpose, Refusal, State};
use serde_json::json;

use crate::world::{World, blocks, endpoint, machine, of_lee, pool, range_pool, range_slot, slot};

/// Kim has a full block and may have another one.
fn full_block() -> World {
    let mut world = World::default();
    world.put_block(&blocks(), "10.0.0.8", "kim");
    world.fill(&blocks(), "10.0.0.", 8..=15);
    world
}

#[test]
fn a_block_that_is_reserved_already_is_opened_instead_of_another() {
    let pool = blocks();
    let mut world = full_block();
    let mut younger = world.put_block_in(State::Reserved, &pool, "10.0.0.16", "kim");
    younger.resource_version = "12".to_owned();
    world.ledger.put(younger);
    world.put_block_in(State::Reserved, &pool, "10.0.0.24", "kim");
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.24"), "the oldest one");
    assert_eq!(
        claims,
        [
            "replace 10.0.0.24/29 Reserved kim",
            "create 10.0.0.24 Reserved a"
        ]
    );
}

#[test]
fn a_block_that_is_reserved_is_opened_when_no_other_is_left() {
    let pool = blocks();
    let mut world = full_block();
    for address in ["10.0.0.16", "10.0.0.32", "10.0.0.40", "10.0.0.48"] {
        world.put_block(&pool, address, "lee");
    }
    world.put_block(&pool, "10.0.0.56", "lee");
    world.put_block_in(State::Reserved, &pool, "10.0.0.24", "kim");
    let (answer, _) = world.any(1, &pool, &machine("a"));
    assert_eq!(answer.as_deref(), Ok("10.0.0.24"));
}

#[test]
fn nobody_opens_a_block_too_many() {
    let pool = blocks();
    let mut world = full_block();
    world.put_block(&pool, "10.0.0.16", "kim");
    world.fill(&pool, "10.0.0.", 16..=23);
    world.put_block_in(State::Reserved, &pool, "10.0.0.24", "kim");
    let (answer, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(
        answer.unwrap_err().to_string(),
        "pool nodes has no address left for this tenant: 16 leased, 0 cooling, 2 of at most 2 blocks"
    );
    assert_eq!(claims, [""; 0]);
}

#[test]
fn a_block_that_is_reserved_is_opened_for_an_address_that_is_named() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block_in(State::Reserved, &pool, "10.0.0.24", "kim");
    let (answer, claims) = world.named(&pool, "10.0.0.30", &machine("a"));
    assert_eq!(answer, Ok(()));
    assert_eq!(
        claims,
        [
            "replace 10.0.0.24/29 Reserved kim",
            "create 10.0.0.30 Reserved a"
        ]
    );
    let (answer, _) = world.named(&pool, "10.0.0.30", &of_lee("a"));
    let blocks = Vec::new();
    assert_eq!(answer, Err(Refusal::OutsideBlocks { blocks }), "kim's");
}

#[test]
fn nobody_is_refused_because_of_an_address_that_may_not_be_stored() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut world = World::default();
    world.fill(&pool, "10.0.0.", 1..=5);
    world.note(slot(&pool, "10.0.0.6"), &of_lee("x"));
    let (_, claims) = world.any(1, &pool, &machine("a"));
    assert_eq!(claims[0], "replace 10.0.0.6 Reserved a", "it is waited for");
    world.put(slot(&pool, "10.0.0.6"), &of_lee("x"), State::Reserved);
    let (answer, _) = world.any(1, &pool, &machine("a"));
    assert!(matches!(answer, Err(Refusal::Exhausted { .. })));
}

#[test]
fn nobody_is_refused_because_of_a_range_that_may_not_be_stored() {
    let pool = range_pool();
    let mut world = World::default();
    let mut asker = endpoint();
    asker.purpose = Purpose::LoadBalancer;
    world.put(
        range_slot("10.0.8.16-10.0.8.31"),
        &of_lee("x"),
        State::Bound,
    );
    world.note(range_slot("10.0.8.32-10.0.8.47"), &of_lee("y"));
    let mut desk = world.desk(1);
    assert!(desk.range(&pool, &asker).is_ok());
    assert_eq!(desk.claims()[0].lease().slot.text(), "10.0.8.32-10.0.8.47");
}

#[test]
fn reservations_that_may_not_be_stored_are_waited_for_and_count_when_they_are() {
    let pool = pool(json!({"cidr": "10.0.0.0/27"}));
    let mut world = World::default();
    for (last, name) in (1..).zip(["a", "b", "c", "d"]) {
        let slot = slot(&pool, &format!("10.0.0.{last}"));
        world.put(slot, &machine(name), State::Reserved);
    }
    // Two machines are missing, and three more may be in vain.
    world.note(slot(&pool, "10.0.0.5"), &machine("e"));
    let (answer, claims) = world.any(1, &pool, &machine("f"));
    assert!(answer.is_ok());
    assert_eq!(claims[0], "replace 10.0.0.5 Reserved f", "it is waited for");
    world.put(slot(&pool, "10.0.0.5"), &machine("e"), State::Reserved);
    let (answer, _) = world.any(1, &pool, &machine("f"));
    assert!(matches!(
        answer,
        Err(Refusal::ReservedInVain { reserved: 5, .. })
    ));
}
