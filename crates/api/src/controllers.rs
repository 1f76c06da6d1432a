//! The kinds that the controllers behind the gate are concerned with, which is also what they may
//! write.

use basphere_core::Kind;

/// What is completed after it was stored without a review.
pub const COMPLETED: [Kind; 5] = [
    Kind::KubeadmControlPlane,
    Kind::Metal3Cluster,
    Kind::OpenStackCluster,
    Kind::VSphereCluster,
    Kind::VSphereMachine,
];

/// What gets its labels and nothing else: the specs of these cannot be changed any more, or whoever
/// made them would roll machines.
pub const LABELLED: [Kind; 6] = [
    Kind::KubeadmConfig,
    Kind::Machine,
    Kind::MachineSet,
    Kind::Metal3Machine,
    Kind::OpenStackMachine,
    Kind::VSphereVM,
];

/// What else holds leases, or is made out of one.
pub const HOLDERS: [Kind; 3] = [Kind::Cluster, Kind::IPAddress, Kind::IPAddressClaim];

/// What is charged to a tenant, and is in none of the lists above.
pub const CHARGED: [Kind; 5] = [
    Kind::MachineDeployment,
    Kind::MachinePool,
    Kind::Metal3MachineTemplate,
    Kind::OpenStackMachineTemplate,
    Kind::VSphereMachineTemplate,
];

/// All that is watched, and read one by one.
pub fn watched() -> impl Iterator<Item = Kind> {
    COMPLETED
        .into_iter()
        .chain(LABELLED)
        .chain(HOLDERS)
        .chain(CHARGED)
}
