use serde_json::json;

use super::*;

fn application(policies: &[(&str, usize)]) -> Application {
    let policies = policies.iter();
    Application {
        policies: policies
            .map(|(name, size)| ((*name).to_owned(), "x".repeat(*size)))
            .collect(),
        kinds: [(String::new(), "Pod".to_owned())].into(),
        images: None,
    }
}

fn of_kind(objects: &[Value], kind: &str) -> Vec<Value> {
    let found = objects.iter().filter(|object| object["kind"] == kind);
    found.cloned().collect()
}

#[test]
fn what_fits_into_no_config_map_is_shared_among_several() {
    let half = MOST_BYTES / 2;
    let objects = application_objects(&application(&[
        ("a.yaml", half),
        ("b.yaml", half),
        ("c.yaml", 1),
    ]))
    .unwrap();
    let maps = of_kind(&objects, "ConfigMap");
    let keys: Vec<Vec<_>> = maps
        .iter()
        .map(|map| map["data"].as_object().unwrap().keys().cloned().collect())
        .collect();
    assert_eq!(keys, [vec!["a.yaml"], vec!["b.yaml", "c.yaml"]]);
    let volumes = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["volumes"];
    let sources = json!([
        {"configMap": {"name": "basphere-policies"}},
        {"configMap": {"name": "basphere-policies-2"}},
    ]);
    assert_eq!(volumes[1]["projected"]["sources"], sources);
}

#[test]
fn what_cannot_be_a_key_is_refused_by_name() {
    for (name, size, words) in [
        ("a b.yaml", 1, "\"a b.yaml\" cannot be a key of a ConfigMap"),
        (
            ".hidden.yaml",
            1,
            "\".hidden.yaml\" cannot be a key of a ConfigMap",
        ),
        (
            "big.yaml",
            MOST_BYTES,
            "big.yaml is larger than 768 KiB, which fits into no ConfigMap",
        ),
    ] {
        let refused = application_objects(&application(&[(name, size)])).unwrap_err();
        assert_eq!(refused.to_string(), words);
    }
}

#[test]
fn images_are_rewritten_only_where_rules_are_given() {
    let mut application = application(&[("a.yaml", 1)]);
    let objects = application_objects(&application).unwrap();
    assert_eq!(
        of_kind(&objects, "MutatingWebhookConfiguration"),
        [] as [Value; 0]
    );
    application.images = Some(Images {
        manifest: "kind: Site".to_owned(),
        hosts: ["harbor.corp.example".to_owned()].into(),
    });
    let objects = application_objects(&application).unwrap();
    let gates: Vec<_> = objects
        .iter()
        .rev()
        .take(2)
        .map(|object| &object["metadata"]["name"])
        .collect();
    assert_eq!(gates, ["basphere-policies", "basphere-images"]);
    let container =
        &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].to_string();
    assert!(
        arguments.contains("\"--images=/etc/basphere/images/site.yaml\""),
        "{arguments}"
    );
    let mounts: Vec<_> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| &mount["mountPath"])
        .collect();
    assert_eq!(
        mounts,
        [
            "/etc/basphere/tls",
            "/etc/basphere/policies",
            "/etc/basphere/images"
        ]
    );
}

#[test]
fn nothing_of_cluster_api_is_asked_for() {
    let objects = application_objects(&application(&[("a.yaml", 1)])).unwrap();
    let text = json!(objects).to_string();
    assert!(!text.contains("x-k8s.io/v1beta"), "{text}");
    let definitions = of_kind(&objects, "CustomResourceDefinition");
    let definitions: Vec<_> = definitions
        .iter()
        .map(|it| &it["metadata"]["name"])
        .collect();
    assert_eq!(definitions, ["policywaivers.basphere.dev"]);
    let roles = of_kind(&objects, "ClusterRole");
    // Those of the audit are listed one by one where they are made.
    let (audit, others): (Vec<_>, Vec<_>) = roles.into_iter().partition(|role| {
        let name = role["metadata"]["name"].as_str().unwrap();
        name.starts_with("basphere-audit")
    });
    let rules = json!([
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["basphere.dev"], "resources": ["policywaivers"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["basphere.dev"], "resources": ["policywaivers/status"], "verbs": ["update"]},
    ]);
    assert_eq!(others.len(), 1);
    assert_eq!(others[0]["rules"], rules);
    assert_eq!(audit.len(), 3);
}
