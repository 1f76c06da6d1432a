//! Clusters that name their type and nothing else, and what becomes of their topologies.

mod change;
mod changed_site;
mod class;
mod complete;
mod controllers;
mod names;
mod other_class;
mod refuse;

use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use crate::world::{World, example};

pub(crate) const NODE_SPEC: &str = "basphere.dev/node-spec";

/// The five lines.
pub(crate) fn five(version: ApiVersion) -> Value {
    example("topology", version).remove(0)
}

/// A Cluster with a topology.
pub(crate) fn partial(version: ApiVersion, topology: Value) -> Value {
    let mut cluster = five(version);
    cluster["spec"] = json!({"topology": topology});
    cluster
}

/// A world in which the five lines are stored.
pub(crate) fn stored(version: ApiVersion) -> World {
    let mut world = World::new();
    world.apply_all(&[five(version)]);
    world
}

pub(crate) fn topology(world: &World) -> Value {
    world.get(Kind::Cluster, "five")["spec"]["topology"].clone()
}

/// The value of a variable.
pub(crate) fn variable(topology: &Value, name: &str) -> Value {
    let mut all = topology["variables"].as_array().into_iter().flatten();
    let found = all.find(|variable| variable["name"] == name);
    found.map_or(Value::Null, |variable| variable["value"].clone())
}

/// The same topology with another value of a variable.
pub(crate) fn with_variable(mut topology: Value, name: &str, value: Value) -> Value {
    let all = topology["variables"].as_array_mut().expect("variables");
    all.retain(|variable| variable["name"] != name);
    all.push(json!({"name": name, "value": value}));
    topology
}

/// The one group of workers, as it is filled in.
pub(crate) fn workers(topology: &Value) -> &Value {
    &topology["workers"]["machineDeployments"][0]
}

pub(crate) fn size(cpus: u64, memory: u64, disk: u64) -> Value {
    json!({"numCPUs": cpus, "memoryMiB": memory, "diskGiB": disk})
}

pub(crate) fn image(version: &str, template: &str) -> Value {
    json!({"version": version, "template": template})
}
