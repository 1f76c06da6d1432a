use std::pin::pin;

use basphere_core::Timestamp;
use basphere_core::ipam::{Holder, LeaseSpec, Slot, SlotKind};
use serde_json::json;

use super::*;
use crate::table::{Table, poll};

fn pools() -> Pools {
    let mut pools = Pools::default();
    let spec = json!({"cidr": "10.0.0.0/24", "blockSize": 29, "blocksPerTenant": 2});
    pools.put("nodes", "", serde_json::from_value(spec).unwrap());
    pools
}

fn lease(purpose: Purpose, text: &str) -> Lease {
    let kind = match purpose {
        Purpose::Block => SlotKind::Block,
        _ => SlotKind::Address,
    };
    let spec = LeaseSpec {
        kind,
        domain: String::new(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: "kim".to_owned(),
        purpose,
        holder: Holder {
            kind: "Cluster".to_owned(),
            namespace: "user-kim".to_owned(),
            name: "demo".to_owned(),
            ..Holder::default()
        },
        owner: None,
        state: State::Reserved,
        since: Timestamp::UNIX_EPOCH,
    };
    Lease::new(Slot::new(kind, "lan", text.parse().unwrap()), spec)
}

fn create(purpose: Purpose, text: &str) -> Vec<Claim> {
    vec![Claim::Create(lease(purpose, text))]
}

/// What is claimed to open a block that is reserved, and known.
fn open(registrar: &Registrar<Arc<Table>>, block: &Lease) -> Vec<Claim> {
    registrar.book().observe(block.clone());
    vec![Claim::Replace(block.clone())]
}

fn registrar() -> (Arc<Table>, Registrar<Arc<Table>>) {
    let table = Arc::new(Table::default());
    let registrar = Registrar::new(Arc::clone(&table), Arc::default());
    (table, registrar)
}

/// What becomes of claims when nobody else asks.
fn alone(registrar: &Registrar<Arc<Table>>, claims: &[Claim]) -> Result<(), Failed> {
    poll(&mut pin!(registrar.carry_out(claims, &pools())), 99).unwrap()
}

/// What becomes of a second review's claims once the first one has ended.
fn one_after_the_other(first: &[Claim], second: &[Claim]) -> (Vec<String>, Result<(), Failed>) {
    let ((table, registrar), pools) = (registrar(), pools());
    let mut second = pin!(registrar.carry_out(second, &pools));
    {
        let mut first = pin!(registrar.carry_out(first, &pools));
        assert_eq!(poll(&mut first, 1), None);
        assert_eq!(poll(&mut second, 9), None, "it waits for the first one");
        assert_eq!(poll(&mut first, 9), Some(Ok(())));
    }
    (table.addresses(), poll(&mut second, 1).unwrap())
}

#[test]
fn two_reviews_of_one_process_do_not_ask_for_the_same() {
    let claims = create(Purpose::Node, "10.0.0.9");
    let (stored, outcome) = one_after_the_other(&claims, &claims);
    assert_eq!(stored, ["10.0.0.9"]);
    assert_eq!(outcome, Err(Failed::Overtaken));
}

#[test]
fn two_reviews_of_one_process_do_not_ask_for_two_blocks() {
    let first = create(Purpose::Block, "10.0.0.8/29");
    let second = create(Purpose::Block, "10.0.0.16/29");
    let (stored, outcome) = one_after_the_other(&first, &second);
    assert_eq!(stored, ["10.0.0.8/29"], "one was enough");
    assert_eq!(outcome, Err(Failed::Overtaken));
}

#[test]
fn who_waits_for_a_review_that_is_dropped_goes_on() {
    let ((_, registrar), pools) = (registrar(), pools());
    let claims = create(Purpose::Node, "10.0.0.9");
    let mut second = pin!(registrar.carry_out(&claims, &pools));
    {
        let mut first = pin!(registrar.carry_out(&claims, &pools));
        assert_eq!(poll(&mut first, 1), None);
        assert_eq!(poll(&mut second, 1), None);
    }
    assert_eq!(poll(&mut second, 1), Some(Err(Failed::Overtaken)));
    assert_eq!(alone(&registrar, &claims), Ok(()));
}

#[test]
fn what_was_done_without_an_answer_is_done() {
    let (table, registrar) = registrar();
    table.lose_next_answer();
    assert_eq!(
        alone(&registrar, &create(Purpose::Node, "10.0.0.9")),
        Ok(())
    );
    assert_eq!(table.log(), ["10.0.0.9 Reserved"]);
}

#[test]
fn who_was_faster_is_known_afterwards() {
    let (table, registrar) = registrar();
    let mut theirs = lease(Purpose::Node, "10.0.0.9");
    theirs.spec.tenant = "lee".to_owned();
    let theirs = table.put(&theirs);
    let outcome = alone(&registrar, &create(Purpose::Node, "10.0.0.9"));
    assert_eq!(outcome, Err(Failed::Overtaken));
    assert_eq!(registrar.book().ledger().get(&theirs.name()), Some(&theirs));
}

#[test]
fn an_endpoint_that_another_process_reserved_just_so_is_not_taken_for_ours() {
    let (table, registrar) = registrar();
    let theirs = table.put(&lease(Purpose::Endpoint, "10.0.0.9"));
    let outcome = alone(&registrar, &create(Purpose::Endpoint, "10.0.0.9"));
    assert_eq!(outcome, Err(Failed::Overtaken), "they may give it back");
    assert_eq!(alone(&registrar, &[Claim::Replace(theirs)]), Ok(()));
}

#[test]
fn a_second_endpoint_is_given_back() {
    let (table, registrar) = registrar();
    table.put(&lease(Purpose::Endpoint, "10.0.0.9"));
    let outcome = alone(&registrar, &create(Purpose::Endpoint, "10.0.0.10"));
    assert_eq!(outcome, Err(Failed::Overtaken));
    assert_eq!(table.addresses(), ["10.0.0.9"]);
}

#[test]
fn a_block_is_opened_when_the_tenant_may_have_it() {
    let (table, registrar) = registrar();
    let claims = create(Purpose::Block, "10.0.0.8/29");
    assert_eq!(alone(&registrar, &claims), Ok(()));
    assert_eq!(table.log(), ["10.0.0.8/29 Reserved", "10.0.0.8/29 Bound"]);
}

#[test]
fn a_block_too_many_is_given_back_and_never_opened() {
    let (table, registrar) = registrar();
    for block in ["10.0.0.8/29", "10.0.0.16/29"] {
        table.put(&lease(Purpose::Block, block));
    }
    let outcome = alone(&registrar, &create(Purpose::Block, "10.0.0.24/29"));
    assert_eq!(outcome, Err(Failed::Overtaken));
    assert_eq!(table.addresses(), ["10.0.0.16/29", "10.0.0.8/29"]);
    assert_eq!(table.log().last().unwrap(), "10.0.0.24/29 Reserved");
}

#[test]
fn a_block_that_was_left_half_open_is_opened() {
    let (table, registrar) = registrar();
    let half = table.put(&lease(Purpose::Block, "10.0.0.8/29"));
    let outcome = alone(&registrar, &open(&registrar, &half));
    assert_eq!(outcome, Ok(()));
    assert_eq!(table.log(), ["10.0.0.8/29 Reserved", "10.0.0.8/29 Bound"]);
}

#[test]
fn of_blocks_that_were_left_half_open_the_oldest_ones_may_be_opened() {
    let (table, registrar) = registrar();
    let blocks = ["10.0.0.24/29", "10.0.0.16/29", "10.0.0.8/29"];
    let [first, second, third] = blocks.map(|block| table.put(&lease(Purpose::Block, block)));
    assert_eq!(
        alone(&registrar, &open(&registrar, &third)),
        Err(Failed::Overtaken)
    );
    for block in [second, first] {
        assert_eq!(alone(&registrar, &open(&registrar, &block)), Ok(()));
    }
    let outcome = alone(&registrar, &open(&registrar, &third));
    assert_eq!(outcome, Err(Failed::Overtaken), "there are two");
    assert_eq!(
        table.log()[3..],
        ["10.0.0.16/29 Bound", "10.0.0.24/29 Bound"]
    );
}

#[test]
fn who_reserves_the_last_block_later_gives_way_and_only_that_one() {
    let (table, registrar) = registrar();
    table.put(&lease(Purpose::Block, "10.0.0.8/29"));
    let pools = pools();
    let claims = create(Purpose::Block, "10.0.0.24/29");
    let mut asking = pin!(registrar.carry_out(&claims, &pools));
    while !table.log().contains(&"10.0.0.24/29 Reserved".to_owned()) {
        assert_eq!(poll(&mut asking, 1), None);
    }
    table.put(&lease(Purpose::Block, "10.0.0.16/29"));
    assert_eq!(poll(&mut asking, 9), Some(Ok(())));
    assert_eq!(table.log().last().unwrap(), "10.0.0.24/29 Bound");
}

#[test]
fn a_block_that_another_process_opens_at_the_same_moment_is_opened_once() {
    let (table, registrar) = registrar();
    let half = table.put(&lease(Purpose::Block, "10.0.0.8/29"));
    let claims = open(&registrar, &half);
    table.put(&half.into_state(State::Bound, Timestamp::UNIX_EPOCH));
    assert_eq!(alone(&registrar, &claims), Ok(()));
    assert_eq!(table.log(), ["10.0.0.8/29 Reserved", "10.0.0.8/29 Bound"]);
    let ledger = registrar.book().ledger();
    let known = ledger.iter().map(|lease| lease.spec.state);
    assert_eq!(known.collect::<Vec<_>>(), [State::Bound]);
}
