//! Leases follow their holders.

use std::io::{Read, Write};
use std::net::TcpStream;

use basphere_core::Timestamp;
use basphere_harness::wait;
use serde_json::{Value, json};

use crate::site::{PATIENCE, Process, Site, holder, lease, pool};

pub(crate) fn machine(site: &Site, name: &str, address: &str) -> Value {
    json!({
        "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", site.version),
        "kind": "VSphereMachine",
        "metadata": {"name": name, "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
        "spec": {
            "template": "ubuntu-2204-kube-v1.28.0",
            "network": {"devices": [
                {"networkName": "VM Network", "ipAddrs": [format!("{address}/24")]},
            ]},
        },
    })
}

fn node(name: &str, address: &str) -> Value {
    let lease_name = format!("ip.lan.{address}");
    lease(
        &lease_name,
        "Address",
        address,
        "node",
        holder("VSphereMachine", name),
    )
}

pub(crate) fn state(object: &Value) -> &str {
    object["spec"]["state"].as_str().unwrap()
}

/// A machine whose lease is bound.
fn bound(site: &Site, name: &str, address: &str) -> String {
    let stored = site.create(&machine(site, name, address));
    site.create(&node(name, address));
    let object = format!("addresslease/ip.lan.{address}");
    let lease = site.wait(&object, |lease| state(lease) == "Bound");
    assert_eq!(lease["spec"]["holder"]["uid"], stored["metadata"]["uid"]);
    object
}

pub(crate) fn a_reservation_is_bound_by_the_uid_of_its_holder(site: &Site) {
    bound(site, "bound", "10.254.0.9");
    let note = site.wait_event("AddressBound", "VSphereMachine", "bound");
    assert_eq!(note, "10.254.0.9 is its own");
}

pub(crate) fn what_nobody_carries_is_reclaimed_and_its_owner_is_told(site: &Site) {
    let mut reserved = node("never", "10.254.0.10");
    reserved["spec"]["owner"] = json!({"kind": "MachineSet", "name": "demo-md-0", "uid": "u"});
    site.create(&reserved);
    let object = "addresslease/ip.lan.10.254.0.10";
    site.wait(object, |lease| state(lease) == "Releasing");
    let note = site.wait_event("AddressReclaimed", "MachineSet", "demo-md-0");
    assert!(note.contains("VSphereMachine user-kim/never"), "{note}");
    site.wait_gone(object);
    // A machine of that name that has another address carries no reservation of this one.
    site.create(&machine(site, "elsewhere", "10.254.0.11"));
    site.create(&node("elsewhere", "10.254.0.12"));
    site.wait_gone("addresslease/ip.lan.10.254.0.12");
}

pub(crate) fn what_has_gone_cools_and_is_deleted(site: &Site) {
    let object = bound(site, "gone", "10.254.0.13");
    site.patch(
        "vspheremachine/gone",
        &json!({"metadata": {"finalizers": ["test.example/vm"]}}),
    );
    site.admin(&["delete", "vspheremachine/gone", "--wait=false"]);
    // A VM is still there, as long as its machine is.
    site.wait("vspheremachine/gone", |it| {
        it["metadata"]["deletionTimestamp"].is_string()
    });
    site.admin(&["annotate", &object, "test.example/looked=at"]);
    assert_eq!(state(&site.get(&object).unwrap()), "Bound");
    site.patch(
        "vspheremachine/gone",
        &json!({"metadata": {"finalizers": null}}),
    );
    let cooling = site.wait(&object, |lease| state(lease) == "Releasing");
    let since: Timestamp = cooling["spec"]["since"].as_str().unwrap().parse().unwrap();
    site.wait_gone(&object);
    let cooled = Timestamp::now().duration_since(since);
    assert!(cooled.as_millis() >= 3000, "{cooled}");
    site.wait_event("AddressReleased", "VSphereMachine", "gone");
}

