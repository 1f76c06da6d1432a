//! Quotas are raced for: clients of twenty tenants, some of them below groups, make, scale and delete the
//! same few objects, limits change meanwhile, and no revision of etcd's history has more than may be.

mod clients;
mod count;
mod judge;
mod limits;
mod names;
mod objects;
mod refusals;
mod state;
mod tests;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_harness::wait;
use fastrand::Rng;
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::arena::{Arena, Plan, Work, by_kind, turn};
use crate::etcd::{self, Etcd};
use crate::objects::Kind;
use crate::refusals::Asked;
use crate::requests::{Outcome, Requests};
use crate::site::{DELAYS, Site, client};
use clients::{Actor, Common};
use judge::Verdict;
use names::Names;
use refusals::claims;
use state::State;

/// The refusals that history must bear out.
const JUDGED: [&str; 14] = [
    "BSP-D001", "BSP-Q001", "BSP-Q002", "BSP-Q003", "BSP-Q004", "BSP-Q005", "BSP-Q006", "BSP-Q007",
    "BSP-Q008", "BSP-Q009", "BSP-Q010", "BSP-Q011", "BSP-Q012", "BSP-Q013",
];
/// What is charged.
const CHARGED: [Kind; 4] = [
    Kind::Cluster,
    Kind::ControlPlane,
    Kind::MachineDeployment,
    Kind::Template,
];
/// So many tenants there are at the most.
const MOST_TENANTS: usize = 20;
/// What controllers need beside the delay that they wait for.
const MARGIN: Duration = Duration::from_secs(15);
/// A deployment that every tenant makes in the end.
const LAST: &str = "last";

#[test]
fn no_tenant_exceeds_its_quota_and_none_is_refused_without_reason() -> Result<()> {
    race(&Plan::new(300, 16, 1, false)?)
}

/// `cargo xtask e2e --full` runs it.
#[test]
#[ignore = "it takes minutes; cargo xtask e2e --full runs it"]
fn full() -> Result<()> {
    race(&Plan::new(5_000, 64, 12, true)?)
}

fn race(plan: &Plan) -> Result<()> {
    let _turn = turn();
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let quotas = limits::default();
    // A few clients for each tenant: they meet at its limits.
    let tenants = (plan.clients / 3).clamp(1, MOST_TENANTS);
    let site = runtime.block_on(Site::begin(plan.version(), tenants, &quotas))?;
    let mut random = Rng::with_seed(plan.seed);
    limits::install(&site, &mut random)?;
    let etcd = runtime.block_on(Etcd::new(site.sandbox.control_plane()))?;
    let requests = Requests::new(etcd.clone(), site.version, &JUDGED);
    let admin = runtime.block_on(client(site.sandbox.admin()))?;
    let common = Common {
        site: &site,
        requests: &requests,
        admin: &admin,
    };
    let work = Work::new(plan);
    let arena = Arena {
        plan,
        runtime: &runtime,
        site: &site,
        requests: &requests,
        work: &work,
    };
    let clients = work_through(plan, &work, &common, random);
    let (took, settled) = arena.race(clients, || {
        settle(&site)?;
        runtime.block_on(grow(&common))?;
        settle(&site)
    })?;
    let watched: Vec<_> = CHARGED.iter().chain([&Kind::Tenant]).collect();
    let watched: Vec<_> = watched.into_iter().map(|kind| kind.path()).collect();
    let history = runtime.block_on(etcd.history(&watched))?;
    if let Some(path) = std::env::var_os("BASPHERE_RACE_DIARY") {
        etcd::write(&history, path.as_ref())?;
    }
    let tally = std::mem::take(&mut *requests.tally());
    let said: Vec<_> = tally.refusals.iter().map(claims).collect();
    let mute = said.iter().zip(&tally.refusals);
    let mute = mute.filter(|(claims, _)| claims.is_empty());
    let mute: Vec<_> = mute.map(|(_, refusal)| &refusal.message).collect();
    let said: Vec<_> = said.concat();
    let verdict = judge::judge(&history, &said);
    plan.report(took, &tally);
    report(took, said.len(), &verdict);
    let broken = verdict.broken.iter().chain(mute);
    let faults: Vec<_> = broken.chain(tally.inexcusable()).collect();
    ensure!(
        faults.is_empty(),
        "{} promises were broken, or answers are not excused:\n{}",
        faults.len(),
        by_kind(&faults)
    );
    ensure!(verdict.charges > 0 && !said.is_empty(), "nothing happened");
    settled
}

