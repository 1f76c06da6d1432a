use serde_json::{Value, json};

use super::{ANNOTATION, Inventory, Versioned};
use crate::compiled::Compiled;

fn template(rego: &str, annotation: Option<&str>) -> Value {
    let annotations = annotation.map(|text| json!({ANNOTATION: text}));
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "one", "annotations": annotations},
        "spec": {
            "crd": {"spec": {"names": {"kind": "One"}}},
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh",
                "rego": format!("package one\n\n{rego}\n"),
            }],
        },
    })
}

/// What a rule needs, sorted, or why that cannot be told.
fn needs(rego: &str, annotation: Option<&str>) -> Result<Vec<String>, String> {
    let compiled = Compiled::new(&template(rego, annotation)).unwrap();
    match compiled.needs() {
        Ok(needs) => Ok(needs.iter().map(ToString::to_string).collect()),
        Err(error) => Err(error.to_string()),
    }
}

fn violation(body: &str) -> String {
    format!("violation[{{\"msg\": \"no\"}}] {{\n  {body}\n}}")
}

#[test]
fn kinds_that_are_written_out_are_needed() {
    for (body, expected) in [
        (
            r#"data.inventory.cluster["v1"].Namespace[_].metadata.labels.a"#,
            vec!["v1 Namespace"],
        ),
        (
            r#"x := data.inventory.namespace[_][version]["Ingress"][_]; version != "v1""#,
            vec!["Ingress"],
        ),
        (
            r#"kind := "Service"; data.inventory.namespace[input.review.namespace]["v1"][kind][_]"#,
            vec!["v1 Service"],
        ),
        (
            r#"some kind in ["Pod", "Service"]
  count([1 | data.inventory.namespace[_]["v1"][kind][_]]) > 1"#,
            vec!["v1 Pod", "v1 Service"],
        ),
        (
            r#"version = ["v1", "v2"][_]; not data.inventory.cluster.v1.Node.a"#,
            vec!["v1 Node"],
        ),
        ("data.inventory.nothing[_]", vec![]),
        ("input.review.name == \"data.inventory\"", vec![]),
    ] {
        let rego = format!("import future.keywords.in\n{}", violation(body));
        assert_eq!(
            needs(&rego, None),
            Ok(expected.iter().map(ToString::to_string).collect()),
            "{body}"
        );
    }
}

#[test]
fn functions_and_libraries_are_looked_at_too() {
    let rego = format!(
        "others(kind) = n {{ n := count(data.inventory.cluster.v1.PersistentVolume) }}\n{}",
        violation("others(\"a\") > 1")
    );
    assert_eq!(
        needs(&rego, None),
        Ok(vec!["v1 PersistentVolume".to_owned()])
    );
}

#[test]
fn a_kind_that_nobody_can_tell_needs_the_annotation() {
    for body in [
        "data.inventory.namespace[_][_][_][_].metadata.labels.a",
        "data.inventory.cluster.v1[input.review.kind.kind]",
        "all := data.inventory; all.cluster",
        "x := data.inventory[_].v1.Pod",
        // The name is another variable's.
        "count([1 | k = \"Pod\"; k]) == 1; data.inventory.cluster.v1[k]",
    ] {
        let rego = violation(&format!("true\n  {body}"));
        let error = needs(&rego, None).unwrap_err();
        assert!(
            error.starts_with("template one: rego:5:") && error.ends_with("has to name them"),
            "{body}: {error}"
        );
        let annotated = needs(
            &rego,
            Some(r#"[[{"groups":[""],"versions":["v1"],"kinds":["Pod"]}]]"#),
        );
        assert_eq!(annotated, Ok(vec!["v1 Pod".to_owned()]), "{body}");
    }
}

/// As the templates of Gatekeeper's library write it.
#[test]
fn the_annotation_is_read_as_gatekeeper_reads_it() {
    let annotation = r#""[
      [
        {"groups": ["extensions"], "versions": ["v1beta1"], "kinds": ["Ingress"]},
        {"groups": ["networking.k8s.io"], "versions": ["v1beta1", "v1"], "kinds": ["Ingress"]}
      ],
      [{"groups": [""], "versions": ["v1"], "kinds": ["Service"]}]
    ]"
"#;
    let ingress = violation("data.inventory.namespace[_][_].Ingress[_]");
    assert_eq!(
        needs(&ingress, Some(annotation)),
        Ok(vec![
            "extensions/v1beta1 Ingress or networking.k8s.io/v1 Ingress or networking.k8s.io/v1beta1 Ingress"
                .to_owned(),
            "v1 Service".to_owned(),
        ]),
        "it says more than the Rego"
    );
    let node = violation("data.inventory.cluster[_].Node[_]");
    let needs_of_node = needs(&node, Some(annotation)).unwrap();
    assert!(
        needs_of_node.contains(&"Node".to_owned()),
        "{needs_of_node:?}"
    );
    let nothing = violation("true");
    assert_eq!(needs(&nothing, Some(annotation)), Ok(vec![]));
    for bad in ["invalid", r#"[[{"group": ["a"]}]]"#, "[{}]"] {
        let error = needs(&ingress, Some(bad)).unwrap_err();
        assert!(
            error.starts_with("metadata.annotations[metadata.gatekeeper.sh/requires-sync-data]: "),
            "{error}"
        );
    }
}

fn pod(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
    })
}

#[test]
fn what_is_seen_is_what_was_there_when_one_began_to_look() {
    let pods = Versioned {
        group_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    };
    let mut inventory = Inventory::default();
    inventory.put(pod("a", "one", &json!({"large": 1_000_000})));
    inventory.put(json!({"apiVersion": "apps/v1", "kind": "Thing", "metadata": {"name": "x"}}));
    let before = inventory.shown().clone();
    inventory.put(pod("a", "one", &json!({})));
    inventory.put(pod("b", "two", &json!({})));
    inventory.remove(&pods, "a", "one");
    inventory.remove(&pods, "a", "one");
    inventory.remove(&pods, "nowhere", "one");
    let one = pod("a", "one", &json!({"large": 1e6}));
    let two = pod("b", "two", &json!({}));
    let thing = json!({"apps/v1": {"Thing": {"x": {"apiVersion": "apps/v1", "kind": "Thing", "metadata": {"name": "x"}}}}});
    assert_eq!(
        before,
        json!({
            "cluster": thing,
            "namespace": {"a": {"v1": {"Pod": {"one": one}}}},
        })
        .into()
    );
    assert_eq!(
        *inventory.shown(),
        json!({
            "cluster": thing,
            "namespace": {"b": {"v1": {"Pod": {"two": two}}}},
        })
        .into()
    );
}

/// Names of objects come and go.
#[test]
fn names_that_nobody_uses_are_not_kept() {
    let of = Versioned {
        group_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    };
    let mut inventory = Inventory::default();
    for index in 0..10 * super::FEWEST_NAMES {
        let label = format!("label-{index}");
        inventory.put(pod("a", "one", &json!({label: ""})));
    }
    inventory.remove(&of, "a", "one");
    assert!(inventory.names.len() <= super::FEWEST_NAMES + 16);
    assert_eq!(*inventory.shown(), json!({}).into());
}
