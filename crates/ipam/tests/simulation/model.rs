//! The API server: leases and their carriers at one revision, and all that happened to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use basphere_core::ipam::{
    Delay, Delays, Holder, Lease, LeaseSpec, Listed, Owner, Pool, Pools, Purpose, Selection, Slot,
    SlotKind, State,
};
use basphere_ipam::StoreError;
use serde_json::json;

use crate::course::{Course, Millis};

/// Webhook processes.
pub(crate) const REPLICAS: usize = 3;
/// So long the webhook works on a review.
pub(crate) const PATIENCE: Millis = 2_000;
/// So long after its beginning a CREATE can be stored.
pub(crate) const REQUEST_TIMEOUT: Millis = 6_000;
/// A reservation's grace: the request timeout and a margin.
pub(crate) const GRACE: Millis = 8_000;
/// The longest that a cache is behind.
pub(crate) const LAG: Millis = 1_500;
/// How long addresses cool at the most; those of the flat pool need hardly any time.
pub(crate) const REUSE_AFTER: Millis = 14_000;
const FLAT_REUSE_AFTER: Millis = 500;
/// Machines that each owner wants at the most.
pub(crate) const WANTED: usize = 4;

pub(crate) const TENANTS: [&str; 2] = ["kim", "lee"];

/// An object that carries an address: a machine, or one of the objects of a cluster that do.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    pub(crate) key: String,
    pub(crate) holder: Holder,
    pub(crate) uid: String,
    pub(crate) owner: Option<Owner>,
    pub(crate) slot: Slot,
    pub(crate) is_deleting: bool,
    /// A controller has written it since, so that its address has been looked at again.
    pub(crate) is_settled: bool,
    /// Its request was frozen for longer than any API server waits.
    pub(crate) was_frozen: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum News {
    Lease(Lease),
    LeaseGone(String, String),
    Carrier(Carrier),
    CarrierGone(String),
}

/// A change of who has a slot, or of who asks for it.
pub(crate) struct Change {
    pub(crate) step: u64,
    pub(crate) slot: Slot,
    pub(crate) was: Option<(String, State)>,
}

/// What the last holder of an address left behind.
struct Trail {
    at: Millis,
    holder: Holder,
    owner: Option<Owner>,
    was_bound: bool,
}

pub(crate) struct World {
    pub(crate) course: Course<Self>,
    pub(crate) revision: u64,
    pub(crate) leases: BTreeMap<Slot, Lease>,
    pub(crate) carriers: BTreeMap<String, Carrier>,
    pub(crate) news: Vec<(Millis, News)>,
    /// What requests that are under way ask for, and for whom.
    pub(crate) asked: BTreeMap<Slot, (String, usize)>,
    pub(crate) changes: Vec<Change>,
    pub(crate) leaders: BTreeSet<usize>,
    pub(crate) clusters: BTreeMap<String, String>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) is_dirty: bool,
    trails: BTreeMap<Slot, Trail>,
}

pub(crate) type Shared = Arc<Mutex<World>>;

