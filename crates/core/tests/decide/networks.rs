//! Names of Clusters, and the networks inside of them.

use basphere_core::site::{Supernet, UniqueNetworks};
use basphere_core::{ApiVersion, Kind, Lookup, Phase, decide};
use serde_json::{Value, json};

use crate::world::{World, admin, denials, example, site_spec, warnings};

fn cluster(name: &str, pods: &[&str], services: &[&str]) -> Value {
    let mut cluster = example("cluster", ApiVersion::V1Beta2)[0].clone();
    cluster["metadata"]["name"] = name.into();
    cluster["metadata"]["namespace"] = "user-kim".into();
    cluster["spec"]["clusterNetwork"] =
        json!({"pods": {"cidrBlocks": pods}, "services": {"cidrBlocks": services}});
    cluster
}

/// Each cluster gets networks of its own: two of each are there.
fn unique() -> World {
    let pool = |supernet: &str| Supernet {
        supernet: supernet.parse().expect("a network"),
        prefix: 16,
    };
    let mut spec = site_spec();
    spec.cluster_network.pods = Vec::new();
    spec.cluster_network.services = Vec::new();
    spec.cluster_network.nodes = vec!["10.254.0.0/21".parse().expect("a network")];
    spec.cluster_network.unique = Some(UniqueNetworks {
        pods: pool("10.100.0.0/15"),
        services: pool("10.96.0.0/15"),
    });
    World::with_site(spec)
}

fn networks(world: &World, name: &str) -> (Value, Value) {
    let network = &world.get(Kind::Cluster, name)["spec"]["clusterNetwork"];
    (
        network["pods"]["cidrBlocks"][0].clone(),
        network["services"]["cidrBlocks"][0].clone(),
    )
}

#[test]
fn a_clusters_name_is_the_cli_s() {
    for (name, nearest) in [
        ("7up", "nearest: c-7up"),
        ("a--b", "nearest: a-b"),
        ("my.cluster", "nearest: my-cluster"),
        ("a-", "nearest: a"),
    ] {
        let decision = World::new().apply(&cluster(name, &[], &[]));
        assert_eq!(
            denials(&decision),
            [("BSP-N001", "metadata.name")],
            "{name}"
        );
        assert_eq!(decision.denials[0].hint.as_deref(), Some(nearest));
    }
    for name in ["a", "a1", &"a".repeat(63)] {
        assert_eq!(denials(&World::new().apply(&cluster(name, &[], &[]))), []);
    }
    let long = World::new().apply(&cluster(&"a".repeat(64), &[], &[]));
    assert_eq!(denials(&long), [("BSP-N001", "metadata.name")]);
}

#[test]
fn a_name_that_is_there_already_stays_and_a_move_brings_its_own() {
    let mut world = World::new();
    let old = cluster("7up", &[], &[]);
    world
        .stored
        .insert((Kind::Cluster, "7up".to_owned()), old.clone());
    assert_eq!(denials(&world.apply(&old)), []);
    let mut elsewhere = World::new();
    elsewhere.requester = admin();
    let mut moved = old;
    moved["spec"]["paused"] = true.into();
    let decision = elsewhere.apply(&moved);
    assert_eq!(denials(&decision), []);
    assert_eq!(warnings(&decision), [("BSP-W006", "metadata.name")]);
}

#[test]
fn the_networks_of_one_cluster_do_not_overlap() {
    let mut spec = site_spec();
    spec.cluster_network.nodes = vec!["10.254.0.0/21".parse().expect("a network")];
    for (pods, services, path) in [
        (
            &["10.64.0.0/10"][..],
            &["10.96.0.0/12"][..],
            "services.cidrBlocks[0]",
        ),
        (
            &["10.1.0.0/16", "10.1.2.0/24"],
            &["10.2.0.0/16"],
            "pods.cidrBlocks[1]",
        ),
        (&["10.254.4.0/24"], &["10.2.0.0/16"], "pods.cidrBlocks[0]"),
        (
            &["10.1.0.0/16"],
            &["10.254.0.0/16"],
            "services.cidrBlocks[0]",
        ),
        (&["fd00::/48"], &["fd00::/112"], "services.cidrBlocks[0]"),
    ] {
        let world = World::with_site(spec.clone());
        let decision = world.admit(&cluster("demo", pods, services));
        let path = format!("spec.clusterNetwork.{path}");
        assert_eq!(denials(&decision), [("BSP-N002", path.as_str())]);
    }
    let world = World::with_site(spec);
    let good = cluster(
        "demo",
        &["192.168.0.0/16", "fd00::/48"],
        &["10.96.0.0/12", "fd01::/112"],
    );
    assert_eq!(denials(&world.admit(&good)), []);
}

