//! What both races have in common: three processes of the webhook that are killed now and then, and an
//! API server that is restarted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use basphere_harness::{ApiVersion, Replicas, Stop};
use fastrand::Rng;
use tokio::runtime::Runtime;

use crate::balancer::Balancer;
use crate::requests::{Requests, Tally};
use crate::site::Site;

const REPLICAS: usize = 3;
/// Another process takes the controllers over soon.
const CONTROLLERS: [&str; 4] = [
    "--lease-duration=3s",
    "--lease-renew=2s",
    "--lease-retry=300ms",
    "--resync=5s",
];
/// So long a killed process is away.
const AWAY: Duration = Duration::from_secs(1);
/// So long something that was killed may still be felt.
const AFTERMATH: Duration = Duration::from_secs(1);
/// So many faults of one kind are told one by one.
const MOST_SHOWN: usize = 8;

/// How a race is run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) operations: usize,
    pub(crate) clients: usize,
    pub(crate) seed: u64,
    /// So often a process of the webhook is killed.
    pub(crate) kills: usize,
    /// Whether the API server is restarted in the middle.
    pub(crate) restarts: bool,
}

impl Plan {
    pub(crate) fn new(
        operations: usize,
        clients: usize,
        kills: usize,
        restarts: bool,
    ) -> Result<Self> {
        let of = |name: &str| {
            let text = std::env::var(format!("BASPHERE_RACE_{name}")).ok();
            let number = text.map(|text| text.parse::<u64>().context(name.to_owned()));
            number.transpose()
        };
        let plan = Self {
            operations: of("OPERATIONS")?.map_or(operations, |number| number as usize),
            clients: of("CLIENTS")?.map_or(clients, |number| number as usize),
            seed: of("SEED")?.unwrap_or_else(|| fastrand::u64(..)),
            kills,
            restarts,
        };
        println!("{plan:?}");
        Ok(plan)
    }

    /// The version of Cluster API's kinds that is raced in.
    pub(crate) fn version(&self) -> ApiVersion {
        match self.seed % 2 {
            0 => ApiVersion::V1Beta2,
            _ => ApiVersion::V1Beta1,
        }
    }

    /// What was done, and how fast.
    pub(crate) fn report(&self, took: Duration, tally: &Tally) {
        let seconds = took.as_secs_f64();
        println!(
            "{} operations of {} clients in {seconds:.1} s (seed {}), {} kills{}",
            self.operations,
            self.clients,
            self.seed,
            self.kills,
            if self.restarts {
                ", one of them of the API server"
            } else {
                ""
            }
        );
        for (answer, count) in &tally.answers {
            println!("{count:>7}  {answer}");
        }
        for busy in &tally.busy {
            println!("busy: {busy}");
        }
        let answers: usize = tally.answers.values().sum();
        println!(
            "{answers} answers ({:.1}/s), the slowest after {} ms",
            answers as f64 / seconds,
            tally.slowest
        );
    }
}

/// One race at a time: two would wait for each other's processors, and answers would come late.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The work that is left to do.
pub(crate) struct Work {
    operations: usize,
    begun: AtomicUsize,
}

impl Work {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            operations: plan.operations,
            begun: AtomicUsize::new(0),
        }
    }

    /// Takes one operation, if one is left.
    pub(crate) fn take(&self) -> bool {
        self.begun.fetch_add(1, Ordering::Relaxed) < self.operations
    }
}

/// Where clients race.
pub(crate) struct Arena<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) runtime: &'a Runtime,
    pub(crate) site: &'a Site,
    pub(crate) requests: &'a Requests,
    pub(crate) work: &'a Work,
}

impl Arena<'_> {
    /// Lets clients work while processes are killed, and then everything settle. How long the clients took,
    /// and whether it has settled.
    pub(crate) fn race(
        &self,
        clients: impl Future<Output = Result<()>>,
        settle: impl FnOnce() -> Result<()>,
    ) -> Result<(Duration, Result<()>)> {
        let replicas = self.site.sandbox.replicas(REPLICAS, &CONTROLLERS)?;
        let balancer = self.runtime.block_on(Balancer::start(REPLICAS))?;
        for number in 0..replicas.count() {
            replicas.start(number)?;
            balancer.set(number, replicas.port(number));
        }
        self.site.register(&balancer.url(), &replicas)?;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let disturber = scope.spawn(|| self.disturb(&replicas, &balancer));
            let done = self.runtime.block_on(clients);
            // Whoever waits for more to be done is told that there is no more.
            self.work
                .begun
                .fetch_max(self.plan.operations, Ordering::Relaxed);
            let disturbed = disturber
                .join()
                .map_err(|_| anyhow::anyhow!("the disturber panicked"));
            done.and(disturbed?)
        })?;
        let took = begun.elapsed();
        Ok((took, settle()))
    }

    /// Kills processes of the webhook at even distances, and restarts the API server in the middle.
    fn disturb(&self, replicas: &Replicas<'_>, balancer: &Balancer) -> Result<()> {
        let plan = self.plan;
        let mut random = Rng::with_seed(plan.seed);
        for kill in 0..plan.kills {
            let at = plan.operations * (kill + 1) / (plan.kills + 1);
            while self.work.begun.load(Ordering::Relaxed) < at {
                sleep(Duration::from_millis(10));
            }
            self.requests.disturbances.begin();
            if plan.restarts && kill == plan.kills / 2 {
                let control_plane = self.site.sandbox.control_plane();
                control_plane.restart_api_server(Stop::Kill)?;
            } else {
                let number = random.usize(0..replicas.count());
                replicas.kill(number)?;
                balancer.set(number, None);
                sleep(AWAY);
                replicas.start(number)?;
                balancer.set(number, replicas.port(number));
            }
            sleep(AFTERMATH);
            self.requests.disturbances.end();
        }
        Ok(())
    }
}

/// The first faults of each kind, and how many there are of it: faults that differ by numbers only are of
/// one kind.
pub(crate) fn by_kind(faults: &[&String]) -> String {
    let mut kinds: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for fault in faults {
        let kind = fault.chars().filter(|character| character.is_alphabetic());
        kinds.entry(kind.collect()).or_default().push(fault);
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|faults| faults.len());
    let shown = kinds.iter().map(|faults| {
        let first = faults.iter().take(MOST_SHOWN);
        let lines = first.map(|fault| format!("\n  {fault}"));
        format!("{} x{}", faults.len(), lines.collect::<String>())
    });
    shown.collect::<Vec<_>>().join("\n")
}
