//! One webhook process: its caches, its reviews and its controller.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use basphere_core::ipam::{
    Asker, Claim, Desk, Holder, Holding, Lease, Ledger, Pool, Refusal, Selection, Sight, Slot,
    SlotKind, Step,
};
use basphere_ipam::{Book, Failed, Holders, Keeper, Registrar, StoreError};

use crate::course::{Millis, lock};
use crate::model::{Carrier, GRACE_DELAY, News, Shared, delays};
use crate::store::{ModelStore, pause};
use crate::truth::{Asked, check_refusal};

/// As in the webhook's gate.
const ROUNDS: usize = 3;
const ATTEMPTS: usize = 16;

pub(crate) struct Process {
    pub(crate) id: usize,
    pub(crate) world: Shared,
    pub(crate) book: Arc<Book>,
    /// So many news have arrived.
    pub(crate) heard: Mutex<usize>,
    registrar: Registrar<ModelStore>,
    keeper: Keeper<ModelStore, Known>,
}

/// What the process knows of carriers.
pub(crate) struct Known {
    store: ModelStore,
    cached: Mutex<BTreeMap<String, Carrier>>,
}

/// What a review asks for.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Something free.
    Any,
    /// What an object says already.
    This(Slot),
    /// What an object says, or something else if that was lost.
    Repair(Slot),
}

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Given(Slot),
    Refused(Refusal),
    /// To be tried again.
    Failed,
}

/// Who wishes, and where it counts.
#[derive(Clone)]
pub(crate) struct Wisher {
    pub(crate) pool: &'static str,
    pub(crate) asker: Asker<'static>,
}

impl Process {
    /// A process with caches that were filled by a list just now.
    pub(crate) fn new(id: usize, world: &Shared) -> Self {
        let book = Arc::new(Book::default());
        let store = ModelStore(Arc::clone(world));
        let now = lock(world);
        for lease in now.leases.values() {
            book.observe(lease.clone());
        }
        let known = Known {
            store: store.clone(),
            cached: Mutex::new(now.carriers.clone()),
        };
        Self {
            id,
            heard: Mutex::new(now.news.len()),
            registrar: Registrar::new(store.clone(), Arc::clone(&book)),
            keeper: Keeper::new(store, known, Arc::clone(&book)),
            world: Arc::clone(world),
            book,
        }
    }

    /// Hears the next news, if they are at least so old.
    pub(crate) fn hear(&self, until: Millis) -> bool {
        let mut heard = self.heard.lock().unwrap();
        let news = match lock(&self.world).news.get(*heard) {
            Some((at, news)) if *at <= until => news.clone(),
            _ => return false,
        };
        *heard += 1;
        let mut cached = self.keeper.holders().cached.lock().unwrap();
        match news {
            News::Lease(lease) => self.book.observe(lease),
            News::LeaseGone(name, uid) => self.book.forget(&name, &uid),
            News::Carrier(carrier) => drop(cached.insert(carrier.key.clone(), carrier)),
            News::CarrierGone(key) => drop(cached.remove(&key)),
        }
        true
    }

    /// The way of a review, as in the webhook's gate.
    pub(crate) async fn judge(&self, wisher: &Wisher, wish: &Wish) -> Verdict {
        let verdict = self.review(wisher, wish).await;
        let (id, holder) = (self.id, &wisher.asker.holder);
        lock(&self.world).course.say(format_args!(
            "process {id}, asked for {wish:?} for {holder}: {verdict:?}"
        ));
        verdict
    }

    async fn review(&self, wisher: &Wisher, wish: &Wish) -> Verdict {
        let since = lock(&self.world).course.step;
        let mut facts = Facts::default();
        let mut ledger = self.book.ledger();
        for _ in 0..ATTEMPTS {
            let Ok((answer, claims)) = self.decide(wisher, wish, &mut ledger, &mut facts).await
            else {
                return Verdict::Failed;
            };
            let slot = match answer {
                Ok(slot) => slot,
                Err(refusal) => {
                    check_refusal(&self.world, wisher, &refusal, since);
                    return Verdict::Refused(refusal);
                }
            };
            if claims.is_empty() {
                return Verdict::Given(slot);
            }
            let pools = Arc::clone(&lock(&self.world).pools);
            let asked = Asked::new(&self.world, &claims);
            let outcome = self.registrar.carry_out(&claims, &pools).await;
            drop(asked);
            match outcome {
                Ok(()) => return Verdict::Given(slot),
                Err(Failed::Store(_)) => return Verdict::Failed,
                Err(Failed::Overtaken) => {
                    lock(&self.world).course.count("overtaken");
                    ledger = self.book.ledger();
                    facts.live.clear();
                }
            }
        }
        lock(&self.world).course.count("overtaken too often");
        Verdict::Failed
    }

