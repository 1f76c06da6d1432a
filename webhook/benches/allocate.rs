//! What an allocation costs: choosing an address and reserving it at a real API server, against the
//! bare creation of one AddressLease. Both are measured in turns, so that whatever else the machine
//! does slows both.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement may fail as loudly as a test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use basphere_core::Timestamp;
use basphere_core::ipam::{
    Asker, Claim, Delay, Desk, Holder, Lease, LeaseSpec, Owner, Pools, Purpose, Selection, Sight,
    SlotKind, State,
};
use basphere_harness::{Sandbox, SandboxOptions};
use basphere_ipam::{Book, Failed, Registrar, Store};
use basphere_webhook::desk::KubeStore;
use futures::{StreamExt, stream};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::runtime::Runtime;

/// So many leases there are meanwhile.
const SIZES: [usize; 3] = [10, 1_000, 20_000];
/// So many allocations are measured one by one, and so many bare creations.
const PAIRS: usize = 300;
/// So many are made by so many reviews at once.
const BURST: usize = 600;
const AT_ONCE: usize = 16;
/// Allocations a review may try, as in the gate.
const ATTEMPTS: usize = 16;

/// Nothing is known for certain, and nothing needs to be: the pool is never full.
struct Cache;

impl Sight for Cache {
    fn is_live(&self, _: &Selection) -> bool {
        false
    }

    fn is_gone(&self, _: &Holder) -> bool {
        false
    }
}

struct Bench {
    store: KubeStore,
    registrar: Registrar<KubeStore>,
    book: Arc<Book>,
    pools: Pools,
    made: AtomicUsize,
}

fn main() {
    // Cargo's test run only sees that it is built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::start(&SandboxOptions {
        webhook: false,
        ..SandboxOptions::default()
    })
    .unwrap();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(sandbox.admin().kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options);
        let client = Client::try_from(config.await.unwrap()).unwrap();
        Bench::new(client).run().await;
    });
}

impl Bench {
    fn new(client: Client) -> Self {
        let store = KubeStore::new(client);
        let book = Arc::new(Book::default());
        let mut pools = Pools::default();
        let spec = json!({"domain": "bench", "cidr": "10.0.0.0/15"});
        pools.put("bench", "", serde_json::from_value(spec).unwrap());
        Self {
            registrar: Registrar::new(store.clone(), Arc::clone(&book)),
            store,
            book,
            pools,
            made: AtomicUsize::new(0),
        }
    }

    async fn run(&self) {
        println!("leases  bare POST  allocation  ratio  allocations/s ({AT_ONCE} at once)");
        for size in SIZES {
            self.fill(size).await;
            let (bare, allocation) = self.measure().await;
            let per_second = self.burst().await;
            let millis = |time: Duration| time.as_secs_f64() * 1000.0;
            let ratio = millis(allocation) / millis(bare);
            println!(
                "{size:>6}  {:>6.2} ms  {:>7.2} ms  {ratio:>5.2}  {per_second:>13.0}",
                millis(bare),
                millis(allocation)
            );
        }
    }

    /// Allocates until there are so many.
    async fn fill(&self, size: usize) {
        let selection = Selection::Kind(SlotKind::Address);
        self.registrar.learn(&selection).await.unwrap();
        let missing = size.saturating_sub(self.book.ledger().len());
        self.allocate_many(missing).await;
    }

    async fn allocate_many(&self, count: usize) -> Vec<Lease> {
        let each = stream::iter(0..count).map(|_| self.allocate());
        each.buffer_unordered(AT_ONCE).collect().await
    }

    /// One allocation, as a review makes it when the decision asks for one address.
    async fn allocate(&self) -> Lease {
        let name = format!("machine-{}", self.made.fetch_add(1, Ordering::Relaxed));
        let asker = Asker {
            tenant: "kim",
            holder: holder(&name),
            owner: Some(owner(&name)),
            wanted: Some(1),
            purpose: Purpose::Node,
        };
        for _ in 0..ATTEMPTS {
            let pool = self.pools.get("bench").unwrap();
            let grace = Delay::seconds(75);
            let mut desk = Desk::new(self.book.ledger(), &Cache, Timestamp::now(), grace);
            let address = desk.address(pool, &asker).unwrap();
            let (_, claims) = desk.into_parts();
            match self.registrar.carry_out(&claims, &self.pools).await {
                Ok(()) => {
                    let slot = pool.slot(address);
                    return self.book.ledger().of_slot(&slot).cloned().unwrap();
                }
                Err(Failed::Overtaken) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("others were faster");
    }

    /// A lease of an address that no allocation comes to.
    fn bare(&self, pair: usize) -> Lease {
        let address = format!("10.1.200.{}", pair % 250 + 1).parse().unwrap();
        let slot = self.pools.get("bench").unwrap().slot(address);
        let spec = LeaseSpec {
            kind: SlotKind::Address,
            domain: "bench".to_owned(),
            address: String::new(),
            pool: "bench".to_owned(),
            tenant: "kim".to_owned(),
            purpose: Purpose::Node,
            holder: holder("bare"),
            owner: Some(owner("bare")),
            state: State::Reserved,
            since: Timestamp::now(),
        };
        Lease::new(slot, spec)
    }

    /// The medians of a bare creation, and of an allocation.
    async fn measure(&self) -> (Duration, Duration) {
        let (mut bare, mut allocation) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let claim = Claim::Create(self.bare(pair));
            let started = Instant::now();
            let created = self.store.create(claim.lease()).await.unwrap();
            bare.push(started.elapsed());
            let started = Instant::now();
            let allocated = self.allocate().await;
            allocation.push(started.elapsed());
            self.store.delete(&created).await.unwrap();
            self.give_back(&allocated).await;
        }
        (median(bare), median(allocation))
    }

    async fn burst(&self) -> f64 {
        let started = Instant::now();
        let leases = self.allocate_many(BURST).await;
        let took = started.elapsed();
        for lease in &leases {
            self.give_back(lease).await;
        }
        leases.len() as f64 / took.as_secs_f64()
    }

    async fn give_back(&self, lease: &Lease) {
        self.store.delete(lease).await.unwrap();
        self.book.forget(&lease.name(), &lease.uid);
    }
}

fn holder(name: &str) -> Holder {
    Holder {
        kind: "VSphereMachine".to_owned(),
        namespace: "user-kim".to_owned(),
        name: name.to_owned(),
        ..Holder::default()
    }
}

/// Each machine counts for another owner, so that none has too many.
fn owner(name: &str) -> Owner {
    Owner {
        kind: "MachineSet".to_owned(),
        name: name.to_owned(),
        uid: name.to_owned(),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
