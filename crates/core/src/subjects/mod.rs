//! One module a subject: what is filled in, and what is refused.

mod bootstrap;
mod cluster;
mod control_plane;
mod deployment;
mod kubeadm;
mod machine_template;
mod releases;
mod replicas;
mod sizing;
mod vsphere_cluster;

use crate::Kind;
use crate::change::Draft;
use crate::context::Context;

/// Fills in what the site knows. Never refuses.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    match context.kind() {
        Kind::Cluster => cluster::complete(context, draft),
        Kind::VSphereCluster => vsphere_cluster::complete(context, draft),
        Kind::KubeadmControlPlane => control_plane::complete(context, draft),
        Kind::MachineDeployment | Kind::MachinePool => deployment::complete(context, draft),
        Kind::VSphereMachineTemplate => machine_template::complete(context, draft),
        Kind::KubeadmConfigTemplate => bootstrap::complete(context, draft),
        // Of all others, only the owner matters so far.
        _ => {}
    }
}

/// Refuses what the site does not allow, and warns. Changes nothing.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    match context.kind() {
        Kind::Cluster => cluster::check(context, draft),
        Kind::VSphereCluster => vsphere_cluster::check(context, draft),
        Kind::KubeadmControlPlane => control_plane::check(context, draft),
        Kind::MachineDeployment | Kind::MachinePool => deployment::check(context, draft),
        Kind::VSphereMachineTemplate => machine_template::check(context, draft),
        _ => {}
    }
}

/// "a, b and c".
fn enumeration<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
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
    candidates
        .into_iter()
        .min_by_key(|candidate| strsim::damerau_levenshtein(written, candidate))
}
