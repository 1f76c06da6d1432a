//! Which resources concern us.

use std::collections::BTreeMap;

use basphere_core::{ApiVersion, Kind};
use k8s_openapi::api::admissionregistration::v1::RuleWithOperations;

/// What people create and enlarge.
pub(super) const TENANTS: &[Kind] = &[
    Kind::Cluster,
    Kind::KubeadmConfigTemplate,
    Kind::KubeadmControlPlane,
    Kind::KubeadmControlPlaneTemplate,
    Kind::MachineDeployment,
    Kind::MachineHealthCheck,
    Kind::MachinePool,
    Kind::Metal3Cluster,
    Kind::Metal3MachineTemplate,
    Kind::OpenStackCluster,
    Kind::OpenStackClusterTemplate,
    Kind::OpenStackMachineTemplate,
    Kind::VSphereCluster,
    Kind::VSphereClusterTemplate,
    Kind::VSphereMachineTemplate,
];

/// What controllers create out of those.
pub(super) const MACHINES: &[Kind] = &[
    Kind::KubeadmConfig,
    Kind::Machine,
    Kind::MachineSet,
    Kind::Metal3Machine,
    Kind::OpenStackFloatingIPPool,
    Kind::OpenStackMachine,
    Kind::OpenStackServer,
    Kind::VSphereMachine,
    Kind::VSphereVM,
];

/// Among these, what nobody can change once it is stored.
pub(super) const IMMUTABLE: &[Kind] = &[Kind::OpenStackMachine];

/// What holds for everybody, what says what is already so, and what asks for an address.
pub(super) const ADMINS: &[Kind] = &[
    Kind::ClusterClass,
    Kind::ExtensionConfig,
    Kind::IPAddress,
    Kind::IPAddressClaim,
    Kind::VSphereClusterIdentity,
    Kind::VSphereDeploymentZone,
    Kind::VSphereFailureDomain,
];

/// What brings manifests and charts into clusters.
pub(super) const ADDONS: &[Kind] = &[Kind::ClusterResourceSet, Kind::HelmChartProxy];

/// Our own resources that an operator can break a promise with.
pub(super) const OWN: &[Kind] = &[Kind::AddressLease, Kind::AddressPool, Kind::Tenant];

/// Among these, what is completed: who has set a limit is written down.
pub(super) const OWN_COMPLETED: &[Kind] = &[Kind::Tenant];

/// What names a vCenter or a cloud, among what people create.
pub(super) const PLACES: &[Kind] = &[
    Kind::OpenStackCluster,
    Kind::OpenStackMachineTemplate,
    Kind::VSphereCluster,
    Kind::VSphereClusterTemplate,
    Kind::VSphereMachineTemplate,
];

/// What has a number of machines.
pub(super) const SCALED: &[Kind] = &[
    Kind::KubeadmControlPlane,
    Kind::MachineDeployment,
    Kind::MachinePool,
    Kind::MachineSet,
];

/// The rules for `/scale` of these kinds, which reaches no rule of the kinds themselves.
pub(super) fn scale_rules(kinds: &[Kind]) -> Vec<RuleWithOperations> {
    let mut rules = rules(kinds);
    for rule in &mut rules {
        rule.operations = Some(vec!["UPDATE".to_owned()]);
        for resource in rule.resources.iter_mut().flatten() {
            resource.push_str("/scale");
        }
    }
    rules
}

/// The rules for our own resources, deletion included.
pub(super) fn own_rules() -> Vec<RuleWithOperations> {
    let mut rules = rules(OWN);
    for rule in &mut rules {
        let operations = ["CREATE", "UPDATE", "DELETE"];
        rule.operations = Some(operations.map(str::to_owned).to_vec());
    }
    rules
}

/// One rule for all kinds of a group that have the same versions. Resources are named without `/*`:
/// status writes are nobody's business here.
pub(super) fn rules(kinds: &[Kind]) -> Vec<RuleWithOperations> {
    let mut resources: BTreeMap<(&str, &[ApiVersion]), Vec<String>> = BTreeMap::new();
    for kind in kinds {
        resources
            .entry((kind.group(), kind.versions()))
            .or_default()
            .push(kind.plural().to_owned());
    }
    let scope = if kinds.iter().all(|kind| kind.is_namespaced()) {
        "Namespaced"
    } else {
        "*"
    };
    resources
        .into_iter()
        .map(|((group, versions), plurals)| rule(group, versions, plurals, scope))
        .collect()
}

fn rule(
    group: &str,
    versions: &[ApiVersion],
    resources: Vec<String>,
    scope: &str,
) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(versions.iter().map(ToString::to_string).collect()),
        // Deleting is never held up, so nobody needs to be asked about it.
        operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
        resources: Some(resources),
        scope: Some(scope.to_owned()),
    }
}
