//! Registers this process as a webhook, keeps it registered, and takes that back.
//!
//! The last process to start wins: one that runs already lets it have the configurations, and puts
//! its own back only when there are none, so that two never fight and the gate is never gone.

use std::pin::pin;

use basphere_api::registration::{NAME, Registration};
use futures::stream::StreamExt as _;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::watch::Backoff;

/// Under which name our writes stand in managedFields.
pub(crate) const FIELD_MANAGER: &str = "basphere-webhook";

/// One of the two kinds of webhook configurations.
pub(crate) trait Configuration:
    Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug + Send + 'static
{
    /// Whom its webhooks call.
    fn clients(&self) -> Vec<&WebhookClientConfig>;
}

impl Configuration for MutatingWebhookConfiguration {
    fn clients(&self) -> Vec<&WebhookClientConfig> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|webhook| &webhook.client_config).collect()
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    fn clients(&self) -> Vec<&WebhookClientConfig> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|webhook| &webhook.client_config).collect()
    }
}

/// Whose configuration there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// This process, even when somebody has edited parts of it.
    Us,
    Another,
}

fn holder<K: Configuration>(found: Option<&K>, registration: &Registration) -> Holder {
    let Some(found) = found else {
        return Holder::Nobody;
    };
    let clients = found.clients();
    if clients.is_empty() || clients.iter().any(|client| is_ours(client, registration)) {
        Holder::Us
    } else {
        Holder::Another
    }
}

fn is_ours(client: &WebhookClientConfig, registration: &Registration) -> bool {
    let found = client.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice());
    found == registration.ca_bundle.as_ref().map(String::as_bytes)
}

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
    take(client, registration, &registration.validating()).await?;
    take(client, registration, &registration.mutating()).await
}

/// Writes a configuration, whoever has one of its name.
async fn take<K: Configuration>(
    client: &Client,
    registration: &Registration,
    ours: &K,
) -> kube::Result<()> {
    let api = Api::<K>::all(client.clone());
    let found = api.get_opt(&ours.name_any()).await?;
    if holder(found.as_ref(), registration) == Holder::Another {
        warn!(
            configuration = %K::kind(&()),
            called = %called(found.as_ref()),
            "another webhook's configuration is taken over"
        );
    }
    apply(&api, ours).await.map(drop)
}

/// Where the API server finds the webhook of a configuration, for the log.
fn called<K: Configuration>(found: Option<&K>) -> String {
    let clients = found.map(K::clients).unwrap_or_default();
    let Some(client) = clients.first() else {
        return String::new();
    };
    match (&client.url, &client.service) {
        (Some(url), _) => url.clone(),
        (None, Some(service)) => format!("service {}/{}", service.namespace, service.name),
        (None, None) => String::new(),
    }
}

async fn apply<K: Configuration>(api: &Api<K>, configuration: &K) -> kube::Result<K> {
    api.patch(
        &configuration.name_any(),
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(configuration),
    )
    .await
}

/// Puts the configurations back whenever they vanish or are edited, for ever.
pub(crate) async fn keep(client: &Client, registration: &Registration) {
    // What they say never changes.
    let (_says_nothing, unchanged) = watch::channel(());
    let (validating, mutating) = (
        || Some(registration.validating()),
        || Some(registration.mutating()),
    );
    tokio::join!(
        keep_one(client, registration, NAME, unchanged.clone(), validating),
        keep_one(client, registration, NAME, unchanged.clone(), mutating),
    );
}

/// Registers the configuration that follows from what is in force, again at each of its changes, and puts back what was
/// edited or removed, for ever. The last process to start has the configuration.
pub(crate) async fn follow<K: Configuration, T>(
    client: &Client,
    registration: &Registration,
    whose: &str,
    mut changes: watch::Receiver<T>,
    current: impl Fn() -> Option<K>,
) {
    let mut backoff = Backoff::new();
    let name = loop {
        let Some(ours) = current() else {
            // What is followed lives as long as the process.
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        match take(client, registration, &ours).await {
            Ok(()) => break ours.name_any(),
            Err(error) => warn!(error = %error, "registering the webhooks of {whose} failed"),
        }
        backoff.wait().await;
    };
    info!("the webhooks of {whose} are registered");
    keep_one(client, registration, &name, changes, current).await;
}

/// Puts one configuration back whenever it vanishes or is edited, and brings it up to date whenever ours may say
/// something else, for ever.
async fn keep_one<K: Configuration, T>(
    client: &Client,
    registration: &Registration,
    name: &str,
    mut changes: watch::Receiver<T>,
    current: impl Fn() -> Option<K>,
) {
    let mut holder = Holder::Us;
    let stored = watch_object(Api::<K>::all(client.clone()), name).default_backoff();
    let mut stored = pin!(stored);
    loop {
        let by = tokio::select! {
            change = stored.next() => match change {
                Some(Ok(_)) => By::Somebody,
                Some(Err(error)) => {
                    warn!(error = %error, "watching the webhooks' registration failed");
                    continue;
                }
                None => return,
            },
            Ok(()) = changes.changed() => By::Us,
        };
        let mut backoff = Backoff::new();
        // What the change was is read again, since it may be long past.
        while let Some(ours) = current()
            && let Err(error) = restore(client, registration, &ours, by, &mut holder).await
        {
            warn!(error = %error, "the webhooks' registration could not be checked");
            backoff.wait().await;
        }
    }
}

/// Who may have changed something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Us,
    Somebody,
}

