//! The custom resources of group `basphere.dev`, version `v1alpha1`, cluster-scoped.

mod waiver;

use std::collections::BTreeMap;

use basphere_core::{ipam, quota, site};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use waiver::{
    ACTIVE, PolicyWaiver, PolicyWaiverSpec, PolicyWaiverStatus, WaivedConstraints, WaiverKinds,
    WaiverMatch, WaiverOperator, WaiverRequirement, WaiverSelector, WaiverSubject,
    WaiverSubjectKind,
};

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

/// The spec of a Tenant: core's shape.
#[allow(clippy::duplicated_attributes, reason = "columns are of the same type")]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    status = "TenantStatus",
    derive = "PartialEq",
    category = "basphere",
    doc = "A tenant of the site, named as its owner label, or a group of tenants: what they may ask for, and what they have.",
    validation = ("self.metadata.name.size() <= 63", "a tenant's name is a label value: at most 63 characters"),
    printcolumn(name = "Parent", type_ = "string", json_path = ".spec.parent"),
    printcolumn(name = "Clusters", type_ = "string", json_path = ".status.summary.clusters"),
    printcolumn(name = "Nodes", type_ = "string", json_path = ".status.summary.nodes"),
    printcolumn(name = "vCPUs", type_ = "string", json_path = ".status.summary.vcpus", priority = 1),
    printcolumn(name = "Display name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(transparent)]
pub struct TenantResource(pub quota::TenantSpec);

/// What is charged to a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantStatus {
    /// What is used and what is the limit, such as `2/3`, by the measures' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, String>,
    /// All that is stored and promised. Written by Basphere alone, by compare-and-swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<quota::Ledger>,
}

/// Says nothing: what a tenant uses is a status.
#[allow(clippy::duplicated_attributes, reason = "columns are of the same type")]
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "TenantQuota",
    plural = "tenantquotas",
    shortname = "tq",
    namespaced,
    status = "TenantQuotaStatus",
    derive = "PartialEq",
    category = "basphere",
    doc = "What the tenant of this namespace uses and may use. Written by Basphere, for the tenant to read.",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".status.tenant"),
    printcolumn(
        name = "Clusters",
        type_ = "string",
        json_path = ".status.summary.clusters"
    ),
    printcolumn(name = "Nodes", type_ = "string", json_path = ".status.summary.nodes"),
    printcolumn(name = "vCPUs", type_ = "string", json_path = ".status.summary.vcpus"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct TenantQuotaSpec {}

/// What the tenant of a namespace uses and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantQuotaStatus {
    /// What is used and what is the limit, such as `2/3`, by the measures' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, String>,
    /// All of it.
    #[serde(flatten)]
    pub report: quota::Report,
}

/// The name of the TenantQuota of each namespace.
pub const TENANT_QUOTA_NAME: &str = "default";

/// The spec of an AddressPool: core's shape.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "AddressPool",
    plural = "addresspools",
    shortname = "apool",
    status = "AddressPoolStatus",
    derive = "PartialEq",
    category = "basphere",
    doc = "Addresses that machines, API servers or load balancers get, and how they are handed out.",
    validation = ("self.metadata.name.size() <= 63", "a pool's name is a label value: at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.domain"),
    printcolumn(name = "CIDR", type_ = "string", json_path = ".spec.cidr"),
    printcolumn(name = "Free", type_ = "integer", json_path = ".status.free"),
    printcolumn(name = "Leased", type_ = "integer", json_path = ".status.leased"),
    printcolumn(name = "Cooling", type_ = "integer", json_path = ".status.cooling"),
    printcolumn(name = "Reserved", type_ = "integer", json_path = ".status.reserved", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(transparent)]
pub struct AddressPoolResource(pub ipam::PoolSpec);

/// How full a pool is. Counted in addresses, or in ranges where the pool hands out ranges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressPoolStatus {
    /// The generation that was judged last.
    pub observed_generation: Option<i64>,
    /// May be handed out now.
    pub free: i64,
    /// Are in use, or promised to what is being created.
    pub leased: i64,
    /// Are never handed out.
    pub reserved: i64,
    /// Wait for `reuseAfter` to pass.
    pub cooling: i64,
    /// What each tenant has.
    pub tenants: BTreeMap<String, TenantAddresses>,
    /// `Ready`: whether the pool hands out addresses.
    pub conditions: Vec<Condition>,
}

