//! `cargo xtask e2e`: what is tested end to end, and in full what takes too long for every change.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use basphere_harness::forget_package;
use clap::Args;

/// So many schedules of the allocator and the controller are simulated in full.
const SEEDS: &str = "100000";

/// Run clusters from end to end, in the explicit form and as topologies: Cluster API's controllers, CAPV and a simulated
/// vCenter build what Basphere admits.
///
/// With --full everything: the suites without controllers as well, those that watch for many minutes that nobody writes
/// any more, 100,000 simulated schedules of the allocator and its controller, and two races of 64 clients for 5,000
/// operations, for addresses and for quotas, while processes of the webhook and the API server are killed. Simulation and
/// races print their seeds; BASPHERE_SIM_SEED and BASPHERE_RACE_SEED take one up again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run what takes minutes.
    #[arg(long)]
    full: bool,
}

/// Runs the suites one after the other, until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !arguments.full {
        let mut clusters = cargo(&["-p", "basphere-e2e", "--test", "capi"]);
        // With times, by which one sees what waits for what. Most of it waits, so that cores are no measure.
        clusters.args(["--", "--nocapture", "--test-threads=4"]);
        test("the clusters", &mut clusters)?;
        return Ok(ExitCode::SUCCESS);
    }
    test("the end-to-end suites", &mut cargo(&["-p", "basphere-e2e"]))?;
    let mut long = cargo(&["-p", "basphere-e2e", "--test", "capi"]);
    long.args(["--", "--ignored", "--nocapture"]);
    test("the clusters that are watched for long", &mut long)?;
    let mut simulation = cargo(&["--release", "-p", "basphere-ipam", "--test", "simulation"]);
    simulation.args(["--", "--nocapture"]);
    test(
        "the simulation",
        simulation.env("BASPHERE_SIM_SEEDS", SEEDS),
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