async fn work_through(
    plan: &Plan,
    work: &Work,
    common: &Common<'_>,
    mut random: Rng,
) -> Result<()> {
    let tenants = &common.site.tenants;
    let names: Vec<Names> = tenants.iter().map(|_| Names::default()).collect();
    let tenants = tenants.iter().zip(&names).enumerate();
    let tenants: Vec<_> = tenants.collect();
    let actors = tenants.iter().cycle().take(plan.clients);
    let actors = actors.map(|(number, (tenant, names))| Actor {
        common,
        tenant,
        group: limits::group_of(*number),
        names,
        random: random.fork(),
    });
    try_join_all(actors.map(|actor| actor.run(work))).await?;
    Ok(())
}

/// Waits until every ledger is what is stored, with no promise in it.
fn settle(site: &Site) -> Result<()> {
    let patience = Duration::try_from(DELAYS.grace + DELAYS.grace)? + MARGIN;
    let mut left: Vec<String> = Vec::new();
    let settled = wait::until("every ledger is what is stored", patience, || {
        left = live(site)?.differences();
        Ok(left.is_empty().then_some(()))
    });
    settled.with_context(|| format!("{left:#?}"))
}

/// What is stored now.
fn live(site: &Site) -> Result<State> {
    let mut state = State::default();
    for kind in CHARGED.into_iter().chain([Kind::Tenant]) {
        let resource = format!("{}.{}", kind.resource(), kind.group());
        let arguments = ["get", &resource, "--all-namespaces", "--output=json"];
        let listed: Value = serde_json::from_str(&site.kubectl(&arguments, "")?)?;
        let items = listed.get("items").and_then(Value::as_array);
        for object in items.into_iter().flatten() {
            let of = |field: &str| object.pointer(field).and_then(Value::as_str);
            let name = of("/metadata/name").unwrap_or_default();
            let key = match of("/metadata/namespace") {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name.to_owned(),
            };
            state.apply(kind.path(), &key, Some(object));
        }
    }
    Ok(state)
}

/// Nobody's growth is held up for ever: once limits are raised, everybody gets more at once.
async fn grow(common: &Common<'_>) -> Result<()> {
    let Common {
        site,
        requests,
        admin,
    } = common;
    let tenants = site.tenants.iter().enumerate();
    let groups = tenants.filter_map(|(number, _)| limits::group_of(number));
    let names = site.tenants.iter().map(|tenant| tenant.name.clone());
    for name in names.chain(groups) {
        let patch = json!({"spec": {"quotas": limits::unlimited()}});
        let asked = asked(Kind::Tenant, "", &name);
        let outcome = requests.patch(admin, Kind::Tenant, &patch, &asked).await?;
        ensure!(
            matches!(outcome, Outcome::Done(_)),
            "the limits of {name} were not raised: {outcome:?}"
        );
    }
    for tenant in &site.tenants {
        let object = objects::deployment(site.version, (LAST, LAST), LAST, 3, None);
        let asked = asked(Kind::MachineDeployment, &tenant.name, LAST);
        let made = requests.create(&tenant.client, Kind::MachineDeployment, &object, &asked);
        let outcome = made.await?;
        ensure!(
            matches!(outcome, Outcome::Done(_)),
            "{} may not grow: {outcome:?}",
            tenant.name
        );
    }
    Ok(())
}

fn asked(kind: Kind, tenant: &str, name: &str) -> Asked {
    Asked {
        tenant: tenant.to_owned(),
        kind: kind.kind().to_owned(),
        name: name.to_owned(),
        ..Asked::default()
    }
}

fn report(took: Duration, claims: usize, verdict: &Verdict) {
    println!(
        "{} revisions checked; {} writes of ledgers, {} of them charges ({:.1}/s); {} limits lowered below what was used; {claims} exceeded limits that refusals named",
        verdict.revisions,
        verdict.writes,
        verdict.charges,
        verdict.charges as f64 / took.as_secs_f64(),
        verdict.lowered,
    );
}
