//! Which fields and kinds there are: the cluster's own, or else those that the plugin carries.

use std::collections::BTreeMap;

use basphere_api::fields::{self, Fields, Published};
use basphere_core::{Finding, Subject};
use serde_json::Value;

use super::cluster::Cluster;
use super::report::Item;

/// What the cluster serves, read once for each group version.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Served>);

enum Served {
    Published(Published),
    /// It is not; these versions of the group are.
    Not(Vec<String>),
    /// It cannot be told.
    Unread,
}

impl Schemas {
    /// Reads what the cluster publishes of a group version. What cannot be read is said.
    pub(super) fn read(
        &mut self,
        cluster: Option<&Cluster>,
        api_version: &str,
        notices: &mut Vec<String>,
    ) {
        if self.0.contains_key(api_version) || !fields::is_ours(api_version) {
            return;
        }
        let Some(cluster) = cluster else { return };
        let served = served(cluster, api_version).unwrap_or_else(|error| {
            notices.push(format!(
                "cannot read the schemas of {api_version} ({error:#}): fields and kinds are taken to be those of {}",
                fields::sources()
            ));
            Served::Unread
        });
        self.0.insert(api_version.to_owned(), served);
    }

    /// Refuses an object of a kind that there is not.
    pub(super) fn refuse_unknown_kind(&self, item: &mut Item) {
        let (api_version, kind) = (item.api_version.as_str(), item.kind.as_str());
        let (finding, is_sure) = match self.0.get(api_version) {
            Some(Served::Published(published)) => (published.unknown_kind(api_version, kind), true),
            Some(Served::Not(versions)) => (Some(not_served(api_version, kind, versions)), true),
            Some(Served::Unread) | None => (fields::unknown_kind(api_version, kind), false),
        };
        item.refuse(finding.into_iter().collect(), is_sure);
    }

    /// Refuses fields that there are not: of what is written, since what is stored is what the API
    /// server took.
    pub(super) fn refuse_unknown_fields(&self, subject: Subject, written: &Value, item: &mut Item) {
        let published = match self.0.get(&item.api_version) {
            Some(Served::Published(published)) => published.kind(&item.kind),
            _ => None,
        };
        let findings = match published {
            Some(fields) => fields.unknown(subject, written),
            None => Fields::embedded(subject)
                .map(|fields| fields.unknown(subject, written))
                .unwrap_or_default(),
        };
        item.refuse(findings, published.is_some());
    }
}

fn served(cluster: &Cluster, api_version: &str) -> anyhow::Result<Served> {
    let Some(document) = cluster.openapi(&format!("/apis/{api_version}"))? else {
        let index = cluster.openapi("")?.unwrap_or_default();
        let group = api_version.split('/').next().unwrap_or_default();
        return Ok(Served::Not(fields::served_versions(&index, group)));
    };
    Published::from_document(&document, api_version)
        .map(Served::Published)
        .ok_or_else(|| anyhow::anyhow!("the document has none"))
}

/// The newest of what is served is the nearest; without any, what the plugin knows.
fn not_served(api_version: &str, kind: &str, versions: &[String]) -> Finding {
    match versions.last() {
        Some(nearest) => fields::not_served(api_version, kind, Some(nearest)),
        None => fields::unknown_kind(api_version, kind)
            .unwrap_or_else(|| fields::not_served(api_version, kind, None)),
    }
}
