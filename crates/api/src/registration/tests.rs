use std::collections::BTreeMap;
use std::sync::Arc;

use basphere_core::{
    Kind, Operation, Part, Phase, Request, Requester, Site, SiteSpec, Snapshot, Subject, Timestamp,
    decide,
};
use serde_json::{Value, json};

use super::{Endpoint, Registration};

fn registration(endpoint: Endpoint) -> Registration {
    Registration {
        endpoint,
        ca_bundle: Some("CA".to_owned()),
    }
}

fn by_url() -> Registration {
    registration(Endpoint::Url("https://127.0.0.1:9443/".to_owned()))
}

/// The webhooks of both configurations by name.
fn webhooks(registration: &Registration) -> BTreeMap<String, Value> {
    [
        json!(registration.mutating()),
        json!(registration.validating()),
    ]
    .iter()
    .flat_map(|configuration| configuration["webhooks"].as_array().unwrap().clone())
    .map(|webhook| (webhook["name"].as_str().unwrap().to_owned(), webhook))
    .collect()
}

#[test]
fn both_configurations_sort_before_cluster_apis() {
    assert_eq!(
        by_url().mutating().metadata.name.as_deref(),
        Some("basphere")
    );
    assert_eq!(
        by_url().validating().metadata.name.as_deref(),
        Some("basphere")
    );
    assert!("basphere" < "capi-mutating-webhook-configuration");
}

#[test]
fn what_waits_and_what_passes_while_basphere_is_away() {
    let policies: Vec<(String, String)> = webhooks(&by_url())
        .into_iter()
        .map(|(name, webhook)| (name, webhook["failurePolicy"].as_str().unwrap().to_owned()))
        .collect();
    let expect = |name: &str, policy: &str| (name.to_owned(), policy.to_owned());
    assert_eq!(
        policies,
        [
            expect("complete.controllers.basphere.dev", "Ignore"),
            expect("complete.immutable.basphere.dev", "Fail"),
            expect("complete.machines.basphere.dev", "Ignore"),
            expect("complete.own.basphere.dev", "Ignore"),
            expect("complete.tenants.basphere.dev", "Fail"),
            expect("validate.addons.basphere.dev", "Fail"),
            expect("validate.addresses.basphere.dev", "Fail"),
            expect("validate.admins.basphere.dev", "Fail"),
            expect("validate.configmaps.basphere.dev", "Ignore"),
            expect("validate.controllers.basphere.dev", "Ignore"),
            expect("validate.machines.basphere.dev", "Fail"),
            expect("validate.made.basphere.dev", "Ignore"),
            expect("validate.places.basphere.dev", "Fail"),
            expect("validate.scale.basphere.dev", "Fail"),
            expect("validate.secrets.basphere.dev", "Fail"),
            expect("validate.tenants.basphere.dev", "Fail"),
        ]
    );
}

#[test]
fn every_webhook_is_narrow() {
    for (name, webhook) in webhooks(&by_url()) {
        assert_eq!(webhook["sideEffects"], "NoneOnDryRun", "{name}");
        assert_eq!(webhook["matchPolicy"], "Equivalent", "{name}");
        assert_eq!(webhook["timeoutSeconds"], 5, "{name}");
        assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]), "{name}");
        let excluded = &webhook["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(excluded["operator"], "NotIn", "{name}");
        for namespace in [
            "kube-system",
            "basphere-system",
            "capi-system",
            "capv-system",
        ] {
            assert!(
                excluded["values"]
                    .as_array()
                    .unwrap()
                    .contains(&json!(namespace)),
                "{name}: {namespace}"
            );
        }
        for rule in webhook["rules"].as_array().unwrap() {
            let is_scale = name.contains(".scale.");
            let operations = rule["operations"].as_array().unwrap();
            assert_eq!(operations.contains(&json!("CREATE")), !is_scale, "{name}");
            assert!(operations.contains(&json!("UPDATE")), "{name}");
            let is_own = name.contains(".addresses.");
            assert_eq!(operations.contains(&json!("DELETE")), is_own, "{name}");
            let count = 2 - usize::from(is_scale) + usize::from(is_own);
            assert_eq!(operations.len(), count, "{name}");
            let is_everybodys = name.contains(".admins.") || name.contains(".own.");
            let scope = if is_everybodys || is_own {
                "*"
            } else {
                "Namespaced"
            };
            assert_eq!(rule["scope"], scope, "{name}");
            for resource in rule["resources"].as_array().unwrap() {
                let resource = resource.as_str().unwrap();
                assert!(!resource.contains('*'), "{name}: {resource}");
                assert_eq!(resource.ends_with("/scale"), is_scale, "{name}: {resource}");
                assert_eq!(resource.contains('/'), is_scale, "{name}: {resource}");
            }
        }
        let conditions = webhook["matchConditions"].as_array().unwrap();
        let last = match name.as_str() {
            "validate.scale.basphere.dev" => "grows",
            "validate.addresses.basphere.dev" | "complete.own.basphere.dev" => "others",
            _ => "changed",
        };
        assert_eq!(conditions.last().unwrap()["name"], last, "{name}");
    }
}