    async fn decide(
        &self,
        wisher: &Wisher,
        wish: &Wish,
        ledger: &mut Ledger,
        facts: &mut Facts,
    ) -> Result<(Result<Slot, Refusal>, Vec<Claim>), StoreError> {
        for _ in 0..=ROUNDS {
            let (now, pool) = {
                let world = lock(&self.world);
                (world.course.timestamp(), world.pool(wisher.pool))
            };
            let mut desk = Desk::new(ledger.clone(), facts, now, GRACE_DELAY);
            let answer = ask(&mut desk, &pool, wisher, wish);
            let (_, claims) = desk.into_parts();
            let missed = std::mem::take(facts.missed.get_mut());
            if missed.is_empty() {
                return Ok((answer, claims));
            }
            for missed in missed {
                match missed {
                    Missed::Leases(selection) => {
                        self.registrar.learn(&selection).await?;
                        facts.live.insert(selection);
                    }
                    Missed::Holder(holder) => {
                        let is_gone = self.keeper.holders().is_gone(&holder).await?;
                        facts.holders.insert(holder, is_gone);
                    }
                }
            }
            *ledger = self.book.ledger();
        }
        Err(StoreError::Refused("too many rounds".to_owned()))
    }

    /// The controller: looks at one lease after the other while it believes to lead.
    pub(crate) async fn lead(&self) {
        loop {
            pause().await;
            let (now, at) = {
                let mut world = lock(&self.world);
                if !world.leaders.contains(&self.id) {
                    continue;
                }
                (world.course.timestamp(), world.course.random.below(64))
            };
            let ledger = self.book.ledger();
            let Some(lease) = ledger.iter().nth(at % ledger.len().max(1)) else {
                continue;
            };
            // What fails is tried again.
            let _ = self
                .keeper
                .keep(&lease.name(), now, delays(&lease.spec.pool))
                .await;
        }
    }
}

fn ask(desk: &mut Desk<'_>, pool: &Pool, wisher: &Wisher, wish: &Wish) -> Result<Slot, Refusal> {
    let is_range = pool.spec().range_size.is_some();
    let any = |desk: &mut Desk<'_>| {
        if is_range {
            return desk.range(pool, &wisher.asker);
        }
        Ok(pool.slot(desk.address(pool, &wisher.asker)?))
    };
    let this = |desk: &mut Desk<'_>, slot: &Slot| {
        if slot.kind == SlotKind::Range {
            desk.slot(slot.clone(), &wisher.asker)?;
        } else {
            desk.named(pool, slot.span.first(), &wisher.asker)?;
        }
        Ok(slot.clone())
    };
    match wish {
        Wish::Any => any(desk),
        Wish::This(slot) => this(desk, slot),
        Wish::Repair(slot) => this(desk, slot).or_else(|_| any(desk)),
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Missed {
    Leases(Selection),
    Holder(Holder),
}

/// What a review knows for certain, and what it must read.
#[derive(Default)]
struct Facts {
    live: BTreeSet<Selection>,
    holders: BTreeMap<Holder, bool>,
    missed: RefCell<BTreeSet<Missed>>,
}

impl Sight for Facts {
    fn is_live(&self, selection: &Selection) -> bool {
        let is_live = self.live.contains(selection);
        if !is_live {
            let missed = Missed::Leases(selection.clone());
            self.missed.borrow_mut().insert(missed);
        }
        is_live
    }

    fn is_gone(&self, holder: &Holder) -> bool {
        let known = self.holders.get(holder).copied();
        if known.is_none() {
            let missed = Missed::Holder(holder.clone());
            self.missed.borrow_mut().insert(missed);
        }
        known == Some(true)
    }
}

impl Known {
    async fn is_gone(&self, holder: &Holder) -> Result<bool, StoreError> {
        let holder = holder.clone();
        self.store
            .read(move |world| {
                world
                    .carriers
                    .values()
                    .all(|carrier| !carrier.holder.is(&holder))
            })
            .await
    }
}

fn holding<'a>(lease: &Lease, carriers: impl Iterator<Item = &'a Carrier>) -> Holding {
    let mut holding = Holding::Gone;
    for carrier in carriers.filter(|carrier| carrier.holder.is(&lease.spec.holder)) {
        if carrier.slot == lease.slot {
            let uid = carrier.uid.clone();
            return Holding::Carries { uid };
        }
        holding = Holding::HasNot;
    }
    holding
}

impl Holders for Known {
    fn cached(&self, lease: &Lease) -> Holding {
        if lease.slot.kind == SlotKind::Block {
            let uid = lease.spec.tenant.clone();
            return Holding::Carries { uid };
        }
        match holding(lease, self.cached.lock().unwrap().values()) {
            carries @ Holding::Carries { .. } => carries,
            _ => Holding::Unseen,
        }
    }

    async fn live(&self, lease: &Lease) -> Result<Holding, StoreError> {
        let lease = lease.clone();
        self.store
            .read(move |world| holding(&lease, world.carriers.values()))
            .await
    }

    fn taken(&self, _lease: &Lease, step: &Step) {
        let name = match step {
            Step::Bind { .. } => "bound",
            Step::Release => "released",
            Step::Delete => "deleted",
            Step::Wait | Step::Look | Step::MoveAway => return,
        };
        lock(&self.store.0).course.count(name);
    }
}
