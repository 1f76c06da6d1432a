//! Counts what objects ask for. Naive on purpose, and the same for objects and for entries of a ledger:
//! nothing of the code under test is used to judge it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::objects::Kind;

/// How much there is of each measure, by its name in refusals.
pub(super) type Amounts = BTreeMap<String, u64>;

pub(super) const CLUSTERS: &str = "clusters";
pub(super) const NODES: &str = "nodes";
pub(super) const CONTROL_PLANE_NODES: &str = "control-plane nodes";
pub(super) const NODE_POOLS: &str = "node pools";
pub(super) const VCPUS: &str = "vCPUs";
/// Followed by the cluster's name.
pub(super) const NODES_OF: &str = "nodes of cluster ";

/// What is stored of an object, or may come of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ask {
    cluster: Option<String>,
    machines: u64,
    most: Option<u64>,
    template: Option<String>,
    cpus: u64,
    control_plane: Option<String>,
}

/// An object, with all that it may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) asks: Vec<Ask>,
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

impl Thing {
    /// An object as it is stored.
    pub(super) fn of_object(object: &Value) -> Self {
        let kind = text(object, "/kind").unwrap_or_default();
        let has_machines = [Kind::ControlPlane, Kind::MachineDeployment].map(Kind::kind);
        let label = "/metadata/labels/cluster.x-k8s.io~1cluster-name";
        let most =
            "/metadata/annotations/cluster.x-k8s.io~1cluster-api-autoscaler-node-group-max-size";
        // v1beta1 has it one level higher for control planes.
        let references = [
            "/spec/template/spec/infrastructureRef/name",
            "/spec/machineTemplate/spec/infrastructureRef/name",
            "/spec/machineTemplate/infrastructureRef/name",
        ];
        let ask = if has_machines.contains(&kind.as_str()) {
            Ask {
                cluster: text(object, "/spec/clusterName").or_else(|| text(object, label)),
                machines: number(object, "/spec/replicas").unwrap_or(1),
                most: text(object, most).and_then(|most| most.parse().ok()),
                template: references.iter().find_map(|path| text(object, path)),
                ..Ask::default()
            }
        } else if kind == Kind::Template.kind() {
            Ask {
                cpus: number(object, "/spec/template/spec/numCPUs").unwrap_or_default(),
                ..Ask::default()
            }
        } else {
            Ask {
                control_plane: text(object, "/spec/controlPlaneRef/name"),
                ..Ask::default()
            }
        };
        Self {
            kind,
            namespace: text(object, "/metadata/namespace").unwrap_or_default(),
            name: text(object, "/metadata/name").unwrap_or_default(),
            asks: vec![ask],
        }
    }

    /// An entry of a ledger.
    pub(super) fn of_entry(entry: &Value) -> Self {
        let pending = entry.get("pending").and_then(Value::as_array);
        let pending = pending.into_iter().flatten();
        let asks = entry
            .get("stored")
            .into_iter()
            .chain(pending.filter_map(|pending| pending.get("ask")));
        let asks = asks.map(|ask| Ask {
            cluster: text(ask, "/cluster"),
            machines: number(ask, "/replicas").unwrap_or_default(),
            most: number(ask, "/most"),
            template: text(ask, "/template/name"),
            cpus: number(ask, "/size/cpus").unwrap_or_default(),
            control_plane: text(ask, "/controlPlane"),
        });
        Self {
            kind: text(entry, "/kind").unwrap_or_default(),
            namespace: text(entry, "/namespace").unwrap_or_default(),
            name: text(entry, "/name").unwrap_or_default(),
            asks: asks.collect(),
        }
    }

    pub(super) fn is_template(&self) -> bool {
        self.kind == Kind::Template.kind()
    }

    /// Whether it may be made of that template.
    pub(super) fn refers_to(&self, template: &Self) -> bool {
        let is_it = |ask: &Ask| ask.template.as_deref() == Some(template.name.as_str());
        self.namespace == template.namespace && self.asks.iter().any(is_it)
    }
}

/// All of it, each thing at the most that it may come to.
pub(super) fn count<'a>(things: impl Iterator<Item = &'a Thing> + Clone) -> Amounts {
    let mut all = Amounts::new();
    for thing in things.clone() {
        let mut most = Amounts::new();
        for ask in &thing.asks {
            for (measure, amount) in count_one(thing, ask, things.clone()) {
                let known = most.entry(measure).or_default();
                *known = amount.max(*known);
            }
        }
        for (measure, amount) in most {
            *all.entry(measure).or_default() += amount;
        }
    }
    all
}

fn count_one<'a>(
    thing: &Thing,
    ask: &Ask,
    mut others: impl Iterator<Item = &'a Thing> + Clone,
) -> Vec<(String, u64)> {
    let is_control_plane = thing.kind == Kind::ControlPlane.kind();
    if thing.kind == Kind::Cluster.kind() {
        return vec![(CLUSTERS.to_owned(), 1)];
    }
    if !is_control_plane && thing.kind != Kind::MachineDeployment.kind() {
        return Vec::new();
    }
    let machines = ask.machines.max(ask.most.unwrap_or_default());
    let is_template = |other: &&Thing| {
        other.is_template()
            && other.namespace == thing.namespace
            && Some(&other.name) == ask.template.as_ref()
    };
    let sizes = others.clone().filter(is_template);
    let cpus = sizes.flat_map(|template| template.asks.iter().map(|ask| ask.cpus));
    let refers = |other: &&Thing| {
        let mut names = other
            .asks
            .iter()
            .filter_map(|ask| ask.control_plane.as_ref());
        is_control_plane
            && other.namespace == thing.namespace
            && names.any(|name| *name == thing.name)
    };
    let cluster = ask.cluster.clone().or_else(|| {
        let found = others.find(refers);
        found.map(|cluster| cluster.name.clone())
    });
    let mut amounts = vec![
        (NODES.to_owned(), machines),
        (VCPUS.to_owned(), machines * cpus.max().unwrap_or_default()),
    ];
    amounts.push(match is_control_plane {
        true => (CONTROL_PLANE_NODES.to_owned(), machines),
        false => (NODE_POOLS.to_owned(), 1),
    });
    amounts.extend(cluster.map(|cluster| (format!("{NODES_OF}{cluster}"), machines)));
    amounts
}
