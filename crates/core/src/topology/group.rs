//! A group of machines of a topology: where it stands, what it is called, and which node spec is its own.

use serde_json::Value;

use super::class::namespace;
use super::variables::{CONTROL_PLANE_MACHINE, VARIABLES, WORKER_MACHINE, value};
use crate::inventory::mark;
use crate::json::text_at;
use crate::keys;
use crate::site::{ClusterTypeSpec, NodeSpec, Site};

/// What a group is a group of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    ControlPlane,
    Deployment,
    Pool,
}

impl Role {
    /// Where the group stands, or the list of such groups.
    pub(super) const fn pointer(self) -> &'static str {
        match self {
            Self::ControlPlane => "/spec/topology/controlPlane",
            Self::Deployment => "/spec/topology/workers/machineDeployments",
            Self::Pool => "/spec/topology/workers/machinePools",
        }
    }

    /// The name of the list that groups of workers stand in.
    pub(crate) const fn list(self) -> &'static str {
        match self {
            Self::ControlPlane => "",
            Self::Deployment => "machineDeployments",
            Self::Pool => "machinePools",
        }
    }
}

/// A group of machines, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) role: Role,
    pub(crate) pointer: String,
    /// The control plane has none.
    pub(crate) name: Option<String>,
}

/// The control plane and all groups of workers, however many.
pub(crate) fn walk(cluster: &Value) -> impl Iterator<Item = Group> {
    let workers = [Role::Deployment, Role::Pool].into_iter();
    std::iter::once(control_plane()).chain(workers.flat_map(|role| listed(cluster, role)))
}

pub(super) fn control_plane() -> Group {
    let role = Role::ControlPlane;
    Group {
        role,
        pointer: role.pointer().to_owned(),
        name: None,
    }
}

/// The groups of workers of one list.
pub(super) fn listed(cluster: &Value, role: Role) -> impl Iterator<Item = Group> {
    let items = cluster.pointer(role.pointer()).and_then(Value::as_array);
    let items = items.into_iter().flatten().enumerate();
    items.map(move |(index, item)| Group {
        role,
        pointer: format!("{}/{index}", role.pointer()),
        name: text_at(item, "/name").map(str::to_owned),
    })
}

impl Group {
    pub(crate) fn is_control_plane(&self) -> bool {
        self.role == Role::ControlPlane
    }

    pub(crate) fn of<'a>(&self, cluster: &'a Value) -> &'a Value {
        cluster.pointer(&self.pointer).unwrap_or(&Value::Null)
    }

    /// Where the group's own values of variables stand.
    pub(super) fn overrides(&self) -> String {
        format!("{}/variables/overrides", self.pointer)
    }

    /// The variable that says how large its machines are.
    pub(super) const fn size_variable(&self) -> &'static str {
        match self.role {
            Role::ControlPlane => CONTROL_PLANE_MACHINE,
            Role::Deployment | Role::Pool => WORKER_MACHINE,
        }
    }

    /// The list that a variable of the group stands in: its own, else that of the whole topology.
    pub(super) fn list_for(&self, cluster: &Value, name: &str) -> String {
        let own = self.overrides();
        match value(cluster, &own, name) {
            Some(_) => own,
            None => VARIABLES.to_owned(),
        }
    }

    /// The size that the class is given for its machines, where the class is one that takes sizes: one of
    /// another namespace, which only the site's is for a tenant.
    pub(crate) fn size<'a>(&self, cluster: &'a Value) -> Option<&'a Value> {
        let own = text_at(cluster, "/metadata/namespace");
        let class = namespace(cluster).filter(|class| Some(*class) != own);
        class.filter(|_| self.role != Role::Pool)?;
        let name = self.size_variable();
        value(cluster, &self.list_for(cluster, name), name).filter(|size| size.is_object())
    }

    /// The name of its machines' node spec: its own mark, else the Cluster's, else the type's.
    pub(super) fn spec_name<'a>(&self, site: &'a Site, cluster: &'a Value) -> &'a str {
        let own = mark(self.of(cluster), keys::NODE_SPEC);
        let marked = own.or_else(|| mark(cluster, keys::NODE_SPEC));
        marked.unwrap_or_else(|| self.of_type(site, cluster))
    }

    /// The node spec that its marks ask for; where they name none of the site's, the type's.
    pub(crate) fn spec<'a>(&self, site: &'a Site, cluster: &Value) -> Option<&'a NodeSpec> {
        let named = site.node_spec(self.spec_name(site, cluster));
        named.or_else(|| site.node_spec(self.of_type(site, cluster)))
    }

    fn of_type<'a>(&self, site: &'a Site, cluster: &Value) -> &'a str {
        let of_type = type_of(site, cluster);
        let group = if self.is_control_plane() {
            &of_type.control_plane
        } else {
            &of_type.workers
        };
        &group.spec
    }
}

/// The type of a Cluster, or the one that the site gives to others.
pub(super) fn type_of<'a>(site: &'a Site, cluster: &Value) -> &'a ClusterTypeSpec {
    let named = mark(cluster, keys::CLUSTER_TYPE).and_then(|name| site.cluster_type(name));
    named.unwrap_or(site.default_type().1)
}
