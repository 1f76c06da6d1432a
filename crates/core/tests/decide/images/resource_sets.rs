//! What a ClusterResourceSet names was perhaps stored before there were rules.

use basphere_core::images::config_maps_of;
use basphere_core::{ApiVersion, Decision, Kind};
use serde_json::{Value, json};

use super::{HARBOR, said, short, without_rules, world};
use crate::world::{World, capi};

const EVIL: &str = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/a/b:1\n";

fn set(version: ApiVersion, resources: &Value) -> Value {
    json!({
        "apiVersion": format!("addons.cluster.x-k8s.io/{version}"),
        "kind": "ClusterResourceSet",
        "metadata": {"name": "cni"},
        "spec": {"clusterSelector": {"matchLabels": {"a": "b"}}, "resources": resources},
    })
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// A world with rules, in which these were stored before.
fn stored(version: ApiVersion, objects: &[Value]) -> World {
    let mut old = without_rules();
    old.apply_all(objects);
    let mut world = world(version);
    world.stored.extend(old.stored);
    world
}

/// Code and path of everything that is said, and what it is said of.
fn told(decision: &Decision) -> Vec<(&str, &str, &str)> {
    let findings = decision.denials.iter().chain(&decision.warnings);
    findings
        .map(|finding| {
            let value = finding.value.as_str().unwrap_or_default();
            (finding.code.as_str(), finding.path.as_str(), value)
        })
        .collect()
}

#[test]
fn a_stored_payload_is_refused_by_whoever_names_it() {
    for version in ApiVersion::CLUSTER_API {
        let maps = [
            config_map("good", &json!({"a.yaml": EVIL.replace("quay.io", HARBOR)})),
            config_map("evil", &json!({"a.yaml": EVIL})),
        ];
        let world = stored(version, &maps);
        let object = set(
            version,
            &json!([{"kind": "ConfigMap", "name": "good"}, {"kind": "ConfigMap", "name": "evil"}]),
        );
        let decision = world.admit(&object);
        assert!(!decision.is_allowed());
        let said = said(&decision);
        assert_eq!(
            short(&said),
            [("BSP-M001", "spec.resources[1].name", "quay.io/a/b:1")]
        );
        let words = "Unsupported value: \"quay.io/a/b:1\": ConfigMap evil, data[a.yaml], line 5, spec.containers[0].image: ";
        assert!(said[0].3.starts_with(words), "{}", said[0].3);
    }
}

#[test]
fn what_is_not_there_yet_is_judged_when_it_is_written() {
    let resources = json!([
        {"kind": "ConfigMap", "name": "none"},
        {"kind": "ConfigMap", "name": ""},
        {"kind": "Deployment", "name": "x"},
        {"name": "y"},
        "z",
    ]);
    let version = ApiVersion::V1Beta2;
    let decision = world(version).admit(&set(version, &resources));
    assert_eq!(said(&decision), []);
    let object = set(version, &resources);
    assert_eq!(config_maps_of(&object).collect::<Vec<_>>(), ["none"]);
}

#[test]
fn a_secret_is_read_by_nobody() {
    let version = ApiVersion::V1Beta2;
    let object = set(version, &json!([{"kind": "Secret", "name": "cni"}]));
    let decision = world(version).admit(&object);
    assert!(decision.is_allowed());
    let said = said(&decision);
    assert_eq!(
        short(&said),
        [("BSP-M005", "spec.resources[0].name", "cni")]
    );
    assert!(
        said[0]
            .3
            .contains("it is judged when it is written, and a Secret is not read here"),
        "{}",
        said[0].3
    );
}

#[test]
fn a_stored_set_may_go_on_naming_what_it_names() {
    let version = ApiVersion::V1Beta2;
    let named = |names: &[&str]| {
        let named = names
            .iter()
            .map(|name| json!({"kind": "ConfigMap", "name": name}));
        set(version, &named.collect())
    };
    let more = EVIL.replace("quay.io/a/b", "ghcr.io/a/b");
    let mut world = stored(
        version,
        &[
            config_map("evil", &json!({"a.yaml": EVIL})),
            config_map("more", &json!({"a.yaml": more})),
            named(&["evil"]),
        ],
    );
    let mut changed = named(&["evil"]);
    changed["spec"]["clusterSelector"] = json!({"matchLabels": {"c": "d"}});
    let decision = world.admit(&changed);
    assert!(decision.is_allowed());
    assert_eq!(
        told(&decision),
        [("BSP-W006", "spec.resources[0].name", "quay.io/a/b:1")]
    );
    let decision = world.admit(&named(&["more", "evil"]));
    assert_eq!(decision.denials.len(), 1);
    assert_eq!(decision.denials[0].value, "ghcr.io/a/b:1");
    // Cluster API itself writes its status and its finalizers.
    world.requester = capi();
    assert_eq!(said(&world.admit(&named(&["more"]))), []);
}

#[test]
fn more_than_is_looked_at_is_said() {
    let version = ApiVersion::V1Beta2;
    let many: Vec<_> = (0..101)
        .map(|index| json!({"kind": "ConfigMap", "name": format!("m{index}")}))
        .collect();
    let decision = world(version).admit(&set(version, &json!(many)));
    assert_eq!(told(&decision), [("BSP-R005", "spec.resources", "")]);
    assert_eq!(
        said(&world(version).admit(&set(version, &json!(many[..100])))),
        []
    );
    let large = format!("{EVIL}# {}", "x".repeat(1_000_000));
    let maps: Vec<_> = (0..5)
        .map(|index| config_map(&format!("m{index}"), &json!({"a.yaml": large})))
        .collect();
    let decision = stored(version, &maps).admit(&set(version, &json!(many[..5])));
    let said = said(&decision);
    let unseen: Vec<_> = said.iter().filter(|said| said.0 == "BSP-M005").collect();
    assert_eq!(unseen.len(), 1, "{said:?}");
    assert!(
        unseen[0].3.contains("more text than is looked at"),
        "{unseen:?}"
    );
    assert!(!decision.is_allowed());
}

/// Its author was warned then; what is not looked at cannot be compared.
#[test]
fn a_stored_set_warns_of_no_secret_again_and_is_refused_for_too_much() {
    let version = ApiVersion::V1Beta2;
    let of_secret = set(version, &json!([{"kind": "Secret", "name": "cni"}]));
    let mut changed = of_secret.clone();
    changed["spec"]["strategy"] = "Reconcile".into();
    let world = stored(version, &[of_secret]);
    assert_eq!(told(&world.admit(&changed)), []);
    let many: Vec<_> = (0..101)
        .map(|index| json!({"kind": "ConfigMap", "name": format!("m{index}")}))
        .collect();
    let many = set(version, &json!(many));
    let world = stored(version, std::slice::from_ref(&many));
    assert_eq!(
        told(&world.admit(&many)),
        [("BSP-R005", "spec.resources", "")]
    );
}

/// What a person may write into a ConfigMap without being asked about may be named.
#[test]
fn what_is_no_manifest_is_nobodys_business() {
    let version = ApiVersion::V1Beta2;
    let world = stored(
        version,
        &[config_map(
            "values",
            &json!({"a.yaml": "image: quay.io/a/b\n"}),
        )],
    );
    let object = set(version, &json!([{"kind": "ConfigMap", "name": "values"}]));
    assert_eq!(told(&world.admit(&object)), []);
}

#[test]
fn the_kinds_are_told_apart() {
    assert_eq!(Kind::ClusterResourceSet.plural(), "clusterresourcesets");
    let version = ApiVersion::V1Beta2;
    let world = stored(version, &[config_map("evil", &json!({"a.yaml": EVIL}))]);
    let other = set(version, &json!([{"kind": "Other", "name": "evil"}]));
    assert_eq!(said(&world.admit(&other)), []);
}
