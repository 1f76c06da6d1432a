//! Keeps the webhook configuration of policies at the API server: what it sends follows from what is in force.

use std::sync::Arc;

use basphere_api::registration::{POLICIES_NAME, Registration};
use basphere_rego::constraint::Point;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Client;
use tracing::{info, warn};

use super::Shelf;
use crate::register::{keep_one, remove, take};
use crate::watch::Backoff;

/// Registers, follows what the policies in force ask about, and puts back what was edited or removed, for ever. The
/// last process to start has the configuration.
pub(crate) async fn keep_registered(client: Client, registration: Registration, shelf: Arc<Shelf>) {
    let changes = shelf.changes();
    let ours = || {
        let policies = shelf.current();
        let kinds = policies.map(|policies| policies.kinds(Point::Webhook));
        registration.policies(&kinds.unwrap_or_default())
    };
    let mut backoff = Backoff::new();
    while let Err(error) = take(&client, &registration, &ours()).await {
        warn!(error = %error, "registering the webhooks of policies failed");
        backoff.wait().await;
    }
    info!("the webhooks of policies are registered");
    keep_one(&client, &registration, ours, changes).await;
}

/// Takes the configuration back.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let removed = remove::<ValidatingWebhookConfiguration>(client, registration, POLICIES_NAME);
    if let Err(error) = removed.await {
        warn!(error = %error, "unregistering the webhooks of policies failed");
    }
}
