//! One module a subject: what is filled in, and what is refused.

mod bootstrap;
mod cluster;
mod control_plane;
mod deployment;
pub(crate) mod kubeadm;
mod machine_template;
mod metal3;
mod naming;
pub(crate) mod networks;
mod openstack;
mod purpose;
mod releases;
mod replicas;
pub(crate) mod scale;
mod sizing;
mod vsphere_cluster;
mod vsphere_machine;

use serde_json::Value;

pub(crate) use machine_template::placement;
pub(crate) use sizing::{describe as describe_spec, size as size_of};

use crate::change::Draft;
use crate::context::Context;
use crate::inventory::marks;
use crate::json::{field_path, is_unset, token};
use crate::site::Trust;
use crate::{Code, Finding, Kind, keys};

/// Fills in what the site knows. Never refuses.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    match context.kind() {
        Kind::Cluster => cluster::complete(context, draft),
        Kind::VSphereCluster => vsphere_cluster::complete(context, draft),
        Kind::KubeadmControlPlane => control_plane::complete(context, draft),
        Kind::MachineDeployment | Kind::MachinePool => deployment::complete(context, draft),
        Kind::VSphereMachineTemplate => machine_template::complete(context, draft),
        Kind::OpenStackCluster => openstack::cluster::complete(context, draft),
        Kind::OpenStackMachineTemplate => openstack::machine::complete(context, draft),
        Kind::Metal3Cluster => metal3::complete_cluster(context, draft),
        Kind::Metal3MachineTemplate => metal3::complete(context, draft),
        Kind::KubeadmConfigTemplate => bootstrap::complete(context, draft),
        // Of all others, only the owner matters so far.
        _ => {}
    }
}

/// Refuses what the site does not allow, and warns. Changes nothing.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_person = context.trust() == Trust::Person;
    match context.kind() {
        Kind::Cluster => cluster::check(context, draft),
        Kind::VSphereCluster => vsphere_cluster::check(context, draft),
        Kind::KubeadmControlPlane => control_plane::check(context, draft),
        Kind::MachineDeployment | Kind::MachinePool => deployment::check(context, draft),
        Kind::VSphereMachineTemplate => machine_template::check(context, draft),
        Kind::OpenStackCluster => openstack::cluster::check(context, draft),
        Kind::OpenStackMachineTemplate => openstack::machine::check(context, draft),
        Kind::Metal3Cluster => metal3::check_cluster(context, draft),
        Kind::Metal3MachineTemplate => metal3::check(context, draft),
        // Controllers copy what was checked where it was written; people write these by hand.
        Kind::Machine if is_person => releases::check_version(context, draft, "/spec/version"),
        Kind::MachineSet if is_person => {
            releases::check_version(context, draft, "/spec/template/spec/version");
        }
        Kind::VSphereMachine
        | Kind::VSphereVM
        | Kind::VSphereClusterTemplate
        | Kind::VSphereDeploymentZone => vsphere_machine::check(context, draft),
        _ => {}
    }
}

/// Refuses a mark, label or annotation of the object at a pointer, that names none of the site's offers and
/// nothing else that is let in.
fn check_marks<'a>(
    draft: &mut Draft<'_>,
    (at, key): (&str, &str),
    code: Code,
    what: &str,
    offers: impl Iterator<Item = &'a str> + Clone,
    is_let_in: impl Fn(&str) -> bool,
) {
    let marked = draft.get(at).map(|object| marks(object, key));
    let unknown: Vec<_> = marked
        .into_iter()
        .flatten()
        .filter_map(|(place, name)| Some((place, name?.to_owned())))
        .filter(|(_, name)| !offers.clone().any(|offer| offer == name) && !is_let_in(name))
        .collect();
    for (place, name) in unknown {
        let path = field_path(&format!("{at}/metadata/{place}/{}", token(key)));
        draft.finding(not_offered(code, path, &name, what, offers.clone()));
    }
}

/// "the site's node specs are …; nearest: …".
pub(crate) fn not_offered<'a>(
    code: Code,
    path: String,
    name: &str,
    what: &str,
    offers: impl Iterator<Item = &'a str> + Clone,
) -> Finding {
    let message = format!("the site's {what} are {}", enumeration(offers.clone()));
    let mut finding = Finding::new(code, path, Value::from(name), message);
    finding.hint = nearest(name, offers).map(|nearest| format!("nearest: {nearest}"));
    finding
}

