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
    Kind::VSphereCluster,
    Kind::VSphereClusterTemplate,
    Kind::VSphereMachineTemplate,
];

/// What controllers create out of those.
pub(super) const MACHINES: &[Kind] = &[
    Kind::KubeadmConfig,
    Kind::Machine,
    Kind::MachineSet,
    Kind::VSphereMachine,
    Kind::VSphereVM,
];

/// One rule a group. Resources are named without `/*`: status writes are nobody's business here.
pub(super) fn rules(kinds: &[Kind]) -> Vec<RuleWithOperations> {
    let mut resources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for kind in kinds {
        resources
            .entry(kind.group())
            .or_default()
            .push(kind.plural().to_owned());
    }
    resources
        .into_iter()
        .map(|(group, plurals)| rule(group, plurals))
        .collect()
}

fn rule(group: &str, resources: Vec<String>) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(ApiVersion::ALL.iter().map(ToString::to_string).collect()),
        // Deleting is never held up, so nobody needs to be asked about it.
        operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
        resources: Some(resources),
        scope: Some("Namespaced".to_owned()),
    }
}
