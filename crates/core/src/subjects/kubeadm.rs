//! kubeadm's configuration: component arguments in both of their shapes.

use serde_json::{Value, json};

use crate::change::Draft;
use crate::context::Context;
use crate::json::token;
use crate::{ApiVersion, KubernetesVersion};

/// From this minor version on, kube-apiserver has no `--cloud-provider` and no `--cloud-config`
/// any more and does not start with them.
pub(super) const API_SERVER_WITHOUT_CLOUD_FLAGS: u64 = 33;

/// The argument that tells components of a cloud controller manager.
pub(super) const CLOUD_PROVIDER: &str = "cloud-provider";
const EXTERNAL: &str = "external";

/// Whether kube-apiserver of that version has this argument. What is not known is left to the user.
pub(super) fn api_server_has(argument: &str, version: &KubernetesVersion) -> bool {
    !(matches!(argument, CLOUD_PROVIDER | "cloud-config")
        && version.is_at_least_minor(API_SERVER_WITHOUT_CLOUD_FLAGS))
}

/// Completes `nodeRegistration` of an init or join configuration.
pub(super) fn complete_node_registration(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    configuration: &str,
) {
    let registration = format!("{configuration}/nodeRegistration");
    draft.fill(
        &format!("{registration}/criSocket"),
        context.site().spec().kubernetes.cri_socket.as_str(),
    );
    complete_cloud_provider(context, draft, &format!("{registration}/kubeletExtraArgs"));
}

/// Puts `cloud-provider: external` among the arguments at a pointer.
pub(super) fn complete_cloud_provider(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    arguments: &str,
) {
    match context.request.subject.version {
        ApiVersion::V1Alpha1 | ApiVersion::V1Alpha7 | ApiVersion::V1Beta1 => {
            let pointer = format!("{arguments}/{}", token(CLOUD_PROVIDER));
            // An empty value is a choice here: it means no cloud provider.
            if draft.get(&pointer).is_none_or(Value::is_null) {
                draft.fill(&pointer, EXTERNAL);
            }
        }
        ApiVersion::V1Beta2 | ApiVersion::V1 => complete_listed(draft, arguments),
    }
}

fn complete_listed(draft: &mut Draft<'_>, arguments: &str) {
    let named = |object: &Value| {
        let items = object.pointer(arguments).and_then(Value::as_array)?;
        items
            .iter()
            .find(|item| item.get("name").and_then(Value::as_str) == Some(CLOUD_PROVIDER))
            .cloned()
    };
    if named(draft.object()).is_some() {
        return;
    }
    if let Some(stored) = draft.old().and_then(named) {
        draft.push(arguments, stored);
    } else if draft.takes_defaults() {
        draft.push(
            arguments,
            json!({"name": CLOUD_PROVIDER, "value": EXTERNAL}),
        );
    }
}

/// Takes `cloud-provider: external` out of the arguments at a pointer, and what is empty then. Tells
/// whether it was there; another value is somebody's choice and stays.
pub(super) fn drop_cloud_provider(draft: &mut Draft<'_>, arguments: &str, floor: &str) -> bool {
    let is_external = |(name, pointer): &(String, String)| {
        let value = draft.get(pointer);
        let text = value.and_then(|argument| argument.get("value").unwrap_or(argument).as_str());
        name == CLOUD_PROVIDER && text == Some(EXTERNAL)
    };
    let mut found = argument_names(draft.object(), arguments);
    found.retain(is_external);
    // A list may have it more than once; from its end, so that the pointers stay right.
    for (_, pointer) in found.iter().rev() {
        draft.prune(pointer, floor);
    }
    !found.is_empty()
}

/// The names of the arguments at a pointer, each with the pointer of the argument itself.
pub(crate) fn argument_names(object: &Value, arguments: &str) -> Vec<(String, String)> {
    match object.pointer(arguments) {
        Some(Value::Object(map)) => map
            .keys()
            .map(|name| (name.clone(), format!("{arguments}/{}", token(name))))
            .collect(),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let name = item.get("name")?.as_str()?;
                Some((name.to_owned(), format!("{arguments}/{index}")))
            })
            .collect(),
        _ => Vec::new(),
    }
}
