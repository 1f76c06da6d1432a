//! The contract of Cluster API for IPAM providers, rule by rule.

use serde_json::{Value, json};

use crate::site::Site;

fn claim(site: &Site, name: &str, pool: &str, extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("ipam.cluster.x-k8s.io/{}", site.version),
        "kind": "IPAddressClaim",
        "metadata": {"name": name, "namespace": "user-kim"},
        "spec": {"poolRef": {"apiGroup": "basphere.dev", "kind": "AddressPool", "name": pool}},
    });
    json_patch::merge(&mut object, &extra);
    object
}

fn condition<'a>(claim: &'a Value, pointer: &str) -> &'a Value {
    let conditions = claim.pointer(pointer).and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == "Ready")
        .unwrap_or(&Value::Null)
}

/// The claim's condition in the form of Kubernetes, and in that of Cluster API's first versions.
fn ready<'a>(site: &Site, claim: &'a Value) -> (&'a Value, &'a Value) {
    let (new, old) = match site.version {
        "v1beta1" => ("/status/v1beta2/conditions", "/status/conditions"),
        _ => (
            "/status/conditions",
            "/status/deprecated/v1beta1/conditions",
        ),
    };
    (condition(claim, new), condition(claim, old))
}

fn is_ready(site: &Site, claim: &Value, status: &str) -> bool {
    let (new, old) = ready(site, claim);
    new["status"] == status && old["status"] == status
}

fn cluster(site: &Site, name: &str, paused: bool) -> Value {
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{}", site.version),
        "kind": "Cluster",
        "metadata": {"name": name, "namespace": "user-kim"},
        "spec": {"paused": paused, "clusterNetwork": {"serviceDomain": "cluster.local"}},
    })
}

pub(crate) fn the_contract(site: &Site) {
    a_claim_gets_an_address(site);
    what_is_not_ours_is_left_alone(site);
    what_cannot_be_had_is_said_and_tried_again(site);
    what_is_paused_is_left_alone(site);
    a_deleted_claim_lets_go(site);
}

fn a_claim_gets_an_address(site: &Site) {
    let created = site.create(&claim(site, "web", "nodes", json!({})));
    let fulfilled = site.wait("ipaddressclaim/web", |claim| is_ready(site, claim, "True"));
    assert_eq!(fulfilled["status"]["addressRef"]["name"], "web");
    let finalizers = &fulfilled["metadata"]["finalizers"];
    assert_eq!(finalizers, &json!(["basphere.dev/release-address"]));

    let address = site.get("ipaddresses.ipam.cluster.x-k8s.io/web").unwrap();
    let spec = &address["spec"];
    assert_eq!(spec["prefix"], 24);
    assert_eq!(spec["claimRef"], json!({"name": "web"}));
    assert_eq!(spec["poolRef"], created["spec"]["poolRef"]);
    let owners = &address["metadata"]["ownerReferences"];
    assert_eq!(owners[0]["uid"], created["metadata"]["uid"]);
    assert_eq!(
        (&owners[0]["controller"], &owners[0]["blockOwnerDeletion"]),
        (&json!(true), &json!(true))
    );
    let pool = site.get("addresspool/nodes").unwrap();
    assert_eq!(owners[1]["uid"], pool["metadata"]["uid"]);
    assert_ne!(owners[1]["controller"], true);
    assert_eq!(owners[1]["blockOwnerDeletion"], true);
    let protected = &address["metadata"]["finalizers"];
    assert_eq!(protected, &json!(["ipam.cluster.x-k8s.io/protect-address"]));

    // It is the lease's address, out of the tenant's own block.
    let text = spec["address"].as_str().unwrap();
    let lease = site.wait(&format!("addresslease/ip.lan.{text}"), |lease| {
        lease["spec"]["state"] == "Bound"
    });
    assert_eq!(lease["spec"]["purpose"], "claim");
    assert_eq!(lease["spec"]["tenant"], "kim");
    assert_eq!(lease["spec"]["holder"]["uid"], created["metadata"]["uid"]);
    let block = site.wait("addresslease/block.lan.10.254.0.8-29", |_| true);
    assert_eq!(
        block["spec"]["tenant"], "kim",
        "the first block is kept back"
    );
    let octet: u8 = text.rsplit('.').next().unwrap().parse().unwrap();
    assert!((8..16).contains(&octet), "{text}");
}

fn what_is_not_ours_is_left_alone(site: &Site) {
    let others = json!({"spec": {"poolRef": {"apiGroup": "ipam.example", "kind": "AddressPool"}}});
    site.create(&claim(site, "others", "nodes", others));
    let kinds = json!({"spec": {"poolRef": {"kind": "InClusterIPPool"}}});
    site.create(&claim(site, "other-kind", "nodes", kinds));
    // A later one is done, so that these have been looked at as well.
    site.create(&claim(site, "later", "nodes", json!({})));
    site.wait("ipaddressclaim/later", |claim| {
        is_ready(site, claim, "True")
    });
    for name in ["others", "other-kind"] {
        let left = site.get(&format!("ipaddressclaim/{name}")).unwrap();
        assert_eq!(left["metadata"].get("finalizers"), None, "{left}");
        assert_eq!(left.get("status"), None, "{left}");
    }
}

