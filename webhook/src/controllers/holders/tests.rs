use super::*;
use basphere_core::Timestamp;
use basphere_core::ipam::{LeaseSpec, Slot};
use serde_json::json;

fn lease(purpose: Purpose, kind: SlotKind, span: &str, holder: &str, name: &str) -> Lease {
    let slot = Slot::new(kind, "lan", span.parse().unwrap());
    let spec = LeaseSpec {
        kind,
        domain: "lan".to_owned(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: "kim".to_owned(),
        purpose,
        holder: Holder {
            kind: holder.to_owned(),
            namespace: "user-kim".to_owned(),
            name: name.to_owned(),
            ..Holder::default()
        },
        owner: None,
        state: State::Reserved,
        since: Timestamp::UNIX_EPOCH,
    };
    Lease::new(slot, spec)
}

fn found(objects: &[(Kind, Value)]) -> Found {
    let objects = objects.iter();
    Found {
        objects: objects
            .map(|(kind, object)| (*kind, Arc::new(object.clone())))
            .collect(),
        has_moved: false,
    }
}

fn cluster(extra: Value) -> (Kind, Value) {
    let mut object = json!({"metadata": {"name": "demo", "uid": "cluster-uid"}, "spec": {}});
    json_patch::merge(&mut object, &extra);
    (Kind::Cluster, object)
}

fn infra(extra: Value) -> (Kind, Value) {
    let mut object = json!({
        "metadata": {"name": "demo-x7", "uid": "infra-uid"},
        "spec": {"controlPlaneEndpoint": {"host": "10.254.0.40", "port": 6443}},
    });
    json_patch::merge(&mut object, &extra);
    (Kind::VSphereCluster, object)
}

fn carries(uid: &str) -> Holding {
    Holding::Carries {
        uid: uid.to_owned(),
    }
}

#[test]
fn any_carrier_keeps_an_endpoint_and_the_cluster_is_its_holder() {
    let lease = lease(
        Purpose::Endpoint,
        SlotKind::Address,
        "10.254.0.40",
        "Cluster",
        "demo",
    );
    let elsewhere = json!({"spec": {"controlPlaneEndpoint": {"host": "10.254.0.41"}}});
    let own = json!({"spec": {"controlPlaneEndpoint": {"host": "10.254.0.40"}}});
    let moving = json!({"metadata": {"annotations": {super::super::carriers::MOVE: ""}}});
    for (objects, expected) in [
        (vec![], Holding::Gone),
        (vec![cluster(json!({}))], Holding::HasNot),
        (vec![cluster(own)], carries("cluster-uid")),
        (
            vec![cluster(json!({})), infra(json!({}))],
            carries("cluster-uid"),
        ),
        (vec![infra(json!({}))], carries("infra-uid")),
        (vec![cluster(json!({})), infra(elsewhere)], Holding::HasNot),
        (
            vec![cluster(json!({})), infra(moving.clone())],
            Holding::Moving,
        ),
        (vec![cluster(moving)], Holding::Moving),
    ] {
        assert_eq!(judge(&lease, &found(&objects)), expected, "{objects:?}");
    }
    let moved = Found {
        has_moved: true,
        ..Found::default()
    };
    assert_eq!(judge(&lease, &moved), Holding::Moving);
}

#[test]
fn what_a_cluster_is_given_besides_stands_in_it() {
    let range = lease(
        Purpose::LoadBalancer,
        SlotKind::Range,
        "10.254.8.0-10.254.8.9",
        "Cluster",
        "demo",
    );
    let network = lease(
        Purpose::Network,
        SlotKind::Network,
        "10.100.0.0/16",
        "Cluster",
        "demo",
    );
    let written = cluster(json!({
        "metadata": {"annotations": {"basphere.dev/load-balancer-range": "10.254.8.0-10.254.8.9"}},
        "spec": {"clusterNetwork": {"pods": {"cidrBlocks": ["10.100.4.0/22"]}}},
    }));
    for lease in [range, network] {
        let judged = |object| judge(&lease, &found(&[object]));
        assert_eq!(judged(written.clone()), carries("cluster-uid"));
        assert_eq!(judged(cluster(json!({}))), Holding::HasNot);
    }
}

#[test]
fn of_two_addresses_of_a_claim_the_ipaddress_tells_which() {
    let lease = lease(
        Purpose::Claim,
        SlotKind::Address,
        "10.254.0.33",
        "IPAddressClaim",
        "c",
    );
    let claim = (
        Kind::IPAddressClaim,
        json!({"metadata": {"name": "c", "uid": "claim-uid"}}),
    );
    let address = |text: &str| {
        let object = json!({"metadata": {"name": "c", "uid": "a"}, "spec": {"address": text}});
        (Kind::IPAddress, object)
    };
    for (objects, expected) in [
        (vec![claim.clone()], carries("claim-uid")),
        (
            vec![claim.clone(), address("10.254.0.33")],
            carries("claim-uid"),
        ),
        (vec![claim, address("10.254.0.34")], Holding::HasNot),
        (vec![address("10.254.0.33")], carries("a")),
        (vec![], Holding::Gone),
    ] {
        assert_eq!(judge(&lease, &found(&objects)), expected, "{objects:?}");
    }
}

#[test]
fn all_that_may_carry_a_lease_is_looked_at_once() {
    let kinds = |lease: &Lease| -> Vec<Kind> {
        let sources = sources(lease).into_iter();
        sources
            .map(|source| match source {
                Source::One(id) => id.kind,
                Source::All(kind, _) => kind,
            })
            .collect()
    };
    let of = |holder| {
        lease(
            Purpose::Endpoint,
            SlotKind::Address,
            "10.254.0.40",
            holder,
            "demo",
        )
    };
    let mut expected = vec![Kind::Cluster];
    expected.extend(INFRASTRUCTURE);
    expected.push(Kind::KubeadmControlPlane);
    assert_eq!(kinds(&of("Cluster")), expected);
    assert_eq!(kinds(&of("VSphereCluster")), expected[1..]);
}
