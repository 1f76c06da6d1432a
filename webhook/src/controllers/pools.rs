//! Pools tell how full they are, and whether they hand anything out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use basphere_api::AddressPool;
use basphere_api::crd::{AddressPoolStatus, TenantAddresses};
use basphere_core::Timestamp;
use basphere_core::ipam::{Ledger, Pools, Usage, usage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio::time::sleep;

use super::queue::{Queue, Requests, work};
use crate::metrics::Metrics;
use crate::register::FIELD_MANAGER;
use crate::world::World;

/// So long changes are gathered: a hundred machines at once are one write.
pub(crate) const GATHER: Duration = Duration::from_millis(500);
/// The condition of a pool.
const READY: &str = "Ready";

/// Counts, and writes what has changed, whenever asked to, for ever.
pub(crate) async fn keep(
    client: Client,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    queue: (Queue<()>, Requests<()>),
) {
    let api: Api<AddressPool> = Api::all(client);
    let (api, world, metrics) = (&api, &world, &metrics);
    work(queue, 1, |()| async move {
        sleep(GATHER).await;
        count(api, world, metrics).await?;
        Ok::<_, kube::Error>(None::<Timestamp>)
    })
    .await;
}

async fn count(api: &Api<AddressPool>, world: &World, metrics: &Metrics) -> kube::Result<()> {
    let listed = api.list(&ListParams::default()).await?;
    let (pools, ledger) = (world.pools(), world.book().ledger());
    let mut free = BTreeMap::new();
    for stored in listed {
        let name = stored.name_any();
        let status = next_status(&stored, &pools, &ledger, Timestamp::now());
        free.insert(name, status.free);
        if stored.status.as_ref() != Some(&status) {
            write(api, &stored, &status).await?;
        }
    }
    metrics.addresses.count(&ledger, &free);
    Ok(())
}

/// The status that a pool should have.
fn next_status(
    stored: &AddressPool,
    pools: &Pools,
    ledger: &Ledger,
    now: Timestamp,
) -> AddressPoolStatus {
    let generation = stored.metadata.generation;
    let name = stored.name_any();
    let (is_ready, reason, message, counted) = match pools.get(&name) {
        Ok(pool) => (true, "InForce", String::new(), usage(pool, ledger)),
        Err(why) => (false, "NotInForce", why, Usage::default()),
    };
    let status = if is_ready { "True" } else { "False" };
    let before = stored.status.as_ref().and_then(|status| {
        let mut conditions = status.conditions.iter();
        conditions.find(|condition| condition.type_ == READY)
    });
    let since = before
        .filter(|condition| condition.status == status)
        .map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        // A stored time has whole seconds.
        last_transition_time: since.unwrap_or(Time(whole_second(now))),
    };
    let tenants = counted.tenants.into_iter().map(|(tenant, counted)| {
        let addresses = TenantAddresses {
            leased: number(counted.leased),
            cooling: number(counted.cooling),
            blocks: counted.blocks,
        };
        (tenant, addresses)
    });
    AddressPoolStatus {
        observed_generation: generation,
        free: number(counted.free),
        leased: number(counted.leased),
        reserved: number(counted.reserved),
        cooling: number(counted.cooling),
        tenants: tenants.collect(),
        conditions: vec![condition],
    }
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// An IPv6 pool has more addresses than the API has numbers.
fn number(count: u128) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn write(
    api: &Api<AddressPool>,
    stored: &AddressPool,
    status: &AddressPoolStatus,
) -> kube::Result<()> {
    let patch = json!({
        "apiVersion": AddressPool::api_version(&()),
        "kind": AddressPool::kind(&()),
        "metadata": {"name": stored.name_any(), "uid": stored.uid()},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = api
        .patch_status(&stored.name_any(), &parameters, &Patch::Apply(&patch))
        .await;
    match written {
        // It was deleted meanwhile, or is another of the same name.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        written => written.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basphere_api::crd::AddressPoolResource;

    fn pool(name: &str, cidr: &str) -> AddressPool {
        let spec = serde_json::from_value(json!({"cidr": cidr})).unwrap();
        let mut pool = AddressPool::new(name, AddressPoolResource(spec));
        pool.metadata.generation = Some(3);
        pool
    }

    #[test]
    fn a_pool_that_hands_nothing_out_says_why_and_since_when() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let mut pools = Pools::default();
        for (name, created) in [("old", "2025"), ("young", "2026")] {
            let spec = pool(name, "10.0.0.0/29").spec.0;
            pools.put(name, created, spec);
        }
        let (old, mut young) = (pool("old", "10.0.0.0/29"), pool("young", "10.0.0.0/29"));
        let ledger = Ledger::default();
        let good = next_status(&old, &pools, &ledger, now);
        assert_eq!((good.free, good.conditions[0].status.as_str()), (6, "True"));
        assert_eq!(good.observed_generation, Some(3));
        let bad = next_status(&young, &pools, &ledger, now);
        let condition = &bad.conditions[0];
        assert_eq!(
            (condition.status.as_str(), condition.message.as_str()),
            (
                "False",
                "AddressPool young overlaps the older AddressPool old"
            )
        );
        assert_eq!(
            condition.last_transition_time.0.to_string(),
            "2026-01-02T03:04:05Z"
        );
        young.status = Some(bad.clone());
        let later = now + jiff::SignedDuration::from_secs(60);
        assert_eq!(next_status(&young, &pools, &ledger, later), bad);
    }
}
