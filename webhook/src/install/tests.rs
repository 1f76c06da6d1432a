use std::collections::BTreeSet;

use super::*;

/// Whoever adds a policy to the bundle adds it here, too.
#[test]
fn what_is_shipped_is_the_bundle() {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/workload");
    let files = collect(&bundle).unwrap().into_iter();
    let policies: BTreeSet<_> = files
        .filter(|(path, text)| holds_policies(path, text))
        .map(|(path, text)| (path.strip_prefix(&bundle).unwrap().to_owned(), text))
        .collect();
    assert_eq!(policies, shipped().into_iter().collect());
}

#[test]
fn two_files_of_one_key_are_refused() {
    let template = SHIPPED[0].1.to_owned();
    let files = ["a/b.yaml", "a.b.yaml"].map(|path| (PathBuf::from(path), template.clone()));
    let refused = keys(Path::new(""), files.into()).unwrap_err().to_string();
    assert_eq!(refused, "a.b.yaml would stand for two files in a ConfigMap");
}

#[test]
fn what_would_not_be_taken_is_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.yaml");
    std::fs::write(&file, SHIPPED[0].1.replace("package ", "packages ")).unwrap();
    let refused = workload_manifest(Some(directory.path()), None)
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with(&format!("{}: template ", file.display())),
        "{refused}"
    );
    std::fs::write(&file, "kind: Site").unwrap();
    let refused = format!("{:#}", workload_manifest(None, Some(&file)).unwrap_err());
    assert!(refused.contains("there is no Site in it"), "{refused}");
}

#[test]
fn of_a_site_nothing_but_its_images_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("site.yaml");
    let site = "apiVersion: basphere.dev/v1alpha1\nkind: Site\nspec:\n  vsphere: {server: secret.example}\n  \
                images:\n    registries: [harbor.example]\n    rewrite: {docker.io: harbor.example/hub}\n";
    std::fs::write(&file, site).unwrap();
    let manifest = workload_manifest(None, Some(&file)).unwrap();
    assert!(!manifest.contains("secret.example"), "{manifest}");
    assert!(
        manifest.contains("docker.io: harbor.example/hub"),
        "{manifest}"
    );
    assert!(
        manifest.contains("startsWith('harbor.example/')"),
        "{manifest}"
    );
}

#[test]
fn what_is_mounted_is_what_was_given() {
    let manifest = workload_manifest(None, None).unwrap();
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    let objects: Vec<serde_json::Value> =
        serde_saphyr::from_multiple_with_options(&manifest, options).unwrap();
    let map = objects
        .iter()
        .find(|object| object["kind"] == "ConfigMap")
        .unwrap();
    let data = map["data"].as_object().unwrap();
    assert_eq!(data.len(), SHIPPED.len());
    for (path, text) in SHIPPED {
        assert_eq!(data[&path.replace('/', ".")], *text, "{path}");
    }
}
