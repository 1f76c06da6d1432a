//! From an object to what it asks for, whatever its version.

use serde_json::{Value, json};

use super::{Ask, Group, Observed, Size, Template};
use crate::addresses::{most, surge};
use crate::inventory::{Facts, Ref, mark, owner_refs};
use crate::json::{is_unset, labels, text_at, token};
use crate::site::{NodeSpec, Site};
use crate::topology::{self, Role};
use crate::{Kind, keys};

/// The kinds that ask for machines, and those that say how large machines are.
pub const CHARGED: [Kind; 9] = [
    Kind::Cluster,
    Kind::KubeadmControlPlane,
    Kind::MachineDeployment,
    Kind::MachinePool,
    Kind::MachineSet,
    Kind::Machine,
    Kind::VSphereMachineTemplate,
    Kind::OpenStackMachineTemplate,
    Kind::Metal3MachineTemplate,
];

/// Whether objects of a kind have entries in ledgers.
#[must_use]
pub fn is_charged(kind: Kind) -> bool {
    CHARGED.contains(&kind)
}

/// What a stored object asks for; nothing for kinds that ask for nothing, and for what has no UID.
#[must_use]
pub fn observe(site: &Site, kind: Kind, object: &Value) -> Option<Observed> {
    let text = |pointer: &str| text_at(object, pointer).unwrap_or_default().to_owned();
    let uid = text("/metadata/uid");
    (is_charged(kind) && !uid.is_empty()).then(|| Observed {
        kind,
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
        uid,
        resource_version: text("/metadata/resourceVersion"),
        ask: ask(site, kind, object),
        is_made: is_made(kind, object),
    })
}

/// Whether a controller made the object of another one that is charged.
pub(super) fn is_made(kind: Kind, object: &Value) -> bool {
    let owners: &[Kind] = match kind {
        Kind::MachineSet => &[Kind::MachineDeployment],
        Kind::Machine => &[
            Kind::MachineSet,
            Kind::KubeadmControlPlane,
            Kind::MachinePool,
        ],
        _ => return false,
    };
    let is_owner = |owner: &Value| {
        let kind = text_at(owner, "/kind");
        let version = text_at(owner, "/apiVersion").unwrap_or_default();
        let group = version.split_once('/').map(|(group, _)| group);
        // Garbage collection removes what names an owner of these groups that is not there.
        let is_it = |wanted: &Kind| (kind, group) == (Some(wanted.as_str()), Some(wanted.group()));
        owners.iter().any(is_it)
    };
    owner_refs(object).any(is_owner)
}

/// What an object asks for.
pub(super) fn ask(site: &Site, kind: Kind, object: &Value) -> Ask {
    match kind {
        Kind::Cluster => of_cluster(site, object),
        Kind::VSphereMachineTemplate
        | Kind::OpenStackMachineTemplate
        | Kind::Metal3MachineTemplate => Ask {
            size: size(site, kind, object),
            ..Ask::default()
        },
        Kind::Machine => Ask {
            replicas: 1,
            is_control_plane: labels(object).contains_key(keys::CONTROL_PLANE),
            ..of_machines(object)
        },
        _ => Ask {
            group: group_of(kind, object),
            ..of_machines(object)
        },
    }
}

fn of_machines(object: &Value) -> Ask {
    let facts = Facts::of(object);
    let annotations = object.pointer("/metadata/annotations");
    Ask {
        cluster: facts.cluster,
        replicas: replicas(object.pointer("/spec/replicas"), annotations).max(kept(object)),
        most: most(object),
        surge: facts.demand.surge,
        template: facts.infrastructure_ref.map(template),
        ..Ask::default()
    }
}

/// So many machines stay whatever is written: while controllers leave an object alone, what is taken out of its
/// spec is still there. They say so themselves; what people write of it proves nothing.
fn kept(object: &Value) -> u64 {
    let status = object.get("status").and_then(read_of_status);
    let standing = status.and_then(|status| status.get("replicas")?.as_u64());
    standing.unwrap_or_default()
}

