use serde_json::json;

use super::*;

fn template(name: &str, rego: &str) -> String {
    let kind = name.replacen('o', "O", 1);
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": name},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    })
    .to_string()
}

const GOOD: &str = "package one\nviolation[{\"msg\": \"no\"}] { true }\n";

fn constraint(kind: &str) -> String {
    let version = "constraints.gatekeeper.sh/v1beta1";
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}).to_string()
}

fn told(files: &[(&str, String)]) -> Vec<String> {
    let files = files.iter().cloned();
    let files = files.map(|(name, text)| (PathBuf::from(name), text));
    match read(&files.collect()) {
        Ok(policies) => vec![format!(
            "{} templates, {} constraints",
            policies.templates().count(),
            policies.constraints().count()
        )],
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn documents_of_whatever_file_and_order_are_policies() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        serde_json::from_str::<Value>(&template("one", GOOD)).unwrap(),
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "no-policy"}},
    ]});
    let both = format!("{}\n---\n# Nothing.\n---\n{list}", constraint("One"));
    assert_eq!(told(&[("a.yaml", both)]), ["1 templates, 1 constraints"]);
    assert_eq!(
        told(&[
            ("a.json", constraint("One")),
            ("b.json", template("one", GOOD))
        ]),
        ["1 templates, 1 constraints"]
    );
    assert_eq!(told(&[]), ["0 templates, 0 constraints"]);
}

#[test]
fn everything_that_is_wrong_is_told_with_its_file() {
    let files = [
        ("a.yaml", "a: [".to_owned()),
        ("b.yaml", constraint("Other")),
        ("c.yaml", constraint("One")),
        ("d.yaml", constraint("One")),
        ("e.yaml", template("one", GOOD)),
        ("f.yaml", template("one", GOOD)),
        (
            "g.yaml",
            template("oops", "package oops\nviolation[x] { x = }\n"),
        ),
        ("h.yaml", constraint("Oops")),
    ];
    let told = told(&files);
    assert_eq!(
        told[1..4],
        [
            "b.yaml: Other a: there is no ConstraintTemplate other",
            "d.yaml: One a stands in two documents",
            "f.yaml: ConstraintTemplate one stands in two documents",
        ]
    );
    assert!(told[0].starts_with("a.yaml: no YAML: "), "{told:?}");
    assert!(
        told[4].starts_with("g.yaml: template oops: rego:2:"),
        "{told:?}"
    );
    assert_eq!(told.len(), 5, "the template of the last is told of already");
}

#[test]
fn rego_that_looks_for_nobody_knows_what_is_refused() {
    let rego = "package one\nviolation[{\"msg\": \"no\"}] {\n  data.inventory.cluster[_]\n}\n";
    assert_eq!(
        told(&[("a.yaml", template("one", rego))]),
        [
            "a.yaml: template one: rego:3:3: which kinds are looked for in data.inventory cannot be told here: \
          the annotation metadata.gatekeeper.sh/requires-sync-data has to name them"
        ]
    );
    let rego = rego.replace("[_]", ".v1.Node[_]");
    assert_eq!(
        told(&[("a.yaml", template("one", &rego))]),
        ["1 templates, 0 constraints"]
    );
    let comment = format!("{GOOD}# data.inventory[_]\n");
    assert_eq!(
        told(&[("a.yaml", template("one", &comment))]),
        ["1 templates, 0 constraints"]
    );
}

/// The same file means the same to kubectl.
#[test]
fn yaml_is_read_as_kubectl_reads_it() {
    let mut with_schema: Value = serde_json::from_str(&template("one", GOOD)).unwrap();
    let flag = json!({"type": "object", "properties": {"flag": {"type": "boolean"}}});
    with_schema["spec"]["crd"]["spec"]["validation"] = json!({"openAPIV3Schema": flag});
    let constraint = |flag: &str| {
        format!(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: One\nmetadata: {{name: a}}\n\
             spec: {{parameters: {{flag: {flag}}}}}\n---\n- no object\n---\njust: a document\n"
        )
    };
    let files = |flag: &str| {
        [
            ("a.yaml", with_schema.to_string()),
            ("b.yaml", constraint(flag)),
        ]
    };
    assert_eq!(told(&files("yes")), ["1 templates, 1 constraints"]);
    let quoted = told(&files("'yes'"));
    assert!(
        quoted[0].contains("spec.parameters.flag: must be of type boolean"),
        "{quoted:?}"
    );
}
