//! Cluster: its type, the networks inside of it, and its topology.

use serde_json::Value;

use super::releases::check_version;
use super::{check_marks, check_node_spec, naming, networks, replicas};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::mark;
use crate::json::token;
use crate::{Code, keys, topology};

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_bare = topology::is_bare(context);
    complete_type(context, draft);
    networks::complete(context, draft);
    topology::complete(context, draft, is_bare);
}

/// The type becomes a label also when it was written as an annotation, so that it can be selected.
fn complete_type(context: &Context<'_>, draft: &mut Draft<'_>) {
    let pointer = format!("/metadata/labels/{}", token(keys::CLUSTER_TYPE));
    if draft.put_back(&pointer) || !context.is_create() {
        return;
    }
    let (default, _) = context.site().default_type();
    let name = mark(draft.object(), keys::CLUSTER_TYPE).unwrap_or(default);
    // What the site does not have is told of where it was written, and only there.
    if context.site().cluster_type(name).is_some() {
        let name = Value::from(name);
        draft.set(&pointer, name);
    }
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    naming::check(context, draft);
    let types = context
        .site()
        .spec()
        .cluster_types
        .keys()
        .map(String::as_str);
    check_marks(
        draft,
        ("", keys::CLUSTER_TYPE),
        Code::TypeUnknown,
        "cluster types",
        types,
        |_| false,
    );
    check_node_spec(context, draft);
    check_version(context, draft, "/spec/topology/version");
    check_topology_replicas(draft);
    networks::check(context, draft);
    topology::check(context, draft);
}

/// The topology controller makes the control plane from this number, and could not be told.
fn check_topology_replicas(draft: &mut Draft<'_>) {
    replicas::check_odd(draft, "/spec/topology/controlPlane/replicas");
}