#[test]
fn what_is_no_network_is_refused() {
    for (rubbish, path) in [
        (json!("10.0.0.0/8"), "spec.clusterNetwork.pods.cidrBlocks"),
        (json!([1]), "spec.clusterNetwork.pods.cidrBlocks[0]"),
        (
            json!(["10.0.0.0"]),
            "spec.clusterNetwork.pods.cidrBlocks[0]",
        ),
        (
            json!(["10.0.0.0/33"]),
            "spec.clusterNetwork.pods.cidrBlocks[0]",
        ),
    ] {
        let mut given = cluster("demo", &[], &["10.96.0.0/12"]);
        given["spec"]["clusterNetwork"]["pods"]["cidrBlocks"] = rubbish;
        assert_eq!(denials(&World::new().admit(&given)), [("BSP-F001", path)]);
    }
    let many: Vec<_> = (0..200).map(|i| format!("10.{i}.0.0/24")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let decision = World::new().admit(&cluster("demo", &many, &["192.168.0.0/24"]));
    assert_eq!(
        denials(&decision),
        [("BSP-R005", "spec.clusterNetwork.pods.cidrBlocks")]
    );
}

#[test]
fn each_cluster_gets_networks_of_its_own() {
    let mut world = unique();
    world.apply_all(&[cluster("a", &[], &[])]);
    assert_eq!(
        networks(&world, "a"),
        ("10.100.0.0/16".into(), "10.96.0.0/16".into())
    );
    world.clusters = vec![world.get(Kind::Cluster, "a").clone()];
    world.apply_all(&[cluster("b", &[], &[])]);
    assert_eq!(
        networks(&world, "b"),
        ("10.101.0.0/16".into(), "10.97.0.0/16".into())
    );
    world.clusters.push(world.get(Kind::Cluster, "b").clone());
    let stored = world.stored.clone();
    world.apply_all(&[cluster("a", &[], &[])]);
    assert_eq!(world.stored, stored, "the same file again changes nothing");
    assert_eq!(
        denials(&world.apply(&cluster("c", &[], &[]))),
        [
            ("BSP-N004", "spec.clusterNetwork.pods.cidrBlocks"),
            ("BSP-N004", "spec.clusterNetwork.services.cidrBlocks"),
        ]
    );
}

#[test]
fn the_network_of_another_cluster_is_refused_and_not_whose_it_is() {
    let mut world = unique();
    let mut theirs = cluster("secret-project", &["10.1.0.0/16"], &["10.2.0.0/16"]);
    theirs["metadata"]["namespace"] = "user-lee".into();
    world.clusters = vec![theirs];
    let decision = world.apply(&cluster("demo", &["10.1.128.0/17"], &["10.3.0.0/16"]));
    assert_eq!(
        denials(&decision),
        [("BSP-N003", "spec.clusterNetwork.pods.cidrBlocks[0]")]
    );
    let said = decision.denials[0].to_string();
    assert!(!said.contains("lee") && !said.contains("secret"), "{said}");
    // Without `unique` clusters do not see each other's networks.
    let mut alone = World::new();
    alone.clusters = world.clusters;
    let decision = alone.apply(&cluster("demo", &["10.1.128.0/17"], &["10.3.0.0/16"]));
    assert_eq!(denials(&decision), []);
}

#[test]
fn a_network_is_never_chosen_from_a_cache_alone() {
    let world = unique();
    let mut snapshot = world.snapshot();
    snapshot.live.remove(&Lookup::Networks);
    let object = cluster("demo", &[], &[]);
    for phase in [Phase::Mutate, Phase::Validate] {
        let mut object = object.clone();
        if phase == Phase::Validate {
            object["spec"]["clusterNetwork"]["pods"]["cidrBlocks"] = json!(["10.1.0.0/16"]);
        }
        let missed = decide(&world.request(phase, &object), &snapshot).missed;
        assert!(missed.contains(&Lookup::Networks));
    }
    let common = World::new();
    let mut snapshot = common.snapshot();
    snapshot.live.remove(&Lookup::Networks);
    let missed = decide(&common.request(Phase::Mutate, &object), &snapshot).missed;
    assert!(
        missed.is_empty(),
        "nothing is read where nothing depends on it"
    );
}
