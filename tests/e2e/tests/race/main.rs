//! The race: many clients, three processes of the webhook that are killed now and then, an API server
//! that is restarted, and afterwards etcd's own history as the only witness.
//!
//! `BASPHERE_RACE_OPERATIONS`, `BASPHERE_RACE_CLIENTS` and `BASPHERE_RACE_SEED` change how it is run.
//! The seed decides what the clients do, in v1beta1 when it is odd; how they meet is up to the machine.
//! `BASPHERE_RACE_DIARY` names a file that the whole history is written to, one change a line, for
//! whoever looks for a fault's cause.
#![allow(
    clippy::indexing_slicing,
    reason = "objects are put together by paths that are there"
)]

mod balancer;
mod clients;
mod etcd;
mod objects;
mod refusals;
mod replay;
mod requests;
mod site;
mod state;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use balancer::Balancer;
use basphere_harness::{ApiVersion, Replicas, Stop, wait};
use clients::{Actor, Work};
use etcd::Etcd;
use fastrand::Rng;
use futures::future::try_join_all;
use objects::Kind;
use replay::Verdict;
use requests::{Requests, Tally};
use site::{DELAYS, Site};
use state::LEASES;

const REPLICAS: usize = 3;
const TENANTS: usize = 8;
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
/// What controllers need beside the delays that they wait for.
const MARGIN: Duration = Duration::from_secs(15);
/// So many faults of one kind are told one by one.
const MOST_SHOWN: usize = 8;
/// What the history is read of.
const WATCHED: [&str; 6] = [
    LEASES,
    Kind::Cluster.path(),
    Kind::VSphereCluster.path(),
    Kind::ControlPlane.path(),
    Kind::MachineSet.path(),
    Kind::VSphereMachine.path(),
];

/// How a race is run.
#[derive(Debug)]
struct Plan {
    operations: usize,
    clients: usize,
    seed: u64,
    /// So often a process of the webhook is killed.
    kills: usize,
    /// Whether the API server is restarted in the middle.
    restarts: bool,
}

impl Plan {
    fn new(operations: usize, clients: usize, kills: usize, restarts: bool) -> Result<Self> {
        let of = |name: &str| {
            let text = std::env::var(format!("BASPHERE_RACE_{name}")).ok();
            let number = text.map(|text| text.parse::<u64>().context(name.to_owned()));
            number.transpose()
        };
        Ok(Self {
            operations: of("OPERATIONS")?.map_or(operations, |number| number as usize),
            clients: of("CLIENTS")?.map_or(clients, |number| number as usize),
            seed: of("SEED")?.unwrap_or_else(|| fastrand::u64(..)),
            kills,
            restarts,
        })
    }
}

#[test]
fn nothing_is_shared_leaked_or_refused_without_reason() -> Result<()> {
    race(&Plan::new(300, 16, 1, false)?)
}

/// `cargo xtask e2e --full` runs it.
#[test]
#[ignore = "it takes minutes; cargo xtask e2e --full runs it"]
fn full() -> Result<()> {
    race(&Plan::new(5_000, 64, 8, true)?)
}

fn race(plan: &Plan) -> Result<()> {
    println!("{plan:?}");
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let version = match plan.seed % 2 {
        0 => ApiVersion::V1Beta2,
        _ => ApiVersion::V1Beta1,
    };
    let site = runtime.block_on(Site::begin(version, TENANTS))?;
    let replicas = site.sandbox.replicas(REPLICAS, &CONTROLLERS)?;
    let balancer = runtime.block_on(Balancer::start(REPLICAS))?;
    for number in 0..replicas.count() {
        replicas.start(number)?;
        balancer.set(number, replicas.port(number));
    }
    site.register(&balancer.url(), &replicas)?;
    let etcd = runtime.block_on(Etcd::new(site.sandbox.control_plane()))?;
    let requests = Requests::new(etcd.clone(), site.version);
    let work = Work {
        operations: plan.operations,
        begun: AtomicUsize::new(0),
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let disturber =
            scope.spawn(|| disturb(plan, &work, &site, &replicas, &balancer, &requests));
        let done = runtime.block_on(work_through(plan, &work, &site, &requests));
        // Whoever waits for more to be done is told that there is no more.
        work.begun.fetch_max(plan.operations, Ordering::Relaxed);
        let disturbed = disturber
            .join()
            .map_err(|_| anyhow::anyhow!("the disturber panicked"));
        done.and(disturbed?)
    })?;
    let took = begun.elapsed();
    let settled = settle(&site);
    let history = runtime.block_on(etcd.history(&WATCHED))?;
    if let Some(path) = std::env::var_os("BASPHERE_RACE_DIARY") {
        etcd::write(&history, path.as_ref())?;
    }
    let tally = std::mem::take(&mut *requests.tally());
    let verdict = replay::judge(&history, &tally.refusals, DELAYS)?;
    report(plan, took, &tally, &verdict);
    let faults: Vec<_> = verdict.broken.iter().chain(tally.inexcusable()).collect();
    ensure!(
        faults.is_empty(),
        "{} promises were broken, {} answers are not excused:\n{}",
        verdict.broken.len(),
        faults.len() - verdict.broken.len(),
        by_kind(&faults)
    );
    ensure!(
        verdict.allocations > 0 && tally.answers.contains_key("created"),
        "nothing happened"
    );
    settled
}

