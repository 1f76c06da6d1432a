//! What a resource's name and type in `leases.tsv` stand for.

use basphere_core::ipam::{Holder, LeaseSpec, Purpose};

const CONTROL_PLANE: &str = "cluster-cp";
const WORKER: &str = "cluster-worker";
const VM: &str = "vm";

/// A resource as the bastion knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// The API server of a cluster, or its only control-plane machine.
    ControlPlane { cluster: String },
    /// A worker of a cluster; the number is kept as it is written.
    Worker { cluster: String, number: String },
    /// A virtual machine outside of clusters.
    Vm { name: String },
}

impl Resource {
    /// What the columns say.
    pub(super) fn read(name: &str, kind: &str) -> Result<Self, String> {
        super::text::name("resource_name", name)?;
        match kind {
            VM => Ok(Self::Vm {
                name: name.to_owned(),
            }),
            CONTROL_PLANE => control_plane_of(name)
                .map(|cluster| Self::ControlPlane {
                    cluster: cluster.to_owned(),
                })
                .ok_or_else(|| {
                    format!("resource_name: a {kind} is named CLUSTER-cp, not {name:?}")
                }),
            WORKER => worker_of(name)
                .map(|(cluster, number)| Self::Worker {
                    cluster: cluster.to_owned(),
                    number: number.to_owned(),
                })
                .ok_or_else(|| {
                    format!("resource_name: a {kind} is named CLUSTER-worker-NUMBER, not {name:?}")
                }),
            _ => Err(format!(
                "resource_type: {kind:?} is none of {VM}, {CONTROL_PLANE} and {WORKER}"
            )),
        }
    }

    /// The cluster that it is part of.
    pub(super) fn cluster(&self) -> Option<&str> {
        match self {
            Self::ControlPlane { cluster } | Self::Worker { cluster, .. } => Some(cluster),
            Self::Vm { .. } => None,
        }
    }

    pub(super) fn purpose(&self) -> Purpose {
        match self {
            Self::ControlPlane { .. } => Purpose::Endpoint,
            Self::Worker { .. } | Self::Vm { .. } => Purpose::Import,
        }
    }

    /// Who holds its address, in the user's namespace.
    pub(super) fn holder(&self, namespace: String) -> Holder {
        let (kind, name, device) = match self {
            Self::ControlPlane { cluster } => ("Cluster", cluster, String::new()),
            Self::Worker { cluster, number } => ("Cluster", cluster, format!("worker-{number}")),
            Self::Vm { name } => ("VirtualMachine", name, String::new()),
        };
        Holder {
            kind: kind.to_owned(),
            namespace,
            name: name.clone(),
            device,
            uid: None,
        }
    }
}

/// The cluster whose control plane has that name.
pub(super) fn control_plane_of(name: &str) -> Option<&str> {
    name.strip_suffix("-cp").filter(|cluster| is_whole(cluster))
}

/// The cluster whose worker has that name, and the worker's number.
fn worker_of(name: &str) -> Option<(&str, &str)> {
    let (cluster, number) = name.rsplit_once("-worker-")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_whole(cluster) && is_number).then_some((cluster, number))
}

/// Whether what is left of a name is a name.
fn is_whole(cluster: &str) -> bool {
    !cluster.is_empty() && !cluster.ends_with('-')
}

/// Name and type of a lease's resource, and whether the bastion has a type for such a thing: it does
/// not know machines by their own names, nor claims.
pub(super) fn written(spec: &LeaseSpec) -> (String, &'static str, bool) {
    let holder = &spec.holder;
    let worker = holder.device.strip_prefix("worker-");
    match (holder.kind.as_str(), spec.purpose, worker) {
        ("Cluster", Purpose::Endpoint, _) => (format!("{}-cp", holder.name), CONTROL_PLANE, true),
        ("Cluster", Purpose::Import, Some(number)) => {
            (format!("{}-worker-{number}", holder.name), WORKER, true)
        }
        ("VirtualMachine", Purpose::Import, None) => (holder.name.clone(), VM, true),
        _ => (holder.name.clone(), WORKER, false),
    }
}
