use super::*;
use serde_json::{Value, json};

fn pool(spec: Value) -> Result<Pool, Vec<String>> {
    let spec = serde_json::from_value(spec).unwrap();
    Pool::new("nodes", spec).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn offered(pool: &Pool) -> Vec<String> {
    pool.offered().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_no_machines_address_is_never_offered() {
    let site = pool(json!({
        "cidr": "10.254.0.0/21", "gateway": "10.254.0.1", "blockSize": 27,
        "reserved": ["10.254.0.1-10.254.0.3", "10.254.4.0/24"]
    }))
    .unwrap();
    assert_eq!(
        offered(&site),
        ["10.254.0.32-10.254.3.255", "10.254.5.0-10.254.7.254"]
    );
    assert!(!site.offers("10.254.7.255".parse().unwrap()), "broadcast");
    assert_eq!(
        site.cidr_form("10.254.0.33".parse().unwrap()),
        "10.254.0.33/21"
    );

    let flat = pool(json!({"cidr": "192.0.2.0/29", "gateway": "192.0.2.4"})).unwrap();
    assert_eq!(
        offered(&flat),
        ["192.0.2.1-192.0.2.3", "192.0.2.5-192.0.2.6"]
    );
    assert_eq!(flat.size(), 5);
    let six = pool(json!({"cidr": "fd00::/126"})).unwrap();
    assert_eq!(offered(&six), ["fd00::1-fd00::3"]);
    let pair = pool(json!({"cidr": "192.0.2.0/31"})).unwrap();
    assert_eq!(pair.size(), 2);
}

#[test]
fn ranges_hold_a_part_of_the_network() {
    let pool = pool(json!({
        "cidr": "10.0.0.0/24",
        "ranges": ["10.0.0.20-10.0.0.29", "10.0.0.10-10.0.0.19", "10.0.0.64/30"],
        "reserved": ["10.0.0.12"]
    }))
    .unwrap();
    assert_eq!(
        offered(&pool),
        [
            "10.0.0.10-10.0.0.11",
            "10.0.0.13-10.0.0.29",
            "10.0.0.64-10.0.0.67"
        ]
    );
    assert_eq!(pool.size_within("10.0.0.0/28".parse().unwrap()), 5);
}

#[test]
fn load_balancer_ranges_stand_in_a_grid() {
    let pool =
        pool(json!({"cidr": "10.0.8.0/24", "rangeSize": 10, "reserved": ["10.0.8.25"]})).unwrap();
    let next = |from: &str| {
        let from = super::super::span::number(from.parse().unwrap());
        pool.next_range(from).map(|slot| slot.text())
    };
    // The network's own address is in the first one, and a reserved address in the third.
    assert_eq!(next("10.0.8.0").as_deref(), Some("10.0.8.10-10.0.8.19"));
    assert_eq!(next("10.0.8.20").as_deref(), Some("10.0.8.30-10.0.8.39"));
    assert_eq!(
        next("10.0.8.241"),
        None,
        "the broadcast address is in the last one"
    );
    assert_eq!(pool.ranges(), 23);
}

#[test]
fn every_problem_is_told_at_once() {
    let errors = pool(json!({
        "cidr": "10.0.0.0/24", "prefix": 33, "gateway": "fd00::1", "blockSize": 32,
        "ranges": ["10.0.1.1", "10.0.0.1-10.0.0.9", "10.0.0.9"], "reserved": ["x"]
    }))
    .unwrap_err();
    assert_eq!(
        errors,
        [
            "spec.reserved[0]: \"x\" is no address, CIDR or range such as 10.0.0.10-10.0.0.19",
            "spec.ranges[0]: 10.0.1.1 is not within spec.cidr",
            "spec.ranges[2]: 10.0.0.9 overlaps 10.0.0.1-10.0.0.9",
            "spec.prefix: must be between 1 and 32",
            "spec.gateway: fd00::1 and spec.cidr are of two families",
            "spec.blockSize: 32 is not between 25 and 31; it is the length of a block's prefix, 27 for blocks of 32 addresses",
        ]
    );
    let nothing = pool(json!({"cidr": "10.0.0.0/24", "reserved": ["10.0.0.0/24"]}));
    assert_eq!(
        nothing.unwrap_err(),
        ["spec: no address is left to hand out"]
    );
    let both = pool(json!({"cidr": "10.0.0.0/24", "blockSize": 27, "rangeSize": 4}));
    assert_eq!(
        both.unwrap_err(),
        ["spec.rangeSize: a pool has either blocks of tenants or ranges of clusters"]
    );
}
