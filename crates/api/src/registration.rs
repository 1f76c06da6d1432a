//! The webhook configurations: who calls Basphere, for what, and what happens when it is away.
//!
//! Pure functions, so that the process that registers itself and the manifest for installation say
//! the same. Both configurations are named [`NAME`], which sorts before `capi…`: the API server
//! calls mutating webhooks in the order of their configurations' names, and Cluster API's own must
//! see what Basphere has completed.

mod conditions;
mod entries;
mod images;
mod policies;
mod rules;
#[cfg(test)]
mod tests;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta,
};

use entries::Entry;
pub use images::{IMAGES_NAME, IMAGES_PATH};
pub(crate) use policies::{ANY, QUESTIONS, ROUTINE};
pub use policies::{POLICIES_NAME, POLICIES_PATH};

/// The name of both configurations.
pub const NAME: &str = "basphere";
/// The path of the mutating webhooks.
pub const MUTATE_PATH: &str = "/mutate";
/// The path of the validating webhooks.
pub const VALIDATE_PATH: &str = "/validate";
/// How long the API server waits for an answer.
pub const TIMEOUT_SECONDS: i32 = 5;

/// Namespaces in which no tenant's object lives. Leaving them out keeps a cluster able to start when
/// Basphere itself cannot, and keeps Basphere out of its own way.
pub(crate) const SYSTEM_NAMESPACES: [&str; 12] = [
    "basphere-system",
    "capi-ipam-in-cluster-system",
    "capi-kubeadm-bootstrap-system",
    "capi-kubeadm-control-plane-system",
    "capi-system",
    "capm3-system",
    "capo-system",
    "capv-system",
    "cert-manager",
    "kube-node-lease",
    "kube-public",
    "kube-system",
];

/// Where the API server finds the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Base of an https URL, without a path; for a process outside of the cluster.
    Url(String),
    /// A Service of the cluster.
    Service {
        /// The Service's namespace.
        namespace: String,
        /// The Service's name.
        name: String,
        /// The Service's port.
        port: i32,
    },
}

/// All that the configurations depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Where the API server finds the webhook.
    pub endpoint: Endpoint,
    /// The CA that signs the webhook's certificate, in PEM; `None` when something else injects it.
    pub ca_bundle: Option<String>,
}

impl Registration {
    fn client_config(&self, path: &str) -> WebhookClientConfig {
        let ca_bundle = self
            .ca_bundle
            .as_ref()
            .map(|pem| ByteString(pem.clone().into_bytes()));
        let (url, service) = match &self.endpoint {
            Endpoint::Url(base) => (Some(format!("{}{path}", base.trim_end_matches('/'))), None),
            Endpoint::Service {
                namespace,
                name,
                port,
            } => {
                let service = ServiceReference {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    path: Some(path.to_owned()),
                    port: Some(*port),
                };
                (None, Some(service))
            }
        };
        WebhookClientConfig {
            ca_bundle,
            url,
            service,
        }
    }

    /// The mutating webhooks.
    #[must_use]
    pub fn mutating(&self) -> MutatingWebhookConfiguration {
        let webhooks = entries::mutating();
        MutatingWebhookConfiguration {
            metadata: metadata(),
            webhooks: Some(
                webhooks
                    .into_iter()
                    .map(|entry| self.mutating_webhook(entry))
                    .collect(),
            ),
        }
    }

    /// The validating webhooks.
    #[must_use]
    pub fn validating(&self) -> ValidatingWebhookConfiguration {
        let webhooks = entries::validating();
        ValidatingWebhookConfiguration {
            metadata: metadata(),
            webhooks: Some(
                webhooks
                    .into_iter()
                    .map(|entry| self.validating_webhook(entry))
                    .collect(),
            ),
        }
    }

    fn mutating_webhook(&self, entry: Entry) -> MutatingWebhook {
        MutatingWebhook {
            name: entry.name.to_owned(),
            client_config: self.client_config(MUTATE_PATH),
            rules: Some(entry.rules),
            match_conditions: Some(entry.conditions),
            match_policy: Some("Equivalent".to_owned()),
            namespace_selector: Some(tenant_namespaces()),
            object_selector: Some(LabelSelector::default()),
            failure_policy: Some(entry.failure_policy.as_str().to_owned()),
            reinvocation_policy: Some("IfNeeded".to_owned()),
            side_effects: SIDE_EFFECTS.to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            admission_review_versions: vec!["v1".to_owned()],
        }
    }

    fn validating_webhook(&self, entry: Entry) -> ValidatingWebhook {
        ValidatingWebhook {
            name: entry.name.to_owned(),
            client_config: self.client_config(VALIDATE_PATH),
            rules: Some(entry.rules),
            match_conditions: Some(entry.conditions),
            match_policy: Some("Equivalent".to_owned()),
            namespace_selector: Some(tenant_namespaces()),
            object_selector: Some(LabelSelector::default()),
            failure_policy: Some(entry.failure_policy.as_str().to_owned()),
            side_effects: SIDE_EFFECTS.to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            admission_review_versions: vec!["v1".to_owned()],
        }
    }
}

/// A review may reserve what the object needs, and a dry-run reserves nothing.
const SIDE_EFFECTS: &str = "NoneOnDryRun";

fn metadata() -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        ..ObjectMeta::default()
    }
}

fn tenant_namespaces() -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: "kubernetes.io/metadata.name".to_owned(),
            operator: "NotIn".to_owned(),
            values: Some(SYSTEM_NAMESPACES.map(str::to_owned).to_vec()),
        }]),
        match_labels: None,
    }
}
