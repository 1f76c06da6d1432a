//! What users may have, which `config.yaml` and `specs.yaml` both tell: the Site's default limits, and
//! those of single users.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use basphere_core::quota::{Limits, Override, SiteQuotas, TenantSpec};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{self, Config, Specs};

/// The key of what everybody may have.
const EVERYBODY: &str = "default";

/// What a user may have, as `config.yaml` says it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OfConfig {
    max_vms: Option<u64>,
    max_clusters: Option<u64>,
    max_ips: Option<u64>,
}

/// What a user may have, as `specs.yaml` says it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OfSpecs {
    max_clusters: Option<u64>,
    max_nodes_per_cluster: Option<u64>,
}

/// The limits of both files.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    /// Nothing, where the files say nothing, so that the Site's own defaults stay.
    pub(crate) site: SiteQuotas,
    /// Tenants with limits of their own.
    pub(crate) tenants: BTreeMap<String, TenantSpec>,
    /// Why no Site can be made of them.
    pub(crate) contradiction: Option<String>,
    /// What contradicts itself of single users, and is left out.
    pub(crate) faults: Vec<String>,
}

/// Reads the limits.
///
/// # Errors
/// What is no number, or no limit that the bastion knows.
pub(crate) fn read(config: &Config, specs: &Specs, prefix: &str) -> Result<Quotas> {
    let of_config: BTreeMap<String, OfConfig> = each("config.yaml: quotas", &config.quotas)?;
    let of_specs: BTreeMap<String, OfSpecs> =
        each("specs.yaml: cluster_quotas", &specs.cluster_quotas)?;
    let mut quotas = Quotas::default();
    let users: BTreeSet<_> = of_config.keys().chain(of_specs.keys()).collect();
    for user in users {
        let both = (
            of_config.get(user).cloned().unwrap_or_default(),
            of_specs.get(user).cloned().unwrap_or_default(),
        );
        let (limits, contradiction) = limits(user, &both);
        if user == EVERYBODY {
            quotas.site.default = quotas.site.default.under(&limits);
            quotas.contradiction = contradiction;
            continue;
        }
        quotas.faults.extend(contradiction);
        if let Err(fault) = super::text::user(user, prefix) {
            quotas.faults.push(format!("quotas of {user}: {fault}"));
        } else if !limits.is_empty() {
            let files = [
                ("config.yaml", of_config.contains_key(user)),
                ("specs.yaml", of_specs.contains_key(user)),
            ];
            let files: Vec<_> = files
                .iter()
                .filter(|(_, has)| *has)
                .map(|(file, _)| *file)
                .collect();
            let set = Override {
                limits,
                reason: format!("imported from {}", files.join(" and ")),
                ..Override::default()
            };
            let spec = TenantSpec {
                quotas: vec![set],
                ..TenantSpec::default()
            };
            quotas.tenants.insert(user.clone(), spec);
        }
    }
    Ok(quotas)
}

fn each<T: for<'a> Deserialize<'a>>(
    path: &str,
    quotas: &Map<String, Value>,
) -> Result<BTreeMap<String, T>> {
    let read = |(user, of): (&String, &Value)| {
        let of = config::part(of.clone()).with_context(|| format!("{path}.{user}"))?;
        Ok((user.clone(), of))
    };
    quotas.iter().map(read).collect()
}

/// A VM and a machine are one thing to Basphere. Of two numbers that differ neither is taken.
fn limits(user: &str, (config, specs): &(OfConfig, OfSpecs)) -> (Limits, Option<String>) {
    let differ = match (config.max_clusters, specs.max_clusters) {
        (Some(one), Some(other)) if one != other => Some(format!(
            "config.yaml: quotas.{user}.max_clusters is {one}, and specs.yaml: cluster_quotas.{user}.max_clusters is {other}"
        )),
        _ => None,
    };
    let clusters = config.max_clusters.or(specs.max_clusters);
    let limits = Limits {
        clusters: clusters.filter(|_| differ.is_none()),
        nodes_per_cluster: specs.max_nodes_per_cluster,
        nodes: config.max_vms,
        addresses: config.max_ips,
        ..Limits::default()
    };
    (limits, differ)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(quotas: Value, cluster_quotas: Value) -> Result<Quotas> {
        let config = config::part(json!({"quotas": quotas}))?;
        let specs = config::part(json!({"cluster_quotas": cluster_quotas}))?;
        read(&config, &specs, "user-")
    }

    #[test]
    fn both_files_together_are_the_sites_default() {
        let quotas = of(
            json!({"default": {"max_vms": 10, "max_clusters": 3, "max_ips": 32}}),
            json!({"default": {"max_clusters": 3, "max_nodes_per_cluster": 10}}),
        )
        .unwrap();
        let limits = Limits {
            clusters: Some(3),
            nodes_per_cluster: Some(10),
            nodes: Some(10),
            addresses: Some(32),
            ..Limits::default()
        };
        assert_eq!(quotas.site.default, limits);
        assert!(quotas.tenants.is_empty() && quotas.faults.is_empty());
        // What the files do not say is as every Site has it.
        assert_eq!(
            of(json!({}), json!({})).unwrap().site,
            SiteQuotas::default()
        );
    }

    #[test]
    fn of_two_numbers_that_differ_neither_is_taken() {
        let quotas = of(
            json!({"default": {"max_clusters": 5}, "kim": {"max_clusters": 7, "max_vms": 30}}),
            json!({"default": {"max_clusters": 4}, "kim": {"max_clusters": 8}}),
        )
        .unwrap();
        assert_eq!(quotas.site, SiteQuotas::default());
        let set = &quotas.tenants["kim"].quotas[0];
        assert_eq!((set.limits.clusters, set.limits.nodes), (None, Some(30)));
        let differ = |user, one, other| {
            format!(
                "config.yaml: quotas.{user}.max_clusters is {one}, and specs.yaml: cluster_quotas.{user}.max_clusters is {other}"
            )
        };
        assert_eq!(quotas.contradiction, Some(differ("default", 5, 4)));
        assert_eq!(quotas.faults, [differ("kim", 7, 8)]);
    }

    #[test]
    fn a_users_own_limits_become_the_tenants_with_a_reason() {
        let quotas = of(
            json!({"kim": {"max_ips": 64}}),
            json!({"kim": {"max_clusters": 8}, "lee": {}}),
        )
        .unwrap();
        let set = &quotas.tenants["kim"].quotas[0];
        assert_eq!(
            (
                set.limits.addresses,
                set.limits.clusters,
                set.reason.as_str()
            ),
            (
                Some(64),
                Some(8),
                "imported from config.yaml and specs.yaml"
            )
        );
        assert_eq!(quotas.tenants.len(), 1);
        let quotas = of(json!({}), json!({"Kim": {"max_clusters": 8}})).unwrap();
        assert!(
            quotas.faults[0].starts_with("quotas of Kim: user: \"Kim\" is no name"),
            "{:?}",
            quotas.faults
        );
    }

    #[test]
    fn what_is_no_limit_is_an_error() {
        let error = of(json!({"default": {"max_vm": 10}}), json!({})).unwrap_err();
        assert!(
            format!("{error:#}")
                .starts_with("config.yaml: quotas.default: max_vm: unknown field `max_vm`"),
            "{error:#}"
        );
    }
}
