use super::*;
use crate::ipam::{Holder, LeaseSpec, Slot, SlotKind};

const GRACE: Delay = Delay::seconds(60);

fn lease(purpose: Purpose, state: State) -> Lease {
    let spec = LeaseSpec {
        kind: SlotKind::Address,
        domain: String::new(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: "kim".to_owned(),
        purpose,
        holder: Holder::default(),
        owner: None,
        state,
        since: Timestamp::UNIX_EPOCH,
    };
    Lease::new(Slot::address("lan", "10.0.0.5".parse().unwrap()), spec)
}

fn step(lease: &Lease, holding: &Holding, seconds: i64, reuse_after: u32) -> Step {
    let now = Timestamp::from_second(seconds).unwrap();
    next(lease, holding, now, delays(reuse_after))
}

fn delays(reuse_after: u32) -> Delays {
    Delays {
        grace: GRACE,
        reuse_after: Delay::seconds(reuse_after),
    }
}

#[test]
fn a_reservation_has_its_grace() {
    let lease = lease(Purpose::Node, State::Reserved);
    for holding in [Holding::Gone, Holding::HasNot, Holding::Unseen] {
        assert_eq!(step(&lease, &holding, 59, 0), Step::Wait, "{holding:?}");
    }
    assert_eq!(step(&lease, &Holding::Gone, 60, 0), Step::Release);
    assert_eq!(step(&lease, &Holding::HasNot, 60, 0), Step::Release);
    assert_eq!(step(&lease, &Holding::Unseen, 60, 0), Step::Look);
    let due = due(&lease, delays(0));
    assert_eq!(due, Some(Timestamp::from_second(60).unwrap()));
}

#[test]
fn what_a_cache_does_not_show_is_looked_for() {
    let bound = lease(Purpose::Node, State::Bound);
    assert_eq!(step(&bound, &Holding::Unseen, 0, 0), Step::Look);
    let cooled = lease(Purpose::Node, State::Releasing);
    assert_eq!(step(&cooled, &Holding::Unseen, 99, 0), Step::Look);
}

#[test]
fn an_address_cools_for_as_long_as_a_request_can_bring_it_back() {
    let lease = lease(Purpose::Node, State::Releasing);
    for (reuse_after, cooling) in [(1, 60), (90, 90)] {
        let at = |seconds| step(&lease, &Holding::Gone, seconds, reuse_after);
        assert_eq!(at(cooling - 1), Step::Wait, "reuseAfter {reuse_after} s");
        assert_eq!(at(cooling), Step::Delete, "reuseAfter {reuse_after} s");
        let due = due(&lease, delays(reuse_after));
        assert_eq!(due, Some(Timestamp::from_second(cooling).unwrap()));
    }
}

#[test]
fn what_is_carried_is_bound_to_its_carrier_whatever_came_before() {
    let carries = Holding::Carries {
        uid: "new".to_owned(),
    };
    let bind = Step::Bind {
        uid: "new".to_owned(),
    };
    for state in State::ALL {
        let mut lease = lease(Purpose::Node, state);
        assert_eq!(step(&lease, &carries, 0, 0), bind, "{state:?}");
        lease.spec.holder.uid = Some("new".to_owned());
        let expected = match state {
            State::Bound => Step::Wait,
            _ => bind.clone(),
        };
        assert_eq!(step(&lease, &carries, 0, 0), expected, "{state:?}");
    }
}

#[test]
fn nobody_gets_what_was_moved_away() {
    let bound = lease(Purpose::Node, State::Bound);
    assert_eq!(step(&bound, &Holding::Moving, 0, 0), Step::MoveAway);
    let moved = lease(Purpose::Node, State::MovedAway);
    assert_eq!(step(&moved, &Holding::Gone, 9999, 0), Step::Wait);
}

#[test]
fn only_admins_release_an_import() {
    let import = lease(Purpose::Import, State::Bound);
    assert_eq!(step(&import, &Holding::Gone, 9999, 0), Step::Wait);
    let released = lease(Purpose::Import, State::Releasing);
    assert_eq!(step(&released, &Holding::Gone, 9999, 0), Step::Delete);
}

#[test]
fn a_block_that_was_never_opened_does_not_cool() {
    let block = lease(Purpose::Block, State::Reserved);
    assert_eq!(step(&block, &Holding::Unseen, 59, 99), Step::Wait);
    assert_eq!(step(&block, &Holding::Unseen, 60, 99), Step::Delete);
}
