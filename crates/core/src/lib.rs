//! The decision, without I/O.
//!
//! [`decide`] takes an [`Request`] and a [`Snapshot`] of what the site and the tenant's namespace
//! hold, and returns a [`Decision`]: what to add, what to refuse, what to warn about, and which
//! look-ups the snapshot could not answer. It is total (it never panics), deterministic, and knows
//! neither clock nor network, so that the server and the offline `review` cannot disagree.

mod addresses;
mod change;
mod context;
mod decide;
mod decision;
mod finding;
mod guard;
pub mod images;
mod inventory;
pub mod ipam;
mod json;
mod ownership;
mod precedent;
pub mod quota;
mod request;
mod shape;
pub mod site;
mod subject;
mod subjects;
mod topology;
mod version;

pub use addresses::kube_vip_address;
pub use decide::decide;
pub use decision::{Decision, Lookup};
pub use finding::{Class, Code, Finding};
pub use inventory::{Inventory, NamespaceFacts, Networks, Snapshot};
pub use jiff::Timestamp;
pub use request::{Operation, Part, Phase, Request, Requester};
pub use site::{Site, SiteError, SiteSpec};
pub use subject::{ApiVersion, Kind, Subject};
pub use version::KubernetesVersion;

/// The service account that Basphere itself runs under: what it completes later is what it would
/// have completed at once.
pub const ACCOUNT: &str = "system:serviceaccount:basphere-system:basphere-webhook";

/// Label and annotation keys that Basphere reads and writes.
pub mod keys {
    /// Label: the tenant that an object belongs to.
    pub const OWNER: &str = "basphere.dev/owner";
    /// Label: the same value under the short key that the site's older manifests use.
    pub const OWNER_SHORT: &str = "owner";
    /// Label or annotation on a Cluster: the name of one of the site's cluster types.
    pub const CLUSTER_TYPE: &str = "basphere.dev/cluster-type";
    /// Label or annotation on a machine template, or on what links to it: the name of a node spec.
    pub const NODE_SPEC: &str = "basphere.dev/node-spec";
    /// Annotation on a Cluster with a topology: it has no workers on purpose.
    pub const NO_WORKERS: &str = "basphere.dev/no-workers";
    /// Annotation on a Cluster: the user name that created it, exactly as the API server knew it.
    pub const REQUESTER: &str = "basphere.dev/requester";
    /// Annotation on a Cluster: the addresses of its load balancers, such as
    /// `10.254.8.10-10.254.8.19`.
    pub const LOAD_BALANCER_RANGE: &str = "basphere.dev/load-balancer-range";
    /// Label of Cluster API: the Cluster that an object belongs to.
    pub const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";
    /// Label of Cluster API: the MachineDeployment that an object belongs to.
    pub const DEPLOYMENT_NAME: &str = "cluster.x-k8s.io/deployment-name";
    /// Label of Cluster API: the machine is one of a control plane.
    pub const CONTROL_PLANE: &str = "cluster.x-k8s.io/control-plane";
    /// Annotation of Cluster API's autoscaler: so many machines it may make of a group.
    pub const AUTOSCALER_MOST: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
    /// Annotation of Cluster API's autoscaler: so many machines it leaves a group at the least.
    pub const AUTOSCALER_LEAST: &str =
        "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";
    /// Label of Cluster API: the MachineDeployment of a topology that an object was made of.
    pub const TOPOLOGY_DEPLOYMENT: &str = "topology.cluster.x-k8s.io/deployment-name";
    /// Label of Cluster API: the MachinePool of a topology that an object was made of.
    pub const TOPOLOGY_POOL: &str = "topology.cluster.x-k8s.io/pool-name";
    /// Annotation of `clusterctl move`: the object is deleted here and goes on elsewhere.
    pub const DELETE_FOR_MOVE: &str = "clusterctl.cluster.x-k8s.io/delete-for-move";
    /// Annotation of Cluster API: the template that an object was cloned from.
    pub const CLONED_FROM: &str = "cluster.x-k8s.io/cloned-from-name";
    /// Annotation of Cluster API: that template's kind and group, as `Kind.group`.
    pub const CLONED_FROM_KIND: &str = "cluster.x-k8s.io/cloned-from-groupkind";
    /// Annotation of Cluster API: the topology controller only asks what would come of a change.
    pub const TOPOLOGY_DRY_RUN: &str = "topology.cluster.x-k8s.io/dry-run";
    /// Label of Cluster API: the object is written by the topology controller.
    pub const TOPOLOGY_OWNED: &str = "topology.cluster.x-k8s.io/owned";
}
