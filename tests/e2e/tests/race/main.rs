//! The race: many clients, three processes of the webhook that are killed now and then, an API server
//! that is restarted, and afterwards etcd's own history as the only witness. Addresses are raced for
//! here, quotas in [`quota`].
//!
//! `BASPHERE_RACE_OPERATIONS`, `BASPHERE_RACE_CLIENTS` and `BASPHERE_RACE_SEED` change how it is run.
//! The seed decides what the clients do, in v1beta1 when it is odd; how they meet is up to the machine.
//! `BASPHERE_RACE_DIARY` names a file that the whole history is written to, one change a line, for
//! whoever looks for a fault's cause.
#![allow(
    clippy::indexing_slicing,
    reason = "objects are put together by paths that are there"
)]

mod arena;
mod balancer;
mod clients;
mod etcd;
mod objects;
mod quota;
mod refusals;
mod replay;
mod requests;
mod site;
mod state;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arena::{Arena, Plan, Work, by_kind, turn};
use basphere_harness::wait;
use clients::Actor;
use etcd::Etcd;
use fastrand::Rng;
use futures::future::try_join_all;
use objects::Kind;
use replay::Verdict;
use requests::{Requests, Tally};
use serde_json::json;
use site::{DELAYS, Site};
use state::LEASES;

const TENANTS: usize = 8;
/// What controllers need beside the delays that they wait for.
const MARGIN: Duration = Duration::from_secs(15);
/// What the history is read of.
const WATCHED: [&str; 6] = [
    LEASES,
    Kind::Cluster.path(),
    Kind::VSphereCluster.path(),
    Kind::ControlPlane.path(),
    Kind::MachineSet.path(),
    Kind::VSphereMachine.path(),
];

/// Addresses are raced for here; whoever gets none is told so by no quota.
const UNLIMITED: u32 = 1_000_000;
/// The refusals that history must bear out.
const JUDGED: [&str; 5] = ["BSP-I001", "BSP-I002", "BSP-I003", "BSP-I004", "BSP-I005"];

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
    let _turn = turn();
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let quotas = json!({"clusters": UNLIMITED, "nodesPerCluster": UNLIMITED});
    let site = runtime.block_on(Site::begin(plan.version(), TENANTS, &quotas))?;
    let etcd = runtime.block_on(Etcd::new(site.sandbox.control_plane()))?;
    let requests = Requests::new(etcd.clone(), site.version, &JUDGED);
    let work = Work::new(plan);
    let arena = Arena {
        plan,
        runtime: &runtime,
        site: &site,
        requests: &requests,
        work: &work,
    };
    let clients = work_through(plan, &work, &site, &requests);
    let (took, settled) = arena.race(clients, || settle(&site))?;
    let history = runtime.block_on(etcd.history(&WATCHED))?;
    if let Some(path) = std::env::var_os("BASPHERE_RACE_DIARY") {
        etcd::write(&history, path.as_ref())?;
    }
    let tally = std::mem::take(&mut *requests.tally());
    let verdict = replay::judge(&history, &tally.refusals, DELAYS)?;
    plan.report(took, &tally);
    report(took, &tally, &verdict);
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

fn report(took: Duration, tally: &Tally, verdict: &Verdict) {
    println!(
        "{} revisions checked; {} allocations ({:.1}/s), {} of them of addresses that had been another's; {} refusals judged",
        verdict.revisions,
        verdict.allocations,
        verdict.allocations as f64 / took.as_secs_f64(),
        verdict.reused,
        tally.refusals.len(),
    );
}
