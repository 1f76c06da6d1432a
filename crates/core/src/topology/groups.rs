//! The groups of machines of a topology: how many, and of which node spec.

use serde_json::{Value, json};

use super::variables::VARIABLES;
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::{mark, marks};
use crate::json::{field_path, text_at, token};
use crate::site::{ClusterTypeSpec, NodeSpec, Site};
use crate::subjects::{at_most, not_offered};
use crate::{Code, keys};

const CONTROL_PLANE: &str = "/spec/topology/controlPlane";
const WORKERS: &str = "/spec/topology/workers";
const DEPLOYMENTS: &str = "/spec/topology/workers/machineDeployments";
const POOLS: &str = "/spec/topology/workers/machinePools";
/// So many groups of workers are looked at.
const MOST_GROUPS: usize = 256;
/// The one class of workers that the site's ClusterClass has.
const WORKER_CLASS: &str = "worker";
/// What the only group of workers is called.
const WORKERS_NAME: &str = "workers";

/// A group of machines, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) pointer: String,
    /// The control plane has none.
    pub(super) name: Option<String>,
}

impl Group {
    pub(super) fn is_control_plane(&self) -> bool {
        self.pointer == CONTROL_PLANE
    }

    /// Where the group's own values of variables stand.
    pub(super) fn overrides(&self) -> String {
        format!("{}/variables/overrides", self.pointer)
    }

    pub(super) fn of<'a>(&self, cluster: &'a Value) -> &'a Value {
        cluster.pointer(&self.pointer).unwrap_or(&Value::Null)
    }

    /// The same group of the stored Cluster, wherever it stands there.
    pub(super) fn stored(&self, old: Option<&Value>) -> Option<Self> {
        let old = old?;
        if self.is_control_plane() {
            return Some(self.clone());
        }
        let mut stored = deployments(old).into_iter();
        stored.find(|stored| stored.name.is_some() && stored.name == self.name)
    }

    /// The name of its machines' node spec: its own mark, else the Cluster's, else the type's.
    pub(super) fn spec_name<'a>(&self, site: &'a Site, cluster: &'a Value) -> &'a str {
        let own = mark(self.of(cluster), keys::NODE_SPEC);
        let marked = own.or_else(|| mark(cluster, keys::NODE_SPEC));
        marked.unwrap_or_else(|| of_type(site, cluster, self.is_control_plane()))
    }

    /// The node spec that its machines are charged as.
    pub(super) fn spec<'a>(&self, site: &'a Site, cluster: &Value) -> Option<&'a NodeSpec> {
        let otherwise = of_type(site, cluster, self.is_control_plane());
        spec_of(site, cluster, self.of(cluster), otherwise)
    }
}

/// The node spec of a group: the one that its mark names, or the Cluster's; else the one that its type
/// gives.
pub(crate) fn spec_of<'a>(
    site: &'a Site,
    cluster: &Value,
    group: &Value,
    otherwise: &str,
) -> Option<&'a NodeSpec> {
    let name = mark(group, keys::NODE_SPEC).or_else(|| mark(cluster, keys::NODE_SPEC));
    let named = name.and_then(|name| site.node_spec(name));
    named.or_else(|| site.node_spec(otherwise))
}

fn type_of<'a>(site: &'a Site, cluster: &Value) -> &'a ClusterTypeSpec {
    let named = mark(cluster, keys::CLUSTER_TYPE).and_then(|name| site.cluster_type(name));
    named.unwrap_or(site.default_type().1)
}

fn of_type<'a>(site: &'a Site, cluster: &Value, is_control_plane: bool) -> &'a str {
    let of_type = type_of(site, cluster);
    let group = if is_control_plane {
        &of_type.control_plane
    } else {
        &of_type.workers
    };
    &group.spec
}

/// The groups of workers.
pub(super) fn deployments(cluster: &Value) -> Vec<Group> {
    listed(cluster, DEPLOYMENTS)
}

fn listed(cluster: &Value, list: &str) -> Vec<Group> {
    let items = cluster.pointer(list).and_then(Value::as_array);
    let items = items.into_iter().flatten().take(MOST_GROUPS).enumerate();
    items
        .map(|(index, item)| Group {
            pointer: format!("{list}/{index}"),
            name: text_at(item, "/name").map(str::to_owned),
        })
        .collect()
}

pub(super) fn control_plane() -> Group {
    Group {
        pointer: CONTROL_PLANE.to_owned(),
        name: None,
    }
}

/// The control plane and all groups of workers.
pub(super) fn all(cluster: &Value) -> Vec<Group> {
    let workers = [DEPLOYMENTS, POOLS].map(|list| listed(cluster, list));
    std::iter::once(control_plane())
        .chain(workers.into_iter().flatten())
        .collect()
}

