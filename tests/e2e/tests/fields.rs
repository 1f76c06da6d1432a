//! The table of fields is what the schemas of Cluster API and CAPV say.
//! `BASPHERE_BLESS=1 cargo test -p basphere-e2e --test fields` writes it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use basphere_api::fields::{Fields, Table};
use basphere_core::Kind;
use basphere_harness::{ApiVersion, cluster_api_crds, cluster_api_modules};

fn table(version: ApiVersion) -> Result<Table> {
    let mut table = Table::new(cluster_api_modules());
    for crd in cluster_api_crds(version)? {
        let text = |pointer: &str| crd.pointer(pointer).and_then(|value| value.as_str());
        let kind = text("/spec/names/kind").context("a CRD without a kind")?;
        // A kind that has not this version comes with another one.
        if text("/spec/versions/0/name") == Some(version.as_str()) {
            let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
            table.insert(kind, Fields::from_schema(schema.context("no schema")?));
        }
    }
    Ok(table)
}

#[test]
fn the_table_does_not_drift_from_the_schemas() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/api/src/fields");
    for version in ApiVersion::ALL {
        let text = table(version)?.render()?;
        let file = folder.join(format!("{version}.json"));
        if std::env::var_os("BASPHERE_BLESS").is_some() {
            std::fs::write(&file, &text)?;
        }
        let committed = std::fs::read_to_string(&file)?;
        ensure!(
            committed == text,
            "{} differs from the schemas; BASPHERE_BLESS=1 writes it anew",
            file.display()
        );
    }
    Ok(())
}

#[test]
fn what_is_embedded_is_what_was_rendered() -> Result<()> {
    for (version, core) in ApiVersion::ALL
        .into_iter()
        .zip(basphere_core::ApiVersion::ALL)
    {
        let table = table(version)?;
        for kind in Kind::ALL {
            let subject = basphere_core::Subject {
                kind: *kind,
                version: core,
            };
            ensure!(
                Fields::embedded(subject) == table.kind(kind.as_str()),
                "{kind} {version}"
            );
            // Cluster API has served it as v1alpha1 and v1beta2, and as nothing between.
            let is_missing = table.kind(kind.as_str()).is_none();
            ensure!(
                is_missing == (*kind == Kind::ExtensionConfig && version == ApiVersion::V1Beta1),
                "{kind} {version}"
            );
        }
    }
    Ok(())
}
