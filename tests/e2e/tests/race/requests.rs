//! One request of a client, and what its answer means.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use std::collections::BTreeMap;

use anyhow::Result;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::etcd::Etcd;
use crate::objects::{Kind, REFUSED_MESSAGE};
use crate::refusals::{Asked, Refusal};

/// What is answered when others are faster, or too many ask.
const BUSY: [&str; 4] = ["BSP-R004", "BSP-R006", "BSP-Q015", "BSP-Q016"];

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Stored, or deleted.
    Done(Value),
    /// There is no such object.
    Absent,
    /// There is one already, or somebody else was faster.
    Taken,
    /// Refused, or not answered: then nobody knows whether it was done.
    Failed,
}

/// When something was killed: from then until it was whole again.
#[derive(Debug, Default)]
pub(crate) struct Disturbances {
    spans: Mutex<Vec<(Instant, Option<Instant>)>>,
}

impl Disturbances {
    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Option<Instant>)>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self) {
        self.lock().push((Instant::now(), None));
    }

    pub(crate) fn end(&self) {
        if let Some(last) = self.lock().last_mut() {
            last.1 = Some(Instant::now());
        }
    }

    fn overlap(&self, begun: Instant) -> bool {
        let spans = self.lock();
        spans
            .iter()
            .any(|(_, end)| end.is_none_or(|end| end >= begun))
    }
}

/// What the answers were.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How often each kind of answer came.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) refusals: Vec<Refusal>,
    /// Answers that nothing excuses.
    pub(crate) unexpected: Vec<String>,
    /// Answers that say to try again, although nothing was down: time ran out, or another request of the
    /// same cluster was faster.
    pub(crate) busy: Vec<String>,
    /// The longest that a request took, in milliseconds.
    pub(crate) slowest: u128,
}

/// Sends requests and takes note of their answers.
pub(crate) struct Requests {
    etcd: Etcd,
    pub(crate) disturbances: Disturbances,
    tally: Mutex<Tally>,
    version: &'static str,
    /// The codes of the refusals that history must bear out.
    judged: &'static [&'static str],
}

/// One request on its way.
struct Sent {
    begun: Instant,
    revision: i64,
}

