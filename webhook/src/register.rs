//! Registers this process as a webhook, and takes that back.

use basphere_api::registration::{NAME, Registration};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::watch::Backoff;

/// Under which name our writes stand in managedFields.
pub(crate) const FIELD_MANAGER: &str = "basphere-webhook";

/// Registers until it has succeeded.
pub(crate) async fn register(client: &Client, registration: &Registration) {
    let mut backoff = Backoff::new();
    while let Err(error) = try_register(client, registration).await {
        warn!(error = %error, "registering the webhooks failed");
        backoff.wait().await;
    }
    info!("the webhooks are registered");
}

async fn try_register(client: &Client, registration: &Registration) -> kube::Result<()> {
    // Validation first: what is completed but not yet validated could be stored as it is.
    apply(&Api::all(client.clone()), &registration.validating()).await?;
    apply(&Api::all(client.clone()), &registration.mutating()).await
}

async fn apply<K>(api: &Api<K>, configuration: &K) -> kube::Result<()>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    api.patch(
        NAME,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(configuration),
    )
    .await
    .map(drop)
}

/// Deletes both configurations, unless somebody else has taken them over.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let outcomes = [
        remove(&mutating, registration, |found| {
            found
                .webhooks
                .iter()
                .flatten()
                .map(|webhook| &webhook.client_config)
                .collect()
        })
        .await,
        remove(&validating, registration, |found| {
            found
                .webhooks
                .iter()
                .flatten()
                .map(|webhook| &webhook.client_config)
                .collect()
        })
        .await,
    ];
    for outcome in outcomes {
        if let Err(error) = outcome {
            warn!(error = %error, "unregistering the webhooks failed");
        }
    }
}

async fn remove<K>(
    api: &Api<K>,
    registration: &Registration,
    clients: impl Fn(&K) -> Vec<&WebhookClientConfig>,
) -> kube::Result<()>
where
    K: Clone + DeserializeOwned + std::fmt::Debug + kube::Resource,
{
    let Some(found) = api.get_opt(NAME).await? else {
        return Ok(());
    };
    if !clients(&found)
        .into_iter()
        .all(|client| is_ours(client, registration))
    {
        info!("the webhook configuration is somebody else's by now, and stays");
        return Ok(());
    }
    // Only exactly what was looked at: a successor may be registering at this moment.
    let preconditions = Preconditions {
        resource_version: found.resource_version(),
        uid: found.uid(),
    };
    api.delete(NAME, &DeleteParams::default().preconditions(preconditions))
        .await
        .map(drop)
}

fn is_ours(client: &WebhookClientConfig, registration: &Registration) -> bool {
    let found = client.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice());
    found == registration.ca_bundle.as_ref().map(String::as_bytes)
}
