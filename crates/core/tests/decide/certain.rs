//! A finding that is called certain is the same whatever other objects there are.

use basphere_core::ApiVersion;
use serde_json::{Value, json};

use crate::world::{World, example};

/// Objects that break rules, each called `refused`.
fn broken(version: ApiVersion) -> Vec<Value> {
    let mut objects = example("refused", version);
    let mut more = example("cluster", version);
    more[1]["spec"] = json!({"server": "elsewhere.example", "thumbprint": "00:11"});
    more[2]["spec"]["version"] = json!(1);
    more[4]["spec"]["template"]["spec"]["clusterName"] = "other".into();
    more[5]["spec"]["template"]["spec"] = json!({
        "datacenter": "DC9",
        "network": {"devices": [{"dhcp4": true, "ipAddrs": ["10.254.0.40/21"]}]},
        "template": "ubuntu-2204-kube-v1.28",
    });
    for object in &mut more {
        object["metadata"]["name"] = "refused".into();
    }
    objects.extend(more);
    objects
}

/// The example cluster, also with every reference to a template naming `refused`.
fn worlds(version: ApiVersion) -> Vec<World> {
    let objects = example("cluster", version);
    let text = json!(objects).to_string();
    let linked = text
        .replace("\"name\":\"demo-control-plane\"", "\"name\":\"refused\"")
        .replace("\"name\":\"demo-workers\"", "\"name\":\"refused\"");
    let linked: Vec<Value> = serde_json::from_str(&linked).expect("JSON");
    [Vec::new(), objects, linked]
        .into_iter()
        .map(|objects| {
            let mut world = World::new();
            for object in &objects {
                // Two objects of the last world have one name: the second is an update of the first.
                world.apply(object);
            }
            world
        })
        .collect()
}

#[test]
fn no_other_object_changes_a_certain_finding() {
    let mut seen = Vec::new();
    for version in ApiVersion::CLUSTER_API {
        for object in broken(version) {
            let found: Vec<Vec<_>> = worlds(version)
                .iter_mut()
                .map(|world| {
                    // The object itself is new in each world; what refers to it stays.
                    let own = object["kind"].as_str().unwrap_or_default();
                    world
                        .stored
                        .retain(|(kind, name), _| name != "refused" || kind.as_str() != own);
                    let decision = world.admit(&object);
                    decision
                        .denials
                        .into_iter()
                        .filter(|finding| finding.code.is_certain())
                        .map(|finding| (finding.code, finding.path))
                        .collect()
                })
                .collect();
            assert!(
                found.iter().all(|in_world| *in_world == found[0]),
                "{object:#}: {found:#?}"
            );
            seen.extend(found[0].iter().map(|(code, _)| code.as_str()));
        }
    }
    for code in [
        "BSP-V001", "BSP-V002", "BSP-V003", "BSP-V004", "BSP-C002", "BSP-F001",
    ] {
        assert!(seen.contains(&code), "{code} is not in {seen:?}");
    }
}
