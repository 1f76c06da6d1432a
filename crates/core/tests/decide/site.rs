//! What makes a Site good, and which look-ups a decision asks for.

use std::collections::BTreeSet;

use basphere_core::ApiVersion::V1Beta1;
use basphere_core::site::{Supernet, UniqueNetworks};
use basphere_core::{Inventory, Kind, Lookup, Phase, Site, SiteSpec, Subject, decide};

use crate::world::{World, example, site_spec};

fn errors(change: impl FnOnce(&mut SiteSpec)) -> Vec<String> {
    let mut spec = site_spec();
    change(&mut spec);
    Site::try_from(spec)
        .expect_err("a bad site")
        .into_iter()
        .map(|error| error.path)
        .collect()
}

#[test]
fn every_dangling_name_is_reported() {
    let paths = errors(|spec| {
        spec.defaults.cluster_type = "huge".to_owned();
        spec.defaults.node_spec = "huge".to_owned();
        spec.defaults.kubernetes_version = "v1.1.1".to_owned();
        spec.cluster_types.get_mut("dev").expect("dev").workers.spec = "tiny".to_owned();
    });
    assert_eq!(
        paths,
        [
            "spec.clusterTypes[dev].workers.spec",
            "spec.defaults.clusterType",
            "spec.defaults.nodeSpec",
            "spec.defaults.kubernetesVersion",
        ]
    );
}

#[test]
fn impossible_offers_are_reported() {
    assert_eq!(
        errors(|spec| spec
            .cluster_types
            .get_mut("dev")
            .expect("dev")
            .control_plane
            .count = 2),
        ["spec.clusterTypes[dev].controlPlane.count"]
    );
    assert_eq!(
        errors(|spec| spec.node_specs.get_mut("small").expect("small").cpus = 1),
        ["spec.nodeSpecs[small].cpus"]
    );
    assert_eq!(
        errors(|spec| spec.kubernetes.versions[1].version = "v1.28.0".to_owned()),
        ["spec.kubernetes.versions[1].version"]
    );
    assert_eq!(
        errors(|spec| spec.kubernetes.versions[1].version = "one".to_owned()),
        ["spec.kubernetes.versions[1].version"]
    );
}

#[test]
fn what_the_schema_refuses_in_a_cluster_is_refused_in_a_file() {
    assert_eq!(
        errors(|spec| spec.tenancy.namespace_prefix = String::new()),
        ["spec.tenancy.namespacePrefix"]
    );
    assert_eq!(
        errors(|spec| spec.tenancy.namespace_prefix = "x".repeat(33)),
        ["spec.tenancy.namespacePrefix"]
    );
    assert_eq!(
        errors(|spec| {
            let vsphere = spec.vsphere.as_mut().expect("vSphere");
            vsphere.server.clear();
            vsphere.network.clear();
            spec.kubernetes.versions[0].vsphere_template = None;
            let small = spec.node_specs.get_mut("small").expect("small");
            (small.memory_mib, small.disk_gib) = (1024, 0);
        }),
        [
            "spec.vsphere.server",
            "spec.vsphere.network",
            "spec.nodeSpecs[small].memoryMiB",
            "spec.nodeSpecs[small].diskGiB",
            "spec.kubernetes.versions[0].vsphereTemplate",
        ]
    );
}

#[test]
fn a_namespace_names_its_tenant_by_a_label_value_only() {
    let site = World::new().site;
    let owner = |name: &str| site.namespace_owner(name, None);
    assert_eq!(owner("user-kim"), Some("kim".to_owned()));
    assert_eq!(owner("user-7"), Some("7".to_owned()));
    for nobodys in ["user-", "user--kim", "platform"] {
        assert_eq!(owner(nobodys), None, "{nobodys}");
    }
}

#[test]
fn a_field_that_no_site_has_is_refused() {
    let mut value = serde_json::to_value(site_spec()).expect("JSON");
    value["vsphere"]["serverr"] = "x".into();
    let error = serde_json::from_value::<SiteSpec>(value)
        .expect_err("an unknown field")
        .to_string();
    assert!(error.contains("unknown field `serverr`"), "{error}");
}

#[test]
fn what_lives_in_no_namespace_asks_for_none() {
    let mut world = World::new();
    world.namespace = String::new();
    let mut snapshot = world.snapshot();
    snapshot.live = BTreeSet::new();
    snapshot.namespace = None;
    let is_own = |kind: &Kind| kind.group() == "basphere.dev";
    for kind in Kind::ALL
        .iter()
        .filter(|kind| !kind.is_namespaced() && !is_own(kind))
    {
        let object = serde_json::json!({
            "apiVersion": format!("{}/v1beta1", kind.group()), "kind": kind.as_str(),
            "metadata": {"name": "wide"},
        });
        for phase in [Phase::Mutate, Phase::Validate] {
            let missed = decide(&world.request(phase, &object), &snapshot).missed;
            assert_eq!(missed, BTreeSet::new(), "{kind}");
        }
    }
}

