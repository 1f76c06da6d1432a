//! `PolicyWaiver`: an exception from policies, with its reason, its end and its scope.
//!
//! The types give the schema by which the API server takes one, and read those that are listed. What one means is said
//! by `basphere_rego::waiver`, which reads the document itself.

use std::collections::BTreeMap;

use basphere_core::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An exception that an admin grants. It holds for what all of its parts hold for.
#[allow(clippy::duplicated_attributes, reason = "columns are of the same type")]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "basphere.dev",
    version = "v1alpha1",
    kind = "PolicyWaiver",
    plural = "policywaivers",
    shortname = "waiver",
    status = "PolicyWaiverStatus",
    derive = "PartialEq",
    category = "basphere",
    doc = "Lets what a policy refuses in, for some objects or people and for a time: a warning takes the place of the refusal.",
    validation = ("self.metadata.name.size() <= 63", "a waiver's name stands in warnings: at most 63 characters"),
    validation = (r"self.spec.reason.matches('\\S')", "say why: spec.reason must not be blank"),
    validation = (
        "(has(self.spec.match) && ((has(self.spec.match.namespaces) && self.spec.match.namespaces.size() > 0) || (has(self.spec.match.namespaceSelector) && ((has(self.spec.match.namespaceSelector.matchLabels) && self.spec.match.namespaceSelector.matchLabels.size() > 0) || (has(self.spec.match.namespaceSelector.matchExpressions) && self.spec.match.namespaceSelector.matchExpressions.size() > 0))))) || (has(self.spec.subjects) && self.spec.subjects.size() > 0)",
        "this would waive for everybody everywhere: name match.namespaces, match.namespaceSelector or subjects; namespaces: [\"*\"] says everywhere"
    ),
    validation = (
        "!has(self.spec.subjects) || self.spec.subjects.all(s, (s.kind == 'ServiceAccount') == has(s.__namespace__))",
        "of the subjects, a ServiceAccount has a namespace, and nobody else"
    ),
    validation = (
        "!has(self.spec.match) || !has(self.spec.match.labelSelector) || !has(self.spec.match.labelSelector.matchExpressions) || self.spec.match.labelSelector.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && e.values.size() > 0))",
        "in match.labelSelector, In and NotIn have values, Exists and DoesNotExist have none"
    ),
    validation = (
        "!has(self.spec.match) || !has(self.spec.match.namespaceSelector) || !has(self.spec.match.namespaceSelector.matchExpressions) || self.spec.match.namespaceSelector.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && e.values.size() > 0))",
        "in match.namespaceSelector, In and NotIn have values, Exists and DoesNotExist have none"
    ),
    printcolumn(name = "Active", type_ = "string", json_path = r#".status.conditions[?(@.type=="Active")].status"#),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expires"),
    printcolumn(name = "Used", type_ = "integer", json_path = ".status.used"),
    printcolumn(name = "Last used", type_ = "date", json_path = ".status.lastUsed"),
    printcolumn(name = "Granted by", type_ = "string", json_path = ".spec.grantedBy", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyWaiverSpec {
    /// Why.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// From then on it holds no more, such as `2026-12-31T00:00:00Z`.
    #[schemars(
        with = "String",
        extend("format" = "date-time", "pattern" = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$")
    )]
    pub expires: Timestamp,
    /// Who answers for it.
    #[schemars(length(min = 1, max = 256))]
    pub granted_by: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 256))]
    pub requested_by: Option<String>,
    /// Which constraints are waived.
    #[schemars(length(min = 1, max = 64))]
    pub constraints: Vec<WaivedConstraints>,
    /// For which objects, by what Gatekeeper's constraints match: all that is given must hold. Only the object as it
    /// would be stored counts. Kinds, names and labels are chosen by whoever writes an object: give them beside
    /// namespaces, namespaceSelector or subjects.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WaiverMatch")]
    pub matches: Option<WaiverMatch>,
    /// For whom: one of them must have sent the request. Left out, for everybody. What controllers make of an object is
    /// sent by the controllers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub subjects: Vec<WaiverSubject>,
}

/// Constraints by kind and name, with `*` at either end, or alone for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaivedConstraints {
    /// The kind, as the constraint's template gives it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^\*?[^*]*\*?$"))]
    pub kind: String,
    /// The name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^\*?[^*]*\*?$"))]
    pub name: String,
}

/// Which objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaiverMatch {
    /// Their kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub kinds: Vec<WaiverKinds>,
    /// The namespaces that they are in, or are, with `*` at either end; `*` alone is everywhere, and only then are
    /// objects of the cluster meant, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = r"^\*?[^*]*\*?$"))
    )]
    pub namespaces: Vec<String>,
    /// Namespaces that they are not in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = r"^\*?[^*]*\*?$"))
    )]
    pub excluded_namespaces: Vec<String>,
    /// Their labels, which whoever writes them chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WaiverSelector")]
    pub label_selector: Option<WaiverSelector>,
    /// The labels of their Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WaiverSelector")]
    pub namespace_selector: Option<WaiverSelector>,
    /// Their name, with `*` at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(min = 1, max = 253),
        regex(pattern = r"^\*?[^*]*\*?$")
    )]
    pub name: Option<String>,
}

/// Kinds of some API groups, `*` for all of either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverKinds {
    /// The groups; the core group is empty.
    #[schemars(length(min = 1, max = 64), inner(length(max = 253)))]
    pub api_groups: Vec<String>,
    /// The kinds.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)))]
    pub kinds: Vec<String>,
}

/// A label selector: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaiverSelector {
    /// Labels with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Other requirements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<WaiverRequirement>,
}

/// A requirement of a label selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverRequirement {
    /// The label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// What is required of it.
    pub operator: WaiverOperator,
    /// The values of `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// What is required of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WaiverOperator {
    /// It has one of the values.
    In,
    /// It has none of the values, or is not there.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

/// Somebody who writes, as RBAC names them, with `*` at either end of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverSubject {
    /// What they are.
    pub kind: WaiverSubjectKind,
    /// Their name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^\*?[^*]*\*?$"))]
    pub name: String,
    /// The namespace of a ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(min = 1, max = 63),
        regex(pattern = r"^\*?[^*]*\*?$")
    )]
    pub namespace: Option<String>,
}

/// What somebody who writes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WaiverSubjectKind {
    /// A user name.
    User,
    /// All of a group.
    Group,
    /// A service account of a namespace.
    ServiceAccount,
}

/// The condition of a waiver.
pub const ACTIVE: &str = "Active";

/// What became of a waiver. Written by Basphere alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyWaiverStatus {
    /// The generation that was judged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// So many requests it has let in. A dry-run is none.
    pub used: i64,
    /// When it let one in last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_used: Option<Timestamp>,
    /// `Active`: whether it holds; if not, the reason is `Expired` or `Unreadable`.
    pub conditions: Vec<Condition>,
}
