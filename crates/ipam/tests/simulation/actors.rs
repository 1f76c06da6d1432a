//! Who asks for addresses: MachineSets, people with clusters, and controllers of other providers.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use basphere_core::ipam::{Asker, Holder, Owner, Purpose, Slot};

use crate::course::{Millis, lock};
use crate::model::{
    Carrier, PATIENCE, REPLICAS, REQUEST_TIMEOUT, Shared, TENANTS, WANTED, pool_of,
};
use crate::process::{Process, Verdict, Wish, Wisher};
use crate::store::pause;

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;
/// What runs, and in which process, if in any.
pub(crate) type Running = Vec<(Option<usize>, Task)>;

/// The processes that run, and what is to run in them; nobody's are the API server's own requests.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) world: Shared,
    pub(crate) processes: Arc<Mutex<Vec<Arc<Process>>>>,
    pub(crate) fresh: Arc<Mutex<Running>>,
}

impl Stage {
    pub(crate) fn spawn(&self, of: Option<usize>, task: Task) {
        self.fresh.lock().unwrap().push((of, task));
    }

    fn now(&self) -> Millis {
        lock(&self.world).course.now
    }

    fn permille(&self, of_thousand: usize) -> bool {
        let mut world = lock(&self.world);
        world.course.has_faults && world.course.random.permille(of_thousand)
    }

    async fn sleep(&self, most: Millis) {
        let until = {
            let mut world = lock(&self.world);
            world.course.now + world.course.random.below(most as usize) as Millis
        };
        while self.now() < until {
            pause().await;
        }
    }

    /// A review by any process. No answer comes from one that is killed meanwhile.
    async fn review(&self, wisher: &Wisher, wish: Wish) -> Verdict {
        let process = {
            let at = lock(&self.world).course.random.below(REPLICAS);
            Arc::clone(&self.processes.lock().unwrap()[at])
        };
        let answer = Arc::new(Mutex::new(None));
        let until = self.now() + PATIENCE;
        let (to, wisher, id) = (Arc::clone(&answer), wisher.clone(), process.id);
        let judged = async move {
            let verdict = process.judge(&wisher, &wish).await;
            *to.lock().unwrap() = Some(verdict);
        };
        self.spawn(Some(id), Box::pin(in_time(self.clone(), until, judged)));
        while self.now() <= until {
            if let Some(verdict) = answer.lock().unwrap().take() {
                return verdict;
            }
            pause().await;
        }
        Verdict::Failed
    }

    /// A CREATE: completed by one process, checked by another, refused by somebody else perhaps, and
    /// stored after a while, unless its time is over by then.
    async fn create(&self, wisher: &Wisher, draft: &Draft) -> Option<Slot> {
        let until = self.now() + REQUEST_TIMEOUT;
        let Verdict::Given(slot) = self.review(wisher, Wish::Any).await else {
            return None;
        };
        match self.review(wisher, Wish::This(slot.clone())).await {
            Verdict::Given(_) => {}
            Verdict::Refused(refusal) => {
                let mut world = lock(&self.world);
                world.course.count("given, then refused");
                let why = format!("{} was given {slot}, then refused: {refusal}", draft.key);
                world.course.fail(why);
                return None;
            }
            Verdict::Failed => return None,
        }
        if self.permille(150) {
            return None;
        }
        let is_frozen = draft.may_freeze && self.permille(30);
        self.sleep(if is_frozen { 40_000 } else { 5_000 }).await;
        let mut world = lock(&self.world);
        let is_late = world.course.now > until;
        if (is_late && !is_frozen)
            || world.carriers.contains_key(&draft.key)
            || !draft.is_wanted(&world)
        {
            return None;
        }
        if is_late {
            world.course.count("stored too late");
        }
        world.course.count("stored");
        world.store_carrier(Carrier {
            key: draft.key.clone(),
            holder: wisher.asker.holder.clone(),
            uid: draft.uid.clone(),
            owner: wisher.asker.owner.clone(),
            slot: slot.clone(),
            is_deleting: false,
            is_settled: false,
            was_frozen: is_late,
        });
        Some(slot)
    }

    /// The first UPDATE of what was stored, by a controller: it goes through the same gate, which puts
    /// right what was lost.
    async fn settle(&self, wisher: &Wisher, key: &str, slot: Slot) {
        loop {
            let until = self.now() + REQUEST_TIMEOUT;
            let verdict = self.review(wisher, Wish::Repair(slot.clone())).await;
            if self.is_settled(key, &slot, &verdict, until) {
                return;
            }
            pause().await;
        }
    }

    /// Stores what an UPDATE made of an object, unless its time is over or the object is gone.
    fn is_settled(&self, key: &str, slot: &Slot, verdict: &Verdict, until: Millis) -> bool {
        let mut world = lock(&self.world);
        let Some(carrier) = world.carriers.get(key).cloned() else {
            return true;
        };
        let Verdict::Given(new) = verdict else {
            return false;
        };
        if world.course.now > until {
            return false;
        }
        if new != slot {
            world.course.count("repaired");
        }
        world.store_carrier(Carrier {
            slot: new.clone(),
            is_settled: true,
            ..carrier
        });
        true
    }

