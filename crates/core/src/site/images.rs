//! Which images clusters are made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the images of clusters, and what is fetched for them, may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageRules {
    /// The registries that images may come from: host, port where it has one, and optionally a project, such
    /// as `harbor.corp.example:8443` or `harbor.corp.example:8443/kubernetes`. Host and port must be
    /// those of a reference exactly.
    #[schemars(length(min = 1, max = 64))]
    pub registries: Vec<String>,
    /// Hosts, with their ports, that manifests, charts and scripts may be fetched from, beside the
    /// registries: `mirror.corp.example`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub sources: Vec<String>,
    /// Which project stands in for which other registry: `docker.io: harbor.corp.example:8443/docker.io`.
    /// What new control planes and templates name there is rewritten; left out, it is refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rewrite: BTreeMap<String, String>,
}