/// All that [`observe`] reads of a status, in the form of a status; nothing when it tells nothing.
#[must_use]
pub fn read_of_status(status: &Value) -> Option<Value> {
    let lists = ["/conditions", "/v1beta2/conditions"];
    let lists = lists.iter().filter_map(|list| status.pointer(list));
    let mut conditions = lists.filter_map(Value::as_array).flatten();
    let is_paused = conditions.any(|condition| {
        (text_at(condition, "/type"), text_at(condition, "/status"))
            == (Some("Paused"), Some("True"))
    });
    let replicas = status.get("replicas").and_then(Value::as_u64);
    let standing = replicas.filter(|replicas| is_paused && *replicas > 0)?;
    let paused = json!([{"type": "Paused", "status": "True"}]);
    Some(json!({"replicas": standing, "conditions": paused}))
}

/// Cluster API makes one machine, or as many as the autoscaler may not go below, where no number is
/// written.
fn replicas(written: Option<&Value>, annotations: Option<&Value>) -> u64 {
    let written = written.and_then(Value::as_u64);
    let least = || {
        let bound = annotations?.get(keys::AUTOSCALER_LEAST)?.as_str()?;
        bound.trim().parse::<u64>().ok()
    };
    written.unwrap_or_else(|| least().unwrap_or_default().max(1))
}

fn template(reference: Ref) -> Template {
    Template {
        kind: reference.kind,
        name: reference.name,
    }
}

/// The group of a topology that an object was made of; that of the control plane has no name. A
/// deployment and a pool may have the same.
fn group_of(kind: Kind, object: &Value) -> Option<String> {
    let labels = labels(object);
    let named = |role: Role, key: &str| Some(group_name(role.list(), labels.get(key)?));
    labels.get(keys::TOPOLOGY_OWNED)?;
    match kind {
        Kind::KubeadmControlPlane => Some(String::new()),
        Kind::MachineDeployment => named(Role::Deployment, keys::TOPOLOGY_DEPLOYMENT),
        Kind::MachinePool => named(Role::Pool, keys::TOPOLOGY_POOL),
        _ => None,
    }
}

fn group_name(list: &str, name: &str) -> String {
    format!("{list}/{name}")
}

fn of_cluster(site: &Site, object: &Value) -> Ask {
    let facts = Facts::of(object);
    let range = format!("/metadata/annotations/{}", token(keys::LOAD_BALANCER_RANGE));
    let topology = object
        .pointer("/spec/topology")
        .filter(|topology| !is_unset(topology));
    let reference = facts.control_plane_ref.as_ref();
    Ask {
        control_plane: reference
            .filter(|reference| reference.kind == Kind::KubeadmControlPlane.as_str())
            .map(|reference| reference.name.clone()),
        has_range: text_at(object, &range).is_some_and(|range| !range.is_empty()),
        groups: topology.map_or_else(Vec::new, |_| groups(site, object)),
        cluster_type: facts.cluster_type,
        ..Ask::default()
    }
}

fn groups(site: &Site, cluster: &Value) -> Vec<Group> {
    let read = |group: topology::Group| {
        let written = group.of(cluster);
        let annotations = written.pointer("/metadata/annotations");
        let replicas = replicas(written.get("replicas"), annotations);
        let list = group.role.list();
        let name = group.name.as_deref().unwrap_or_default();
        Group {
            name: match group.role {
                Role::ControlPlane => String::new(),
                Role::Deployment | Role::Pool => group_name(list, name),
            },
            replicas,
            most: most(written),
            surge: surge(Some(written), replicas),
            size: size_of_group(site, cluster, &group),
        }
    };
    topology::walk(cluster).map(read).collect()
}

/// The size of a group's machines: where the class is given it, that, whatever the Site says of the mark by
/// now; else what the mark asks for.
fn size_of_group(site: &Site, cluster: &Value, group: &topology::Group) -> Option<Size> {
    let marked = group.spec(site, cluster);
    match group.size(cluster) {
        Some(written) => Some(as_written(site, written, marked)),
        None => marked.map(of_node_spec),
    }
}

pub(super) fn of_node_spec(spec: &NodeSpec) -> Size {
    Size {
        cpus: spec.cpus,
        memory_mib: spec.memory_mib,
        disk_gib: spec.disk_gib,
        gpus: spec.gpus,
    }
}

