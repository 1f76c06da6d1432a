//! What comes late, twice, or not at all: no charge is lost, and none stays for ever.

use std::collections::BTreeSet;

use basphere_core::Kind::{self, MachineDeployment, MachineSet, VSphereMachineTemplate};
use basphere_core::quota::{Account, Ledger, Limits, Measure};
use jiff::SignedDuration;
use serde_json::json;

use crate::objects::*;
use crate::world::{GRACE, World, denials, uid};

fn world() -> World {
    World::with(Limits {
        nodes: Some(10),
        ..Limits::default()
    })
}

#[test]
fn a_late_delete_event_does_not_uncharge_a_namesake_of_the_same_size() {
    let mut world = world();
    world.put(&deployment("a", 6, "t"));
    world.book();
    let gone = uid(&world.delete(MachineDeployment, "a"));
    // The ledger does not know yet that the first is gone.
    assert_eq!(
        denials(&world.apply(&deployment("a", 6, "t"))),
        [("BSP-Q003", "spec.replicas")]
    );
    world.put(&deployment("a", 4, "t"));
    let successor = uid(&world.get(MachineDeployment, "a"));
    world.see(MachineDeployment, &world.get(MachineDeployment, "a"));
    // Now the event comes: neither UID was among those that were listed when it was looked for.
    world.sweep(&BTreeSet::new());
    assert!(!world.ledger().entries.contains_key(&gone));
    assert!(
        world.ledger().entries.contains_key(&successor),
        "a live read shows it by its UID"
    );
    assert_eq!(world.nodes(), 4);
    assert_eq!(
        denials(&world.apply(&deployment("b", 7, "t"))),
        [("BSP-Q003", "spec.replicas")]
    );

    world.delete(MachineDeployment, "a");
    world.book();
    world.put(&deployment("a", 10, "t"));
    world.book();
    assert_eq!(world.nodes(), 10);
}

/// What a topology wants stands under its Cluster's name, so that a namesake seems to ask for nothing new.
#[test]
fn a_topology_made_again_before_its_end_is_known_is_held_to_the_limits_of_today() {
    let mut world = world();
    let with = |workers: u64| topology("top", 1, json!([group("w", workers)]), json!([]));
    world.put(&with(8));
    world.book();
    world.tenant(
        "kim",
        None,
        Limits {
            nodes: Some(5),
            ..Limits::default()
        },
    );
    world.delete(Kind::Cluster, "top");
    // The ledger does not know yet that the first is gone.
    for workers in [8, 3] {
        assert_eq!(
            denials(&world.apply(&with(workers))),
            [("BSP-Q003", "spec.topology")]
        );
    }
    world.book();
    assert_eq!(
        denials(&world.apply(&with(8))),
        [("BSP-Q003", "spec.topology")]
    );
    world.put(&with(4));
    assert_eq!(world.nodes(), 5);
}

#[test]
fn a_late_event_of_an_older_version_changes_nothing() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    let early = world.get(MachineDeployment, "a");
    world.put(&deployment("a", 9, "t"));
    world.book();
    world.see(MachineDeployment, &early);
    assert_eq!(world.nodes(), 9);
}

#[test]
fn an_event_of_the_version_that_a_request_was_let_in_over_does_not_end_it() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    world.book();
    let before = world.get(MachineDeployment, "a");
    let grown = world.admit(&deployment("a", 9, "t")).expect("it fits");
    world.see(MachineDeployment, &before);
    assert_eq!(world.nodes(), 9, "it is under way");
    assert!(world.store(grown));
    world.see(MachineDeployment, &before);
    assert_eq!(world.nodes(), 9);
    world.book();
    assert_eq!(world.nodes(), 9);
}

#[test]
fn a_request_dies_when_the_object_is_another_one() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    world.book();
    let grown = world.admit(&deployment("a", 9, "t")).expect("it fits");
    world.touch(MachineDeployment, "a");
    world.see(MachineDeployment, &world.get(MachineDeployment, "a"));
    assert_eq!(world.nodes(), 2);
    assert!(
        !world.store(grown),
        "the API server asks again over what is stored now"
    );
}

#[test]
fn a_refused_update_is_charged_until_it_cannot_be_alive_and_no_longer() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    world.book();
    world
        .admit(&deployment("a", 9, "t"))
        .expect("it fits; another webhook refuses it");
    let almost = GRACE
        .checked_sub(SignedDuration::from_secs(1))
        .expect("a time");
    world.wait(almost);
    world.book();
    assert_eq!(world.nodes(), 9);
    assert_eq!(
        denials(&world.apply(&deployment("b", 2, "t"))),
        [("BSP-Q003", "spec.replicas")]
    );
    assert_eq!(
        world.ledger().due(GRACE),
        world.now.checked_add(SignedDuration::from_secs(1)).ok()
    );
    world.wait(SignedDuration::from_secs(1));
    world.book();
    assert_eq!((world.nodes(), world.ledger().due(GRACE)), (2, None));
}

#[test]
fn a_refused_creation_is_charged_until_it_cannot_be_alive_and_no_longer() {
    let mut world = world();
    world
        .admit(&deployment("a", 9, "t"))
        .expect("it fits; another webhook refuses it");
    world.wait(
        GRACE
            .checked_sub(SignedDuration::from_secs(1))
            .expect("a time"),
    );
    world.book();
    assert_eq!(world.nodes(), 9);
    world.wait(SignedDuration::from_secs(1));
    world.book();
    assert_eq!(world.nodes(), 0);
    assert!(world.ledger().entries.is_empty());
}

