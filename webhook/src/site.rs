//! Loads the Site by watch, and says on the object what became of it.
//!
//! Whatever is wrong with a new Site, the last good one stays in force.

use std::sync::Arc;

use basphere_api::crd::{SITE_NAME, SiteStatus};
use basphere_core::{Site, SiteSpec};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::readiness::Flag;
use crate::register::FIELD_MANAGER;
use crate::watch::{Change, Follower};
use crate::world::World;

const CONDITION: &str = "Ready";
/// A condition's message may be 32 KiB long; nobody reads that.
const MESSAGE_MAX: usize = 4000;

/// What became of one generation of the Site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    is_ready: bool,
    reason: &'static str,
    message: String,
}

/// Judges a Site object; puts it into force if it is good.
pub fn judge(world: &World, object: &Value) -> Verdict {
    let refuse = |reason, problems: String| {
        let stays = if world.has_site() {
            "; the last good Site stays in force"
        } else {
            ""
        };
        Verdict {
            is_ready: false,
            reason,
            message: shorten(format!("{problems}{stays}")),
        }
    };
    let spec = object.get("spec").cloned().unwrap_or(Value::Null);
    let spec: SiteSpec = match serde_json::from_value(spec) {
        Ok(spec) => spec,
        Err(error) => return refuse("Unreadable", format!("spec: {error}")),
    };
    match Site::try_from(spec) {
        Ok(site) => {
            world.put_site(site);
            Verdict {
                is_ready: true,
                reason: "InForce",
                message: "this generation is in force".to_owned(),
            }
        }
        Err(errors) => refuse(
            "Inconsistent",
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        ),
    }
}

fn shorten(text: String) -> String {
    if text.chars().count() <= MESSAGE_MAX {
        text
    } else {
        text.chars().take(MESSAGE_MAX).chain(['…']).collect()
    }
}

/// Loads the Site whenever it changes, for ever.
pub async fn keep_site(client: Client, world: Arc<World>, metrics: Arc<Metrics>, synced: Flag) {
    let resource = ApiResource::erase::<basphere_api::Site>(&());
    // As untyped objects: one that does not fit our type must be reported, not end the watch.
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let config = watcher::Config::default().fields(&format!("metadata.name={SITE_NAME}"));
    let mut follower = Follower::new();
    let mut in_force = None;
    loop {
        follower.start(api.clone(), config.clone());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(object) => take(&api, &world, &metrics, &mut in_force, object).await,
                Change::Gone(..) => {
                    warn!("the Site was deleted; the last good one stays in force");
                    metrics.site(false, in_force);
                }
                Change::Synced => synced.set(true),
            }
        }
        synced.set(false);
        follower.wait().await;
    }
}

async fn take(
    api: &Api<DynamicObject>,
    world: &World,
    metrics: &Metrics,
    in_force: &mut Option<i64>,
    object: DynamicObject,
) {
    let generation = object.meta().generation;
    let verdict = judge(world, &object.data);
    if verdict.is_ready {
        *in_force = generation;
    }
    metrics.site(verdict.is_ready, *in_force);
    let stored = serde_json::from_value(object.data.get("status").cloned().unwrap_or(Value::Null))
        .unwrap_or_default();
    let Some(status) = next_status(&stored, generation, &verdict, Timestamp::now()) else {
        return;
    };
    if verdict.is_ready {
        info!(generation, "the Site is in force");
    } else {
        warn!(
            generation,
            reason = verdict.reason,
            "the Site is not taken: {}",
            verdict.message
        );
    }
    if let Err(error) = write_status(api, &object, &status).await {
        warn!(error = %error, "the Site's status cannot be written");
    }
}

/// The status that is to be written; `None` when the stored one says so already.
fn next_status(
    stored: &SiteStatus,
    generation: Option<i64>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<SiteStatus> {
    let status = if verdict.is_ready { "True" } else { "False" };
    let before = stored
        .conditions
        .iter()
        .find(|condition| condition.type_ == CONDITION);
    let since = before
        .filter(|condition| condition.status == status)
        .map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: CONDITION.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.to_owned(),
        message: verdict.message.clone(),
        observed_generation: generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    if before == Some(&condition) && stored.observed_generation == generation {
        return None;
    }
    Some(SiteStatus {
        observed_generation: generation,
        conditions: vec![condition],
    })
}

async fn write_status(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    status: &SiteStatus,
) -> kube::Result<()> {
    let resource = ApiResource::erase::<basphere_api::Site>(&());
    let patch = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        // The uid makes sure that the status is written on the object that was judged.
        "metadata": {"name": SITE_NAME, "uid": object.uid()},
        "status": status,
    });
    api.patch_status(
        SITE_NAME,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(&patch),
    )
    .await
    .map(drop)
}

#[cfg(test)]
mod tests;
