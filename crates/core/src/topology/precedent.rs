//! What a stored topology says of the machines that are made of it.

use serde_json::Value;

use super::groups;
use super::variables::{
    CONTROL_PLANE_MACHINE, IMAGES, VSPHERE, WORKER_MACHINE, every_list, places,
};
use super::{TOPOLOGY, VERSION, class};
use crate::inventory::mark;
use crate::json::{is_unset, text_at};
use crate::keys;
use crate::precedent::{Precedent, place};
use crate::subjects::size_of;

/// Reads a Cluster, whatever its version; nothing when it has no topology.
pub(crate) fn precedent(cluster: &Value) -> Option<Box<Precedent>> {
    cluster.pointer(TOPOLOGY).filter(|of| !is_unset(of))?;
    let named = |name: &str| {
        let lists = every_list(cluster).into_iter();
        let pointers: Vec<_> = lists
            .flat_map(|list| places(cluster, &list, name))
            .collect();
        let values = pointers.iter().filter_map(|at| cluster.pointer(at));
        values.collect::<Vec<_>>()
    };
    let images = named(IMAGES).into_iter().filter_map(Value::as_array);
    let templates = images.flatten().filter_map(|of| text_at(of, "/template"));
    let sizes = [CONTROL_PLANE_MACHINE, WORKER_MACHINE].map(named);
    let groups = groups::all(cluster);
    let marked = groups
        .iter()
        .map(|group| group.of(cluster))
        .chain([cluster]);
    let marks = marked.filter_map(|of| mark(of, keys::NODE_SPEC));
    Some(Box::new(Precedent {
        class_namespace: class::namespace(cluster).map(str::to_owned),
        places: named(VSPHERE).into_iter().map(place).collect(),
        images: templates.map(str::to_owned).collect(),
        sizes: sizes.into_iter().flatten().map(size_of).collect(),
        version: text_at(cluster, VERSION).and_then(|version| version.parse().ok()),
        node_specs: marks.map(str::to_owned).collect(),
    }))
}
