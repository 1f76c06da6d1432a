//! What the API server decides by itself, without calling: expressions in CEL.
//!
//! Every field is read as an optional (`.?`), since an object may have neither spec nor labels nor
//! annotations, and an expression that fails would let the failure policy decide.

use basphere_core::images::{PAYLOAD_WORDS, RESOURCE_SET};
use basphere_core::keys;
use k8s_openapi::api::admissionregistration::v1::MatchCondition;

/// Namespaces whose service accounts are controllers of Cluster API, of a provider, or of Kubernetes.
const CONTROLLER_NAMESPACES: [&str; 8] = [
    "basphere-system",
    "capi-kubeadm-bootstrap-system",
    "capi-kubeadm-control-plane-system",
    "capi-system",
    "capm3-system",
    "capo-system",
    "capv-system",
    "kube-system",
];

/// Whose requests a webhook is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Anyone,
    /// Everybody but controllers.
    Person,
    Controller,
}

/// The conditions of a webhook for what people write; it is called when all are true.
pub(super) fn of_tenants(sender: Sender) -> Vec<MatchCondition> {
    conditions(sender, condition("changed", changed(false)))
}

/// The conditions of a webhook for what controllers make.
pub(super) fn of_machines(sender: Sender) -> Vec<MatchCondition> {
    conditions(sender, condition("changed", changed(true)))
}

/// A number of machines that does not grow is nobody's business. Whether somebody may write it at
/// all, RBAC says.
pub(super) fn of_scale() -> Vec<MatchCondition> {
    let replicas = |object: &str| format!("{object}.?spec.?replicas.orValue(0)");
    let grows = format!("{} > {}", replicas("object"), replicas("oldObject"));
    // The autoscaler may run where controllers do; Cluster API's own never write it.
    conditions(Sender::Anyone, condition("grows", grows))
}

/// Of all Secrets, those that a ClusterResourceSet applies. What type a Secret has, nobody can change.
pub(super) fn of_secrets() -> Vec<MatchCondition> {
    let is_one = format!("object.?type.orValue('') == '{RESOURCE_SET}'");
    of_payload(condition("payload", is_one))
}

/// Of all ConfigMaps, those that hold a manifest which names an image.
pub(super) fn of_config_maps() -> Vec<MatchCondition> {
    let words = PAYLOAD_WORDS.map(|word| format!("object.data[key].contains('{word}')"));
    let is_one = format!(
        "has(object.data) && object.data.exists(key, {})",
        words.join(" && ")
    );
    of_payload(condition("payload", is_one))
}

fn of_payload(payload: MatchCondition) -> Vec<MatchCondition> {
    let changed = "request.operation == 'CREATE' || object.?data != oldObject.?data".to_owned();
    let mut conditions = conditions(Sender::Person, condition("changed", changed));
    conditions.insert(1, payload);
    conditions
}

/// The webhook does not ask itself about the leases that it writes.
pub(super) fn of_own() -> Vec<MatchCondition> {
    let group = "system:serviceaccounts:basphere-system";
    let expression = format!("!('{group}' in request.userInfo.?groups.orValue([]))");
    vec![condition("others", expression)]
}

fn conditions(sender: Sender, last: MatchCondition) -> Vec<MatchCondition> {
    let sender = match sender {
        Sender::Anyone => None,
        Sender::Person => Some(condition("person", format!("!({})", is_controller()))),
        Sender::Controller => Some(condition("controller", is_controller())),
    };
    sender.into_iter().chain([last]).collect()
}

fn condition(name: &str, expression: String) -> MatchCondition {
    MatchCondition {
        name: name.to_owned(),
        expression,
    }
}

/// An UPDATE concerns us only when spec, labels or our own annotations change: finalizers, other
/// annotations and managed fields pass without a call, and so does deletion. For machines the
/// ownerReferences count too: a person who changes them takes a machine from one owner to another.
fn changed(with_owners: bool) -> String {
    let mut paths = vec!["?spec".to_owned(), "metadata.?labels".to_owned()];
    if with_owners {
        paths.push("metadata.?ownerReferences".to_owned());
    }
    let annotations = [
        keys::REQUESTER,
        keys::CLUSTER_TYPE,
        keys::NODE_SPEC,
        keys::LOAD_BALANCER_RANGE,
        keys::DELETE_FOR_MOVE,
        keys::AUTOSCALER_MOST,
    ];
    paths.extend(annotations.map(|key| format!("metadata.?annotations[?'{key}']")));
    let differs = paths
        .iter()
        .map(|path| format!("object.{path} != oldObject.{path}"));
    std::iter::once("request.operation == 'CREATE'".to_owned())
        .chain(differs)
        .collect::<Vec<_>>()
        .join(" || ")
}

fn is_controller() -> String {
    let groups =
        CONTROLLER_NAMESPACES.map(|namespace| format!("'system:serviceaccounts:{namespace}'"));
    format!(
        "request.userInfo.?groups.orValue([]).exists(group, group in [{}])",
        groups.join(", ")
    )
}
