//! `cargo xtask e2e`: what is tested end to end, and in full what takes too long for every change.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use basphere_harness::forget_package;
use clap::Args;

/// So many schedules of reservations, and as many of ledgers, are simulated in full.
const SEEDS: &str = "100000";

/// For so long small modules of Rego are made by chance, and asked of OPA as well, in full.
const MODULES_SECONDS: &str = "300";

/// What takes longer than a change may wait for: modules of tests of clusters.
const LONG: [&str; 4] = ["moves::", "outage::", "quiet::", "versions::"];

/// Run clusters from end to end, in the explicit form and as topologies: Cluster API's controllers, CAPV and a simulated
/// vCenter build what Basphere admits.
///
/// With --full everything: the suites without controllers as well, clusters that are watched for many minutes or moved to
/// another management cluster and back, 100,000 simulated schedules of reservations and as many of ledgers, five minutes of
/// modules of Rego made by chance, which Gatekeeper's own code judges as well, and two races of 64 clients for 5,000
/// operations, for addresses and for quotas, while processes of the webhook and the API server are killed. Simulation,
/// modules and races print their seeds; BASPHERE_SIM_SEED, BASPHERE_REGO_SEED and BASPHERE_RACE_SEED take one up again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run what takes minutes.
    #[arg(long)]
    full: bool,
}

/// Runs the suites one after the other, until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut clusters = cargo(&["-p", "basphere-e2e", "--test", "capi"]);
    // With times, by which one sees what waits for what. Most of it waits, so that cores are no measure.
    clusters.args(["--", "--include-ignored", "--nocapture", "--test-threads=4"]);
    clusters.args(LONG.map(|module| format!("--skip={module}")));
    test("the clusters", &mut clusters)?;
    if !arguments.full {
        return Ok(ExitCode::SUCCESS);
    }
    let mut long = cargo(&["-p", "basphere-e2e", "--test", "capi"]);
    // One at a time: some start a management cluster of their own, or take the webhook away from all.
    long.args(["--", "--ignored", "--nocapture", "--test-threads=1"]);
    test("the clusters that take longer", long.args(LONG))?;
    test("the end-to-end suites", &mut cargo(&["-p", "basphere-e2e"]))?;
    let mut simulation = cargo(&["--release", "-p", "basphere-ipam", "--test", "simulation"]);
    simulation.args(["--", "--nocapture"]);
    test(
        "the simulation",
        simulation.env("BASPHERE_SIM_SEEDS", SEEDS),
    )?;
    let mut modules = cargo(&["--release", "-p", "basphere-rego", "--test", "parity"]);
    modules.args(["generated::", "--", "--nocapture"]);
    test(
        "modules of Rego made by chance",
        modules.env("BASPHERE_REGO_SECONDS", MODULES_SECONDS),
    )?;
    for (what, name) in [
        ("the race for addresses", "full"),
        ("the race for quotas", "quota::full"),
    ] {
        let mut race = cargo(&["-p", "basphere-e2e", "--test", "race"]);
        race.args(["--", "--ignored", "--exact", name, "--nocapture"]);
        test(what, &mut race)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    forget_package(&mut command);
    command.args(["test", "--locked"]).args(arguments);
    command
}

fn test(what: &str, command: &mut Command) -> Result<()> {
    anstream::eprintln!("running {what}");
    let status = command.status().context("running cargo test")?;
    ensure!(status.success(), "{what} failed; see above");
    Ok(())
}
