//! The custom resources of group `basphere.dev`, version `v1alpha1`, cluster-scoped.

use basphere_core::site;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The only name that a Site may have.
pub const SITE_NAME: &str = "default";

/// The spec of a Site: core's shape, so that the cluster and a file speak of one type.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "Site",
    plural = "sites",
    status = "SiteStatus",
    derive = "PartialEq",
    category = "basphere",
    doc = "What the site offers, whom it trusts, and where its machines stand. There is one, named default.",
    validation = ("self.metadata.name == 'default'", "the only Site is named \"default\""),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Kubernetes", type_ = "string", json_path = ".spec.defaults.kubernetesVersion"),
    printcolumn(name = "vSphere", type_ = "string", json_path = ".spec.vsphere.server"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(transparent)]
pub struct SiteResource(pub site::SiteSpec);

/// What became of a Site.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SiteStatus {
    /// The generation that was judged last.
    pub observed_generation: Option<i64>,
    /// `Ready`: whether this generation is in force. When it is `False`, the last good one still is.
    pub conditions: Vec<Condition>,
}

/// A tenant, named as its owner label.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    derive = "PartialEq",
    category = "basphere",
    doc = "A tenant of the site, named as its owner label.",
    validation = ("self.metadata.name.size() <= 63", "a tenant's name is a label value: at most 63 characters"),
    printcolumn(name = "Display name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TenantSpec {
    /// How people call the tenant.
    #[schemars(length(max = 256))]
    pub display_name: String,
    /// Whom to ask: mail addresses or chat channels.
    #[schemars(length(max = 32))]
    pub contacts: Vec<String>,
}

/// The definitions of all our kinds, in the order in which `deploy/crds` holds them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![Site::crd(), Tenant::crd()]
}
