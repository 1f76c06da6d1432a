//! The webhook configuration that rewrites images of Pods: the API server sends those that name an image from elsewhere.

use std::collections::BTreeSet;

use basphere_core::images::{MIRROR_POD, POD_IMAGES};
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::entries::FailurePolicy;
use super::{Registration, tenant_namespaces};

/// The name of the configuration.
pub const IMAGES_NAME: &str = "basphere-images";
/// The path of its webhook.
pub const IMAGES_PATH: &str = "/images";

/// Nothing is looked up for an answer, and every Pod waits for it.
const TIMEOUT_SECONDS: i32 = 2;

impl Registration {
    /// The webhook for Pods whose images are not all kept at one of these hosts; without hosts, none.
    ///
    /// While nobody answers, Pods are made with the images that they name: whether these may run is for the policies
    /// to say, which see the Pod as it is stored.
    #[must_use]
    pub fn images(&self, hosts: &BTreeSet<&str>) -> MutatingWebhookConfiguration {
        let webhooks = (!hosts.is_empty()).then(|| self.pod_webhook(hosts));
        MutatingWebhookConfiguration {
            metadata: ObjectMeta {
                name: Some(IMAGES_NAME.to_owned()),
                ..ObjectMeta::default()
            },
            webhooks: Some(webhooks.into_iter().collect()),
        }
    }

    fn pod_webhook(&self, hosts: &BTreeSet<&str>) -> MutatingWebhook {
        MutatingWebhook {
            name: "rewrite.images.basphere.dev".to_owned(),
            client_config: self.client_config(IMAGES_PATH),
            rules: Some(vec![
                rule(&["CREATE", "UPDATE"], "pods"),
                rule(&["UPDATE"], "pods/ephemeralcontainers"),
            ]),
            match_conditions: Some(conditions(hosts)),
            match_policy: Some("Equivalent".to_owned()),
            namespace_selector: Some(tenant_namespaces()),
            object_selector: Some(LabelSelector::default()),
            failure_policy: Some(FailurePolicy::Ignore.as_str().to_owned()),
            // Who injects a sidecar after us names its image after us.
            reinvocation_policy: Some("IfNeeded".to_owned()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            admission_review_versions: vec!["v1".to_owned()],
        }
    }
}

fn rule(operations: &[&str], resource: &str) -> RuleWithOperations {
    let operations = operations.iter().map(|&operation| operation.to_owned());
    RuleWithOperations {
        api_groups: Some(vec![String::new()]),
        api_versions: Some(vec!["v1".to_owned()]),
        operations: Some(operations.collect()),
        resources: Some(vec![resource.to_owned()]),
        scope: Some("Namespaced".to_owned()),
    }
}

fn conditions(hosts: &BTreeSet<&str>) -> Vec<MatchCondition> {
    let annotations = "object.metadata.?annotations.orValue({})";
    [
        (
            "changed",
            "request.operation == 'CREATE' || object.?spec != oldObject.?spec".to_owned(),
        ),
        (
            "not-mirrored",
            format!("!('{MIRROR_POD}' in {annotations})"),
        ),
        ("from-elsewhere", from_elsewhere(hosts)),
    ]
    .map(|(name, expression)| MatchCondition {
        name: name.to_owned(),
        expression,
    })
    .into()
}

/// Whether any image of a Pod is kept elsewhere. What begins with a host that stands in for others is never rewritten;
/// every host has been read as one, so that it cannot leave its quotes.
fn from_elsewhere(hosts: &BTreeSet<&str>) -> String {
    let lists = POD_IMAGES.map(|(list, field)| {
        let path = field.replace('/', ".?");
        let image = format!("item{path}.orValue('')");
        let is_kept = hosts
            .iter()
            .map(|host| format!("{image}.startsWith('{host}/')"));
        let is_kept = is_kept.collect::<Vec<_>>().join(" || ");
        // A volume of another kind names no image.
        format!(
            "object.?spec.?{list}.orValue([]).exists(item, item{path}.hasValue() && !({is_kept}))"
        )
    });
    lists.join(" || ")
}

#[cfg(test)]
mod tests;
