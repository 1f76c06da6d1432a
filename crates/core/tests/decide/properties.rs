//! What holds for every object: no panic, idempotence (I4), and patches that lead where they say.

use basphere_core::{ApiVersion, Kind, Phase, Subject, decide};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::images::{rewriting, spec_with};
use crate::world::{World, admin, capi, example, kim};

/// The example site with rules on images, which rewrites as well.
fn world() -> World {
    World::with_site(spec_with(rewriting()))
}

/// Any JSON, with the keys that decisions read among its keys.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, 2, 4, 8192]).prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "demo",
            "kim",
            "lee",
            "dev",
            "medium",
            "v1.28.0",
            "v1.34.4",
            "Secret",
            "vcenter.corp.example",
            "mycloud",
            "bifrost",
            "m1.small",
            "baremetal",
            "ubuntu-k8s",
            "registry.k8s.io",
            "harbor.corp.example:8443/k8s",
            "base64",
            "gzip+base64",
            "/etc/kubernetes/manifests/x.yaml",
            "spec: {containers: [{image: nginx}]}\n",
            "ctr i pull $(x) | sh -c 'curl https://x.example'",
        ])
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "metadata",
        "spec",
        "template",
        "labels",
        "annotations",
        "name",
        "value",
        "owner",
        "basphere.dev/owner",
        "basphere.dev/node-spec",
        "basphere.dev/cluster-type",
        "deletionTimestamp",
        "ownerReferences",
        "replicas",
        "version",
        "clusterName",
        "selector",
        "matchLabels",
        "network",
        "devices",
        "dhcp4",
        "ipAddrs",
        "numCPUs",
        "memoryMiB",
        "diskGiB",
        "server",
        "thumbprint",
        "identityRef",
        "kind",
        "kubeadmConfigSpec",
        "clusterConfiguration",
        "apiServer",
        "extraArgs",
        "joinConfiguration",
        "nodeRegistration",
        "kubeletExtraArgs",
        "cloud-provider",
        "machineTemplate",
        "infrastructureRef",
        "controlPlaneEndpoint",
        "host",
        "status",
        "uid",
        "cloudName",
        "flavor",
        "flavorID",
        "image",
        "filter",
        "id",
        "rootVolume",
        "diskSize",
        "ports",
        "fixedIPs",
        "bastion",
        "externalNetwork",
        "managedSubnets",
        "hostSelector",
        "matchExpressions",
        "url",
        "checksum",
        "cloudProviderEnabled",
        "imageRepository",
        "dns",
        "etcd",
        "local",
        "files",
        "path",
        "content",
        "encoding",
        "contentFrom",
        "bootCommands",
        "preKubeadmCommands",
        "postKubeadmCommands",
        "topology",
        "variables",
        "patches",
        "definitions",
        "jsonPatches",
        "op",
        "data",
        "repoURL",
        "chartName",
        "valuesTemplate",
    ];
    prop_oneof![9 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn subject() -> impl Strategy<Value = Subject> {
    let subjects: Vec<_> = Kind::ALL
        .iter()
        .flat_map(|&kind| {
            let versions = kind.versions().iter();
            versions.map(move |&version| Subject { kind, version })
        })
        .collect();
    prop::sample::select(subjects)
}

/// The example clusters of all providers.
fn clusters() -> Vec<Vec<Value>> {
    let versions = ApiVersion::CLUSTER_API.into_iter();
    versions
        .flat_map(|version| ["cluster", "openstack", "metal3"].map(|name| example(name, version)))
        .collect()
}

/// An object of an example with something else somewhere in it.
fn mutilated() -> impl Strategy<Value = Value> {
    let objects = clusters().concat();
    (
        prop::sample::select(objects),
        any::<prop::sample::Index>(),
        arbitrary_json(),
    )
        .prop_map(|(mut object, at, value)| {
            let mut pointers = Vec::new();
            collect(&object["spec"], "/spec", &mut pointers);
            collect(&object["metadata"], "/metadata", &mut pointers);
            if let Some(place) = object.pointer_mut(at.get(&pointers).as_str()) {
                *place = value;
            }
            object
        })
}

fn collect(value: &Value, pointer: &str, into: &mut Vec<String>) {
    into.push(pointer.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            collect(
                value,
                &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
                into,
            );
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, v)| collect(v, &format!("{pointer}/{i}"), into)),
        _ => {}
    }
}

