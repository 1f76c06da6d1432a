//! What is filled in when the Cluster is made.

use basphere_core::{ApiVersion, Kind, Phase};
use serde_json::{Value, json};

use super::{NODE_SPEC, five, image, partial, size, stored, topology, variable, workers};
use crate::world::{World, denials, example, site_spec, warnings, without_endpoints};

#[test]
fn five_lines_become_a_whole_topology() {
    for version in ApiVersion::CLUSTER_API {
        let topology = topology(&stored(version));
        let class = match version {
            ApiVersion::V1Beta2 => {
                json!({"classRef": {"name": "basphere", "namespace": "basphere-system"}})
            }
            _ => json!({"class": "basphere", "classNamespace": "basphere-system"}),
        };
        for (field, value) in class.as_object().expect("fields") {
            assert_eq!(&topology[field], value);
        }
        assert_eq!(topology["version"], "v1.28.0");
        let marked = json!({"labels": {NODE_SPEC: "medium"}});
        assert_eq!(
            topology["controlPlane"],
            json!({"replicas": 1, "metadata": marked})
        );
        let overrides = json!([{"name": "workerMachine", "value": size(4, 8192, 100)}]);
        assert_eq!(
            topology["workers"],
            json!({"machineDeployments": [{
                "class": "worker", "name": "workers", "replicas": 2, "metadata": marked,
                "variables": {"overrides": overrides},
            }]})
        );
    }
}

#[test]
fn what_the_site_says_stands_in_variables() {
    for version in ApiVersion::CLUSTER_API {
        let topology = topology(&stored(version));
        assert_eq!(
            variable(&topology, "vsphere"),
            json!({
                "server": "vcenter.corp.example",
                "thumbprint": "6D:1C:94:0B:5A:9F:E2:73:C8:41:8E:57:20:B6:AD:F3:19:C4:7E:85",
                "identity": "basphere", "datacenter": "DC0", "datastore": "LocalDS_0", "folder": "/DC0/vm",
                "resourcePool": "/DC0/host/DC0_C0/Resources", "network": "VM Network", "dhcp4": false,
            })
        );
        assert_eq!(
            variable(&topology, "images"),
            json!([image("v1.28.0", "ubuntu-2204-kube-v1.28.0")])
        );
        assert_eq!(
            variable(&topology, "criSocket"),
            "/var/run/containerd/containerd.sock"
        );
        assert_eq!(
            variable(&topology, "controlPlaneMachine"),
            size(4, 8192, 100)
        );
    }
}

#[test]
fn a_site_without_a_thumbprint_or_kube_vip_says_nothing_of_them() {
    let mut spec = site_spec();
    spec.kube_vip = None;
    spec.vsphere.as_mut().expect("vSphere").thumbprint = None;
    let mut world = World::with_site(spec);
    world.apply_all(&[five(ApiVersion::V1Beta2)]);
    let topology = topology(&world);
    assert_eq!(variable(&topology, "vsphere")["thumbprint"], Value::Null);
    assert_eq!(variable(&topology, "kubeVipPodManifest"), Value::Null);
    assert_eq!(variable(&topology, "controlPlaneIpAddr"), "10.254.0.32");
}

#[test]
fn the_address_is_reserved_and_kube_vip_holds_it() {
    for version in ApiVersion::CLUSTER_API {
        let world = stored(version);
        let topology = topology(&world);
        assert_eq!(variable(&topology, "controlPlaneIpAddr"), "10.254.0.32");
        let leased = world.leased();
        assert!(
            leased.contains(&"10.254.0.32 Cluster user-kim/five".to_owned()),
            "{leased:?}"
        );
        let pod = variable(&topology, "kubeVipPodManifest");
        let pod = pod.as_str().expect("a manifest");
        for part in [
            "harbor.corp.example:8443/kube-vip/kube-vip:v1.0.1",
            "value: \"10.254.0.32\"",
            "value: \"ens192\"",
        ] {
            assert!(pod.contains(part), "{pod}");
        }
    }
}