/// A miss in a cache is read live, never taken for absence.
#[test]
fn what_the_cache_does_not_hold_is_asked_for() {
    let world = World::new();
    let objects = example("cluster", V1Beta1);
    let mut snapshot = world.snapshot();
    snapshot.live = BTreeSet::new();
    snapshot.namespace = None;
    let missed =
        |index: usize| decide(&world.request(Phase::Mutate, &objects[index]), &snapshot).missed;
    let all = |kinds: &[Kind]| {
        kinds
            .iter()
            .copied()
            .map(Lookup::All)
            .chain([Lookup::Namespace])
            .collect::<BTreeSet<_>>()
    };

    let members = [Kind::KubeadmControlPlane, Kind::VSphereCluster];
    assert_eq!(missed(0), all(&members), "what may name its address");
    assert_eq!(
        missed(2),
        all(&[Kind::Cluster]),
        "a control plane asks for its Cluster"
    );
    let linkers = [
        Kind::KubeadmControlPlane,
        Kind::MachineDeployment,
        Kind::MachineSet,
        Kind::MachinePool,
    ];
    assert_eq!(missed(3), all(&linkers), "a template asks who refers to it");
    assert_eq!(
        missed(4),
        all(&[Kind::Cluster]),
        "a deployment asks for its Cluster"
    );
    for lookup in missed(3) {
        assert!(
            matches!(lookup, Lookup::Namespace)
                || matches!(lookup, Lookup::All(kind) if Inventory::KINDS.contains(&kind))
        );
    }
}

#[test]
fn providers_refer_to_node_specs_and_clouds_that_are_there() {
    assert_eq!(
        errors(|spec| (spec.vsphere, spec.openstack, spec.metal3) = (None, None, None)),
        ["spec", "spec.topology"]
    );
    assert_eq!(errors(|spec| spec.vsphere = None), ["spec.topology"]);
    assert_eq!(
        errors(|spec| {
            let topology = spec.topology.as_mut().expect("a class");
            topology.class.clear();
            topology.namespace.clear();
        }),
        ["spec.topology.class", "spec.topology.namespace"]
    );
    assert_eq!(
        errors(|spec| {
            let openstack = spec.openstack.as_mut().expect("OpenStack");
            openstack.default_cloud = "elsewhere".to_owned();
            let cloud = openstack.clouds.get_mut("mycloud").expect("mycloud");
            cloud.identity.clear();
            let medium = cloud.flavors.remove("medium").expect("medium");
            cloud.flavors.insert("gigantic".to_owned(), medium);
            let metal3 = spec.metal3.as_mut().expect("Metal3");
            metal3.hosts.insert("small".to_owned(), [].into());
            spec.kubernetes.versions[0].openstack_image = None;
            spec.kubernetes.versions[1].metal3_image = None;
        }),
        [
            "spec.openstack.defaultCloud",
            "spec.openstack.clouds[mycloud].identity",
            "spec.openstack.clouds[mycloud].flavors[gigantic]",
            "spec.openstack.clouds[mycloud].flavors",
            "spec.metal3.hosts[small]",
            "spec.kubernetes.versions[0].openstackImage",
            "spec.kubernetes.versions[1].metal3Image",
        ]
    );
}

/// A kind is read in the versions of its own group only.
#[test]
fn a_version_that_a_kind_does_not_have_is_no_subject() {
    let parse = |version: &str, kind: &str| {
        Subject::parse("infrastructure.cluster.x-k8s.io", version, kind).is_some()
    };
    for (version, kind, is_subject) in [
        ("v1alpha7", "OpenStackCluster", true),
        ("v1beta1", "OpenStackCluster", true),
        ("v1beta2", "OpenStackCluster", false),
        ("v1alpha6", "OpenStackCluster", false),
        ("v1alpha7", "VSphereCluster", false),
        ("v1beta2", "VSphereCluster", true),
        ("v1beta1", "Metal3Cluster", true),
        ("v1beta2", "Metal3Cluster", false),
        ("v1alpha1", "OpenStackServer", true),
    ] {
        assert_eq!(parse(version, kind), is_subject, "{version} {kind}");
    }
}

#[test]
fn networks_that_contradict_each_other_are_reported() {
    let net = |text: &str| text.parse().expect("a network");
    assert_eq!(
        errors(|spec| spec.cluster_network.nodes = vec![net("192.168.64.0/24")]),
        ["spec.clusterNetwork.nodes"]
    );
    let pool = |supernet: &str, prefix| Supernet {
        supernet: net(supernet),
        prefix,
    };
    assert_eq!(
        errors(|spec| {
            spec.cluster_network.unique = Some(UniqueNetworks {
                pods: pool("10.100.0.0/14", 12),
                services: pool("10.102.0.0/16", 20),
            });
        }),
        [
            "spec.clusterNetwork.pods",
            "spec.clusterNetwork.services",
            "spec.clusterNetwork.unique.pods.prefix",
            "spec.clusterNetwork.unique.services.supernet",
        ]
    );
}