/// The size of a template's machines: what stands in it, or what the node spec says that its flavor or
/// hosts stand for.
pub(super) fn size(site: &Site, kind: Kind, object: &Value) -> Option<Size> {
    let spec = object.pointer("/spec/template/spec")?;
    size_in(site, kind, object, spec)
}

/// The size of one machine of the infrastructure.
pub(super) fn machine_size(site: &Site, kind: Kind, object: &Value) -> Option<Size> {
    size_in(site, kind, object, object.get("spec")?)
}

fn size_in(site: &Site, kind: Kind, object: &Value, spec: &Value) -> Option<Size> {
    let named = mark(object, keys::NODE_SPEC).and_then(|name| site.node_spec(name));
    match kind {
        Kind::VSphereMachineTemplate | Kind::VSphereMachine => Some(of_vsphere(site, spec, named)),
        Kind::OpenStackMachineTemplate | Kind::OpenStackMachine => {
            let flavor = text_at(spec, "/flavor").or_else(|| text_at(spec, "/flavor/filter/name"));
            by_flavor(site, flavor).or_else(|| named.map(of_node_spec))
        }
        Kind::Metal3MachineTemplate | Kind::Metal3Machine => {
            let hosts = spec.pointer("/hostSelector/matchLabels");
            by_hosts(site, hosts).or_else(|| named.map(of_node_spec))
        }
        _ => None,
    }
}

fn of_vsphere(site: &Site, spec: &Value, named: Option<&NodeSpec>) -> Size {
    let devices = spec.get("pciDevices").and_then(Value::as_array);
    let gpus = devices.map_or(0, |devices| devices.len() as u64);
    let size = as_written(site, spec, named);
    Size {
        gpus: size.gpus.max(gpus),
        ..size
    }
}

/// The size that fields of a machine say. What is not written comes with the image, and is counted as what is
/// asked for, or usual.
fn as_written(site: &Site, fields: &Value, named: Option<&NodeSpec>) -> Size {
    let (_, usual) = site.default_node_spec();
    let otherwise = of_node_spec(named.unwrap_or(usual));
    let number = |field: &str, otherwise: u64| {
        let written = fields.get(field).and_then(Value::as_u64);
        written.filter(|number| *number > 0).unwrap_or(otherwise)
    };
    let written = Size {
        cpus: number("numCPUs", otherwise.cpus),
        memory_mib: number("memoryMiB", otherwise.memory_mib),
        disk_gib: number("diskGiB", otherwise.disk_gib),
        gpus: 0,
    };
    let is_same = |size: &Size| Size { gpus: 0, ..*size } == written;
    let offered = site.spec().node_specs.values().map(of_node_spec);
    // Of several that differ in GPUs only, the one that is named.
    let spec = named
        .map(of_node_spec)
        .or_else(|| offered.filter(is_same).min_by_key(|size| size.gpus));
    Size {
        gpus: spec.map_or(0, |spec| spec.gpus),
        ..written
    }
}

/// Several clouds may call different specs the same; the largest counts.
fn by_flavor(site: &Site, flavor: Option<&str>) -> Option<Size> {
    let openstack = site.spec().openstack.as_ref()?;
    let flavors = openstack.clouds.values().flat_map(|cloud| &cloud.flavors);
    let names = flavors.filter(|(_, of)| Some(of.as_str()) == flavor);
    let sizes = names.filter_map(|(name, _)| site.node_spec(name).map(of_node_spec));
    sizes.reduce(Size::max)
}

fn by_hosts(site: &Site, labels: Option<&Value>) -> Option<Size> {
    let metal3 = site.spec().metal3.as_ref()?;
    let labels = labels?;
    let is_it = |wanted: &std::collections::BTreeMap<String, String>| {
        wanted
            .iter()
            .all(|(key, value)| labels.get(key).and_then(Value::as_str) == Some(value))
    };
    let names = metal3.hosts.iter().filter(|(_, wanted)| is_it(wanted));
    let sizes = names.filter_map(|(name, _)| site.node_spec(name).map(of_node_spec));
    sizes.reduce(Size::max)
}