/// One object of a complete cluster, stored by kim, as whoever reads it would send it back.
fn stored() -> impl Strategy<Value = (World, Kind, String)> {
    (
        prop::sample::select(clusters()),
        prop::sample::select(vec![kim(), admin(), capi()]),
        0..7_usize,
    )
        .prop_map(|(cluster, requester, index)| {
            let mut world = world();
            world.apply_all(&cluster);
            world.requester = requester;
            let key = world.stored.keys().nth(index).expect("seven").clone();
            (world, key.0, key.1)
        })
}

/// Decides twice and checks everything that must hold, whatever the object is.
fn holds(
    world: &World,
    object: &Value,
    old: Option<Value>,
    subject: Subject,
) -> Result<(), TestCaseError> {
    let snapshot = world.snapshot();
    let mut request = world.request(
        Phase::Mutate,
        &json!({"apiVersion": subject.api_version(), "kind": subject.kind.as_str()}),
    );
    if old.is_some() {
        request.operation = basphere_core::Operation::Update;
    }
    request.old_object = old;
    request.object = Some(object.clone());
    let first = decide(&request, &snapshot);
    let Some(completed) = &first.object else {
        return Ok(());
    };

    let mut patched = object.clone();
    prop_assert!(
        json_patch::patch(&mut patched, &first.patch).is_ok(),
        "{:?}",
        first.patch
    );
    prop_assert_eq!(&patched, completed);

    request.object = Some(completed.clone());
    let second = decide(&request, &snapshot);
    prop_assert!(
        second.patch.is_empty(),
        "completing twice changes something: {:?}",
        second.patch
    );
    prop_assert_eq!(&second.denials, &first.denials);

    request.phase = Phase::Validate;
    let validated = decide(&request, &snapshot);
    prop_assert!(validated.patch.is_empty());
    if first.is_allowed() {
        prop_assert_eq!(
            &validated.denials,
            &Vec::new(),
            "what mutation admits, validation admits"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_of_any_kind_is_decided(
        object in arbitrary_json(),
        old in prop::option::of(arbitrary_json()),
        subject in subject(),
    ) {
        holds(&world(), &object, old, subject)?;
    }

    #[test]
    fn a_mutilated_manifest_is_decided(object in mutilated(), old in prop::option::of(mutilated())) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let subject = Subject::parse_manifest(object["apiVersion"].as_str().unwrap_or_default(), kind).expect("a subject");
        let mut world = world();
        world.apply_all(&example("cluster", ApiVersion::V1Beta1));
        world.stored.retain(|(kind, _), _| *kind == Kind::Cluster || *kind == Kind::KubeadmControlPlane);
        holds(&world, &object, old, subject)?;
    }

    /// What a controller, an admin or a tenant sends back as it was read is not changed.
    #[test]
    fn a_stored_object_is_sent_back_unchanged((world, kind, name) in stored()) {
        let decision = world.admit(world.get(kind, &name));
        prop_assert!(decision.is_allowed(), "{:?}", decision.denials);
        prop_assert!(decision.patch.is_empty(), "{:?}", decision.patch);
    }

    /// The same with one field changed: whatever becomes of it, it comes to rest at once.
    #[test]
    fn a_stored_object_is_edited(
        (world, kind, name) in stored(),
        at in any::<prop::sample::Index>(),
        value in arbitrary_json(),
    ) {
        let old = world.get(kind, &name).clone();
        let mut edited = old.clone();
        let mut pointers = Vec::new();
        collect(&old["spec"], "/spec", &mut pointers);
        collect(&old["metadata"], "/metadata", &mut pointers);
        if let Some(place) = edited.pointer_mut(at.get(&pointers).as_str()) {
            *place = value;
        }
        let request = world.request(Phase::Mutate, &old);
        holds(&world, &edited, Some(old), request.subject)?;
    }
}
