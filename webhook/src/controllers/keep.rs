//! Leases follow their holders.

use std::sync::Arc;
use std::time::Duration;

use basphere_core::ipam::{Delay, Delays, Ledger, Purpose};
use basphere_core::{Kind, Timestamp};
use basphere_ipam::{Keeper, StoreError};

use super::carriers::INFRASTRUCTURE;
use super::holders::ClusterHolders;
use super::objects::Id;
use super::queue::{Queue, Requests, work};
use crate::desk::KubeStore;
use crate::world::World;

/// So many leases are looked at at once. Each look is a request or two, and while the API server has much to
/// do, as many reviews wait for what cools.
const AT_ONCE: usize = 32;
/// What is overdue, and was left as it is, waits for something else.
const OVERDUE: Duration = Duration::from_secs(10);
/// How long an address cools whose pool is not there any more.
const WITHOUT_POOL: Delay = Delay::seconds(30 * 60);

/// Keeps leases, by their names, for ever.
pub(crate) async fn keep(
    keeper: Keeper<KubeStore, ClusterHolders>,
    world: Arc<World>,
    queue: (Queue<String>, Requests<String>),
) {
    let (keeper, world) = (&keeper, &world);
    work(queue, AT_ONCE, |name: String| async move {
        let now = Timestamp::now();
        let Some(delays) = delays(world, &name) else {
            return Ok::<_, StoreError>(None);
        };
        let due = keeper.keep(&name, now, delays).await?;
        Ok(due.map(|due| {
            if due > now {
                due
            } else {
                now.saturating_add(jiff::SignedDuration::try_from(OVERDUE).unwrap_or_default())
                    .unwrap_or(due)
            }
        }))
    })
    .await;
}

/// The delays of a lease; `None` when there is no such lease, or nothing is decided yet.
fn delays(world: &World, name: &str) -> Option<Delays> {
    let grace = world.site()?.spec().addresses.reservation_grace;
    let ledger = world.book().ledger();
    let pool = &ledger.get(name)?.spec.pool;
    let reuse_after = match world.pools().get(pool) {
        Ok(pool) => pool.spec().reuse_after,
        // Nobody remembers a network inside of a cluster.
        Err(_) if pool.is_empty() => Delay::seconds(0),
        Err(_) => WITHOUT_POOL,
    };
    Some(Delays { grace, reuse_after })
}

/// The leases that a change of this object may concern.
pub(crate) fn concerned(ledger: &Ledger, id: &Id) -> Vec<String> {
    let Id {
        kind,
        namespace,
        name,
    } = id;
    let holder = match kind {
        Kind::IPAddress => Kind::IPAddressClaim,
        kind => *kind,
    };
    let own = ledger.of_object(namespace, holder.as_str(), name);
    let mut names: Vec<_> = own.map(basphere_core::ipam::Lease::name).collect();
    // Whatever carries an endpoint need not be its holder.
    let carries = *kind == Kind::KubeadmControlPlane || INFRASTRUCTURE.contains(kind);
    if carries || *kind == Kind::Cluster {
        let endpoints = ledger.iter().filter(|lease| {
            lease.spec.purpose == Purpose::Endpoint && lease.spec.holder.namespace == *namespace
        });
        names.extend(endpoints.map(basphere_core::ipam::Lease::name));
    }
    names
}
