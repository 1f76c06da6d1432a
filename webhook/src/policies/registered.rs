//! Keeps the webhook configuration of policies at the API server: what it sends follows from what is in force.

use std::sync::Arc;

use basphere_api::registration::{POLICIES_NAME, Registration};
use basphere_rego::constraint::Point;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Client;
use tracing::warn;

use super::Shelf;
use crate::register::{follow, remove};

/// Registers, follows what the policies in force ask about, and puts back what was edited or removed, for ever.
pub(crate) async fn keep_registered(client: Client, registration: Registration, shelf: Arc<Shelf>) {
    let current = || {
        let policies = shelf.current()?;
        Some(registration.policies(&policies.kinds(Point::Webhook)))
    };
    follow(&client, &registration, "policies", shelf.changes(), current).await;
}

/// Takes the configuration back.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let removed = remove::<ValidatingWebhookConfiguration>(client, registration, POLICIES_NAME);
    if let Err(error) = removed.await {
        warn!(error = %error, "unregistering the webhooks of policies failed");
    }
}