pub(crate) fn what_is_moved_away_is_kept(site: &Site) {
    let object = bound(site, "moved", "10.254.0.14");
    let key = "clusterctl.cluster.x-k8s.io/delete-for-move=";
    site.admin(&["annotate", "vspheremachine/moved", key]);
    site.admin(&["delete", "vspheremachine/moved"]);
    site.wait(&object, |lease| state(lease) == "MovedAway");
    site.wait_event("AddressMovedAway", "VSphereMachine", "moved");
    // It has come back, as `clusterctl move` brings it, with another UID.
    let again = site.create(&machine(site, "moved", "10.254.0.14"));
    let uid = &again["metadata"]["uid"];
    site.wait(&object, |lease| {
        state(lease) == "Bound" && lease["spec"]["holder"]["uid"] == *uid
    });
}

pub(crate) fn an_endpoint_passes_from_its_infrastructure_to_its_cluster(site: &Site) {
    let infra = json!({
        "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", site.version),
        "kind": "VSphereCluster",
        "metadata": {"name": "demo-infra"},
        "spec": {
            "server": "vcenter.corp.example",
            "controlPlaneEndpoint": {"host": "10.254.0.17", "port": 6443},
        },
    });
    let infra = site.create(&infra);
    let provisional = holder("VSphereCluster", "demo-infra");
    let object = "addresslease/ip.lan.10.254.0.17";
    site.create(&lease(
        "ip.lan.10.254.0.17",
        "Address",
        "10.254.0.17",
        "endpoint",
        provisional,
    ));
    let uid = &infra["metadata"]["uid"];
    site.wait(object, |lease| lease["spec"]["holder"]["uid"] == *uid);
    let cluster = site.create(&cluster(site, "demo", "demo-infra"));
    let handed = site.wait(object, |lease| {
        lease["spec"]["holder"]["uid"] == cluster["metadata"]["uid"]
    });
    assert_eq!(handed["spec"]["holder"]["kind"], "Cluster");
    assert_eq!(handed["spec"]["holder"]["name"], "demo");
    // The Cluster's own endpoint keeps it when the infrastructure has gone.
    let endpoint = json!({"spec": {"controlPlaneEndpoint": {"host": "10.254.0.17", "port": 6443}}});
    site.patch("cluster/demo", &endpoint);
    site.admin(&["delete", "vspherecluster/demo-infra"]);
    site.admin(&["delete", "cluster/demo"]);
    site.wait_gone(object);
}

pub(crate) fn cluster(site: &Site, name: &str, infrastructure: &str) -> Value {
    let mut reference = json!({"kind": "VSphereCluster", "name": infrastructure});
    let group = "infrastructure.cluster.x-k8s.io";
    match site.version {
        "v1beta1" => reference["apiVersion"] = format!("{group}/v1beta1").into(),
        _ => reference["apiGroup"] = group.into(),
    }
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{}", site.version),
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {"infrastructureRef": reference},
    })
}

pub(crate) fn what_a_cluster_is_given_besides_follows_it(site: &Site) {
    let mut given = cluster(site, "given", "nothing");
    let range = "10.254.8.0-10.254.8.9";
    given["metadata"]["annotations"] = json!({"basphere.dev/load-balancer-range": range});
    given["spec"]["clusterNetwork"] = json!({"pods": {"cidrBlocks": ["10.100.0.0/16"]}});
    site.create(&given);
    let names = [
        format!("addresslease/range.lan.{range}"),
        "addresslease/network.lan.10.100.0.0-16".to_owned(),
    ];
    let holder = || holder("Cluster", "given");
    site.create(&lease(
        &names[0][13..],
        "Range",
        range,
        "loadBalancer",
        holder(),
    ));
    let mut network = lease(
        &names[1][13..],
        "Network",
        "10.100.0.0/16",
        "network",
        holder(),
    );
    network["spec"].as_object_mut().unwrap().remove("pool");
    site.create(&network);
    for name in &names {
        site.wait(name, |lease| state(lease) == "Bound");
    }
    site.admin(&["delete", "cluster/given"]);
    for name in &names {
        site.wait_gone(name);
    }
}

