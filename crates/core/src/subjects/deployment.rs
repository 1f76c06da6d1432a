//! MachineDeployment and MachinePool: whose they are, how many, which version.

use serde_json::Value;

use super::releases::check_version;
use super::replicas::{self, REPLICAS};
use super::{check_node_spec, enumeration};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::json::{field_path, text_at, token};
use crate::{Code, Finding, Kind, keys};

const CLUSTER_NAME: &str = "/spec/clusterName";
const TEMPLATE_CLUSTER_NAME: &str = "/spec/template/spec/clusterName";
const VERSION: &str = "/spec/template/spec/version";

/// What manifests of the site and of Cluster API append to a Cluster's name.
const SUFFIXES: [&str; 6] = ["-workers", "-worker", "-md-0", "-md", "-mp-0", "-mp"];

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    complete_cluster_name(context, draft);
    if context.kind() == Kind::MachineDeployment {
        complete_selector(context, draft);
    }
    if !context.is_create() {
        // A default in the template of a stored deployment would roll its machines.
        draft.only_put_back();
    }
    // Without a Cluster it is refused, and to assume anything else would only be noise.
    let Some(name) = draft.text(CLUSTER_NAME).map(str::to_owned) else {
        return;
    };
    let cluster = context.cluster(&name);
    complete_version(context, draft, cluster);
    complete_replicas(context, draft, cluster);
}

/// Workers run what their control plane runs, whether it is still offered or not.
fn complete_version(context: &Context<'_>, draft: &mut Draft<'_>, cluster: Option<&Facts>) {
    if draft.put_back(VERSION) || !draft.takes_defaults() {
        return;
    }
    let known = cluster
        .and_then(|cluster| context.control_plane_of(cluster))
        .and_then(|control_plane| control_plane.version.clone());
    let version = known.unwrap_or_else(|| {
        let version = context.site().default_release().version.to_string();
        let message = format!("its control plane is not there yet; {version} was taken");
        let path = field_path(VERSION);
        draft.finding(Finding::new(
            Code::VersionAssumed,
            path,
            Value::Null,
            message,
        ));
        version
    });
    draft.set(VERSION, Value::from(version));
}

fn complete_cluster_name(context: &Context<'_>, draft: &mut Draft<'_>) {
    let named = [CLUSTER_NAME, TEMPLATE_CLUSTER_NAME]
        .into_iter()
        .find_map(|pointer| {
            draft.put_back(pointer);
            draft.text(pointer).map(str::to_owned)
        });
    if let Some(name) = named.or_else(|| find_cluster(context, draft)) {
        draft.fill(CLUSTER_NAME, name.as_str());
        draft.fill(TEMPLATE_CLUSTER_NAME, name.as_str());
    }
}

/// The Cluster that a deployment belongs to which names none: by its label, or by the Cluster whose
/// name it extends. A Cluster that comes later in the same file is not there yet, so that then its
/// name is guessed as manifests use to form it; the only Cluster of the namespace comes last.
fn find_cluster(context: &Context<'_>, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(name) = text_at(
        draft.object(),
        &format!("/metadata/labels/{}", token(keys::CLUSTER_NAME)),
    ) {
        return Some(name.to_owned());
    }
    let own_name = own_name(context, draft.object());
    let names = context.cluster_names_live();
    let extended = names
        .iter()
        .filter(|name| {
            own_name
                .strip_prefix(**name)
                .is_some_and(|rest| rest.starts_with('-'))
        })
        .max_by_key(|name| name.len());
    if let Some(name) = extended {
        return Some((*name).to_owned());
    }
    let formed = SUFFIXES.into_iter().find_map(|suffix| {
        own_name
            .strip_suffix(suffix)
            .filter(|name| !name.is_empty())
    });
    let (name, why) = match (formed, names.as_slice()) {
        (Some(name), _) => (name, "by the object's name; it is not there yet"),
        (None, [name]) => (*name, "as the only one of this namespace"),
        _ => return None,
    };
    let message = format!("Cluster {name:?} was taken {why}");
    let path = field_path(CLUSTER_NAME);
    let finding = Finding::new(Code::ClusterNameGuessed, path, Value::Null, message);
    draft.finding(finding.hint("better name it"));
    Some(name.to_owned())
}