fn what_cannot_be_had_is_said_and_tried_again(site: &Site) {
    site.create(&claim(site, "poolless", "nowhere", json!({})));
    let told = site.wait("ipaddressclaim/poolless", |claim| {
        is_ready(site, claim, "False")
    });
    let (new, old) = ready(site, &told);
    for condition in [new, old] {
        assert_eq!(condition["reason"], "PoolNotReady");
        assert_eq!(condition["message"], "there is no AddressPool nowhere");
    }
    site.create(&crate::site::pool("nowhere", "10.252.0.0/29", json!({})));
    site.wait("ipaddressclaim/poolless", |claim| {
        is_ready(site, claim, "True")
    });

    // Two addresses for three claims.
    for name in ["one", "two"] {
        site.create(&claim(site, name, "small", json!({})));
        site.wait(&format!("ipaddressclaim/{name}"), |claim| {
            is_ready(site, claim, "True")
        });
    }
    let given = ["one", "two"].map(|name| {
        let address = site
            .get(&format!("ipaddresses.ipam.cluster.x-k8s.io/{name}"))
            .unwrap();
        address["spec"]["address"].as_str().unwrap().to_owned()
    });
    assert_eq!(given, ["10.253.0.1", "10.253.0.2"]);
    site.create(&claim(site, "three", "small", json!({})));
    let told = site.wait("ipaddressclaim/three", |claim| {
        is_ready(site, claim, "False")
    });
    let (new, _) = ready(site, &told);
    assert_eq!(new["reason"], "PoolExhausted");
    let message = new["message"].as_str().unwrap();
    assert!(message.contains("2 leased, 0 cooling"), "{message}");
    site.wait_event("PoolExhausted", "IPAddressClaim", "three");
    site.admin(&["delete", "ipaddressclaim/one"]);
    site.wait("ipaddressclaim/three", |claim| {
        is_ready(site, claim, "True")
    });
    assert_eq!(
        site.get("ipaddresses.ipam.cluster.x-k8s.io/three").unwrap()["spec"]["address"],
        "10.253.0.1"
    );

    // A namespace that belongs to nobody.
    let nobodys = json!({"metadata": {"namespace": "default"}});
    let object = claim(site, "nobodys", "small", nobodys).to_string();
    site.admin_with(&["create", "--namespace=default", "-f=-"], &object);
    let told = site.wait_in("default", "ipaddressclaim/nobodys", |claim| {
        is_ready(site, claim, "False")
    });
    assert_eq!(ready(site, &told).0["reason"], "NamespaceWithoutOwner");
}

fn what_is_paused_is_left_alone(site: &Site) {
    let annotated = json!({"metadata": {"annotations": {"cluster.x-k8s.io/paused": "true"}}});
    site.create(&claim(site, "annotated", "nodes", annotated));
    site.create(&cluster(site, "paused", true));
    site.create(&claim(
        site,
        "by-field",
        "nodes",
        json!({"spec": {"clusterName": "paused"}}),
    ));
    let labelled = json!({"metadata": {"labels": {"cluster.x-k8s.io/cluster-name": "paused"}}});
    site.create(&claim(site, "by-label", "nodes", labelled));
    let nowhere = json!({"spec": {"clusterName": "absent"}});
    site.create(&claim(site, "clusterless", "nodes", nowhere));
    site.create(&claim(site, "later-still", "nodes", json!({})));
    site.wait("ipaddressclaim/later-still", |claim| {
        is_ready(site, claim, "True")
    });
    let names = ["annotated", "by-field", "by-label", "clusterless"];
    for name in names {
        let left = site.get(&format!("ipaddressclaim/{name}")).unwrap();
        assert_eq!(left["metadata"].get("finalizers"), None, "{left}");
        assert!(
            site.get(&format!("ipaddresses.ipam.cluster.x-k8s.io/{name}"))
                .is_none()
        );
    }
    site.admin(&[
        "annotate",
        "ipaddressclaim/annotated",
        "cluster.x-k8s.io/paused-",
    ]);
    site.patch("cluster/paused", &json!({"spec": {"paused": null}}));
    site.create(&cluster(site, "absent", false));
    for name in names {
        site.wait(&format!("ipaddressclaim/{name}"), |claim| {
            is_ready(site, claim, "True")
        });
    }
}

fn a_deleted_claim_lets_go(site: &Site) {
    // Also when its Cluster is gone.
    site.admin(&["delete", "cluster/absent"]);
    let address = site
        .get("ipaddresses.ipam.cluster.x-k8s.io/clusterless")
        .unwrap();
    let address = address["spec"]["address"].as_str().unwrap().to_owned();
    let lease = format!("addresslease/ip.lan.{address}");
    // An IPAddress outlives whoever deletes it, as long as its claim is there.
    site.admin(&[
        "delete",
        "ipaddresses.ipam.cluster.x-k8s.io/clusterless",
        "--wait=false",
    ]);
    site.wait("ipaddresses.ipam.cluster.x-k8s.io/clusterless", |it| {
        it["metadata"]["deletionTimestamp"].is_string()
    });
    assert_eq!(site.get(&lease).unwrap()["spec"]["state"], "Bound");
    site.admin(&["delete", "ipaddressclaim/clusterless"]);
    site.wait_gone("ipaddresses.ipam.cluster.x-k8s.io/clusterless");
    site.wait(&lease, |lease| lease["spec"]["state"] == "Releasing");
    site.wait_gone(&lease);

    // Not while its Cluster is paused.
    site.patch("cluster/paused", &json!({"spec": {"paused": true}}));
    site.admin(&["delete", "ipaddressclaim/by-field", "--wait=false"]);
    site.admin(&["delete", "ipaddressclaim/annotated"]);
    assert!(site.get("ipaddressclaim/by-field").is_some());
    assert!(
        site.get("ipaddresses.ipam.cluster.x-k8s.io/by-field")
            .is_some()
    );
    site.patch("cluster/paused", &json!({"spec": {"paused": null}}));
    site.wait_gone("ipaddressclaim/by-field");
    site.wait_gone("ipaddresses.ipam.cluster.x-k8s.io/by-field");
}