/// Refuses what stands at a pointer as none of the site's offers.
pub(crate) fn found_not_offered(
    draft: &mut Draft<'_>,
    code: Code,
    pointer: &str,
    what: &str,
    offers: &[&str],
) {
    let written = draft.text(pointer).unwrap_or_default();
    let hint =
        nearest(written, offers.iter().copied()).map(|nearest| format!("nearest: {nearest}"));
    let message = format!("the site's {what} are {}", enumeration(offers));
    draft.found(code, pointer, message, hint);
}

/// Refuses fields that say anything at all.
fn refuse(draft: &mut Draft<'_>, spec: &str, code: Code, message: &str, fields: &[&str]) {
    for field in fields {
        let pointer = format!("{spec}/{field}");
        if draft.has(&pointer) {
            draft.found(code, &pointer, message, Some("leave it out".to_owned()));
        }
    }
}

/// How many items of a list are looked at: a list that is longer is refused as that.
pub(crate) fn at_most(draft: &mut Draft<'_>, pointer: &str, most: usize, message: String) -> usize {
    let count = draft.len_of(pointer);
    if count > most {
        let path = field_path(pointer);
        draft.finding(Finding::new(Code::TooMany, path, count.into(), message));
    }
    count.min(most)
}

/// Refuses to name a node spec that the site does not offer.
fn check_node_spec(context: &Context<'_>, draft: &mut Draft<'_>) {
    check_node_spec_at(context, draft, "");
}

/// The same for a part of an object.
pub(crate) fn check_node_spec_at(context: &Context<'_>, draft: &mut Draft<'_>, at: &str) {
    let names = context.site().spec().node_specs.keys().map(String::as_str);
    let is_carried_on = |name: &str| context.is_carried_on(|said| said.node_specs.contains(name));
    let what = "node specs";
    let mark = (at, keys::NODE_SPEC);
    check_marks(draft, mark, Code::SpecUnknown, what, names, is_carried_on);
}

/// "a, b and c".
pub(crate) fn enumeration<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    let mut text = String::new();
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        if !text.is_empty() {
            text.push_str(if items.peek().is_some() {
                ", "
            } else {
                " and "
            });
        }
        text.push_str(item.as_ref());
    }
    text
}

/// The candidate that is spelled most like what was written.
fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .min_by_key(|candidate| strsim::damerau_levenshtein(&written, &candidate.to_lowercase()))
}

/// What the site has of a provider; without it, nothing of that provider may be made.
fn offered<'a, T>(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    provider: Option<&'a T>,
) -> Option<&'a T> {
    if provider.is_none() {
        let spec = context.site().spec();
        let offered = [
            ("vSphere", spec.vsphere.is_some()),
            ("OpenStack", spec.openstack.is_some()),
            ("Metal3", spec.metal3.is_some()),
        ];
        let offered = offered.into_iter().filter(|(_, is_there)| *is_there);
        let message = format!(
            "the site's machines stand on {}",
            enumeration(offered.map(|(name, _)| name))
        );
        let kind = Value::from(context.kind().as_str());
        draft.finding(Finding::new(
            Code::ProviderNotOffered,
            "kind",
            kind,
            message,
        ));
    }
    provider
}

/// A field of where a machine stands must say what the site says, or what a controller makes the machine of.
fn must_be_placed(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pointer: &str,
    (field, wanted): (&str, Option<&str>),
) {
    let said = draft.get(pointer).filter(|value| !is_unset(value));
    let text = said.and_then(Value::as_str);
    let is_text = said.is_none() || text.is_some();
    if text == wanted || !is_text || !context.is_place_carried_on(field, text) {
        must_equal(draft, pointer, wanted);
    }
}

/// A field of vSphere that must say exactly what the site says.
pub(crate) fn must_equal(draft: &mut Draft<'_>, pointer: &str, wanted: Option<&str>) {
    must_equal_as(draft, Code::PlacementNotTheSites, pointer, wanted);
}

/// A field that must say exactly what the site says.
fn must_equal_as(draft: &mut Draft<'_>, code: Code, pointer: &str, wanted: Option<&str>) {
    let written = draft.get(pointer).cloned().unwrap_or(Value::Null);
    let problem = match (wanted, &written) {
        (Some(wanted), Value::String(text)) if text == wanted => return,
        (None, value) if is_unset(value) => return,
        (Some(wanted), _) => (
            format!("the site's is {wanted:?}"),
            "leave the field out, it is filled in",
        ),
        (None, _) => ("the site has none".to_owned(), "leave the field out"),
    };
    let finding = Finding::new(code, field_path(pointer), written, problem.0);
    draft.finding(finding.hint(problem.1));
}
