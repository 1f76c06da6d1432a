//! Deterministic simulations of reservations and of ledgers: the code that the webhook runs, in several
//! processes over a model of the API server, with stale caches, lost answers, conflicts and crashes.
//!
//! A seed chooses who goes on next after every request; invariants are checked after every step. A seed
//! that fails is printed, and `BASPHERE_SIM_SEED=<seed>` replays it with all that happened.
//! `BASPHERE_SIM_SEEDS=<n>` tells how many are tried, and `BASPHERE_SIM_FIRST=<seed>` with which they begin.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod actors;
mod checks;
mod course;
mod ledger;
mod model;
mod process;
mod random;
mod schedule;
mod store;
mod truth;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// So many seeds are tried where nothing else is said; an unoptimized build is slow.
const SEEDS: u64 = 300;

/// So often each thing happened.
type Counts = BTreeMap<&'static str, u64>;
/// The first violation, if any, and what happened.
type Ended = (Option<String>, Counts);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs the schedules of all seeds, and tells what happened in them; each of these must have.
fn try_seeds(run: impl Fn(u64, bool) -> Ended + Sync, expected: &[&str]) -> Counts {
    if let Some(seed) = number("BASPHERE_SIM_SEED") {
        let (failure, counts) = run(seed, true);
        assert_eq!(failure, None, "seed {seed}");
        return counts;
    }
    let seeds = number("BASPHERE_SIM_SEEDS").unwrap_or(SEEDS);
    let begin = number("BASPHERE_SIM_FIRST").unwrap_or_default();
    let (next, first) = (AtomicU64::new(begin), Mutex::new(None::<(u64, String)>));
    let totals = Mutex::new(Counts::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || first.lock().unwrap().is_some() {
                return;
            }
            let (failure, counts) = run(seed, false);
            let mut totals = totals.lock().unwrap();
            for (what, count) in counts {
                *totals.entry(what).or_default() += count;
            }
            if let Some(why) = failure {
                first.lock().unwrap().get_or_insert((seed, why));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let totals = totals.into_inner().unwrap();
    println!("{seeds} seeds: {totals:?}");
    if let Some((seed, why)) = first.into_inner().unwrap() {
        panic!("seed {seed}: {why}; replay it with BASPHERE_SIM_SEED={seed} and --nocapture");
    }
    for what in expected {
        let happened = totals.contains_key(what);
        assert!(happened || seeds < SEEDS, "{what} never happened");
    }
    totals
}

#[test]
fn no_schedule_breaks_an_invariant() {
    let run = |seed, trace| schedule::Run::new(seed, trace).run();
    let totals = try_seeds(
        run,
        &[
            "stored",
            "exhausted",
            "repaired",
            "overtaken",
            "reserved in vain",
        ],
    );
    assert_eq!(totals.get("overtaken too often"), None, "nobody makes way");
}

#[test]
fn no_schedule_exceeds_a_quota() {
    let run = |seed, trace| ledger::Run::new(seed, trace).run();
    try_seeds(
        run,
        &[
            "stored",
            "stored late",
            "refused",
            "refused elsewhere",
            "admitted again",
            "charged together",
            "drift booked",
            "ledgers lost",
            "tenants created anew",
            "namespaces moved",
            "trials let in",
            "trials refused",
        ],
    );
}
