//! KubeadmControlPlane: how many, which version, and what kubeadm is told.

use serde_json::Value;

use super::check_node_spec;
use super::kubeadm::{self, API_SERVER_WITHOUT_CLOUD_FLAGS};
use super::releases::check_version;
use super::replicas::{self, REPLICAS};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::EXTERNAL_ETCD;
use crate::json::{field_path, text_at};
use crate::{Code, Finding, KubernetesVersion};

const CONFIG: &str = "/spec/kubeadmConfigSpec";
const API_SERVER_ARGUMENTS: &str =
    "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs";
const CONTROLLER_MANAGER_ARGUMENTS: &str =
    "/spec/kubeadmConfigSpec/clusterConfiguration/controllerManager/extraArgs";

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if has_machines(context) {
        // Every change of the configuration rolls every control plane, so that from here on only
        // what went missing on the way (kubectl sends whole lists) is put back.
        draft.only_put_back();
    }
    draft.fill(
        "/spec/version",
        context.site().default_release().version.to_string(),
    );
    complete_replicas(context, draft);
    if has_cloud_provider(draft.object()) {
        kubeadm::complete_cloud_provider(context, draft, API_SERVER_ARGUMENTS);
    } else if draft
        .old()
        .is_some_and(|old| !runs_with_cloud_provider(old))
    {
        drop_cloud_provider(draft);
    }
    kubeadm::complete_cloud_provider(context, draft, CONTROLLER_MANAGER_ARGUMENTS);
    for configuration in ["initConfiguration", "joinConfiguration"] {
        kubeadm::complete_node_registration(context, draft, &format!("{CONFIG}/{configuration}"));
    }
}

/// Whether the API server of this control plane's version has the argument.
fn has_cloud_provider(control_plane: &Value) -> bool {
    version_of(control_plane)
        .is_some_and(|version| kubeadm::api_server_has(kubeadm::CLOUD_PROVIDER, &version))
}

fn version_of(control_plane: &Value) -> Option<KubernetesVersion> {
    text_at(control_plane, "/spec/version")?.parse().ok()
}

/// Whether a stored control plane has the argument although its version does not, so that taking it
/// out would replace machines that run, however they do.
fn runs_with_cloud_provider(stored: &Value) -> bool {
    let names = kubeadm::argument_names(stored, API_SERVER_ARGUMENTS);
    !has_cloud_provider(stored)
        && names
            .iter()
            .any(|(name, _)| name == kubeadm::CLOUD_PROVIDER)
}

/// On the way to a version without the argument, it goes: most people never wrote it. Afterwards it
/// goes as well, since the file that wrote it is applied again.
fn drop_cloud_provider(draft: &mut Draft<'_>) {
    if kubeadm::drop_cloud_provider(draft, API_SERVER_ARGUMENTS, CONFIG) {
        let finding = Finding::new(
            Code::ArgumentDropped,
            field_path(API_SERVER_ARGUMENTS),
            Value::from(kubeadm::CLOUD_PROVIDER),
            format!(
                "kube-apiserver lost it in v1.{API_SERVER_WITHOUT_CLOUD_FLAGS}; it was taken out"
            ),
        );
        draft.finding(finding.hint("take it out of the file too, if it is there"));
    }
}

/// Whether the stored control plane owns a Machine, so that a default now would replace it.
fn has_machines(context: &Context<'_>) -> bool {
    let Some(old) = &context.request.old_object else {
        return false;
    };
    old.pointer("/status/replicas")
        .and_then(Value::as_u64)
        .is_some_and(|replicas| replicas > 0)
        || text_at(old, "/metadata/uid").is_some_and(|uid| context.owns_a_machine(uid))
}

fn complete_replicas(context: &Context<'_>, draft: &mut Draft<'_>) {
    if draft.put_back(REPLICAS) || !draft.takes_defaults() {
        return;
    }
    let object = context.request.object.as_ref();
    let cluster = object
        .and_then(|object| context.cluster_of(object))
        .and_then(|(_, facts)| facts);
    let count = replicas::default(context, draft, cluster, |kind| &kind.control_plane);
    draft.set(REPLICAS, Value::from(count));
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    check_node_spec(context, draft);
    check_version(context, draft, "/spec/version");
    check_replicas(draft);
    check_arguments(draft);
}

fn check_replicas(draft: &mut Draft<'_>) {
    if draft.has(EXTERNAL_ETCD) {
        replicas::check(draft, REPLICAS);
    } else {
        replicas::check_odd(draft, REPLICAS);
    }
}

/// A control plane with an argument that its version does not have never starts.
fn check_arguments(draft: &mut Draft<'_>) {
    let Some(version) = version_of(draft.object()) else {
        return;
    };
    for (name, pointer) in kubeadm::argument_names(draft.object(), API_SERVER_ARGUMENTS) {
        if !kubeadm::api_server_has(&name, &version) {
            let message = format!(
                "kube-apiserver has no --{name} from v1.{API_SERVER_WITHOUT_CLOUD_FLAGS} on, and this is {version}"
            );
            let finding = Finding::new(
                Code::ArgumentUnknown,
                field_path(&pointer),
                Value::from(name),
                message,
            );
            draft.finding(finding.hint("take the argument out"));
        }
    }
}