#[test]
fn a_request_over_a_version_that_was_never_seen_is_not_given_up() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    world.book();
    world.touch(MachineDeployment, "a");
    assert!(world.scale(MachineDeployment, "a", 9).is_ok());
    world.wait(GRACE);
    // Whoever books is blind: it has seen nothing since.
    let ledger = world
        .tenants
        .get_mut("kim")
        .expect("kim")
        .ledger
        .as_mut()
        .expect("a ledger");
    ledger.expire(world.now, GRACE);
    assert_eq!(world.nodes(), 9, "it is stored");
    world.book();
    assert_eq!((world.nodes(), world.ledger().due(GRACE)), (9, None));
}

#[test]
fn a_creation_that_is_stored_late_is_not_swept() {
    let mut world = world();
    let late = world.admit(&deployment("a", 9, "t")).expect("it fits");
    world.book();
    assert_eq!(world.nodes(), 9);
    assert!(world.store(late));
    world.wait(GRACE);
    world.book();
    assert_eq!(world.nodes(), 9);
}

#[test]
fn a_number_is_written_over_all_that_the_object_may_be() {
    let mut world = World::with(Limits {
        vcpus: Some(40),
        ..Limits::default()
    });
    world.put_all(&[
        template("s", "small"),
        template("l", "large"),
        deployment("a", 2, "s"),
    ]);
    world.book();
    // A switch to the large template is refused elsewhere, or is it?
    world.admit(&deployment("a", 2, "l")).expect("it fits");
    world.touch(MachineDeployment, "a");
    assert!(world.scale(MachineDeployment, "a", 5).is_ok());
    assert_eq!(world.used(&Measure::Vcpus), 40, "five large ones");
    let refused = world
        .scale(MachineDeployment, "a", 6)
        .expect_err("six large ones");
    assert_eq!(denials(&refused), [("BSP-Q005", "spec.replicas")]);
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 10);
    assert!(world.scale(MachineDeployment, "a", 6).is_ok());
}

#[test]
fn a_number_after_less_that_was_not_seen_is_charged_all_the_same() {
    let mut world = world();
    world.put(&deployment("a", 8, "t"));
    world.book();
    assert!(world.scale(MachineDeployment, "a", 2).is_ok());
    let shrunk = world.get(MachineDeployment, "a");
    assert!(world.scale(MachineDeployment, "a", 6).is_ok());
    world.see(MachineDeployment, &shrunk);
    assert_eq!(
        world.nodes(),
        6,
        "the late event of two does not free the four that came after"
    );
}

#[test]
fn a_restored_ledger_of_another_tenant_object_is_none() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    let mut old = world.ledger().clone();
    old.of = "first".to_owned();
    let tenant = |uid: &str, spec: serde_json::Value| json!({"metadata": {"name": "kim", "uid": uid}, "spec": spec, "status": {"ledger": old}});
    assert_eq!(
        Account::of(&tenant("first", json!({}))).ledger,
        Some(old.clone())
    );
    assert_eq!(Account::of(&tenant("second", json!({}))).ledger, None);
    let unreadable = Account::of(&tenant(
        "first",
        json!({"quotas": [{"limits": {"nodez": 1}, "reason": "r"}]}),
    ));
    assert_eq!(
        unreadable.ledger, None,
        "limits that cannot be read may be low ones"
    );
    world
        .tenants
        .insert("kim".to_owned(), Account::of(&tenant("second", json!({}))));
    assert_eq!(
        denials(&world.apply(&deployment("a", 3, "t"))),
        [("BSP-Q015", "")]
    );
    assert_eq!(denials(&world.apply(&deployment("a", 1, "t"))), []);
}

#[test]
fn an_older_ledger_is_right_again_once_everything_was_seen() {
    let mut world = world();
    world.put_all(&[deployment("a", 2, "t"), deployment("b", 4, "t")]);
    world.book();
    let old: Ledger = world.ledger().clone();
    world.delete(MachineDeployment, "b");
    world.put_all(&[
        deployment("a", 5, "t"),
        deployment("c", 1, "t"),
        template("t", "small"),
    ]);
    world.tenants.get_mut("kim").expect("kim").ledger = Some(old);
    world.book();
    assert_eq!(world.ledger().used(), world.rebuilt().used());
    assert_eq!(world.nodes(), 6);
}

#[test]
fn a_ledger_survives_its_way_through_the_api_server() {
    let mut world = world();
    world.put_all(&[
        template("t", "large"),
        deployment("a", 2, "t"),
        topology("top", 1, json!([group("w", 1)]), json!([])),
    ]);
    world.book();
    world.admit(&deployment("a", 3, "t")).expect("it fits");
    let written = serde_json::to_value(world.ledger()).expect("JSON");
    assert_eq!(
        serde_json::from_value::<Ledger>(written).expect("a ledger"),
        *world.ledger()
    );
}

#[test]
fn an_orphaned_machine_set_is_charged_by_itself() {
    let mut world = world();
    world.put(&deployment("a", 3, "t"));
    let owned = owned_by(set("a-1", 3, "t"), &world.get(MachineDeployment, "a"));
    world.put_as(crate::world::capi(), &owned);
    world.book();
    assert_eq!(world.nodes(), 3);
    world.delete(MachineDeployment, "a");
    let key = world.key(MachineSet, "a-1");
    world.stored.get_mut(&key).expect("stored")["metadata"]["ownerReferences"] = json!([]);
    world.book();
    assert_eq!(world.nodes(), 3);
}

#[test]
fn kinds_that_ask_for_nothing_have_no_entries() {
    let world = world();
    let object = json!({"metadata": {"uid": "u", "name": "n", "namespace": "user-kim"}});
    assert!(basphere_core::quota::observe(&world.site, Kind::VSphereCluster, &object).is_none());
    assert!(
        basphere_core::quota::observe(&world.site, VSphereMachineTemplate, &json!({})).is_none()
    );
}
