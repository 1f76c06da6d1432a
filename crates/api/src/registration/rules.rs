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
    resources
        .into_iter()
        .map(|((group, versions), plurals)| rule(group, versions, plurals))
        .collect()
}

fn rule(group: &str, versions: &[ApiVersion], resources: Vec<String>) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(versions.iter().map(ToString::to_string).collect()),
        // Deleting is never held up, so nobody needs to be asked about it.
        operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
        resources: Some(resources),
        scope: Some("Namespaced".to_owned()),
    }
}
