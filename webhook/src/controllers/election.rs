//! Which of several processes runs the controllers: whoever holds the Lease.
//!
//! Times are our own: a Lease counts as left behind when it has not changed for its duration by our
//! clock, whatever its holder's clock wrote into it. Nothing rests on there being one leader only,
//! since every write is a compare-and-swap; two would only get in each other's way.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::config::LeaseTimes;
use crate::register::FIELD_MANAGER;

/// The name of the Lease.
const NAME: &str = "basphere";

/// One process that would like to lead.
pub(crate) struct Candidate {
    api: Api<Lease>,
    identity: String,
    times: LeaseTimes,
    /// The version of the Lease that was seen last, and since when it has been that.
    seen: Option<(String, Instant)>,
}

impl Candidate {
    /// A candidate for the Lease of this namespace, under a name that nobody else has.
    pub(crate) fn new(client: Client, namespace: &str, times: LeaseTimes) -> Self {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "process".to_owned());
        Self {
            api: Api::namespaced(client, namespace),
            identity: format!("{host}_{}", Uuid::new_v4()),
            times,
            seen: None,
        }
    }

    /// Under which name it stands for election.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Waits until it leads.
    pub(crate) async fn win(&mut self) {
        let mut complaint = String::new();
        loop {
            match self.ask().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) if error.to_string() == complaint => {}
                Err(error) => {
                    warn!(error = %error, "the Lease cannot be had");
                    complaint = error.to_string();
                }
            }
            sleep(self.times.retry).await;
        }
        info!(identity = self.identity, "leading");
    }

    /// Leads on, until the Lease could not be renewed in time or is another's.
    pub(crate) async fn lead(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.times.retry).await;
            match timeout_at(renewed + self.times.renew, self.ask()).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => break,
                Ok(Err(error)) => debug!(error = %error, "the Lease could not be renewed"),
                Err(_) => break,
            }
        }
        warn!(identity = self.identity, "leading no longer");
    }

    /// Lets go of the Lease, so that nobody has to wait until it is left behind.
    pub(crate) async fn release(&self) {
        let released = async {
            let Some(mut lease) = self.api.get_opt(NAME).await? else {
                return Ok(());
            };
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_ref() != Some(&self.identity) {
                return Ok(());
            }
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(Timestamp::now()));
            self.api.replace(NAME, &written(), &lease).await.map(drop)
        };
        if let Err(error) = released.await {
            debug!(error = %error, "the Lease stays until it runs out");
        }
    }

    /// Takes the Lease or renews it, if that may be; whether it is ours now.
    async fn ask(&mut self) -> kube::Result<bool> {
        let lease = match self.api.get_opt(NAME).await? {
            None => return self.written(self.api.create(&written(), &self.fresh(None)).await),
            Some(lease) => lease,
        };
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.clone());
        let is_ours = holder.as_ref() == Some(&self.identity);
        let is_free = holder.is_none_or(|holder| holder.is_empty());
        if !is_ours && !is_free && !self.is_left_behind(&lease) {
            return Ok(false);
        }
        let next = self.fresh(Some(lease));
        self.written(self.api.replace(NAME, &written(), &next).await)
    }

    /// Whether nobody has renewed it for as long as it lasts.
    fn is_left_behind(&mut self, lease: &Lease) -> bool {
        let version = lease.resource_version().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() >= self.times.duration,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    /// The Lease as we want it, over what is stored.
    fn fresh(&self, stored: Option<Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let mut lease = stored.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        });
        let spec: &mut LeaseSpec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            spec.acquire_time = Some(now.clone());
            let transitions = spec.lease_transitions.unwrap_or_default();
            spec.lease_transitions = Some(transitions.saturating_add(1));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = Some(whole_seconds(self.times.duration));
        spec.renew_time = Some(now);
        lease
    }

    fn written(&self, outcome: kube::Result<Lease>) -> kube::Result<bool> {
        match outcome {
            Ok(_) => Ok(true),
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn written() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

/// The API knows whole seconds only, and none of no length.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_millis().div_ceil(1000).max(1);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
