//! What the webhook may do: read what decisions look up, say what became of Site and pools, and put
//! right what was stored without it.

use std::collections::BTreeMap;

use basphere_core::{Inventory, Kind};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::Resource;

use super::{NAME, NAMESPACE, cluster_wide, namespaced};
use crate::controllers::{COMPLETED, LABELLED, watched};
use crate::crd::{AddressLease, AddressPool, PolicyWaiver, SITE_NAME, Site, Tenant, TenantQuota};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn service_account() -> ServiceAccount {
    ServiceAccount {
        metadata: namespaced(),
        // The Deployment asks for its token; whatever else runs in the namespace gets none.
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The watches, the live reads and the reservations of the webhook. It reads no Secret.
pub(super) fn cluster_role() -> ClusterRole {
    let group = Site::group(&());
    let sites = Site::plural(&());
    let mut rules = vec![
        site_rule(&group, &sites, &["list", "watch"]),
        site_rule(&group, &format!("{sites}/status"), &["patch"]),
        rule("", vec!["namespaces".to_owned()], &["get", "list", "watch"]),
        rule(
            &group,
            vec![AddressPool::plural(&()).into_owned()],
            &["get", "list", "watch"],
        ),
        rule(
            &group,
            vec![format!("{}/status", AddressPool::plural(&()))],
            &["patch"],
        ),
        rule(
            &group,
            vec![Tenant::plural(&()).into_owned()],
            &["create", "get", "list", "patch", "watch"],
        ),
        rule(
            &group,
            vec![format!("{}/status", Tenant::plural(&()))],
            &["update"],
        ),
        rule(
            &group,
            vec![TenantQuota::plural(&()).into_owned()],
            &["create", "patch"],
        ),
        rule(
            &group,
            vec![format!("{}/status", TenantQuota::plural(&()))],
            &["patch"],
        ),
        // Those that a ClusterResourceSet names, one by one.
        rule("", vec![Kind::ConfigMap.plural().to_owned()], &["get"]),
        // One that comes again is counted.
        rule(
            "events.k8s.io",
            vec!["events".to_owned()],
            &["create", "patch"],
        ),
        rule(
            &group,
            vec![AddressLease::plural(&()).into_owned()],
            &["create", "delete", "get", "list", "update", "watch"],
        ),
    ];
    rules.extend(waiver_rules());
    rules.extend(kind_rules(&Inventory::KINDS, &["list", "watch"]));
    rules.extend(kind_rules(&Inventory::LIVE, &["list"]));
    rules.extend(controller_rules());
    ClusterRole {
        metadata: cluster_wide(),
        rules: Some(rules),
        aggregation_rule: None,
    }
}

/// Of an application cluster, what policies look at beside the object that is reviewed.
pub(super) fn policies_role() -> ClusterRole {
    let verbs = ["get", "list", "watch"];
    let mut rules = vec![rule("", vec!["namespaces".to_owned()], &verbs)];
    rules.extend(waiver_rules());
    ClusterRole {
        metadata: cluster_wide(),
        rules: Some(rules),
        aggregation_rule: None,
    }
}

/// Whoever lets something in by a waiver counts it; nobody but an admin grants one.
fn waiver_rules() -> [PolicyRule; 2] {
    let (group, waivers) = (PolicyWaiver::group(&()), PolicyWaiver::plural(&()));
    let status = format!("{waivers}/status");
    [
        rule(
            &group,
            vec![waivers.into_owned()],
            &["get", "list", "watch"],
        ),
        rule(&group, vec![status], &["update"]),
    ]
}

/// The controllers write metadata and specs of what reviews complete, and what the contract for IPAM
/// providers has them write.
fn controller_rules() -> Vec<PolicyRule> {
    let watched: Vec<_> = watched().collect();
    let mut rules = kind_rules(&watched, &["get", "list", "watch"]);
    rules.extend(kind_rules(&COMPLETED, &["patch"]));
    rules.extend(kind_rules(&LABELLED, &["patch"]));
    let (claim, address) = (Kind::IPAddressClaim, Kind::IPAddress);
    let of_claims = |resource: String| rule(claim.group(), vec![resource], &["patch"]);
    rules.push(of_claims(claim.plural().to_owned()));
    rules.push(of_claims(format!("{}/status", claim.plural())));
    rules.extend(kind_rules(&[address], &["create", "delete", "patch"]));
    rules
}

/// The Lease by which one Pod of several is chosen.
pub(super) fn role() -> Role {
    const LEASES: &str = "leases";
    Role {
        metadata: namespaced(),
        rules: Some(vec![
            // What is being created has no name yet.
            rule("coordination.k8s.io", vec![LEASES.to_owned()], &["create"]),
            PolicyRule {
                resource_names: Some(vec!["basphere".to_owned()]),
                ..rule(
                    "coordination.k8s.io",
                    vec![LEASES.to_owned()],
                    &["get", "update"],
                )
            },
        ]),
    }
}

/// One rule a group.
fn kind_rules(kinds: &[Kind], verbs: &[&str]) -> Vec<PolicyRule> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for kind in kinds {
        groups
            .entry(kind.group())
            .or_default()
            .push(kind.plural().to_owned());
    }
    groups
        .into_iter()
        .map(|(group, resources)| rule(group, resources, verbs))
        .collect()
}

/// There is only one Site, and it is watched by name.
fn site_rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        resource_names: Some(vec![SITE_NAME.to_owned()]),
        ..rule(group, vec![resource.to_owned()], verbs)
    }
}

pub(super) fn rule(group: &str, resources: Vec<String>, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources),
        verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
        ..PolicyRule::default()
    }
}

/// Whoever may look into a namespace may see what its tenant uses.
pub(super) fn viewer_role() -> ClusterRole {
    let mut metadata = cluster_wide();
    metadata.name = Some("basphere-view".to_owned());
    let roles = ["view", "edit", "admin"];
    let aggregated = roles.map(|role| {
        (
            format!("{RBAC_GROUP}/aggregate-to-{role}"),
            "true".to_owned(),
        )
    });
    metadata.labels.get_or_insert_default().extend(aggregated);
    ClusterRole {
        metadata,
        rules: Some(vec![rule(
            &TenantQuota::group(&()),
            vec![TenantQuota::plural(&()).into_owned()],
            &["get", "list", "watch"],
        )]),
        aggregation_rule: None,
    }
}

pub(super) fn cluster_role_binding() -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: cluster_wide(),
        role_ref: role_ref("ClusterRole"),
        subjects: Some(vec![subject()]),
    }
}

pub(super) fn role_binding() -> RoleBinding {
    RoleBinding {
        metadata: namespaced(),
        role_ref: role_ref("Role"),
        subjects: Some(vec![subject()]),
    }
}

fn role_ref(kind: &str) -> RoleRef {
    role_ref_to(kind, NAME)
}

pub(super) fn role_ref_to(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: Some(RBAC_GROUP.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

pub(super) fn subject() -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        ..Subject::default()
    }
}
