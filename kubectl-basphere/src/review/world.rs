//! Where a review looks things up: a cluster, or files that tell what a cluster holds.

use anyhow::Result;
use basphere_core::quota::Report;
use basphere_core::{Kind, NamespaceFacts, Site, Subject};
use serde_json::Value;

use super::cluster::Cluster;
use super::state::State;

/// Where things are looked up.
pub(crate) enum World {
    Cluster(Box<Cluster>),
    State(State),
}

impl World {
    /// The cluster, when there is one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::State(_) => None,
        }
    }

    /// What is known of a namespace; `None` when there is none.
    pub(crate) fn namespace(&self, name: &str) -> Result<Option<NamespaceFacts>> {
        match self {
            Self::Cluster(cluster) => cluster.namespace(name),
            Self::State(state) => Ok(state.namespace(name)),
        }
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn list(&self, namespace: &str, kind: Kind) -> Result<Vec<Value>> {
        match self {
            Self::Cluster(cluster) => cluster.list(Some(namespace), kind),
            Self::State(state) => Ok(state.list(namespace, kind)),
        }
    }

    /// One object in the version that the manifest is written in; `None` when there is none.
    pub(crate) fn get(
        &self,
        subject: Subject,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        match self {
            Self::Cluster(cluster) => cluster.get(subject, namespace, name),
            Self::State(state) => state.get(subject, namespace, name),
        }
    }

    /// A Tenant; `None` when there is none.
    pub(crate) fn tenant(&self, name: &str) -> Result<Option<Value>> {
        match self {
            Self::Cluster(cluster) => cluster.tenant(name),
            Self::State(state) => Ok(state.tenant(name)),
        }
    }

    /// What the TenantQuota of a namespace tells; `None` while it tells nothing.
    pub(crate) fn quota(&self, namespace: &str) -> Result<Option<Report>> {
        let report = match self {
            Self::Cluster(cluster) => cluster.quota(namespace)?,
            Self::State(state) => state.quota(namespace),
        };
        Ok(report.filter(|report| !report.tenant.is_empty()))
    }

    /// All namespaces of a tenant, where all namespaces are known.
    pub(crate) fn namespaces_of(&self, site: &Site, tenant: &str) -> Vec<String> {
        match self {
            Self::Cluster(_) => Vec::new(),
            Self::State(state) => state.namespaces_of(site, tenant),
        }
    }
}