/// Looks at one configuration once; `before` is who held it at the last look.
async fn restore<K: Configuration>(
    client: &Client,
    registration: &Registration,
    ours: &K,
    by: By,
    before: &mut Holder,
) -> kube::Result<()> {
    let api = Api::<K>::all(client.clone());
    let kind = K::kind(&());
    let found = api.get_opt(&ours.name_any()).await?;
    let now = holder(found.as_ref(), registration);
    match (now, found) {
        (Holder::Us, Some(found)) => {
            let mut ours = ours.clone();
            // Only over what was looked at: another process may be registering at this moment.
            ours.meta_mut().resource_version = found.resource_version();
            let applied = unless_overtaken(apply(&api, &ours).await)?;
            // The generation counts changes of the webhooks alone, and not who wrote them.
            let differs = |it: K| it.meta().generation != found.meta().generation;
            if applied.is_some_and(differs) && by == By::Somebody {
                warn!(configuration = %kind, "the edited webhook configuration is put back");
            }
        }
        (Holder::Another, found) if *before != Holder::Another => warn!(
            configuration = %kind,
            called = %called(found.as_ref()),
            "another webhook holds the configuration; ours is put back when that is gone"
        ),
        (Holder::Another, _) => {}
        (Holder::Nobody | Holder::Us, _) => {
            let parameters = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            // Created and not applied, which would overwrite what another process creates meanwhile.
            if unless_overtaken(api.create(&parameters, ours).await)?.is_some() {
                warn!(configuration = %kind, "the vanished webhook configuration is put back");
            }
        }
    }
    *before = now;
    Ok(())
}

/// Nothing when somebody else has written in the meantime: the next look shows who.
fn unless_overtaken<K>(outcome: kube::Result<K>) -> kube::Result<Option<K>> {
    match outcome {
        Ok(written) => Ok(Some(written)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes both configurations, unless somebody else has taken them over.
pub(crate) async fn unregister(client: &Client, registration: &Registration) {
    let outcomes = [
        remove::<MutatingWebhookConfiguration>(client, registration, NAME).await,
        remove::<ValidatingWebhookConfiguration>(client, registration, NAME).await,
    ];
    for outcome in outcomes {
        if let Err(error) = outcome {
            warn!(error = %error, "unregistering the webhooks failed");
        }
    }
}

/// Deletes one configuration, unless somebody else has taken it over.
pub(crate) async fn remove<K: Configuration>(
    client: &Client,
    registration: &Registration,
    name: &str,
) -> kube::Result<()> {
    let api = Api::<K>::all(client.clone());
    let Some(found) = api.get_opt(name).await? else {
        return Ok(());
    };
    if !found
        .clients()
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
    api.delete(name, &DeleteParams::default().preconditions(preconditions))
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use basphere_api::registration::Endpoint;

    use super::*;

    fn registration(ca: &str) -> Registration {
        Registration {
            endpoint: Endpoint::Url(format!("https://{ca}.example")),
            ca_bundle: Some(ca.to_owned()),
        }
    }

    #[test]
    fn only_another_live_registration_is_left_alone() {
        let (ours, theirs) = (registration("ours"), registration("theirs"));
        let none: Option<&MutatingWebhookConfiguration> = None;
        assert_eq!(holder(none, &ours), Holder::Nobody);
        assert_eq!(holder(Some(&ours.mutating()), &ours), Holder::Us);
        assert_eq!(holder(Some(&theirs.validating()), &ours), Holder::Another);

        let mut edited = ours.mutating();
        let first = edited.webhooks.iter_mut().flatten().next().unwrap();
        first.client_config = WebhookClientConfig::default();
        assert_eq!(holder(Some(&edited), &ours), Holder::Us);
        edited.webhooks = None;
        assert_eq!(holder(Some(&edited), &ours), Holder::Us);
    }

    #[test]
    fn the_log_names_whom_a_configuration_calls() {
        let theirs = registration("theirs").validating();
        assert_eq!(called(Some(&theirs)), "https://theirs.example/validate");
    }
}
