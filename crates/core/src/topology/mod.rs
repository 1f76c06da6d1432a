//! A Cluster that names nothing but itself and its type: its topology is filled in, of the ClusterClass
//! that `deploy/` ships, and what the site says goes to the class as values of its variables.
//!
//! What a variable carries was decided when the Cluster was made. It is put back as it was stored, and
//! made anew only for what a request changes: a group's node spec, a new group, the version. A changed
//! Site changes no stored Cluster, since its machines would roll at a moment that nobody chose.

mod class;
mod group;
mod groups;
mod images;
mod precedent;
mod values;
mod variables;

use serde_json::Value;

use crate::change::Draft;
use crate::context::Context;
use crate::inventory::{Facts, mark};
use crate::json::{is_unset, text_at, token};
use crate::site::Trust;
use crate::{Code, Finding, keys};

pub(crate) use class::{foreign_namespace, is_ours};
pub(crate) use group::{Group, Role, walk};
pub(crate) use precedent::precedent;
pub(crate) use variables::{
    ADDRESS, KUBE_VIP, VARIABLES, every_list, places, put, put_back, value, written,
};

const TOPOLOGY: &str = "/spec/topology";
const VERSION: &str = "/spec/topology/version";

/// Whether a Cluster that is being made names its type and nothing that it is made of.
///
/// The API server may ask a second time, with what the first answer made of the object: a default type
/// that was put in then is nobody's wish. That it was is told by the requester, who is put in as well.
pub(crate) fn is_bare(context: &Context<'_>) -> bool {
    let Some(cluster) = context.request.object.as_ref() else {
        return false;
    };
    let pointers = [TOPOLOGY, "/spec/infrastructureRef", "/spec/controlPlaneRef"];
    let mut named = pointers.iter().filter_map(|of| cluster.pointer(of));
    let of_type = mark(cluster, keys::CLUSTER_TYPE);
    let is_default = of_type == Some(context.site().default_type().0);
    let requester = format!("/metadata/annotations/{}", token(keys::REQUESTER));
    let is_completed = is_default && text_at(cluster, &requester).is_some();
    context.is_create() && of_type.is_some() && !is_completed && named.all(is_unset)
}

/// Fills in what is missing of a topology, or all of it where the Cluster was bare.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>, is_bare: bool) {
    if context.trust() == Trust::Controller {
        // It never drops what is filled in, and must find everything as it left it.
        return;
    }
    let spec = context.site().spec();
    if is_bare && (spec.topology.is_none() || spec.vsphere.is_none()) {
        draft.finding(not_offered());
    }
    let Some(vsphere) = &spec.vsphere else {
        return;
    };
    if !is_to_be_filled(draft, is_bare) {
        return;
    }
    class::complete(context, draft);
    if !is_ours(context, draft.object()) {
        return;
    }
    let version = context.site().default_release().version.to_string();
    if !draft.put_back(VERSION) && context.is_create() && draft.takes_defaults() {
        draft.set(VERSION, version.into());
    }
    groups::complete(context, draft);
    values::complete(context, draft, vsphere);
}

/// A topology that is stored is put back first; who has an explicit Cluster is given none.
fn is_to_be_filled(draft: &mut Draft<'_>, is_bare: bool) -> bool {
    match draft.old() {
        Some(old) => {
            old.pointer(TOPOLOGY).is_some_and(|of| !is_unset(of)) && draft.put_back(TOPOLOGY)
        }
        None => is_bare || draft.has(TOPOLOGY),
    }
}

fn not_offered() -> Finding {
    let message =
        "it names nothing that it is made of, and the site has no ClusterClass to fill it in";
    Finding::new(Code::TopologyNotOffered, "spec", Value::Null, message)
        .hint("set spec.infrastructureRef and spec.controlPlaneRef, or ask an admin for spec.topology of the Site")
}

/// Refuses another class than the site's, node specs that it does not have, and variables that carry
/// what the site says and say something else. Controllers carry on what was judged.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.trust() == Trust::Controller || !draft.has(TOPOLOGY) {
        return;
    }
    groups::check(context, draft);
    class::check(context, draft);
    let vsphere = context.site().spec().vsphere.as_ref();
    if let Some(vsphere) = vsphere.filter(|_| is_judged(context, draft.object())) {
        values::check(context, draft, vsphere);
        images::check(context, draft);
    }
}

/// Whether the variables of a topology are judged: those of the site's class, and a tenant's wherever the
/// class is, or may once have been, the site's. Controllers are let to carry on what they say.
pub(crate) fn is_judged(context: &Context<'_>, cluster: &Value) -> bool {
    let may_be_ours =
        || context.site().spec().topology.is_some() || class::is_foreign(context, cluster);
    is_ours(context, cluster) || (context.trust() == Trust::Person && may_be_ours())
}

/// The stored Cluster, when it may go on saying what it says: under the same class, or since it was judged.
/// What a class of the tenant's namespace made of a variable is nothing for the site's class to carry on.
fn carried_on<'a>(context: &Context<'_>, draft: &Draft<'a>) -> Option<&'a Value> {
    let old = draft.old()?;
    let is_same = class::names(context, old) == class::names(context, draft.object());
    (is_same || is_ours(context, old) || class::is_foreign(context, old)).then_some(old)
}

/// Whether what is known of a Cluster tells that it has a topology: nothing else asks for machines.
pub(crate) fn is_there(cluster: &Facts) -> bool {
    cluster.demand != crate::addresses::Demand::default()
}