/// What a tenant has of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantAddresses {
    /// Are in use, or promised.
    pub leased: i64,
    /// Wait for `reuseAfter` to pass.
    pub cooling: i64,
    /// The tenant's blocks, such as `10.254.0.32/27`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<String>,
}

/// The spec of an AddressLease: core's shape.
#[allow(clippy::duplicated_attributes, reason = "columns are of the same type")]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "AddressLease",
    plural = "addressleases",
    shortname = "alease",
    derive = "PartialEq",
    category = "basphere",
    doc = "One address, block, range or network that somebody holds. Its name is that of what is leased, so that there is never a second one.",
    printcolumn(name = "Address", type_ = "string", json_path = ".spec.address"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "Purpose", type_ = "string", json_path = ".spec.purpose"),
    printcolumn(name = "Holder", type_ = "string", json_path = ".spec.holder.name"),
    printcolumn(
        name = "Pool",
        type_ = "string",
        json_path = ".spec.pool",
        priority = 1
    ),
    printcolumn(name = "Since", type_ = "date", json_path = ".spec.since")
)]
#[serde(transparent)]
pub struct AddressLeaseResource(pub ipam::LeaseSpec);

impl AddressPool {
    /// When it was created, so that of two pools the older one can be told.
    #[must_use]
    pub fn created(&self) -> String {
        let created = self.metadata.creation_timestamp.as_ref();
        created.map(|time| time.0.to_string()).unwrap_or_default()
    }
}

impl AddressLease {
    /// The object of a lease, with the labels that it is selected by; with a resource version, it
    /// replaces just that version.
    #[must_use]
    pub fn of(lease: &ipam::Lease) -> Self {
        let spec = &lease.spec;
        let mut object = Self::new(&lease.name(), AddressLeaseResource(spec.clone()));
        object.metadata.labels = Some(lease_labels(spec));
        object.metadata.annotations =
            Some(lease.annotations.clone()).filter(|annotations| !annotations.is_empty());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        object.metadata.resource_version = some(&lease.resource_version);
        object.metadata.uid = some(&lease.uid);
        object
    }

    /// The lease of an object.
    ///
    /// # Errors
    /// When its name and what it says contradict each other.
    pub fn lease(&self) -> Result<ipam::Lease, ipam::LeaseError> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let lease = ipam::Lease::stored(
            &text(&self.metadata.name),
            &text(&self.metadata.uid),
            &text(&self.metadata.resource_version),
            self.spec.0.clone(),
        )?;
        Ok(ipam::Lease {
            annotations: self.metadata.annotations.clone().unwrap_or_default(),
            ..lease
        })
    }
}

/// Label of a lease: the kind of its slot.
pub const SLOT_LABEL: &str = "basphere.dev/slot";
/// Label of a lease: its pool.
pub const POOL_LABEL: &str = "basphere.dev/pool";
/// Label of a lease: the namespace of its holder.
pub const HOLDER_NAMESPACE_LABEL: &str = "basphere.dev/holder-namespace";

fn lease_labels(spec: &ipam::LeaseSpec) -> BTreeMap<String, String> {
    [
        (basphere_core::keys::OWNER, spec.tenant.as_str()),
        (SLOT_LABEL, spec.kind.prefix()),
        (POOL_LABEL, &spec.pool),
        (HOLDER_NAMESPACE_LABEL, &spec.holder.namespace),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The label selector that finds some of the leases; `None` when the lease is found by its name.
#[must_use]
pub fn lease_selector(selection: &ipam::Selection) -> Option<String> {
    match selection {
        ipam::Selection::Name(_) => None,
        ipam::Selection::Tenant(tenant) => Some(format!("{}={tenant}", basphere_core::keys::OWNER)),
        ipam::Selection::Namespace(namespace) => {
            Some(format!("{HOLDER_NAMESPACE_LABEL}={namespace}"))
        }
        ipam::Selection::Kind(kind) => Some(format!("{SLOT_LABEL}={}", kind.prefix())),
    }
}

/// The definitions of all our kinds, in the order in which `deploy/crds` holds them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        Site::crd(),
        Tenant::crd(),
        TenantQuota::crd(),
        AddressPool::crd(),
        AddressLease::crd(),
        PolicyWaiver::crd(),
    ]
}