/// Names and counts the groups, and marks them with their node specs.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    complete_group(context, draft, &control_plane());
    complete_workers(context, draft);
    for index in 0..draft.len_of(DEPLOYMENTS).min(MOST_GROUPS) {
        let item = format!("{DEPLOYMENTS}/{index}");
        if !draft.has(&format!("{item}/name")) && draft.takes_defaults() {
            draft.set(&format!("{item}/name"), name_of(index).into());
        }
        if let Some(group) = deployments(draft.object()).get(index) {
            complete_group(context, draft, group);
        }
    }
}

fn name_of(index: usize) -> String {
    match index {
        0 => WORKERS_NAME.to_owned(),
        index => format!("{WORKERS_NAME}-{}", index + 1),
    }
}

/// Who names no workers gets one group of them; an empty list names none on purpose.
fn complete_workers(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_said = draft.get(DEPLOYMENTS).is_some_and(|list| !list.is_null()) || draft.has(POOLS);
    let is_there = is_said || draft.put_back(WORKERS);
    if !is_there && context.is_create() && draft.takes_defaults() {
        draft.set(
            DEPLOYMENTS,
            json!([{"class": WORKER_CLASS, "name": WORKERS_NAME}]),
        );
    }
}

fn complete_group(context: &Context<'_>, draft: &mut Draft<'_>, group: &Group) {
    let old = draft.old();
    let stored = group.stored(old);
    let is_new = context.is_create() || stored.is_none();
    let site = context.site();
    let of_type = type_of(site, draft.object());
    let count = if group.is_control_plane() {
        of_type.control_plane.count
    } else {
        of_type.workers.count
    };
    let before = old.zip(stored.as_ref()).map(|(old, stored)| stored.of(old));
    if !group.is_control_plane() {
        give(
            draft,
            group,
            "/class",
            before,
            is_new.then(|| WORKER_CLASS.into()),
        );
    }
    if !is_scaled(group.of(draft.object())) {
        give(
            draft,
            group,
            "/replicas",
            before,
            is_new.then(|| count.into()),
        );
    }
    if mark(group.of(draft.object()), keys::NODE_SPEC).is_some() {
        return;
    }
    let place = |place: &str| format!("/metadata/{place}/{}", token(keys::NODE_SPEC));
    let marked = before.and_then(|before| {
        let marked = marks(before, keys::NODE_SPEC).into_iter();
        marked.into_iter().find(|(_, name)| name.is_some())
    });
    let name = group.spec_name(site, draft.object()).to_owned();
    match marked {
        Some((at, _)) => give(draft, group, &place(at), before, None),
        None => give(
            draft,
            group,
            &place("labels"),
            None,
            is_new.then(|| name.into()),
        ),
    }
}

/// Whether the autoscaler says how many machines a group has.
fn is_scaled(group: &Value) -> bool {
    let annotations = group.pointer("/metadata/annotations");
    let keys = [keys::AUTOSCALER_LEAST, keys::AUTOSCALER_MOST];
    annotations.is_some_and(|all| keys.iter().any(|key| all.get(*key).is_some()))
}

/// Puts a field of a group in where nothing is said: what was stored, else the default.
fn give(
    draft: &mut Draft<'_>,
    group: &Group,
    field: &str,
    before: Option<&Value>,
    default: Option<Value>,
) {
    let pointer = format!("{}{field}", group.pointer);
    if draft.has(&pointer) {
        return;
    }
    let stored = before.and_then(|before| before.pointer(field)).cloned();
    let default = default.filter(|_| draft.takes_defaults());
    if let Some(value) = stored.or(default) {
        draft.set(&pointer, value);
    }
}

/// Refuses node specs that the site does not have, and more groups than are looked at.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    for list in [DEPLOYMENTS, POOLS] {
        let most = format!("a cluster has {MOST_GROUPS} groups of workers at the most");
        at_most(draft, list, MOST_GROUPS, most);
    }
    let specs = &context.site().spec().node_specs;
    for group in all(draft.object()) {
        let marked = marks(group.of(draft.object()), keys::NODE_SPEC);
        let unknown = marked
            .into_iter()
            .filter_map(|(place, name)| Some((place, name?.to_owned())))
            .filter(|(_, name)| !specs.contains_key(name));
        for (place, name) in unknown.collect::<Vec<_>>() {
            let at = format!(
                "{}/metadata/{place}/{}",
                group.pointer,
                token(keys::NODE_SPEC)
            );
            let names = specs.keys().map(String::as_str);
            let path = field_path(&at);
            draft.finding(not_offered(
                Code::SpecUnknown,
                path,
                &name,
                "node specs",
                names,
            ));
        }
    }
}

/// The list of a group's own values, or that of the whole topology where the group has none of that
/// name.
pub(super) fn list_for(draft: &Draft<'_>, group: &Group, name: &str) -> String {
    let own = group.overrides();
    match super::value(draft.object(), &own, name) {
        Some(_) => own,
        None => VARIABLES.to_owned(),
    }
}