fn own_name(context: &Context<'_>, object: &Value) -> String {
    text_at(object, "/metadata/name")
        .unwrap_or(&context.request.name)
        .to_owned()
}

/// As Cluster API itself would: a deployment selects its own machines.
fn complete_selector(context: &Context<'_>, draft: &mut Draft<'_>) {
    const LABELS: &str = "/spec/selector/matchLabels";
    let template_label = |key: &str| format!("/spec/template/metadata/labels/{}", token(key));
    for key in [keys::CLUSTER_NAME, keys::DEPLOYMENT_NAME] {
        // Without them the stored selector would no longer select the deployment's own machines.
        draft.put_back(&template_label(key));
    }
    if draft.put_back("/spec/selector/matchExpressions") || draft.put_back(LABELS) {
        return;
    }
    let own_name = own_name(context, draft.object());
    // By the Cluster's name alone it would select the machines of all its deployments.
    if !context.is_create() || own_name.is_empty() {
        return;
    }
    let cluster = draft.text(CLUSTER_NAME).map(str::to_owned);
    for (key, value) in [
        (keys::CLUSTER_NAME, cluster.as_deref()),
        (keys::DEPLOYMENT_NAME, Some(own_name.as_str())),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            draft.fill(&format!("{LABELS}/{}", token(key)), value);
            draft.fill(&template_label(key), value);
        }
    }
}

fn complete_replicas(context: &Context<'_>, draft: &mut Draft<'_>, cluster: Option<&Facts>) {
    if draft.put_back(REPLICAS) || !draft.takes_defaults() {
        return;
    }
    let count = replicas::default(context, draft, cluster, |kind| &kind.workers);
    let count = within_autoscaler(draft.object(), count);
    draft.set(REPLICAS, Value::from(count));
}

/// A number of replicas that the cluster autoscaler's bounds, where they are given, allow.
fn within_autoscaler(object: &Value, count: u64) -> u64 {
    let bound = |name: &str| {
        let key = token(&format!(
            "cluster.x-k8s.io/cluster-api-autoscaler-node-group-{name}-size"
        ));
        text_at(object, &format!("/metadata/annotations/{key}"))?
            .parse::<u64>()
            .ok()
    };
    count
        .min(bound("max").unwrap_or(u64::MAX))
        .max(bound("min").unwrap_or(0))
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    check_node_spec(context, draft);
    check_version(context, draft, VERSION);
    replicas::check(draft, REPLICAS);
    check_selector(context, draft);
    check_cluster_name(context, draft);
}

fn check_selector(context: &Context<'_>, draft: &mut Draft<'_>) {
    let is_nameless = own_name(context, draft.object()).is_empty();
    if context.kind() == Kind::MachineDeployment && is_nameless && !draft.has("/spec/selector") {
        draft.found(
            Code::SelectorUnknown,
            "/spec/selector",
            "the name is generated later, so that nothing is there yet to select the machines by",
            Some("write a name, or a selector and its labels".to_owned()),
        );
    }
}

fn check_cluster_name(context: &Context<'_>, draft: &mut Draft<'_>) {
    match (draft.text(CLUSTER_NAME), draft.text(TEMPLATE_CLUSTER_NAME)) {
        (Some(own), Some(template)) if own != template => {
            let message = format!("spec.clusterName is {own:?}");
            draft.found(
                Code::ClusterNameDiffers,
                TEMPLATE_CLUSTER_NAME,
                message,
                Some("name one Cluster".to_owned()),
            );
        }
        (None, _) => {
            let names = context.cluster_names();
            let message = match names.as_slice() {
                [] => "no Cluster is in this namespace yet, and the object's name does not tell"
                    .to_owned(),
                names => format!(
                    "several Clusters are in this namespace: {}",
                    enumeration(names)
                ),
            };
            draft.found(
                Code::ClusterNameUnknown,
                CLUSTER_NAME,
                message,
                Some("name the Cluster".to_owned()),
            );
        }
        _ => {}
    }
}
