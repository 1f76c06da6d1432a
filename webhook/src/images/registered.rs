//! Keeps the webhook configuration for Pods at the API server: which Pods are sent follows from the rules in force.

use std::sync::Arc;

use basphere_api::registration::{IMAGES_NAME, Registration};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Client;
use tracing::warn;

use super::Rulebook;
use crate::register::{follow, remove};

/// Registers, follows the rules in force, and puts back what was edited or removed, for ever.
pub(crate) async fn keep_registered(
    client: Client,
    registration: Registration,
    rules: Arc<Rulebook>,
) {
    let current = || {
        let rules = rules.current()?;
        Some(registration.images(&rules.stand_ins()))
    };
    follow(&client, &registration, "images", rules.changes(), current).await;
}

/// Takes the configuration back.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let removed = remove::<MutatingWebhookConfiguration>(client, registration, IMAGES_NAME);
    if let Err(error) = removed.await {
        warn!(error = %error, "unregistering the webhooks of images failed");
    }
}
