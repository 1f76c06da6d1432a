//! What is drawn, on pools that fit a terminal and on pools that do not.

use basphere_core::ipam::{Holder, Lease, LeaseSpec, Ledger, Pool, Purpose, Slot, SlotKind, State};
use serde_json::{Value, json};

use super::map;

fn pool(spec: Value) -> Pool {
    Pool::new("nodes", serde_json::from_value(spec).unwrap()).unwrap()
}

fn put(
    ledger: &mut Ledger,
    kind: SlotKind,
    at: &str,
    tenant: &str,
    purpose: Purpose,
    state: State,
) {
    let slot = Slot::new(kind, "default", at.parse().unwrap());
    let spec = LeaseSpec {
        kind,
        domain: "default".to_owned(),
        address: slot.text(),
        pool: "nodes".to_owned(),
        tenant: tenant.to_owned(),
        purpose,
        holder: Holder::default(),
        owner: None,
        state,
        since: basphere_core::Timestamp::UNIX_EPOCH,
    };
    ledger.put(Lease::new(slot, spec));
}

fn draw(pool: &Pool, ledger: &Ledger) -> String {
    let mut out = anstream::StripStream::new(Vec::new());
    map::draw(pool, ledger, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn every_state_has_its_character_and_every_block_its_tenant() {
    let pool = pool(json!({
        "cidr": "10.0.0.0/25", "gateway": "10.0.0.1", "blockSize": 27, "reserved": ["10.0.0.70"],
        "ranges": ["10.0.0.0-10.0.0.119"],
    }));
    let mut ledger = Ledger::default();
    let mut block = |at: &str, tenant: &str| {
        put(
            &mut ledger,
            SlotKind::Block,
            at,
            tenant,
            Purpose::Block,
            State::Bound,
        );
    };
    block("10.0.0.32/27", "kim");
    block("10.0.0.96/27", "lee");
    for (at, purpose, state) in [
        ("10.0.0.32", Purpose::Endpoint, State::Bound),
        ("10.0.0.33", Purpose::Node, State::Bound),
        ("10.0.0.34", Purpose::Import, State::Bound),
        ("10.0.0.35", Purpose::Claim, State::MovedAway),
        ("10.0.0.36", Purpose::Node, State::Reserved),
        ("10.0.0.38", Purpose::Endpoint, State::Releasing),
    ] {
        put(&mut ledger, SlotKind::Address, at, "kim", purpose, state);
    }
    insta::assert_snapshot!(draw(&pool, &ledger), @r"
AddressPool nodes 10.0.0.0/25: 81 free, 5 leased, 1 cooling, 33 reserved
10.0.0.0   --------------------------------
10.0.0.32  ENIC?.~.........................  kim
10.0.0.64  ......-.........................
10.0.0.96  ........................          lee

. free   - never handed out   ? reserved for a request   N node   E endpoint   I import   C claim   L load balancers   ~ cooling
");
}

#[test]
fn of_a_large_pool_only_what_is_in_use_is_drawn() {
    let pool = pool(json!({"cidr": "fd00::/48", "blockSize": 64}));
    let mut ledger = Ledger::default();
    assert_eq!(
        draw(&pool, &ledger).lines().nth(1),
        Some("... 18889465931478580854784 rows that nobody uses")
    );
    put(
        &mut ledger,
        SlotKind::Block,
        "fd00:0:0:1::/64",
        "kim",
        Purpose::Block,
        State::Bound,
    );
    for at in ["fd00:0:0:1::", "fd00:0:0:1::5", "fd00:0:0:1::ffff"] {
        put(
            &mut ledger,
            SlotKind::Address,
            at,
            "kim",
            Purpose::Node,
            State::Bound,
        );
    }
    insta::assert_snapshot!(draw(&pool, &ledger), @r"
AddressPool nodes fd00::/48: 1208907372870555465154557 free, 3 leased, 0 cooling, 18446744073709551616 reserved
... 288230376151711744 rows that nobody uses
fd00:0:0:1::      N....N..........................................................  kim
... 1022 rows that nobody uses
fd00:0:0:1::ffc0  ...............................................................N  kim
... 18889177701102429142016 rows that nobody uses

. free   - never handed out   ? reserved for a request   N node   E endpoint   I import   C claim   L load balancers   ~ cooling
");
}

#[test]
fn the_largest_network_is_drawn_at_its_ends() {
    let pool = pool(json!({"cidr": "8000::/1"}));
    let mut ledger = Ledger::default();
    let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for at in ["8000::1", last] {
        put(
            &mut ledger,
            SlotKind::Address,
            at,
            "kim",
            Purpose::Node,
            State::Bound,
        );
    }
    let drawn = draw(&pool, &ledger);
    let rows: Vec<_> = drawn.lines().filter(|line| line.contains('N')).collect();
    assert!(
        rows[0].ends_with(&format!("  -N{}", ".".repeat(62))),
        "{drawn}"
    );
    assert!(
        rows[1].ends_with(&format!("  {}N", ".".repeat(63))),
        "{drawn}"
    );
}

#[test]
fn ranges_of_load_balancers_are_drawn_whole() {
    let pool = pool(json!({"cidr": "10.0.8.0/26", "rangeSize": 10}));
    let mut ledger = Ledger::default();
    put(
        &mut ledger,
        SlotKind::Range,
        "10.0.8.10-10.0.8.19",
        "kim",
        Purpose::LoadBalancer,
        State::Bound,
    );
    insta::assert_snapshot!(draw(&pool, &ledger), @r"
AddressPool nodes 10.0.8.0/26: 4 free, 1 leased, 0 cooling, 2 reserved
10.0.8.0  -.........LLLLLLLLLL...........................................-

. free   - never handed out   ? reserved for a request   N node   E endpoint   I import   C claim   L load balancers   ~ cooling
");
}

#[test]
fn colours_are_around_runs_and_nowhere_else() {
    let pool = pool(json!({"cidr": "10.0.0.0/29"}));
    let mut ledger = Ledger::default();
    for at in ["10.0.0.1", "10.0.0.2"] {
        put(
            &mut ledger,
            SlotKind::Address,
            at,
            "kim",
            Purpose::Node,
            State::Bound,
        );
    }
    let mut out = Vec::new();
    map::draw(&pool, &ledger, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("  \u{1b}[2m-\u{1b}[0m\u{1b}[32mNN\u{1b}[0m....\u{1b}[2m-\u{1b}[0m\n"),
        "{text:?}"
    );
}
