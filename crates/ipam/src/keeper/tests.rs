use std::pin::pin;
use std::sync::Mutex;

use basphere_core::ipam::{Claim, Delay, LeaseSpec, Purpose, Slot};

use super::*;
use crate::table::{Table, poll};

/// What is known of holders, and the steps that were taken.
#[derive(Debug, Default)]
struct Known {
    is_cached: bool,
    is_there: bool,
    successor: Option<Holder>,
    taken: Mutex<Vec<Step>>,
}

fn carries() -> Holding {
    Holding::Carries {
        uid: "uid-a".to_owned(),
    }
}

impl Holders for Known {
    fn cached(&self, _lease: &Lease) -> Holding {
        if self.is_cached {
            carries()
        } else {
            Holding::Unseen
        }
    }

    async fn live(&self, _lease: &Lease) -> Result<Holding, StoreError> {
        Ok(if self.is_there {
            carries()
        } else {
            Holding::Gone
        })
    }

    fn successor(&self, lease: &Lease) -> Option<Holder> {
        let successor = self.successor.clone()?;
        (!lease.spec.holder.is(&successor)).then_some(successor)
    }

    fn taken(&self, _lease: &Lease, step: &Step) {
        self.taken.lock().unwrap().push(step.clone());
    }
}

const DELAYS: Delays = Delays {
    grace: Delay::seconds(60),
    reuse_after: Delay::seconds(90),
};

fn lease(kind: SlotKind, text: &str, state: State) -> Lease {
    let purpose = match kind {
        SlotKind::Block => Purpose::Block,
        _ => Purpose::Endpoint,
    };
    let spec = LeaseSpec {
        kind,
        domain: String::new(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: "kim".to_owned(),
        purpose,
        holder: Holder {
            kind: "VSphereCluster".to_owned(),
            namespace: "user-kim".to_owned(),
            name: "demo-x7".to_owned(),
            ..Holder::default()
        },
        owner: None,
        state,
        since: Timestamp::UNIX_EPOCH,
    };
    Lease::new(Slot::new(kind, "lan", text.parse().unwrap()), spec)
}

fn address(state: State) -> Lease {
    lease(SlotKind::Address, "10.0.0.9", state)
}

struct Keeping {
    table: Arc<Table>,
    book: Arc<Book>,
    keeper: Keeper<Arc<Table>, Known>,
}

impl Keeping {
    fn new(known: Known) -> Self {
        let (table, book) = (Arc::new(Table::default()), Arc::new(Book::default()));
        let keeper = Keeper::new(Arc::clone(&table), known, Arc::clone(&book));
        Self {
            table,
            book,
            keeper,
        }
    }

    /// Stores a lease that the process knows of.
    fn put(&self, lease: &Lease) -> Lease {
        let stored = self.table.put(lease);
        self.book.observe(stored.clone());
        stored
    }

    /// Looks at a lease, and tells when it is due again, in seconds.
    fn keep(&self, lease: &Lease, seconds: i64) -> Option<i64> {
        let now = Timestamp::from_second(seconds).unwrap();
        let name = lease.name();
        let due = poll(&mut pin!(self.keeper.keep(&name, now, DELAYS)), 99);
        due.unwrap().unwrap().map(Timestamp::as_second)
    }

    fn taken(&self) -> Vec<Step> {
        self.keeper.holders().taken.lock().unwrap().clone()
    }
}

#[test]
fn a_lease_lives_from_its_reservation_to_its_end() {
    let keeping = Keeping::new(Known::default());
    let lease = keeping.put(&address(State::Reserved));
    assert_eq!(keeping.keep(&lease, 59), Some(60));
    assert_eq!(keeping.keep(&lease, 60), Some(150));
    assert_eq!(keeping.keep(&lease, 149), Some(150));
    assert_eq!(keeping.keep(&lease, 150), None);
    assert_eq!(keeping.taken(), [Step::Release, Step::Delete]);
    assert_eq!(keeping.table.addresses(), [""; 0]);
    assert!(keeping.book.ledger().is_empty());
}

#[test]
fn what_a_cache_does_not_show_is_not_gone() {
    let keeping = Keeping::new(Known {
        is_there: true,
        ..Known::default()
    });
    let mut lease = address(State::Bound);
    lease.spec.holder.uid = Some("uid-a".to_owned());
    let lease = keeping.put(&lease);
    assert_eq!(keeping.keep(&lease, 999), None);
    assert_eq!(keeping.taken(), []);
}

#[test]
fn what_a_review_is_asking_for_is_left_to_it() {
    let keeping = Keeping::new(Known::default());
    let lease = keeping.put(&address(State::Reserved));
    let _noted = keeping.book.note(&[Claim::Replace(lease.clone())]).unwrap();
    assert_eq!(keeping.keep(&lease, 999), None);
    assert_eq!(keeping.table.log(), ["10.0.0.9 Reserved"]);
}

#[test]
fn a_conflict_is_looked_at_and_tried_again() {
    let keeping = Keeping::new(Known {
        is_cached: true,
        ..Known::default()
    });
    let lease = keeping.put(&address(State::Reserved));
    // Somebody else has written it, and the watch has not told yet.
    let theirs = keeping.table.put(&lease);
    assert_eq!(keeping.keep(&lease, 7), Some(7));
    let ledger = keeping.book.ledger();
    assert_eq!(ledger.get(&lease.name()), Some(&theirs));
    assert_eq!(keeping.keep(&lease, 7), None);
    let bind = Step::Bind {
        uid: "uid-a".to_owned(),
    };
    assert_eq!(keeping.taken(), [bind]);
}

#[test]
fn who_stood_in_for_a_cluster_hands_its_address_over() {
    let cluster = Holder {
        kind: "Cluster".to_owned(),
        namespace: "user-kim".to_owned(),
        name: "demo".to_owned(),
        ..Holder::default()
    };
    let keeping = Keeping::new(Known {
        is_cached: true,
        successor: Some(cluster.clone()),
        ..Known::default()
    });
    let lease = keeping.put(&address(State::Reserved));
    // The Cluster's own review was faster, which is no error.
    let theirs = keeping.table.put(&lease);
    assert_eq!(keeping.keep(&lease, 7), Some(7));
    let ledger = keeping.book.ledger();
    assert_eq!(ledger.get(&lease.name()), Some(&theirs));
    assert_eq!(keeping.keep(&lease, 7), None);
    let ledger = keeping.book.ledger();
    let kept = &ledger.get(&lease.name()).unwrap().spec;
    assert!(kept.holder.is(&cluster));
    assert_eq!(kept.state, State::Bound);
}

#[test]
fn a_block_stays_as_long_as_anything_in_it_is_leased() {
    let keeping = Keeping::new(Known::default());
    let block = keeping.put(&lease(SlotKind::Block, "10.0.0.8/29", State::Releasing));
    // No watch has told of it yet.
    let within = keeping.table.put(&address(State::Bound));
    keeping.keep(&block, 999);
    assert_eq!(keeping.table.addresses(), ["10.0.0.8/29", "10.0.0.9"]);
    let mut deleted = pin!(keeping.table.delete(&within));
    assert_eq!(poll(&mut deleted, 9), Some(Ok(())));
    keeping.keep(&block, 999);
    assert_eq!(keeping.table.addresses(), [""; 0]);
}
