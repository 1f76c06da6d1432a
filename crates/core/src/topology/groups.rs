//! The groups of machines of a topology: how many, and of which node spec.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::TOPOLOGY;
use super::group::{Group, Role, control_plane, listed, type_of};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::{mark, marks};
use crate::json::{field_path, token};
use crate::subjects::{at_most, check_node_spec_at, enumeration};
use crate::{ApiVersion, Code, Finding, keys};

const ANNOTATIONS: &str = "/metadata/annotations";
const WORKERS: &str = "/spec/topology/workers";
const DEPLOYMENTS: &str = Role::Deployment.pointer();
const POOLS: &str = Role::Pool.pointer();
/// So many groups of workers are looked at.
const MOST_GROUPS: usize = 256;
/// The one class of workers that the site's ClusterClass has.
const WORKER_CLASS: &str = "worker";
/// What the only group of workers is called.
const WORKERS_NAME: &str = "workers";

/// The groups of workers that are completed.
pub(super) fn deployments(cluster: &Value) -> Vec<Group> {
    listed(cluster, Role::Deployment)
        .take(MOST_GROUPS)
        .collect()
}

/// The control plane and the groups of workers that are judged.
pub(super) fn all(cluster: &Value) -> Vec<Group> {
    let roles = [Role::Deployment, Role::Pool].into_iter();
    let workers = roles.flat_map(|role| listed(cluster, role).take(MOST_GROUPS));
    std::iter::once(control_plane()).chain(workers).collect()
}

fn names(cluster: &Value, role: Role) -> impl Iterator<Item = String> {
    listed(cluster, role).filter_map(|group| group.name)
}

/// The same group of the stored Cluster, wherever it stands there.
pub(super) fn stored(group: &Group, old: Option<&Value>) -> Option<Group> {
    let old = old?;
    if group.is_control_plane() {
        return Some(group.clone());
    }
    let mut stored = deployments(old).into_iter();
    stored.find(|stored| stored.name.is_some() && stored.name == group.name)
}

/// Names and counts the groups, and marks them with their node specs.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    complete_group(context, draft, &control_plane());
    complete_workers(context, draft);
    if draft.takes_defaults() {
        complete_names(draft);
    }
    for group in deployments(draft.object()) {
        complete_group(context, draft, &group);
    }
}