pub(crate) fn a_block_lives_as_long_as_its_tenant(site: &Site) {
    let block = |tenant: &str, name: &str, address: &str| {
        let extra = json!({
            "tenant": tenant, "state": "Bound", "holder": {"kind": "Tenant", "name": tenant},
        });
        site.create(&lease(name, "Block", address, "block", extra));
        format!("addresslease/{name}")
    };
    let kims = block("kim", "block.lan.10.254.0.8-29", "10.254.0.8/29");
    let nobodys = block("nobody", "block.lan.10.254.0.248-29", "10.254.0.248/29");
    site.wait(&kims, |lease| lease["spec"]["holder"]["uid"].is_string());
    site.wait_gone(&nobodys);
    assert_eq!(state(&site.get(&kims).unwrap()), "Bound");
}

pub(crate) fn what_was_imported_stays(site: &Site) {
    let imported = |address: &str, state: &str| {
        let extra = json!({"state": state, "holder": {"kind": "Host", "name": "printer"}});
        site.create(&lease(
            &format!("ip.lan.{address}"),
            "Address",
            address,
            "import",
            extra,
        ));
        format!("addresslease/ip.lan.{address}")
    };
    let kept = imported("10.254.0.200", "Bound");
    let released = imported("10.254.0.201", "Releasing");
    site.wait_gone(&released);
    assert_eq!(state(&site.get(&kept).unwrap()), "Bound");
}

pub(crate) fn a_pool_tells_how_full_it_is(site: &Site) {
    let counted = site.wait("addresspool/nodes", |pool| {
        let kim = &pool["status"]["tenants"]["kim"];
        kim["blocks"] == json!(["10.254.0.8/29"]) && kim["cooling"] == 0 && kim["leased"] == 3
    });
    assert_eq!(
        counted["status"]["leased"], 3,
        "two machines and what was imported"
    );
    assert_eq!(counted["status"]["observedGeneration"], 1);
    assert_eq!(counted["status"]["conditions"][0]["status"], "True");
    let version = &counted["metadata"]["resourceVersion"];
    site.create(&pool("twice", "10.254.0.0/25", json!({})));
    let twice = site.wait("addresspool/twice", |pool| {
        pool["status"]["conditions"][0]["status"] == "False"
    });
    assert_eq!(
        twice["status"]["conditions"][0]["message"],
        "AddressPool twice overlaps the older AddressPool nodes"
    );
    site.admin(&["delete", "addresspool/twice"]);
    let again = site.get("addresspool/nodes").unwrap();
    assert_eq!(
        again["metadata"]["resourceVersion"], *version,
        "written on change only"
    );
}

fn metrics(process: &Process) -> String {
    let mut stream = TcpStream::connect(&process.metrics).unwrap();
    let host = &process.metrics;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn metrics_tell_of_all_this(_: &Site, process: &Process) {
    let wanted = [
        "basphere_leader 1",
        "basphere_leases{pool=\"nodes\",state=\"Bound\"} ",
        "basphere_pool_free{pool=\"nodes\"} ",
        "basphere_leases_reclaimed_total{pool=\"nodes\"} ",
        "basphere_leases_orphaned_total{pool=\"nodes\"} ",
        "basphere_repairs_total{kind=\"VSphereMachine\"} ",
        "basphere_reservation_duration_seconds_count ",
        "basphere_reservation_conflicts_total ",
    ];
    let text = metrics(process);
    for line in wanted {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

pub(crate) fn another_process_takes_over(site: &Site, leader: Process) {
    let second = site.webhook("second");
    let lease = [
        "get",
        "lease/basphere",
        "--namespace=basphere-system",
        "-o=json",
    ];
    let held_by = || -> Value { serde_json::from_str(&site.admin(&lease)).unwrap() };
    let holder = |lease: &Value| {
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = held_by();
    assert!(holder(&before).starts_with("first_"), "{before}");
    assert!(metrics(&second).contains("basphere_leader 0"));
    leader.kill();
    let is_second = || Ok(holder(&held_by()).starts_with("second_").then_some(()));
    wait::until("the second process leads", PATIENCE, is_second).unwrap();
    assert_eq!(held_by()["spec"]["leaseTransitions"], 2);
    crate::repair::a_machine_gets_an_address(site, "after");
}