impl World {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        Self {
            course: Course::new(seed, trace),
            revision: 1,
            leases: BTreeMap::new(),
            carriers: BTreeMap::new(),
            news: Vec::new(),
            asked: BTreeMap::new(),
            changes: Vec::new(),
            leaders: BTreeSet::from([0]),
            clusters: BTreeMap::new(),
            pools: Arc::new(pools()),
            is_dirty: false,
            trails: BTreeMap::new(),
        }
    }

    pub(crate) fn pool(&self, name: &str) -> Pool {
        self.pools.get(name).unwrap().clone()
    }

    pub(crate) fn create(&mut self, lease: &Lease) -> Result<Lease, StoreError> {
        if self.leases.contains_key(&lease.slot) {
            return Err(StoreError::Conflict);
        }
        let uid = format!("lease-{}", self.revision);
        Ok(self.put(lease, uid))
    }

    pub(crate) fn replace(&mut self, lease: &Lease) -> Result<Lease, StoreError> {
        self.check_version(lease)?;
        Ok(self.put(lease, lease.uid.clone()))
    }

    pub(crate) fn delete(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.check_version(lease)?;
        self.revision += 1;
        self.is_dirty = true;
        self.course.say(format_args!("deleted {}", lease.name()));
        self.note_change(&lease.slot);
        self.leases.remove(&lease.slot);
        self.tell(News::LeaseGone(lease.name(), lease.uid.clone()));
        Ok(())
    }

    pub(crate) fn list(&self, selection: &Selection) -> Listed {
        let leases = self.leases.values();
        Listed {
            revision: self.revision,
            leases: leases
                .filter(|lease| selection.has(lease))
                .cloned()
                .collect(),
        }
    }

    fn check_version(&self, lease: &Lease) -> Result<(), StoreError> {
        let stored = self.leases.get(&lease.slot).ok_or(StoreError::Conflict)?;
        let seen = (&lease.uid, &lease.resource_version);
        if (&stored.uid, &stored.resource_version) == seen {
            Ok(())
        } else {
            Err(StoreError::Conflict)
        }
    }

    fn put(&mut self, lease: &Lease, uid: String) -> Lease {
        self.check_cooled(&lease.slot, &lease.spec);
        self.revision += 1;
        self.is_dirty = true;
        self.note_change(&lease.slot);
        let stored = Lease {
            uid,
            resource_version: self.revision.to_string(),
            ..lease.clone()
        };
        self.course.say(format_args!(
            "stored {} {:?} of {} at {}",
            stored.name(),
            stored.spec.state,
            stored.spec.holder,
            stored.resource_version
        ));
        self.leases.insert(stored.slot.clone(), stored.clone());
        self.tell(News::Lease(stored.clone()));
        stored
    }

    /// Invariant (b): no address is handed to another holder too early. An owner may use again what
    /// was never seen to be stored.
    fn check_cooled(&mut self, slot: &Slot, spec: &LeaseSpec) {
        let Some(trail) = self.trails.get(slot) else {
            return;
        };
        let is_vain = !trail.was_bound && trail.owner.is_some() && trail.owner == spec.owner;
        let is_cold = self.course.now >= trail.at + reuse_after(&spec.pool).max(GRACE);
        if !trail.holder.is(&spec.holder) && !is_vain && !is_cold {
            let age = self.course.now - trail.at;
            let (from, to) = (&trail.holder, &spec.holder);
            let why = format!("{slot} goes from {from} to {to} after {age} ms only");
            self.course.fail(why);
        }
    }

    fn note_change(&mut self, slot: &Slot) {
        let was = self.leases.get(slot);
        let was = was.map(|lease| (lease.spec.tenant.clone(), lease.spec.state));
        self.changes.push(Change {
            step: self.course.step,
            slot: slot.clone(),
            was,
        });
    }

    fn tell(&mut self, news: News) {
        self.news.push((self.course.now, news));
    }

    pub(crate) fn store_carrier(&mut self, carrier: Carrier) {
        self.revision += 1;
        self.is_dirty = true;
        self.course
            .say(format_args!("stored {} with {}", carrier.key, carrier.slot));
        self.carriers.insert(carrier.key.clone(), carrier.clone());
        self.tell(News::Carrier(carrier));
    }

    pub(crate) fn remove_carrier(&mut self, key: &str) {
        let Some(carrier) = self.carriers.remove(key) else {
            return;
        };
        self.revision += 1;
        self.is_dirty = true;
        self.course.say(format_args!("{key} is gone"));
        let lease = self.leases.get(&carrier.slot);
        let trail = Trail {
            at: self.course.now,
            was_bound: lease.is_some_and(|lease| lease.spec.holder.uid.is_some()),
            holder: carrier.holder,
            owner: carrier.owner,
        };
        // What was never written by a controller has never run.
        if carrier.is_settled {
            self.trails.insert(carrier.slot, trail);
        }
        self.tell(News::CarrierGone(key.to_owned()));
    }
}

fn reuse_after(pool: &str) -> Millis {
    if pool == "flat" {
        FLAT_REUSE_AFTER
    } else {
        REUSE_AFTER
    }
}

pub(crate) const GRACE_DELAY: Delay = Delay::millis(GRACE as u32);

pub(crate) fn delays(pool: &str) -> Delays {
    Delays {
        grace: GRACE_DELAY,
        reuse_after: Delay::millis(reuse_after(pool) as u32),
    }
}

/// Tight pools, so that they are full now and then: two blocks of six addresses for each tenant and
/// one to spare, a flat one, and one of ranges.
fn pools() -> Pools {
    let [reuse, flat_reuse] = [REUSE_AFTER, FLAT_REUSE_AFTER].map(|delay| format!("{delay}ms"));
    let mut pools = Pools::default();
    for (name, spec) in [
        (
            "blocks",
            json!({"cidr": "10.0.0.0/27", "blockSize": 29, "blocksPerTenant": 2,
                   "keepFirstBlock": false, "reuseAfter": reuse}),
        ),
        (
            "flat",
            json!({"cidr": "10.0.1.0/28", "reuseAfter": flat_reuse}),
        ),
        (
            "ranges",
            json!({"cidr": "10.0.2.0/27", "rangeSize": 8, "reuseAfter": reuse}),
        ),
    ] {
        pools.put(name, "", serde_json::from_value(spec).unwrap());
    }
    pools
}

/// Which pool things of a purpose come from.
pub(crate) fn pool_of(purpose: Purpose, is_flat: bool) -> &'static str {
    match purpose {
        Purpose::LoadBalancer => "ranges",
        _ if is_flat => "flat",
        _ => "blocks",
    }
}

/// All slots of a kind that a pool of the model has.
pub(crate) fn slots(pool: &Pool, kind: SlotKind) -> Vec<Slot> {
    let network: u32 = match pool.name() {
        "blocks" => 0x0a00_0000,
        "flat" => 0x0a00_0100,
        _ => 0x0a00_0200,
    };
    let address = |at: u32| std::net::IpAddr::from(std::net::Ipv4Addr::from(network + at));
    let domain = &pool.spec().domain;
    let text = |first: u32, last: u32| format!("{}-{}", address(first), address(last));
    let span = |first, last| text(first, last).parse().unwrap();
    match kind {
        SlotKind::Range => [(8, 15), (16, 23)]
            .map(|(first, last)| Slot::new(kind, domain, span(first, last)))
            .to_vec(),
        SlotKind::Block => (0..4)
            .map(|block| Slot::new(kind, domain, span(block * 8, block * 8 + 7)))
            .collect(),
        _ => (0..32)
            .map(address)
            .filter(|address| pool.offers(*address))
            .map(|address| pool.slot(address))
            .collect(),
    }
}
