//! The traps of webhooks that change Cluster API's objects, each by its number in docs/cluster-api.md.
//!
//! Where a cluster that runs is enough, all tests use the same one, one after the other.

mod creation;
mod deletion;
mod dry_runs;
mod ownership;
mod registration;
mod rollouts;
mod topologies;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use basphere_harness::{Mark, Workload};
use serde_json::Value;

use crate::suite::{Suite, name};

const CLUSTER: &str = "demo";
const WORKERS: &str = "demo-workers";
const CONTROL_PLANE: &str = "kubeadmcontrolplane/demo-control-plane";
const DEPLOYMENT: &str = "machinedeployment/demo-workers";
/// Without a write for so long, a cluster has taken in what was done to it: a rollout would have begun.
const SETTLED: Duration = Duration::from_secs(8);
/// Without a write for so long, what the test before has done is over.
const PAST: Duration = Duration::from_secs(3);

/// The example's cluster, with all its machines running.
struct Grown {
    suite: Suite,
    /// Before its first object was written.
    begun: Mark,
    // Its machines live as long as the tests.
    _workload: Workload,
}

type Shared = Mutex<Option<Result<Grown, String>>>;

static GROWN: LazyLock<Shared> = LazyLock::new(Shared::default);

/// Lets one test work with the cluster. It has at least three machines, and nobody is writing.
fn with_grown(test: impl FnOnce(&Grown) -> Result<()>) -> Result<()> {
    let mut shared: MutexGuard<'_, _> = GROWN.lock().unwrap_or_else(PoisonError::into_inner);
    let grown = shared.get_or_insert_with(|| grow().map_err(|error| format!("{error:#}")));
    let grown = grown
        .as_ref()
        .map_err(|error| anyhow!("the cluster did not grow: {error}"))?;
    grown.suite.settled(PAST)?;
    test(grown)
}

fn grow() -> Result<Grown> {
    let suite = Suite::new()?;
    let begun = suite.rig.mark()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    Ok(Grown {
        suite,
        begun,
        _workload: workload,
    })
}

impl Grown {
    /// Sees that what was done lets no machine roll: when all is quiet, there are the machines that there were.
    fn ensure_no_roll(&self, before: &[String]) -> Result<()> {
        self.suite.settled(SETTLED)?;
        let after = self.suite.machine_names()?;
        ensure!(after == before, "{before:?} became {after:?}");
        Ok(())
    }

    /// The objects of a resource, by their names.
    fn named(&self, resource: &str) -> Result<Vec<(String, Value)>> {
        let objects = self.suite.list(resource)?.into_iter();
        Ok(objects.map(|object| (name(&object), object)).collect())
    }
}
