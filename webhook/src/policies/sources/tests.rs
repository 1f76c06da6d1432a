use serde_json::json;

use super::*;

fn templates(sources: &Sources) -> Option<usize> {
    let policies = sources.shelf.current();
    policies.map(|policies| policies.templates().count())
}

fn template(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": name},
        "spec": {
            "crd": {"spec": {"names": {"kind": name}}},
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh",
                "rego": "package one\nviolation[{\"msg\": \"no\"}] { true }",
            }],
        },
    })
}

#[test]
fn nothing_is_in_force_before_every_source_has_said_something() {
    let sources = Sources::new(Arc::default(), Arc::default(), true, true);
    let mut directory = Policies::default();
    directory.add_template(&template("one")).unwrap();
    sources.put_directory(directory.clone(), Vec::new());
    assert_eq!(templates(&sources), None);
    sources.change_cluster(|kept| kept.put_template(template("two")));
    assert_eq!(templates(&sources), Some(2));

    let sources = Sources::new(Arc::default(), Arc::default(), false, true);
    assert!(!sources.has_directory());
    sources.change_cluster(|_| false);
    assert_eq!(
        templates(&sources),
        Some(0),
        "a cluster without policies has said so"
    );
}

#[test]
fn what_changes_nothing_is_not_put_in_force_again() {
    let sources = Sources::new(Arc::default(), Arc::default(), false, true);
    sources.change_cluster(|kept| kept.put_template(template("one")));
    let before = sources.shelf.current().unwrap();
    sources.change_cluster(|kept| kept.put_template(template("one")));
    assert!(Arc::ptr_eq(&before, &sources.shelf.current().unwrap()));
}

#[test]
fn policies_are_valid_when_all_sources_are() {
    let sources = Sources::new(Arc::default(), Arc::default(), true, true);
    let is_valid = || {
        sources
            .metrics
            .render()
            .unwrap()
            .contains("basphere_policies_valid 1\n")
    };
    sources.change_cluster(|kept| kept.put_template(template("one")));
    sources.put_directory(Policies::default(), Vec::new());
    assert!(is_valid());
    sources.refuse_directory();
    sources.change_cluster(|kept| kept.put_template(template("two")));
    assert!(!is_valid(), "the directory is still no good");
    sources.put_directory(Policies::default(), Vec::new());
    assert!(is_valid());
    sources.change_cluster(|kept| kept.put_template(json!({"metadata": {"name": "bad"}})));
    assert!(!is_valid());
    assert!(
        sources
            .metrics
            .render()
            .unwrap()
            .contains("basphere_policies_refused 1\n")
    );
}
