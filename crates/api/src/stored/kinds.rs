//! The kinds that an API server stores, and those of them that policies ask about.

use std::collections::{BTreeSet, HashSet};

use kube::core::ApiResource;
use kube::core::discovery::v2::{APIGroupDiscoveryList, APIResourceDiscovery};

use crate::registration::{ANY, QUESTIONS, ROUTINE};

/// A kind that is stored and can be listed, at the version that its group prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it is.
    pub resource: ApiResource,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
    /// Whether it has a status of its own to write.
    pub has_status: bool,
}

/// Events and Leases are written all the time and mean nothing later: nobody lists them for policies, whoever asks.
const NEVER: [(&str, &str); 3] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("coordination.k8s.io", "Lease"),
];
/// Groups of what engines, ours among them, say about objects: they would report on reports.
const REPORTS: [&str; 4] = [
    "openreports.io",
    "reports.kyverno.io",
    "reports.x-k8s.io",
    "wgpolicyk8s.io",
];
/// Groups whose objects are computed when they are asked for.
const COMPUTED: [&str; 3] = [
    "custom.metrics.k8s.io",
    "external.metrics.k8s.io",
    "metrics.k8s.io",
];
/// Kinds that Basphere itself writes, or that show what others know.
const OURS: [(&str, &str); 3] = [
    ("", "ComponentStatus"),
    ("basphere.dev", "AddressLease"),
    ("basphere.dev", "TenantQuota"),
];

/// All kinds that can be listed, out of the two documents of aggregated discovery: that of the core group, and that of
/// the others. Of what is served in several versions, the one that the group prefers.
#[must_use]
pub fn served(core: &APIGroupDiscoveryList, groups: &APIGroupDiscoveryList) -> Vec<Stored> {
    let mut known = HashSet::new();
    let mut stored = Vec::new();
    for group in core.items.iter().chain(&groups.items) {
        let name = group.metadata.as_ref().and_then(|it| it.name.as_deref());
        let name = name.unwrap_or_default();
        for version in &group.versions {
            let resources = version.resources.iter();
            for resource in resources.filter(|it| it.verbs.iter().any(|verb| verb == "list")) {
                let found = stored_of(name, version.version.as_deref(), resource);
                let new = found.filter(|it| known.insert((name, it.resource.kind.clone())));
                stored.extend(new);
            }
        }
    }
    stored.sort_by(|one, other| {
        let key = |it: &Stored| (it.resource.group.clone(), it.resource.kind.clone());
        key(one).cmp(&key(other))
    });
    stored
}

fn stored_of(group: &str, version: Option<&str>, found: &APIResourceDiscovery) -> Option<Stored> {
    let version = version?.to_owned();
    let kind = found.response_kind.as_ref()?.kind.clone()?;
    let api_version = match group {
        "" => version.clone(),
        _ => format!("{group}/{version}"),
    };
    let status = |it: &str| it == "status";
    let mut subresources = found.subresources.iter();
    Some(Stored {
        resource: ApiResource {
            group: group.to_owned(),
            version,
            api_version,
            kind,
            plural: found.resource.clone()?,
        },
        is_namespaced: found.scope.as_deref() == Some("Namespaced"),
        has_status: subresources.any(|it| it.subresource.as_deref().is_some_and(status)),
    })
}

/// Those of the kinds that policies ask about, `*` standing for all. A star does not stand for what the cluster writes
/// all the time, for questions, for what is computed, and for what Basphere writes itself.
#[must_use]
pub fn asked<'a>(stored: &'a [Stored], kinds: &BTreeSet<(String, String)>) -> Vec<&'a Stored> {
    let is_asked = |it: &&Stored| {
        let (group, kind) = (it.resource.group.as_str(), it.resource.kind.as_str());
        if NEVER.contains(&(group, kind)) || REPORTS.contains(&group) {
            return false;
        }
        let is_named = |wanted: &str, name: &str| wanted == ANY || wanted == name;
        let mut asking = kinds
            .iter()
            .filter(|(of_group, of_kind)| is_named(of_group, group) && is_named(of_kind, kind));
        let by_name = |(of_group, of_kind): &(String, String)| of_group != ANY && of_kind != ANY;
        match is_of_the_cluster_itself(group, kind) {
            true => asking.any(by_name),
            false => asking.next().is_some(),
        }
    };
    stored.iter().filter(is_asked).collect()
}

fn is_of_the_cluster_itself(group: &str, kind: &str) -> bool {
    ROUTINE.contains(&format!("{group}/{kind}").as_str())
        || QUESTIONS.contains(&group)
        || COMPUTED.contains(&group)
        || OURS.contains(&(group, kind))
}
