//! Writes into the status of waivers whether they hold, and how often they were used.
//!
//! Every process adds what it has counted itself, by compare-and-swap, and all of them say the same of whether a waiver
//! holds: so nobody is chosen for it. What was counted is gathered, so that a waiver is written far less often than used.

use std::sync::Arc;
use std::time::Duration;

use basphere_api::crd::{ACTIVE, PolicyWaiverStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Api, DynamicObject, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::time::Instant;
use tracing::{info, warn};

use super::watched::api;
use super::{Stored, Uses, Waivers};
use crate::register::FIELD_MANAGER;

/// Uses are written down no more often.
const PERIOD: Duration = Duration::from_secs(30);
/// So long news are gathered.
const GATHER: Duration = Duration::from_millis(500);
/// A write that failed is tried again after that.
const AGAIN: Duration = Duration::from_secs(5);
/// So often one write is repeated because others were faster.
const ATTEMPTS: usize = 5;

/// Keeps the status of all waivers of the cluster up to date, for ever.
pub(crate) async fn keep_told(client: Client, waivers: Arc<Waivers>) {
    let api = api(client);
    let mut counted: Option<Instant> = None;
    loop {
        let since = counted.map_or(PERIOD, |at| at.elapsed());
        let is_time = since >= PERIOD && waivers.has_uses();
        if is_time {
            counted = Some(Instant::now());
        }
        let failed = tell(&api, &waivers, is_time).await;
        let pause = pause(&waivers, since, failed);
        tokio::select! {
            () = waivers.news.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Writes down what was counted since, once; an API server that does not answer keeps nobody from ending.
pub(crate) async fn settle(client: Client, waivers: &Waivers) {
    let written = tokio::time::timeout(AGAIN, tell(&api(client), waivers, true)).await;
    if written.is_err() {
        warn!("the last uses of waivers could not be written down");
    }
}

/// How long nothing is to be done unless there are news.
fn pause(waivers: &Waivers, since: Duration, failed: bool) -> Duration {
    let now = Timestamp::now();
    let in_force = waivers.in_force();
    let ends = in_force.iter().map(|it| it.waiver.expires);
    let ends = ends.filter(|end| *end > now);
    let next = ends.min().map(|end| end.duration_since(now).unsigned_abs());
    // Just after the end, since both clocks are rounded. A waiver that ends in years is looked at every period.
    let mut pause = next
        .map_or(PERIOD, |next| next + Duration::from_millis(10))
        .min(PERIOD);
    if waivers.has_uses() {
        pause = pause.min(PERIOD.saturating_sub(since));
    }
    if failed {
        pause = pause.min(AGAIN);
    }
    pause
}

/// Writes every status that is to be another, and whether that failed for one of them.
async fn tell(api: &Api<DynamicObject>, waivers: &Waivers, with_uses: bool) -> bool {
    let mut uses = if with_uses {
        waivers.take_uses()
    } else {
        Default::default()
    };
    let mut failed = false;
    for (name, stored) in waivers.stored() {
        let used = uses.remove(&name).filter(|used| used.uid == stored.uid);
        if next_status(&stored, used.as_ref(), Timestamp::now()) == stored.status {
            continue;
        }
        if let Err(error) = write(api, &name, &stored.uid, used.as_ref()).await {
            failed = true;
            warn!(waiver = name, error = %error, "the status of a waiver cannot be written");
            if let Some(Uses { uid, count, last }) = used {
                waivers.add(&name, &uid, count, last);
            }
        }
    }
    failed
}

async fn write(
    api: &Api<DynamicObject>,
    name: &str,
    uid: &str,
    used: Option<&Uses>,
) -> kube::Result<()> {
    let parameters = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let mut attempts = ATTEMPTS;
    loop {
        // The cache may be older than what another process has written.
        let Some(mut live) = api.get_opt(name).await? else {
            return Ok(());
        };
        let stored = Stored::of(&live);
        let status = next_status(&stored, used, Timestamp::now());
        if stored.uid != uid || status == stored.status {
            return Ok(());
        }
        if let Some(fields) = live.data.as_object_mut() {
            fields.insert("status".to_owned(), json!(status));
        }
        live.metadata.managed_fields = None;
        attempts = attempts.saturating_sub(1);
        match api.replace_status(name, &parameters, &live).await {
            Err(kube::Error::Api(refusal)) if refusal.code == 409 && attempts > 0 => {}
            Err(kube::Error::Api(refusal)) if refusal.code == 404 => return Ok(()),
            Err(error) => return Err(error),
            Ok(written) => {
                tell_change(&written.name_any(), &stored.status, &status);
                return Ok(());
            }
        }
    }
}

/// Says once that a waiver has ended.
fn tell_change(name: &str, before: &PolicyWaiverStatus, after: &PolicyWaiverStatus) {
    let reason = |status: &PolicyWaiverStatus| active(status).map(|it| it.reason.clone());
    if reason(before) != reason(after) && reason(after).as_deref() == Some(EXPIRED) {
        info!(waiver = name, used = after.used, "a waiver has expired");
    }
}

const EXPIRED: &str = "Expired";

fn active(status: &PolicyWaiverStatus) -> Option<&Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == ACTIVE)
}

/// The status that a waiver should have.
fn next_status(stored: &Stored, used: Option<&Uses>, now: Timestamp) -> PolicyWaiverStatus {
    let (is_active, reason, message) = match &stored.read {
        Err(problem) => (false, "Unreadable", format!("it waives nothing: {problem}")),
        Ok(it) if it.waiver.is_live(now) => {
            (true, "InForce", format!("until {}", it.waiver.until()))
        }
        Ok(it) => (
            false,
            EXPIRED,
            format!("it waives nothing since {}", it.waiver.until()),
        ),
    };
    let status = if is_active { "True" } else { "False" };
    let before = active(&stored.status).filter(|condition| condition.status == status);
    let condition = Condition {
        type_: ACTIVE.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: stored.generation,
        last_transition_time: before.map_or(Time(whole_second(now)), |before| {
            before.last_transition_time.clone()
        }),
    };
    let last = used.map(|used| whole_second(used.last));
    PolicyWaiverStatus {
        observed_generation: stored.generation,
        used: stored
            .status
            .used
            .saturating_add(used.map_or(0, |used| used.count)),
        last_used: stored.status.last_used.max(last),
        conditions: vec![condition],
    }
}

/// As times are stored.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
