//! Events on the objects that somebody will look at.

use std::sync::Arc;

use basphere_core::Kind;
use futures::StreamExt;
use futures::channel::mpsc::{Receiver, Sender, channel};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tracing::debug;

use crate::served::Served;

/// Under which name they are told.
const REPORTER: &str = "basphere.dev/basphere";
/// So many may wait to be told; more are dropped, since nothing rests on them.
const WAITING: usize = 256;

/// Something that is worth an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The kind of the object, which need not be one of ours.
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: Option<String>,
    pub(crate) is_warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) note: String,
}

/// Takes what is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Teller(Sender<Told>);

impl Teller {
    pub(crate) fn tell(&self, told: Told) {
        if let Err(error) = self.0.clone().try_send(told) {
            debug!(error = %error, "an Event is dropped");
        }
    }
}

/// A teller, and what [`publish`] works on.
pub(crate) fn teller() -> (Teller, Receiver<Told>) {
    let (sender, receiver) = channel(WAITING);
    (Teller(sender), receiver)
}

/// Publishes for ever.
pub(crate) async fn publish(
    client: Client,
    served: Arc<Served>,
    identity: String,
    mut waiting: Receiver<Told>,
) {
    let reporter = Reporter {
        controller: REPORTER.to_owned(),
        instance: Some(identity),
    };
    let recorder = Recorder::new(client.clone(), reporter);
    while let Some(told) = waiting.next().await {
        let kind = Kind::ALL.iter().find(|kind| kind.as_str() == told.kind);
        let api_version = match kind {
            Some(kind) => served.get(&client, *kind).await.ok().flatten(),
            None => None,
        };
        let reference = ObjectReference {
            api_version: api_version.map(|resource| resource.api_version),
            kind: Some(told.kind),
            namespace: Some(told.namespace).filter(|namespace| !namespace.is_empty()),
            name: Some(told.name),
            uid: told.uid,
            ..ObjectReference::default()
        };
        let event = Event {
            type_: if told.is_warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: told.reason.to_owned(),
            note: Some(told.note),
            action: told.reason.to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &reference).await {
            debug!(error = %error, "an Event could not be published");
        }
    }
}
