//! `deploy/crds` is what the Rust types say. `BASPHERE_BLESS=1 cargo test -p basphere-api` writes it.

use std::path::Path;

#[test]
fn committed_definitions_do_not_drift_from_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    let mut expected = Vec::new();
    for definition in basphere_api::crd::definitions() {
        let file = folder.join(format!("{}.yaml", definition.spec.names.plural));
        let value = serde_json::to_value(&definition).expect("a definition is JSON");
        let yaml = serde_saphyr::to_string(&value).expect("JSON is YAML");
        let yaml =
            format!("# Made from the Rust types in crates/api/src/crd.rs; do not edit.\n{yaml}");
        if std::env::var_os("BASPHERE_BLESS").is_some() {
            std::fs::write(&file, &yaml).expect("deploy/crds can be written");
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(committed, yaml, "{} differs from the types", file.display());
        expected.push(file.file_name().expect("a file").to_owned());
    }
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .expect("deploy/crds")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "deploy/crds holds exactly the definitions");
}