    /// A machine of a MachineSet, under a name that nobody had before; or of nobody.
    pub(crate) async fn machine(self, tenant: &'static str, set: Option<usize>, is_flat: bool) {
        let number = {
            let mut world = lock(&self.world);
            world.course.count("machines");
            world.course.counts["machines"]
        };
        let owner = set.map(|set| Owner {
            kind: "MachineSet".to_owned(),
            name: format!("set-{set}"),
            uid: format!("uid-{tenant}-{set}"),
        });
        let kind = if set.is_some() {
            "VSphereMachine"
        } else {
            "IPAddressClaim"
        };
        let name = format!("machine-{number}");
        let purpose = Purpose::Node;
        let wisher = wisher(tenant, kind, &name, purpose, owner, is_flat);
        let draft = Draft {
            key: name.clone(),
            uid: format!("uid-{name}"),
            cluster: None,
            may_freeze: true,
        };
        if let Some(slot) = self.create(&wisher, &draft).await {
            self.settle(&wisher, &draft.key, slot).await;
        }
    }

    /// A cluster: it, its infrastructure and its control plane ask for the same endpoint at the same
    /// time, and there is a range for its load balancers.
    pub(crate) fn cluster(&self, tenant: &'static str, which: usize, is_flat: bool) {
        let name = format!("cluster-{which}");
        let id = format!("{tenant}/{name}");
        let uid = {
            let mut world = lock(&self.world);
            let is_there = world.clusters.contains_key(&id);
            let is_going = world.carriers.keys().any(|key| key.ends_with(&id));
            if is_there || is_going {
                return;
            }
            let uid = format!("uid-{id}-{}", world.course.step);
            world.clusters.insert(id.clone(), uid.clone());
            uid
        };
        for (part, purpose) in [
            ("infrastructure", Purpose::Endpoint),
            ("controlPlane", Purpose::Endpoint),
            ("cluster", Purpose::Endpoint),
            ("range", Purpose::LoadBalancer),
        ] {
            let wisher = wisher(tenant, "Cluster", &name, purpose, None, is_flat);
            let draft = Draft {
                key: format!("{part}/{id}"),
                uid: uid.clone(),
                cluster: Some(id.clone()),
                may_freeze: false,
            };
            self.spawn(None, Box::pin(self.clone().part(wisher, draft)));
        }
    }

    /// One object of a cluster, applied a few times until it is stored.
    async fn part(self, wisher: Wisher, draft: Draft) {
        for _ in 0..4 {
            if let Some(slot) = self.create(&wisher, &draft).await {
                return self.settle(&wisher, &draft.key, slot).await;
            }
            self.sleep(1_000).await;
        }
    }

    /// Whoever wants something of a random tenant.
    pub(crate) fn ask_for_something(&self) {
        let (tenant, set, choice, is_flat) = {
            let mut world = lock(&self.world);
            let tenant = TENANTS[world.course.random.below(TENANTS.len())];
            let (set, choice) = (world.course.random.below(2), world.course.random.below(10));
            // What is made again under its name asks the same pool.
            (tenant, set, choice, set == 1)
        };
        match choice {
            0..2 => self.cluster(tenant, set, is_flat),
            2 => self.spawn(None, Box::pin(self.clone().machine(tenant, None, is_flat))),
            _ if self.lacks(tenant, set) => {
                let machine = self.clone().machine(tenant, Some(set), is_flat);
                self.spawn(None, Box::pin(machine));
            }
            _ => {}
        }
    }

    fn lacks(&self, tenant: &str, set: usize) -> bool {
        let uid = format!("uid-{tenant}-{set}");
        let world = lock(&self.world);
        let of_set = world.carriers.values();
        let of_set =
            of_set.filter(|carrier| carrier.owner.as_ref().is_some_and(|owner| owner.uid == uid));
        of_set.count() < WANTED
    }
}

/// What is to be stored.
struct Draft {
    key: String,
    uid: String,
    /// The Cluster that it is part of.
    cluster: Option<String>,
    may_freeze: bool,
}

impl Draft {
    /// Nobody makes parts of a Cluster that is gone.
    fn is_wanted(&self, world: &crate::model::World) -> bool {
        let cluster = self.cluster.as_ref();
        cluster.is_none_or(|id| world.clusters.get(id) == Some(&self.uid))
    }
}

fn wisher(
    tenant: &'static str,
    kind: &str,
    name: &str,
    purpose: Purpose,
    owner: Option<Owner>,
    is_flat: bool,
) -> Wisher {
    let device = if purpose == Purpose::LoadBalancer {
        "loadBalancers"
    } else {
        ""
    };
    Wisher {
        pool: pool_of(purpose, is_flat),
        asker: Asker {
            tenant,
            holder: Holder {
                kind: kind.to_owned(),
                namespace: format!("user-{tenant}"),
                name: name.to_owned(),
                device: device.to_owned(),
                uid: None,
            },
            wanted: owner.is_some().then_some(WANTED),
            owner,
            purpose,
        },
    }
}

/// Drops what takes longer than the webhook's patience.
async fn in_time(stage: Stage, until: Millis, future: impl Future<Output = ()>) {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| {
        if stage.now() > until {
            return std::task::Poll::Ready(());
        }
        future.as_mut().poll(context)
    })
    .await;
}