async fn work_through(plan: &Plan, work: &Work, site: &Site, requests: &Requests) -> Result<()> {
    let mut random = Rng::with_seed(plan.seed);
    let actors = (0..plan.clients).map(|number| {
        // The first tenant has twice as many clients as others, so that its addresses run out.
        let tenant = (number % (TENANTS + 1)) % TENANTS;
        let tenant = site.tenants.get(tenant).context("no such tenant");
        let random = random.fork();
        tenant.map(|tenant| Actor::new(site, requests, tenant, random, number))
    });
    let actors: Vec<_> = actors.collect::<Result<_>>()?;
    try_join_all(actors.into_iter().map(|actor| actor.run(work))).await?;
    Ok(())
}

/// Kills processes of the webhook at even distances, and restarts the API server in the middle.
fn disturb(
    plan: &Plan,
    work: &Work,
    site: &Site,
    replicas: &Replicas<'_>,
    balancer: &Balancer,
    requests: &Requests,
) -> Result<()> {
    let mut random = Rng::with_seed(plan.seed);
    for kill in 0..plan.kills {
        let at = plan.operations * (kill + 1) / (plan.kills + 1);
        while work.begun.load(Ordering::Relaxed) < at {
            sleep(Duration::from_millis(10));
        }
        requests.disturbances.begin();
        if plan.restarts && kill == plan.kills / 2 {
            site.sandbox
                .control_plane()
                .restart_api_server(Stop::Kill)?;
        } else {
            let number = random.usize(0..replicas.count());
            replicas.kill(number)?;
            balancer.set(number, None);
            sleep(AWAY);
            replicas.start(number)?;
            balancer.set(number, replicas.port(number));
        }
        sleep(AFTERMATH);
        requests.disturbances.end();
    }
    Ok(())
}

/// Waits until every lease is bound, and every machine has an address that may get a VM.
fn settle(site: &Site) -> Result<()> {
    let delays = DELAYS.grace + DELAYS.grace.max(DELAYS.reuse_after);
    let patience = Duration::try_from(delays)? + MARGIN;
    let lines = |resource: &str, fields: &str| {
        let path =
            format!("jsonpath={{range .items[*]}}{{.metadata.name}} {fields}{{\"\\n\"}}{{end}}");
        site.kubectl(
            &["get", resource, "--all-namespaces", "--output", &path],
            "",
        )
    };
    let mut left: Vec<String> = Vec::new();
    let settled = wait::until(
        "no lease is left over and no machine without one",
        patience,
        || {
            let leases = lines("addresslease", "{.spec.state}")?;
            let fields = "{.metadata.deletionTimestamp} {.spec.network.devices[*].ipAddrs}";
            let machines = lines("vspheremachine", fields)?;
            let open = leases.lines().filter(|line| !line.ends_with(" Bound"));
            let is_leaving = |line: &str| line.split(' ').nth(1).is_some_and(|at| !at.is_empty());
            let bare = machines
                .lines()
                .filter(|line| !line.ends_with(']') && !is_leaving(line));
            left = open.chain(bare).map(str::to_owned).collect();
            Ok(left.is_empty().then_some(()))
        },
    );
    settled.with_context(|| format!("{left:#?}"))
}

/// The first faults of each kind, and how many there are of it: faults that differ by numbers only are of
/// one kind.
fn by_kind(faults: &[&String]) -> String {
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

fn report(plan: &Plan, took: Duration, tally: &Tally, verdict: &Verdict) {
    let seconds = took.as_secs_f64();
    println!(
        "{} operations of {} clients in {seconds:.1} s (seed {}), {} kills{}",
        plan.operations,
        plan.clients,
        plan.seed,
        plan.kills,
        if plan.restarts {
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
    println!(
        "{} revisions checked; {} allocations ({:.1}/s), {} of them of addresses that had been another's; {} refusals judged; slowest answer {} ms",
        verdict.revisions,
        verdict.allocations,
        verdict.allocations as f64 / seconds,
        verdict.reused,
        tally.refusals.len(),
        tally.slowest
    );
}
