//! What the webhook may do with the policies of a cluster, and with what they look for.
//!
//! Both are roles of their own: who keeps policies in a directory grants neither.

use k8s_openapi::api::rbac::v1::{AggregationRule, ClusterRole, ClusterRoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::Value;

use super::rbac::{role_ref_to, rule, subject};
use super::{InstallError, cluster_wide, json};

/// Reads templates and constraints, and defines the latter.
const POLICIES: &str = "basphere-policies";
/// Reads what policies look for.
const INVENTORY: &str = "basphere-inventory";
/// A ClusterRole with this label says what policies may look for.
const AGGREGATED: &str = "basphere.dev/aggregate-to-inventory";

pub(super) fn objects() -> Result<Vec<Value>, InstallError> {
    Ok(vec![
        json(policies_role())?,
        json(binding(POLICIES))?,
        json(inventory_role())?,
        json(binding(INVENTORY))?,
    ])
}

fn named(name: &str) -> ObjectMeta {
    let mut metadata = cluster_wide();
    metadata.name = Some(name.to_owned());
    metadata
}

fn policies_role() -> ClusterRole {
    let templates = "templates.gatekeeper.sh";
    let resource = |name: &str| vec![name.to_owned()];
    ClusterRole {
        metadata: named(POLICIES),
        rules: Some(vec![
            rule(
                templates,
                resource("constrainttemplates"),
                &["get", "list", "watch"],
            ),
            rule(
                templates,
                resource("constrainttemplates/status"),
                &["patch"],
            ),
            // Each template has a kind of its own.
            rule(
                "constraints.gatekeeper.sh",
                resource("*"),
                &["list", "watch"],
            ),
            // The names are those of templates. Only what carries our label is replaced or deleted.
            rule(
                "apiextensions.k8s.io",
                resource("customresourcedefinitions"),
                &["create", "delete", "list", "update"],
            ),
        ]),
        aggregation_rule: None,
    }
}

/// Filled by the cluster with what labelled roles grant.
fn inventory_role() -> ClusterRole {
    ClusterRole {
        metadata: named(INVENTORY),
        rules: Some(Vec::new()),
        aggregation_rule: Some(AggregationRule {
            cluster_role_selectors: Some(vec![LabelSelector {
                match_labels: Some([(AGGREGATED.to_owned(), "true".to_owned())].into()),
                match_expressions: None,
            }]),
        }),
    }
}

fn binding(role: &str) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: named(role),
        role_ref: role_ref_to("ClusterRole", role),
        subjects: Some(vec![subject()]),
    }
}