/// Names the groups that have no name as stored ones that nobody names: another name would be another group,
/// whose nodes are made anew. Those that were named like this before come first.
fn complete_names(draft: &mut Draft<'_>) {
    let role = Role::Deployment;
    let written: BTreeSet<String> = names(draft.object(), role).collect();
    let stored = draft.old().into_iter().flat_map(|old| names(old, role));
    let stored: BTreeSet<String> = stored.collect();
    let ours: Vec<String> = (0..MOST_GROUPS).map(name_of).collect();
    let (kept, new): (Vec<_>, Vec<_>) = ours.iter().partition(|name| stored.contains(*name));
    let others = stored.iter().filter(|name| !ours.contains(*name));
    let names = kept.into_iter().chain(others).chain(new);
    let mut free = names.filter(|name| !written.contains(*name));
    for group in deployments(draft.object()) {
        let at = format!("{}/name", group.pointer);
        if !draft.has(&at)
            && let Some(name) = free.next()
        {
            draft.set(&at, name.as_str().into());
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
    note_none(context, draft);
    let is_list = |list: &Value| !list.is_null();
    let is_said = draft.get(DEPLOYMENTS).is_some_and(is_list) || draft.has(POOLS);
    let is_none = draft.has(&format!("{ANNOTATIONS}/{}", token(keys::NO_WORKERS)));
    let is_there = is_said || is_none || draft.put_back(WORKERS);
    if !is_there && context.is_create() && draft.takes_defaults() {
        draft.set(
            DEPLOYMENTS,
            json!([{"class": WORKER_CLASS, "name": WORKERS_NAME}]),
        );
    }
}

/// v1beta2 has no empty lists: that there are no workers is said by leaving them out, and noted beside it, since
/// the API server may ask a second time, when what is left out would be filled in.
fn note_none(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_empty = |draft: &Draft<'_>| draft.get(DEPLOYMENTS).is_some_and(is_empty_list);
    if context.request.subject.version == ApiVersion::V1Beta2 && is_empty(draft) {
        draft.prune(DEPLOYMENTS, TOPOLOGY);
        if !draft.has(WORKERS) {
            let noted = format!("{ANNOTATIONS}/{}", token(keys::NO_WORKERS));
            draft.set(&noted, "true".into());
        }
    }
    if draft.has(DEPLOYMENTS) || draft.has(POOLS) {
        draft.remove(ANNOTATIONS, keys::NO_WORKERS);
    }
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// Puts in what a group says nothing of: what the stored one had, or what a new one gets.
fn complete_group(context: &Context<'_>, draft: &mut Draft<'_>, group: &Group) {
    let old = draft.old();
    let stored = stored(group, old);
    let before = old.zip(stored.as_ref()).map(|(old, stored)| stored.of(old));
    let is_new = context.is_create() || before.is_none();
    if !group.is_control_plane() {
        let class = is_new.then(|| WORKER_CLASS.into());
        give(draft, group, "/class", before, class);
    }
    complete_count(context, draft, group, before);
    if mark(group.of(draft.object()), keys::NODE_SPEC).is_none() {
        complete_mark(context, draft, group, before);
    }
}

/// How many, unless the autoscaler says so: Cluster API takes no number beside its annotations. Who adds them by
/// a patch leaves the number that is stored where it is, and means none.
fn complete_count(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    group: &Group,
    before: Option<&Value>,
) {
    let written = group.of(draft.object());
    if is_scaled(written) {
        let is_left = |before: &Value| {
            !is_scaled(before) && before.get("replicas") == written.get("replicas")
        };
        if before.is_some_and(is_left) {
            draft.remove(&group.pointer, "replicas");
        }
        return;
    }
    let of_type = type_of(context.site(), draft.object());
    let count = if group.is_control_plane() {
        of_type.control_plane.count
    } else {
        of_type.workers.count
    };
    let is_new = context.is_create() || before.is_none();
    give(
        draft,
        group,
        "/replicas",
        before,
        is_new.then(|| count.into()),
    );
}

/// Its mark, where the stored group has it, or the one that it is made by.
fn complete_mark(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    group: &Group,
    before: Option<&Value>,
) {
    let place = |place: &str| format!("/metadata/{place}/{}", token(keys::NODE_SPEC));
    let marked = before.and_then(|before| {
        let mut marked = marks(before, keys::NODE_SPEC).into_iter();
        marked.find(|(_, name)| name.is_some())
    });
    match marked {
        Some((at, _)) => give(draft, group, &place(at), before, None),
        None if context.is_create() || before.is_none() => {
            let name = Value::from(group.spec_name(context.site(), draft.object()));
            give(draft, group, &place("labels"), None, Some(name));
        }
        None => {}
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
    warn_of_gone(draft);
    for group in all(draft.object()) {
        check_node_spec_at(context, draft, &group.pointer);
    }
}

/// Warns of stored groups that are not written any more: a list that is written is the whole list.
fn warn_of_gone(draft: &mut Draft<'_>) {
    for role in [Role::Deployment, Role::Pool] {
        let written: BTreeSet<String> = names(draft.object(), role).collect();
        let stored = draft.old().into_iter().flat_map(|old| names(old, role));
        let gone: Vec<_> = stored.filter(|name| !written.contains(name)).collect();
        if !gone.is_empty() {
            let path = field_path(role.pointer());
            let message = format!("the nodes of {} are taken away", enumeration(&gone));
            let hint = "to keep them, name the group beside the others";
            let finding = Finding::new(Code::GroupDisappears, path, Value::Null, message);
            draft.finding(finding.hint(hint));
        }
    }
}