/// Cluster API would say that a variable is required, and not what to do.
#[test]
fn where_no_address_is_handed_out_one_is_to_be_named() {
    let mut world = World::with_site(without_endpoints());
    let decision = world.admit(&five(ApiVersion::V1Beta2));
    assert_eq!(denials(&decision), []);
    assert_eq!(
        warnings(&decision),
        [("BSP-W011", "spec.topology.variables")]
    );
    let hint = decision.warnings[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("controlPlaneIpAddr"), "{hint}");
    let named = json!({"variables": [{"name": "controlPlaneIpAddr", "value": "192.0.2.9"}]});
    let decision = world.apply(&partial(ApiVersion::V1Beta2, named));
    assert_eq!(warnings(&decision), []);
    let pod = variable(&topology(&world), "kubeVipPodManifest");
    let pod = pod.as_str().expect("a manifest");
    assert!(pod.contains("192.0.2.9"), "{pod}");
}

#[test]
fn a_dry_run_shows_the_address_and_reserves_none() {
    let world = World::new();
    let mut request = world.request(Phase::Mutate, &five(ApiVersion::V1Beta2));
    request.dry_run = true;
    let decision = world.decide(&request);
    assert_eq!(denials(&decision), []);
    assert!(
        warnings(&decision).contains(&("BSP-I017", "")),
        "{decision:#?}"
    );
    let object = decision.object.expect("an object");
    assert_eq!(
        variable(&object["spec"]["topology"], "controlPlaneIpAddr"),
        "10.254.0.32"
    );
    assert_eq!(world.leased(), Vec::<String>::new());
}

#[test]
fn the_type_may_be_an_annotation_and_decides_counts_and_sizes() {
    let mut cluster = five(ApiVersion::V1Beta2);
    cluster["metadata"] =
        json!({"name": "five", "annotations": {"basphere.dev/cluster-type": "standard"}});
    let mut world = World::new();
    world.apply_all(&[cluster]);
    let topology = topology(&world);
    assert_eq!(topology["controlPlane"]["replicas"], 3);
    assert_eq!(workers(&topology)["replicas"], 3);
    assert_eq!(workers(&topology)["metadata"]["labels"][NODE_SPEC], "large");
    assert_eq!(
        workers(&topology)["variables"]["overrides"][0]["value"],
        size(8, 16384, 200)
    );
}

#[test]
fn the_node_spec_of_the_cluster_is_that_of_its_groups() {
    let mut cluster = five(ApiVersion::V1Beta2);
    cluster["metadata"]["annotations"] = json!({NODE_SPEC: "small"});
    let mut world = World::new();
    world.apply_all(&[cluster]);
    let topology = topology(&world);
    assert_eq!(
        topology["controlPlane"]["metadata"]["labels"][NODE_SPEC],
        "small"
    );
    assert_eq!(
        variable(&topology, "controlPlaneMachine"),
        size(2, 4096, 50)
    );
    assert_eq!(workers(&topology)["metadata"]["labels"][NODE_SPEC], "small");
}

#[test]
fn gaps_are_filled_and_what_is_said_stays() {
    for version in ApiVersion::CLUSTER_API {
        let given = json!({
            "version": "v1.34.4",
            "controlPlane": {"replicas": 3, "metadata": {"annotations": {NODE_SPEC: "large"}}},
            "workers": {"machineDeployments": [
                {"replicas": 5},
                {"name": "big", "metadata": {"labels": {NODE_SPEC: "large"}}},
            ]},
            "variables": [{"name": "controlPlaneIpAddr", "value": "10.254.0.40"}],
        });
        let mut world = World::new();
        world.apply_all(&[partial(version, given)]);
        let topology = topology(&world);
        assert_eq!(topology["version"], "v1.34.4");
        assert_eq!(
            variable(&topology, "images"),
            json!([image("v1.34.4", "ubuntu-2404-kube-v1.34.4")])
        );
        assert_eq!(
            topology["controlPlane"],
            json!({"replicas": 3, "metadata": {"annotations": {NODE_SPEC: "large"}}})
        );
        assert_eq!(
            variable(&topology, "controlPlaneMachine"),
            size(8, 16384, 200)
        );
        assert_eq!(variable(&topology, "controlPlaneIpAddr"), "10.254.0.40");
        let groups = topology["workers"]["machineDeployments"]
            .as_array()
            .expect("groups");
        let told: Vec<_> = groups
            .iter()
            .map(|group| {
                let size = &group["variables"]["overrides"][0]["value"]["numCPUs"];
                json!([group["name"], group["class"], group["replicas"], size])
            })
            .collect();
        assert_eq!(
            told,
            [
                json!(["workers", "worker", 5, 4]),
                json!(["big", "worker", 2, 8])
            ]
        );
    }
}

