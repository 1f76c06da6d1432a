//! A certain address.

use basphere_core::ipam::{Purpose, Refusal, State};
use serde_json::json;

use crate::world::{World, blocks, endpoint, machine, of_lee, pool, slot};

#[test]
fn a_free_address_of_the_own_block_is_had_by_its_name() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block(&pool, "10.0.0.8", "kim");
    let (answer, claims) = world.named(&pool, "10.0.0.12", &machine("a"));
    assert_eq!(answer, Ok(()));
    assert_eq!(claims, ["create 10.0.0.12 Reserved a"]);
}

#[test]
fn who_has_no_block_yet_gets_that_of_the_address() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block(&pool, "10.0.0.8", "lee");
    let (answer, claims) = world.named(&pool, "10.0.0.30", &machine("a"));
    assert_eq!(answer, Ok(()));
    assert_eq!(
        claims,
        [
            "create 10.0.0.24/29 Reserved kim",
            "create 10.0.0.30 Reserved a"
        ]
    );
    let (answer, claims) = world.named(&pool, "10.0.0.9", &machine("a"));
    assert_eq!(
        answer.unwrap_err().to_string(),
        "this address is in another tenant's block"
    );
    assert_eq!(claims, [""; 0]);
}

#[test]
fn an_address_outside_of_the_own_blocks_is_refused() {
    let pool = blocks();
    let mut world = World::default();
    world.put_block(&pool, "10.0.0.8", "kim");
    let (answer, _) = world.named(&pool, "10.0.0.30", &machine("a"));
    assert_eq!(
        answer.unwrap_err().to_string(),
        "the tenant's addresses are in 10.0.0.8/29"
    );
}

#[test]
fn what_is_kept_back_is_not_offered() {
    let pool = blocks();
    for address in ["10.0.0.3", "10.0.0.63", "10.0.1.1"] {
        let (answer, _) = World::default().named(&pool, address, &machine("a"));
        let pool = "nodes".to_owned();
        assert_eq!(answer, Err(Refusal::NotOffered { pool }), "{address}");
    }
}

#[test]
fn who_holds_an_address_is_told_to_the_same_tenant_only() {
    let pool = pool(json!({"cidr": "10.0.0.0/28"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &machine("b"), State::Bound);
    world.put(slot(&pool, "10.0.0.3"), &of_lee("c"), State::Bound);
    let refused = |address| {
        let (answer, claims) = world.named(&pool, address, &machine("a"));
        assert_eq!(claims, [""; 0]);
        answer.unwrap_err().to_string()
    };
    assert_eq!(
        refused("10.0.0.2"),
        "VSphereMachine user-kim/b has this address"
    );
    assert_eq!(refused("10.0.0.3"), "another tenant has this address");
}

#[test]
fn what_cools_is_not_handed_out_by_name() {
    let pool = pool(json!({"cidr": "10.0.0.0/28"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &machine("a"), State::Releasing);
    world.put(slot(&pool, "10.0.0.3"), &of_lee("c"), State::Releasing);
    world.put(slot(&pool, "10.0.0.4"), &endpoint(), State::Releasing);
    let cooling = |address, is_own| {
        let (answer, _) = world.named(&pool, address, &machine("a"));
        assert_eq!(answer, Err(Refusal::Cooling { is_own }), "{address}");
    };
    cooling("10.0.0.2", true);
    cooling("10.0.0.3", false);
    cooling("10.0.0.4", true);
    let (answer, claims) = world.named(&pool, "10.0.0.4", &endpoint());
    assert_eq!(answer, Ok(()), "the same cluster, made again");
    assert_eq!(claims, ["replace 10.0.0.4 Reserved demo"]);
}

#[test]
fn the_own_address_is_kept_and_what_moved_away_comes_back() {
    let pool = pool(json!({"cidr": "10.0.0.0/28"}));
    let mut world = World::default();
    world.put(slot(&pool, "10.0.0.2"), &machine("a"), State::Bound);
    world.put(slot(&pool, "10.0.0.3"), &machine("a"), State::MovedAway);
    let (answer, claims) = world.named(&pool, "10.0.0.2", &machine("a"));
    assert_eq!((answer, claims.len()), (Ok(()), 0));
    let (answer, claims) = world.named(&pool, "10.0.0.3", &machine("a"));
    assert_eq!(answer, Ok(()));
    assert_eq!(claims, ["replace 10.0.0.3 Reserved a"]);
    let (answer, _) = world.named(&pool, "10.0.0.3", &machine("b"));
    assert!(matches!(answer, Err(Refusal::Held { .. })));
}

#[test]
fn an_import_is_adopted_by_its_cluster_only() {
    let pool = pool(json!({"cidr": "10.0.0.0/28"}));
    let mut world = World::default();
    let mut import = endpoint();
    import.purpose = Purpose::Import;
    import.holder.device = "worker-1".to_owned();
    world.put(slot(&pool, "10.0.0.2"), &import, State::Bound);
    let (answer, claims) = world.named(&pool, "10.0.0.2", &machine("a"));
    assert_eq!(answer, Ok(()));
    assert_eq!(claims, ["replace 10.0.0.2 Reserved a"]);
    import.holder.device = "endpoint".to_owned();
    world.put(slot(&pool, "10.0.0.3"), &import, State::Bound);
    let (answer, _) = world.named(&pool, "10.0.0.3", &machine("a"));
    assert!(matches!(answer, Err(Refusal::Held { .. })), "no machine's");
    let (answer, claims) = world.any(0, &pool, &endpoint());
    assert_eq!(
        answer.as_deref(),
        Ok("10.0.0.3"),
        "its Cluster gets it unasked"
    );
    assert_eq!(claims, ["replace 10.0.0.3 Reserved demo"]);
    let (answer, _) = world.named(&pool, "10.0.0.2", &of_lee("a"));
    assert_eq!(answer, Err(Refusal::Held { by: None }));
}