/// Rules ask for the versions of a kind's own group: others would never match, or come in words that
/// nobody reads.
#[test]
fn a_kind_is_asked_for_in_its_own_versions() {
    for (name, webhook) in webhooks(&by_url()) {
        for rule in webhook["rules"].as_array().unwrap() {
            for plural in rule["resources"].as_array().unwrap() {
                let plural = plural.as_str().unwrap().trim_end_matches("/scale");
                let kind = Kind::ALL.iter().find(|kind| kind.plural() == plural);
                let versions = kind.unwrap().versions().iter();
                let versions: Vec<_> = versions.map(ToString::to_string).collect();
                assert_eq!(rule["apiVersions"], json!(versions), "{name}: {plural}");
            }
        }
    }
    let versions = |kind: Kind| {
        json!(
            kind.versions()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        )
    };
    assert_eq!(
        versions(Kind::OpenStackCluster),
        json!(["v1alpha7", "v1beta1"])
    );
    assert_eq!(
        versions(Kind::VSphereCluster),
        json!(["v1beta1", "v1beta2"])
    );
}

/// Whether the decision puts an owner onto a new object of this kind.
fn is_owned(kind: Kind) -> bool {
    let examples = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/examples/site.yaml"
    );
    let text = std::fs::read_to_string(examples).unwrap();
    let site: Value = serde_saphyr::from_str(&text).unwrap();
    let spec: SiteSpec = serde_json::from_value(site["spec"].clone()).unwrap();
    let request = Request {
        phase: Phase::Mutate,
        operation: Operation::Create,
        subject: Subject {
            kind,
            version: kind.versions()[0],
        },
        namespace: "user-kim".to_owned(),
        name: "demo".to_owned(),
        requester: Requester::default(),
        part: Part::Whole,
        dry_run: false,
        object: Some(json!({"metadata": {"name": "demo"}})),
        old_object: None,
    };
    let site = Arc::new(Site::try_from(spec).unwrap());
    let snapshot = Snapshot::of(site, Timestamp::UNIX_EPOCH);
    let object = decide(&request, &snapshot).object.unwrap();
    object.pointer("/metadata/labels/owner") == Some(&json!("kim"))
}

#[test]
fn exactly_the_kinds_that_get_an_owner_are_completed() {
    let webhooks = webhooks(&by_url());
    for kind in Kind::ALL {
        let is_named = webhooks.iter().any(|(name, webhook)| {
            let rules = webhook["rules"].as_array().unwrap();
            name.starts_with("complete.")
                && rules.iter().any(|rule| {
                    let resources = rule["resources"].as_array().unwrap();
                    rule["apiGroups"] == json!([kind.group()])
                        && resources.contains(&json!(kind.plural()))
                })
        });
        // Of a Tenant it is written down who has set a limit.
        let is_completed = is_owned(*kind) || *kind == Kind::Tenant;
        assert_eq!(is_named, is_completed, "{kind}");
    }
}

/// No ConfigMap and no Secret waits for Basphere that holds nothing for a cluster.
#[test]
fn of_config_maps_and_secrets_only_payloads_are_asked_about() {
    let webhooks = webhooks(&by_url());
    let conditions = |name: &str| {
        let conditions = webhooks[name]["matchConditions"].as_array().unwrap();
        let texts = conditions.iter().map(|condition| {
            let text = |field: &str| condition[field].as_str().unwrap().to_owned();
            (text("name"), text("expression"))
        });
        texts.collect::<Vec<_>>()
    };
    let named = |name: &str| {
        conditions(name)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    for name in [
        "validate.secrets.basphere.dev",
        "validate.configmaps.basphere.dev",
    ] {
        assert_eq!(named(name), ["person", "payload", "changed"]);
        assert!(
            conditions(name)[2]
                .1
                .ends_with("|| object.?data != oldObject.?data")
        );
    }
    assert_eq!(
        conditions("validate.secrets.basphere.dev")[1].1,
        "object.?type.orValue('') == 'addons.cluster.x-k8s.io/resource-set'"
    );
    assert_eq!(
        conditions("validate.configmaps.basphere.dev")[1].1,
        "has(object.data) && object.data.exists(key, \
         object.data[key].contains('apiVersion') && object.data[key].contains('mage'))"
    );
}

#[test]
fn only_machines_are_looked_at_for_a_new_owner() {
    for (name, webhook) in webhooks(&by_url()) {
        if [
            ".scale.",
            ".addresses.",
            ".own.",
            ".secrets.",
            ".configmaps.",
        ]
        .iter()
        .any(|part| name.contains(part))
        {
            continue;
        }
        let changed = webhook["matchConditions"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["expression"]
            .to_string();
        assert_eq!(
            changed.contains("ownerReferences"),
            [".machines.", ".made.", ".immutable."]
                .iter()
                .any(|part| name.contains(part)),
            "{name}"
        );
        assert!(changed.contains("basphere.dev/requester"), "{name}");
    }
}

#[test]
fn mutation_is_repeated_when_another_webhook_changed_the_object() {
    for (name, webhook) in webhooks(&by_url()) {
        let expected = if name.starts_with("complete.") {
            json!("IfNeeded")
        } else {
            Value::Null
        };
        assert_eq!(webhook["reinvocationPolicy"], expected, "{name}");
    }
}

#[test]
fn a_url_or_a_service_is_called() {
    let client = |registration: &Registration, name: &str| {
        webhooks(registration)[name]["clientConfig"].clone()
    };
    assert_eq!(
        client(&by_url(), "complete.tenants.basphere.dev"),
        json!({"caBundle": "Q0E=", "url": "https://127.0.0.1:9443/mutate"})
    );
    let service = Endpoint::Service {
        namespace: "basphere-system".to_owned(),
        name: "webhook".to_owned(),
        port: 443,
    };
    let mut registration = registration(service);
    registration.ca_bundle = None;
    let expected = json!({"namespace": "basphere-system", "name": "webhook", "path": "/validate", "port": 443});
    assert_eq!(
        client(&registration, "validate.controllers.basphere.dev"),
        json!({"service": expected})
    );
}
