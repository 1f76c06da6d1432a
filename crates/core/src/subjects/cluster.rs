//! Cluster: its type and the networks inside of it.

use ipnet::IpNet;
use serde_json::Value;

use super::{enumeration, nearest};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::mark;
use crate::json::{field_path, token};
use crate::{Code, Finding, keys};

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    complete_type(context, draft);
    let network = &context.site().spec().cluster_network;
    complete_cidrs(
        context,
        draft,
        "/spec/clusterNetwork/pods/cidrBlocks",
        &network.pods,
    );
    complete_cidrs(
        context,
        draft,
        "/spec/clusterNetwork/services/cidrBlocks",
        &network.services,
    );
}

/// The type becomes a label also when it was written as an annotation, so that it can be selected.
fn complete_type(context: &Context<'_>, draft: &mut Draft<'_>) {
    let pointer = format!("/metadata/labels/{}", token(keys::CLUSTER_TYPE));
    if draft.put_back(&pointer) || !context.is_create() {
        return;
    }
    let (default, _) = context.site().default_type();
    let name = mark(draft.object(), keys::CLUSTER_TYPE)
        .unwrap_or(default)
        .to_owned();
    draft.set(&pointer, Value::from(name));
}

fn complete_cidrs(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str, cidrs: &[IpNet]) {
    // A cluster that exists cannot be given other networks.
    if !draft.put_back(pointer) && context.is_create() && !cidrs.is_empty() {
        draft.set(pointer, cidrs.iter().map(ToString::to_string).collect());
    }
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(name) = mark(draft.object(), keys::CLUSTER_TYPE) else {
        return;
    };
    if context.site().cluster_type(name).is_some() {
        return;
    }
    let types = || {
        context
            .site()
            .spec()
            .cluster_types
            .keys()
            .map(String::as_str)
    };
    let message = format!("the site's cluster types are {}", enumeration(types()));
    let hint = nearest(name, types()).map(|nearest| format!("nearest: {nearest}"));
    let place = if draft
        .text(&format!("/metadata/labels/{}", token(keys::CLUSTER_TYPE)))
        .is_some()
    {
        "labels"
    } else {
        "annotations"
    };
    let path = field_path(&format!("/metadata/{place}/{}", token(keys::CLUSTER_TYPE)));
    let mut finding = Finding::new(Code::TypeUnknown, path, Value::from(name), message);
    finding.hint = hint;
    draft.finding(finding);
}
