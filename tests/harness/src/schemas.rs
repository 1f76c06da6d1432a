//! The schemas of Cluster API and CAPV, for what is made from them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::crds::{ApiVersion, Crds};
use crate::progress::Progress;

const GO_MOD: &str = include_str!("../go/crds/go.mod");

/// The CRDs of Cluster API and CAPV, each with the schema of one version: this one where the kind has it.
///
/// # Errors
/// When they are not in the cache and cannot be rendered.
pub fn cluster_api_crds(version: ApiVersion) -> Result<Vec<Value>> {
    let crds = Crds::cluster_api(version, Progress::default())?;
    let mut list: Value = serde_json::from_str(&crds.manifest())?;
    let items = list.get_mut("items").context("a list without items")?;
    Ok(serde_json::from_value(items.take())?)
}

/// Module → version of those whose CRDs these are.
#[must_use]
pub fn cluster_api_modules() -> BTreeMap<String, String> {
    GO_MOD
        .lines()
        .filter(|line| line.starts_with('\t') && !line.contains("// indirect"))
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(module, version)| (module.to_owned(), version.to_owned()))
        .collect()
}