#[test]
fn only_the_class_or_only_the_version_is_enough() {
    for (version, given) in [
        (
            ApiVersion::V1Beta2,
            json!({"classRef": {"name": "basphere"}}),
        ),
        (ApiVersion::V1Beta1, json!({"class": "basphere"})),
        (ApiVersion::V1Beta2, json!({"version": "v1.28.0"})),
    ] {
        let mut cluster = partial(version, given);
        cluster["metadata"] = json!({"name": "five"});
        let mut world = World::new();
        world.apply_all(&[cluster]);
        assert_eq!(topology(&world), topology(&stored(version)));
    }
}

#[test]
fn a_group_that_the_autoscaler_counts_is_given_no_number() {
    let least = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";
    let most = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
    let group = json!({"name": "auto", "metadata": {"annotations": {least: "1", most: "3"}}});
    let given = json!({"workers": {"machineDeployments": [group]}});
    let mut world = World::new();
    world.apply_all(&[partial(ApiVersion::V1Beta2, given)]);
    assert_eq!(workers(&topology(&world))["replicas"], Value::Null);
    assert_eq!(workers(&topology(&world))["class"], "worker");
}

#[test]
fn who_wants_no_workers_is_given_none() {
    let given = json!({"workers": {"machineDeployments": []}});
    for (version, expected) in [
        (ApiVersion::V1Beta1, given["workers"].clone()),
        (ApiVersion::V1Beta2, Value::Null),
    ] {
        let mut world = World::new();
        world.apply_all(&[partial(version, given.clone())]);
        assert_eq!(topology(&world)["workers"], expected);
        // The API server may ask again, with what the first answer made of it.
        let stored = world.get(Kind::Cluster, "five");
        assert_eq!(World::new().admit(stored).patch.0, []);
    }
}

/// It is stored with its references, and never gets a topology as well.
#[test]
fn an_explicit_cluster_is_given_no_topology() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = World::new();
        let explicit = example("cluster", version);
        world.apply_all(&explicit);
        world.apply_all(&explicit[..1]);
        assert_eq!(
            world.get(Kind::Cluster, "demo")["spec"]["topology"],
            Value::Null
        );
    }
}

#[test]
fn a_cluster_that_names_no_type_is_given_no_topology() {
    let mut cluster = five(ApiVersion::V1Beta2);
    cluster["metadata"] = json!({"name": "five"});
    let mut world = World::new();
    world.apply_all(std::slice::from_ref(&cluster));
    assert_eq!(topology(&world), Value::Null);
    let stored = world.get(Kind::Cluster, "five").clone();
    assert_eq!(
        stored["metadata"]["labels"]["basphere.dev/cluster-type"],
        "dev"
    );
    // The API server asks again with that type, which nobody named.
    assert_eq!(World::new().admit(&stored).patch.0, []);
    world.apply_all(&[cluster]);
    assert_eq!(topology(&world), Value::Null);
}

#[test]
fn a_site_without_a_class_says_so_and_fills_nothing_in() {
    let mut spec = site_spec();
    spec.topology = None;
    let mut world = World::with_site(spec);
    let decision = world.apply(&five(ApiVersion::V1Beta2));
    assert_eq!(denials(&decision), []);
    assert_eq!(warnings(&decision), [("BSP-W010", "spec")]);
    let hint = decision.warnings[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("spec.topology of the Site"), "{hint}");
    assert_eq!(topology(&world), Value::Null);
}
