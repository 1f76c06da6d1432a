//! What a stored object says of the machines that controllers make of it: a Cluster by the variables of its
//! topology, a template and a machine by their specs, the infrastructure by the vCenter that it stands at.
//!
//! It was judged when it was written. Whoever makes something of it says the same, over a Site that may have
//! been changed since; to refuse that would only have it tried again for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::json::{is_unset, text_at};
use crate::site::PartialSize;
use crate::{Kind, KubernetesVersion, topology};

/// The field of a place that tells whom CAPV logs in to.
pub(crate) const SERVER: &str = "server";
/// The field of a place by which CAPV knows that it is the right one.
pub(crate) const THUMBPRINT: &str = "thumbprint";

/// Where a machine stands: fields, as a template calls them, and `network` and `dhcp4`.
type Place = BTreeMap<String, String>;

/// What is said of the machines to be. Several groups of machines may have several of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Precedent {
    /// The namespace of a topology's class, where one is written.
    pub(crate) class_namespace: Option<String>,
    pub(crate) places: Vec<Place>,
    /// VM templates.
    pub(crate) images: BTreeSet<String>,
    pub(crate) sizes: Vec<PartialSize>,
    pub(crate) version: Option<KubernetesVersion>,
    /// The names of node specs that groups are marked with.
    pub(crate) node_specs: BTreeSet<String>,
}

impl Precedent {
    /// Reads an object; nothing when no machines are made of it.
    pub(crate) fn of(object: &Value) -> Option<Box<Self>> {
        let spec = match text_at(object, "/kind")? {
            kind if kind == Kind::Cluster.as_str() => return topology::precedent(object),
            kind if kind == Kind::VSphereMachineTemplate.as_str() => "/spec/template/spec",
            kind if kind == Kind::VSphereMachine.as_str() => "/spec",
            kind if kind == Kind::VSphereCluster.as_str() => "/spec",
            _ => return None,
        };
        Some(Box::new(Self {
            places: vec![place(object.pointer(spec)?)],
            ..Self::default()
        }))
    }

    /// Whether machines of it have this in a field of their place; nothing stands for a field that is left
    /// out.
    pub(crate) fn places(&self, field: &str, value: Option<&str>) -> bool {
        let mut places = self.places.iter();
        places.any(|place| place.get(field).map(String::as_str) == value)
    }
}

/// The fields of an object that are text, or yes and no.
pub(crate) fn place(object: &Value) -> Place {
    let fields = object.as_object().into_iter().flatten();
    let said = fields.filter_map(|(field, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(is_so) => is_so.to_string(),
            _ => return None,
        };
        (!is_unset(value)).then_some((field.clone(), text))
    });
    said.collect()
}
