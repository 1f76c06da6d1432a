//! The table of fields is what the schemas of Cluster API and CAPV say.
//! `BASPHERE_BLESS=1 cargo test -p basphere-e2e --test fields` writes it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use basphere_api::fields::{Fields, Table};
use basphere_core::{ApiVersion, Kind};
use basphere_harness::{ApiVersion as Suite, cluster_api_crds, cluster_api_modules};

/// The table of one version, out of all CRDs: which version a kind comes in differs between the two
/// suites.
fn table(version: ApiVersion) -> Result<Table> {
    let mut table = Table::new(cluster_api_modules());
    for suite in Suite::ALL {
        for crd in cluster_api_crds(suite)? {
            let text = |pointer: &str| crd.pointer(pointer).and_then(|value| value.as_str());
            let kind = text("/spec/names/kind").context("a CRD without a kind")?;
            if text("/spec/versions/0/name") == Some(version.as_str()) {
                let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
                table.insert(kind, Fields::from_schema(schema.context("no schema")?));
            }
        }
    }
    Ok(table)
}

/// All versions that any kind has.
fn versions() -> BTreeSet<ApiVersion> {
    Kind::ALL
        .iter()
        // Kubernetes' own kinds are no matter of schemas that we keep.
        .filter(|kind| !kind.group().is_empty())
        .flat_map(|kind| kind.versions())
        .copied()
        .collect()
}

#[test]
fn the_table_does_not_drift_from_the_schemas() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/api/src/fields");
    for version in versions() {
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
    let mut known = BTreeSet::new();
    for version in versions() {
        let table = table(version)?;
        for kind in Kind::ALL {
            let subject = basphere_core::Subject {
                kind: *kind,
                version,
            };
            let fields = table.kind(kind.as_str());
            ensure!(Fields::embedded(subject) == fields, "{kind} {version}");
            if fields.is_some() {
                ensure!(kind.versions().contains(&version), "{kind} {version}");
                known.insert(*kind);
            }
        }
    }
    for kind in Kind::ALL {
        // Metal3's CRDs are in no Go module; those of the harness have only what we touch.
        let is_metal3 = kind.as_str().starts_with("Metal3");
        // Our own are ours to keep.
        let is_ours = kind.group() == "basphere.dev";
        // Of the provider of add-ons there is no module that we build.
        let is_addon = kind.group().is_empty() || *kind == Kind::HelmChartProxy;
        let is_left_out = is_metal3 || is_ours || is_addon;
        ensure!(known.contains(kind) != is_left_out, "{kind}");
    }
    Ok(())
}
