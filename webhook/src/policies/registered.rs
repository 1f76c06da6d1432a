//! Keeps the webhook configuration of policies at the API server: what it sends follows from what is in force.

use std::sync::Arc;
use std::time::Duration;

use basphere_api::registration::{POLICIES_NAME, Registration};
use basphere_rego::constraint::Point;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::{Api, Client};
use tracing::{info, warn};

use super::Shelf;
use crate::register::{Holder, apply, holder, remove};
use crate::watch::Backoff;

/// How often it is looked whether the configuration is still there.
const LOOK: Duration = Duration::from_secs(10);

/// Registers, follows what the policies in force ask about, and puts back what was edited or removed, for ever. The
/// last process to start has the configuration.
pub(crate) async fn keep_registered(client: Client, registration: Registration, shelf: Arc<Shelf>) {
    let api = Api::<ValidatingWebhookConfiguration>::all(client);
    let mut changes = shelf.changes();
    let mut is_first = true;
    loop {
        let mut backoff = Backoff::new();
        while let Err(error) = register(&api, &registration, &shelf, is_first).await {
            warn!(error = %error, "registering the webhooks of policies failed");
            backoff.wait().await;
        }
        if is_first {
            info!("the webhooks of policies are registered");
        }
        is_first = false;
        let changed = tokio::time::timeout(LOOK, changes.changed()).await;
        // The shelf lives as long as the process.
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}

async fn register(
    api: &Api<ValidatingWebhookConfiguration>,
    registration: &Registration,
    shelf: &Shelf,
    is_first: bool,
) -> kube::Result<()> {
    let Some(policies) = shelf.current() else {
        return Ok(());
    };
    if !is_first {
        let found = api.get_opt(POLICIES_NAME).await?;
        if holder(found.as_ref(), registration) == Holder::Another {
            return Ok(());
        }
    }
    let ours = registration.policies(&policies.kinds(Point::Webhook));
    apply(api, &ours).await.map(drop)
}

/// Takes the configuration back.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let removed = remove::<ValidatingWebhookConfiguration>(client, registration, POLICIES_NAME);
    if let Err(error) = removed.await {
        warn!(error = %error, "unregistering the webhooks of policies failed");
    }
}
