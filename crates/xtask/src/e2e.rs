//! `cargo xtask e2e`: what is tested end to end, and in full what takes too long for every change.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use basphere_harness::forget_package;
use clap::Args;

/// So many schedules of the allocator and the controller are simulated in full.
const SEEDS: &str = "100000";

/// Run the end-to-end suites on real control planes.
///
/// With --full instead: 100,000 simulated schedules of the allocator and its controller, two races of 64 clients for
/// 5,000 operations, for addresses and for quotas, while processes of the webhook and the API server are killed, and all
/// tests with the real controllers, such as a cluster's move to another management cluster and back. The first three
/// print their seeds; BASPHERE_SIM_SEED and BASPHERE_RACE_SEED take one up again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run what takes minutes.
    #[arg(long)]
    full: bool,
}

/// Runs the suites one after the other, until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !arguments.full {
        test("the end-to-end suites", &mut cargo(&["-p", "basphere-e2e"]))?;
        return Ok(ExitCode::SUCCESS);
    }
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
    let mut controllers = cargo(&["-p", "basphere-e2e", "--test", "capi"]);
    // One at a time: some start a management cluster of their own.
    controllers.args(["--", "--include-ignored", "--nocapture", "--test-threads=1"]);
    test("the real controllers", &mut controllers)?;
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
