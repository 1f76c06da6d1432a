use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::ipam::{LeaseSpec, Owner, Purpose, State};

fn lease(address: &str, tenant: &str, version: &str) -> Lease {
    let spec = LeaseSpec {
        kind: SlotKind::Address,
        domain: String::new(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: tenant.to_owned(),
        purpose: Purpose::Node,
        holder: Holder {
            kind: "VSphereMachine".to_owned(),
            namespace: format!("user-{tenant}"),
            name: format!("m-{address}"),
            ..Holder::default()
        },
        owner: Some(Owner {
            uid: format!("uid-{tenant}"),
            ..Owner::default()
        }),
        state: State::Reserved,
        since: Timestamp::UNIX_EPOCH,
    };
    let slot = Slot::address("lan", address.parse().unwrap());
    let mut lease = Lease::new(slot, spec);
    lease.resource_version = version.to_owned();
    lease
}

#[test]
fn a_lease_is_found_by_all_that_it_says() {
    let mut ledger = Ledger::default();
    ledger.put(lease("10.0.0.5", "kim", "1"));
    ledger.put(lease("10.0.0.6", "lee", "2"));
    let name = "ip.lan.10.0.0.5";
    let holder = ledger.get(name).unwrap().spec.holder.clone();
    let names = |leases: Vec<&Lease>| leases.iter().map(|l| l.name()).collect::<Vec<_>>();
    assert_eq!(names(ledger.of_holder(&holder).collect()), [name]);
    assert_eq!(names(ledger.of_owner("uid-kim").collect()), [name]);
    assert_eq!(names(ledger.of_tenant("kim").collect()), [name]);
    let block = "10.0.0.0/29".parse().unwrap();
    assert_eq!(ledger.within(SlotKind::Address, "lan", block).count(), 2);
    assert_eq!(ledger.within(SlotKind::Address, "wan", block).count(), 0);
    assert_eq!(ledger.count("nodes"), 2);
    ledger.remove(name);
    assert_eq!(ledger.of_holder(&holder).count(), 0);
    assert_eq!(ledger.of_owner("uid-kim").count(), 0);
    assert_eq!((ledger.count("nodes"), ledger.len()), (1, 1));
}

#[test]
fn old_news_change_nothing() {
    let mut ledger = Ledger::default();
    ledger.put(lease("10.0.0.5", "kim", ""));
    ledger.observe(lease("10.0.0.5", "kim", "9"));
    ledger.observe(lease("10.0.0.5", "lee", "8"));
    assert_eq!(ledger.get("ip.lan.10.0.0.5").unwrap().spec.tenant, "kim");
    ledger.observe(lease("10.0.0.5", "lee", "10"));
    assert_eq!(ledger.get("ip.lan.10.0.0.5").unwrap().spec.tenant, "lee");
}

#[test]
fn a_live_list_takes_out_what_it_does_not_show() {
    let mut ledger = Ledger::default();
    ledger.put(lease("10.0.0.5", "kim", "1"));
    ledger.put(lease("10.0.0.6", "kim", ""));
    ledger.put(lease("10.0.0.7", "lee", "2"));
    ledger.put(lease("10.0.0.9", "kim", "6"));
    let kims = Selection::Tenant("kim".to_owned());
    let listed = Listed {
        revision: 5,
        leases: vec![lease("10.0.0.8", "kim", "3"), lease("10.0.0.9", "kim", "4")],
    };
    ledger.replace(&kims, listed);
    let left: Vec<_> = ledger
        .iter()
        .map(|lease| lease.spec.address.as_str())
        .collect();
    // What is only being asked for is in no list yet, and what was written after the list neither.
    assert_eq!(left, ["10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"]);
    let newer = ledger.get("ip.lan.10.0.0.9").unwrap();
    assert_eq!(newer.resource_version, "6");
}

proptest! {
    #[test]
    fn the_first_gap_is_what_counting_finds(steps in prop::collection::vec((0u8..24, any::<bool>()), 0..80)) {
        let (mut ledger, mut model) = (Ledger::default(), BTreeSet::new());
        for (at, is_put) in steps {
            let address = format!("10.0.0.{at}");
            if is_put {
                ledger.put(lease(&address, "kim", "1"));
                model.insert(at);
            } else {
                ledger.remove(&format!("ip.lan.{address}"));
                model.remove(&at);
            }
            for from in [0u8, 7, 20] {
                let free = (from..=22).find(|at| !model.contains(at)).map(|at| format!("10.0.0.{at}"));
                let span = format!("10.0.0.{from}-10.0.0.22").parse().unwrap();
                prop_assert_eq!(ledger.gap("lan", span).map(|a| a.to_string()), free);
            }
        }
    }
}