impl Requests {
    pub(crate) fn new(etcd: Etcd, version: &'static str, judged: &'static [&'static str]) -> Self {
        Self {
            etcd,
            disturbances: Disturbances::default(),
            tally: Mutex::default(),
            version,
            judged,
        }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn api(&self, client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
        let version = match kind {
            Kind::Tenant => "v1alpha1",
            _ => self.version,
        };
        let resource = ApiResource {
            group: kind.group().to_owned(),
            version: version.to_owned(),
            api_version: format!("{}/{version}", kind.group()),
            kind: kind.kind().to_owned(),
            plural: kind.resource().to_owned(),
        };
        match kind {
            Kind::Tenant => Api::all_with(client.clone(), &resource),
            _ => Api::namespaced_with(client.clone(), namespace, &resource),
        }
    }

    pub(crate) async fn create(
        &self,
        client: &Client,
        kind: Kind,
        object: &Value,
        asked: &Asked,
    ) -> Result<Outcome> {
        let api = self.api(client, &namespace(asked), kind);
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let sent = self.send().await?;
        let answer = api.create(&PostParams::default(), &object).await;
        self.take("created", answer, sent, asked).await
    }

    pub(crate) async fn patch(
        &self,
        client: &Client,
        kind: Kind,
        patch: &Value,
        asked: &Asked,
    ) -> Result<Outcome> {
        let api = self.api(client, &namespace(asked), kind);
        let sent = self.send().await?;
        let parameters = PatchParams::default();
        let answer = api
            .patch(&asked.name, &parameters, &Patch::Merge(patch))
            .await;
        self.take("patched", answer, sent, asked).await
    }

    /// Writes a number of replicas by `/scale`.
    pub(crate) async fn scale(
        &self,
        client: &Client,
        kind: Kind,
        replicas: u64,
        asked: &Asked,
    ) -> Result<Outcome> {
        let api = self.api(client, &namespace(asked), kind);
        let sent = self.send().await?;
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let parameters = PatchParams::default();
        let answer = api.patch_scale(&asked.name, &parameters, &patch).await;
        let answer = answer.map(|_| nothing());
        self.take("scaled", answer, sent, asked).await
    }

    pub(crate) async fn delete(
        &self,
        client: &Client,
        kind: Kind,
        asked: &Asked,
    ) -> Result<Outcome> {
        let api = self.api(client, &namespace(asked), kind);
        let sent = self.send().await?;
        let answer = api.delete(&asked.name, &DeleteParams::default()).await;
        let answer = answer.map(|deleted| {
            // What has finalizers comes back as it is now.
            deleted.left().unwrap_or_else(nothing)
        });
        self.take("deleted", answer, sent, asked).await
    }

    async fn send(&self) -> Result<Sent> {
        let revision = self.etcd.revision().await?;
        Ok(Sent {
            begun: Instant::now(),
            revision,
        })
    }

    async fn take(
        &self,
        done: &str,
        answer: Result<DynamicObject, Error>,
        sent: Sent,
        asked: &Asked,
    ) -> Result<Outcome> {
        let took = sent.begun.elapsed().as_millis();
        let error = match answer {
            Ok(object) => {
                let mut tally = self.tally();
                tally.slowest = tally.slowest.max(took);
                *tally.answers.entry(done.to_owned()).or_default() += 1;
                return Ok(Outcome::Done(serde_json::to_value(object)?));
            }
            Err(error) => error,
        };
        let until = self.etcd.revision().await?;
        let is_disturbed = self.disturbances.overlap(sent.begun);
        let mut tally = self.tally();
        tally.slowest = tally.slowest.max(took);
        let revisions = (sent.revision, until);
        Ok(tally.refused(&error, asked, revisions, is_disturbed, self.judged))
    }
}

impl Tally {
    /// Answers that nothing excuses. That something is busy is no excuse for more than one answer of a
    /// hundred.
    pub(crate) fn inexcusable(&self) -> impl Iterator<Item = &String> {
        let answers: usize = self.answers.values().sum();
        let is_too_busy = self.busy.len() * 100 > answers;
        let busy = self.busy.iter().filter(move |_| is_too_busy);
        self.unexpected.iter().chain(busy)
    }

    fn refused(
        &mut self,
        error: &Error,
        asked: &Asked,
        revisions: (i64, i64),
        is_disturbed: bool,
        judged: &[&str],
    ) -> Outcome {
        let (status, message) = match error {
            Error::Api(status) => (status.code, status.message.clone()),
            other => (0, format!("{other:?}")),
        };
        let codes = codes(&message);
        let answer = match codes.as_slice() {
            _ if message.contains(REFUSED_MESSAGE) => "the race's own policy".to_owned(),
            [] if status == 0 => "no answer".to_owned(),
            [] => format!("{status}"),
            codes => codes.join(" "),
        };
        let is_judged =
            !codes.is_empty() && codes.iter().all(|code| judged.contains(&code.as_str()));
        let is_excused = message.contains(REFUSED_MESSAGE)
            || is_judged
            || (asked.is_absent && status == 404)
            || (asked.is_contended && codes.is_empty() && matches!(status, 404 | 409))
            // The API server has too much to do; the gate was not even asked.
            || (status == 429 && codes.is_empty())
            || (is_disturbed && is_passing(status, &codes));
        if !is_excused {
            let Asked { kind, name, .. } = asked;
            let what = format!("{kind} {name}: {status} {message}");
            // The API server ran out of time on its own, with an answer or without, or the gate says to try
            // again.
            let is_busy = match status {
                0 => true,
                503 => codes.iter().all(|code| BUSY.contains(&code.as_str())),
                504 => codes.is_empty(),
                _ => false,
            };
            match is_busy {
                true => self.busy.push(what),
                false => self.unexpected.push(what),
            }
        }
        if is_judged {
            self.refusals.extend(codes.iter().map(|code| Refusal {
                code: code.clone(),
                message: message.clone(),
                asked: asked.clone(),
                revisions,
            }));
        }
        let suffix = if is_disturbed {
            " (while something was down)"
        } else {
            ""
        };
        *self.answers.entry(format!("{answer}{suffix}")).or_default() += 1;
        match status {
            404 => Outcome::Absent,
            409 => Outcome::Taken,
            _ => Outcome::Failed,
        }
    }
}

/// What may be answered while something is down: try again.
fn is_passing(status: u16, codes: &[String]) -> bool {
    // Where no process completes a machine, one may be left that would take its address away.
    const PASSING: [&str; 6] = [
        "BSP-I008", "BSP-R003", "BSP-R004", "BSP-R006", "BSP-Q015", "BSP-Q016",
    ];
    if codes.is_empty() {
        // An object whose creation was not answered may be there, or not.
        // An API server that has just begun knows of no rights yet.
        return matches!(status, 0 | 403 | 404 | 409 | 429) || status >= 500;
    }
    codes.iter().all(|code| PASSING.contains(&code.as_str()))
}

/// The codes that a message names.
fn codes(message: &str) -> Vec<String> {
    let parts = message.split("[BSP-").skip(1);
    let mut codes: Vec<_> = parts
        .filter_map(|part| Some(format!("BSP-{}", part.split(']').next()?)))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn nothing() -> DynamicObject {
    DynamicObject {
        types: None,
        metadata: kube::core::ObjectMeta::default(),
        data: Value::Null,
    }
}

fn namespace(asked: &Asked) -> String {
    format!("user-{}", asked.tenant)
}
