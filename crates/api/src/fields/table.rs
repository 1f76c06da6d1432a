//! The embedded table: the fields of every kind in each of its versions.
//!
//! Most schemas repeat each other's parts, so each distinct node stands in the table once, on a line
//! of its own, behind those that it refers to by their place. Place 0 is a plain value. In a node a
//! field has its own name, `*` is any key of a map, `[]` an element of a list, and `...` says that
//! what is unknown is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use basphere_core::ApiVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fields;
use super::node::{Node, Others};

const MAP: &str = "*";
const LIST: &str = "[]";
const KEPT: &str = "...";

static V1ALPHA1: LazyLock<Table> = LazyLock::new(|| read(include_str!("v1alpha1.json")));
static V1ALPHA7: LazyLock<Table> = LazyLock::new(|| read(include_str!("v1alpha7.json")));
static V1BETA1: LazyLock<Table> = LazyLock::new(|| read(include_str!("v1beta1.json")));
/// Kubernetes' own kinds are the API server's to check.
static V1: LazyLock<Table> = LazyLock::new(Table::default);
static V1BETA2: LazyLock<Table> = LazyLock::new(|| read(include_str!("v1beta2.json")));

/// The fields of all kinds of one version, and where they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    sources: BTreeMap<String, String>,
    kinds: BTreeMap<String, Fields>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Packed {
    sources: BTreeMap<String, String>,
    kinds: BTreeMap<String, usize>,
    nodes: Vec<BTreeMap<String, usize>>,
}

pub(super) fn embedded(version: ApiVersion) -> &'static Table {
    match version {
        ApiVersion::V1Alpha1 => &V1ALPHA1,
        ApiVersion::V1Alpha7 => &V1ALPHA7,
        ApiVersion::V1Beta1 => &V1BETA1,
        ApiVersion::V1Beta2 => &V1BETA2,
        ApiVersion::V1 => &V1,
    }
}

/// The modules and versions that the embedded table was made from: `cluster-api v1.14.2 and …`.
#[must_use]
pub fn sources() -> String {
    let named = |(module, version): (&String, &String)| {
        let name = module.rsplit('/').next().unwrap_or(module);
        format!("{name} {version}")
    };
    let names: Vec<_> = V1BETA2.sources.iter().map(named).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

impl Table {
    /// A table without kinds, of these modules (module → version).
    #[must_use]
    pub fn new(sources: BTreeMap<String, String>) -> Self {
        Self {
            sources,
            kinds: BTreeMap::new(),
        }
    }

    /// The fields of a kind; `None` when it is not in this version.
    #[must_use]
    pub fn kind(&self, kind: &str) -> Option<Fields> {
        self.kinds.get(kind).cloned()
    }

    /// Adds the fields of a kind.
    pub fn insert(&mut self, kind: &str, fields: Fields) {
        self.kinds.insert(kind.to_owned(), fields);
    }

    /// The table as it is committed.
    ///
    /// # Errors
    ///
    /// Never: what it holds is JSON.
    pub fn render(&self) -> serde_json::Result<String> {
        let mut places = BTreeMap::new();
        let mut packed = Packed {
            sources: self.sources.clone(),
            ..Packed::default()
        };
        for (kind, Fields(node)) in &self.kinds {
            let place = pack(node, &mut places, &mut packed.nodes);
            packed.kinds.insert(kind.clone(), place);
        }
        let lines: Result<Vec<_>, _> = packed.nodes.iter().map(serde_json::to_string).collect();
        Ok(format!(
            "{{\"sources\":{},\n\"kinds\":{},\n\"nodes\":[\n{}\n]}}\n",
            serde_json::to_string(&packed.sources)?,
            serde_json::to_string(&packed.kinds)?,
            lines?.join(",\n")
        ))
    }
}

/// The place of a node, which is entered behind what it refers to.
fn pack<'a>(
    node: &'a Node,
    places: &mut BTreeMap<&'a Node, usize>,
    nodes: &mut Vec<BTreeMap<String, usize>>,
) -> usize {
    if *node == Node::default() {
        return 0;
    }
    if let Some(place) = places.get(node) {
        return *place;
    }
    let mut packed = BTreeMap::new();
    for (name, field) in &node.fields {
        packed.insert(name.clone(), pack(field, places, nodes));
    }
    match &node.others {
        Others::Unknown => {}
        Others::Kept => drop(packed.insert(KEPT.to_owned(), 0)),
        Others::Map(values) => drop(packed.insert(MAP.to_owned(), pack(values, places, nodes))),
    }
    if let Some(items) = &node.items {
        packed.insert(LIST.to_owned(), pack(items, places, nodes));
    }
    nodes.push(packed);
    places.insert(node, nodes.len());
    nodes.len()
}

/// A table that cannot be read has no kinds; a test compares it with the schemas.
fn read(text: &str) -> Table {
    let packed: Packed = serde_json::from_str::<Value>(text)
        .and_then(serde_json::from_value)
        .unwrap_or_default();
    let mut nodes = vec![Arc::new(Node::default())];
    for line in packed.nodes {
        let node = unpack(line, &nodes);
        nodes.push(Arc::new(node));
    }
    let kinds = packed.kinds.into_iter();
    Table {
        sources: packed.sources,
        kinds: kinds
            .filter_map(|(kind, place)| Some((kind, Fields(Arc::clone(nodes.get(place)?)))))
            .collect(),
    }
}

fn unpack(line: BTreeMap<String, usize>, nodes: &[Arc<Node>]) -> Node {
    let mut node = Node::default();
    for (name, place) in line {
        let child = nodes.get(place).cloned().unwrap_or_default();
        match name.as_str() {
            KEPT => node.others = Others::Kept,
            MAP => node.others = Others::Map(child),
            LIST => node.items = Some(child),
            _ => drop(node.fields.insert(name, child)),
        }
    }
    node
}
