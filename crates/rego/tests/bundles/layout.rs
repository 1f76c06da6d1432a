//! What all policies have in common: shared modules, templates of two bundles, lists, and what a bundle must not have.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use basphere_rego::{Constraint, Policies, Review, Source, Template};
use serde_json::{Value, json};

use crate::suites::{document, policies, root, tests};

const LIBS: &str = "        libs:\n";
const INDENT: &str = "          ";

/// Every kind that is or makes pods.
const MAKE_PODS: [(&str, &str); 9] = [
    ("v1", "Pod"),
    ("v1", "PodTemplate"),
    ("v1", "ReplicationController"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
];

/// The shared modules that a module imports, and those that these import, by name.
fn imported(rego: &str, modules: &mut BTreeMap<String, String>) {
    let names = rego.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("import data.lib.")
    });
    for name in names {
        let file = root().join("lib").join(format!("{name}.rego"));
        let module = fs::read_to_string(&file).expect("a shared module");
        imported(&module, modules);
        modules.insert(name.to_owned(), module);
    }
}

/// A template with the shared modules as they stand in `policies/lib`: they are the end of its file.
fn with_modules(template: &str) -> String {
    let own = template.split(LIBS).next().expect("a first part");
    let mut modules = BTreeMap::new();
    imported(own, &mut modules);
    let mut text = own.to_owned();
    if !modules.is_empty() {
        text.push_str(LIBS);
    }
    for module in modules.values() {
        text.push_str("        - |\n");
        for line in module.lines() {
            let indent = if line.is_empty() { "" } else { INDENT };
            writeln!(text, "{indent}{line}").expect("a text grows");
        }
    }
    text
}

#[test]
fn templates_have_the_shared_modules_as_they_are() {
    for policy in policies() {
        let file = policy.join("template.yaml");
        let committed = fs::read_to_string(&file).expect("a template");
        let expected = with_modules(&committed);
        if std::env::var_os("BASPHERE_BLESS").is_some() {
            fs::write(&file, &expected).expect("policies can be written");
        } else {
            assert_eq!(committed, expected, "{} has drifted", file.display());
        }
    }
}

#[test]
fn a_template_of_two_bundles_is_one() {
    let mut known: BTreeMap<String, (PathBuf, Value)> = BTreeMap::new();
    for policy in policies() {
        let template = document(&policy.join("template.yaml"));
        let name = template["metadata"]["name"].to_string();
        if let Some((other, same)) = known.get(&name) {
            assert_eq!(&template, same, "{policy:?} and {other:?}");
        }
        known.insert(name, (policy, template));
    }
}

/// The templates and constraints of a bundle that are in force, as paths within it.
fn in_force(bundle: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for policy in policies() {
        let Ok(folder) = policy.strip_prefix(bundle) else {
            continue;
        };
        let entries = fs::read_dir(&policy).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.filter(|name| {
            let name = name.to_string_lossy();
            name == "template.yaml" || name.starts_with("constraint")
        });
        files.extend(names.map(|name| folder.join(name)));
    }
    // Templates come first, since constraints need theirs.
    files.sort_by_key(|file| (!file.ends_with("template.yaml"), file.clone()));
    files
}

fn bundles() -> [PathBuf; 2] {
    ["management", "workload"].map(|name| root().join(name))
}

#[test]
fn kustomizations_name_what_is_in_force() {
    for bundle in bundles() {
        let kustomization = document(&bundle.join("kustomization.yaml"));
        assert_eq!(
            kustomization["resources"],
            json!(in_force(&bundle)),
            "{bundle:?}"
        );
    }
}

#[test]
fn a_bundle_can_be_loaded_at_once() {
    for bundle in bundles() {
        let mut policies = Policies::default();
        for file in in_force(&bundle) {
            let document = document(&bundle.join(&file));
            if file.ends_with("template.yaml") {
                policies.add_template(&document).expect("a template");
            } else {
                policies.add_constraint(&document).expect("a constraint");
            }
        }
    }
}

#[test]
fn the_management_cluster_has_no_policy_about_pods() {
    let bundle = &bundles()[0];
    let constraints = in_force(bundle);
    let constraints = constraints
        .iter()
        .filter(|file| !file.ends_with("template.yaml"));
    for file in constraints {
        let path = bundle.join(file);
        let template = document(&path.with_file_name("template.yaml"));
        let template = Template::read(&template).expect("a template");
        let constraint = Constraint::read(&document(&path), &template).expect("a constraint");
        for (api_version, kind) in MAKE_PODS {
            let metadata = json!({"name": "web", "namespace": "user-kim"});
            let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
            let review = Review::of_object(object, Some("CREATE"), Source::Original);
            let matches = constraint.matches.matches(&review.expect("an object"));
            assert!(matches!(matches, Ok(false)), "{file:?} is about {kind}");
        }
    }
}

#[test]
fn every_policy_is_tried_by_what_passes_and_what_fails() {
    for policy in policies() {
        let tests = tests(&policy);
        let assertions: Vec<_> = tests
            .iter()
            .flat_map(|test| &test.cases)
            .flat_map(|case| &case.assertions)
            .collect();
        let passes = assertions.iter().any(|it| it["violations"] == "no");
        let fails = assertions
            .iter()
            .any(|it| it["message"].is_string() && it["violations"] == 1);
        assert!(passes && fails, "{policy:?}");
        let deletes = |object: &Value| object["request"]["operation"] == "DELETE";
        let is_deleted = tests
            .iter()
            .flat_map(|test| &test.cases)
            .any(|case| deletes(&case.object));
        assert!(is_deleted, "{policy:?} has no case of a deletion");
    }
}

#[test]
fn the_readme_lists_every_constraint_with_its_action() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    for bundle in bundles() {
        for file in in_force(&bundle) {
            let constraint = document(&bundle.join(&file));
            let action = constraint["spec"]["enforcementAction"].as_str();
            if file.ends_with("template.yaml") {
                continue;
            }
            let policy = file.parent().expect("a folder").display();
            let name = constraint["metadata"]["name"].as_str().expect("a name");
            let row = format!("| `{policy}` | `{name}` | {} |", action.expect("an action"));
            assert!(readme.contains(&row), "README.md lacks {row}");
        }
    }
}
