//! A control plane leaves nothing behind when its process is killed without warning.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_harness::{ControlPlane, Options, Rig, RigOptions, run, wait};

/// Set for the process that is going to be killed.
const VICTIM: &str = "BASPHERE_HARNESS_VICTIM";
const MARK: &str = "it is in ";
const GONE: Duration = Duration::from_secs(20);

#[test]
fn nothing_is_left_when_the_process_is_killed() -> Result<()> {
    kill(
        "control plane",
        &["/etcd ", "/kube-apiserver ", "watchdog", "janitor"],
    )
}

#[test]
fn nothing_is_left_of_a_rig_when_the_process_is_killed() -> Result<()> {
    let controllers = ["/capi-core ", "/capi-kcp ", "/capi-bootstrap ", "/capv "];
    let others = ["/kube-controller-manager ", "/kube-apiserver ", "janitor"];
    kill("rig", &[&controllers[..], &others].concat())
}

/// Starts something in a process that is killed when these parts run.
fn kill(what: &str, parts: &[&str]) -> Result<()> {
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(VICTIM, what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(victim.stdout.take().context("no pipe")?);
    let directory = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
        .with_context(|| format!("no {what} was started"))?;
    let before = processes_of(&directory)?;
    // Killed by its id alone, as SIGKILL: nothing of it runs any more.
    victim.kill()?;
    victim.wait()?;

    for part in parts {
        ensure!(
            before.iter().any(|line| line.contains(part)),
            "no {part} among {before:#?}"
        );
    }
    wait::until("no process and no directory are left", GONE, || {
        Ok((processes_of(&directory)?.is_empty() && !Path::new(&directory).exists()).then_some(()))
    })
}

/// Not a test by itself: it is what the tests above start.
#[test]
fn the_process_that_is_killed() -> Result<()> {
    match std::env::var(VICTIM).as_deref() {
        Ok("rig") => {
            let options = RigOptions {
                webhook: false,
                ..RigOptions::default()
            };
            let rig = Rig::start(&options)?;
            wait_to_be_killed(rig.sandbox().control_plane())
        }
        Ok(_) => wait_to_be_killed(&ControlPlane::start(&Options::default())?),
        Err(_) => Ok(()),
    }
}

/// Nothing is ever written to standard input: this ends when it is killed, or when the test has died.
fn wait_to_be_killed(control_plane: &ControlPlane) -> Result<()> {
    println!("{MARK}{}", control_plane.directory().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The command lines that name the directory.
fn processes_of(directory: &str) -> Result<Vec<String>> {
    let listed = run(Command::new("ps").args(["-A", "-ww", "-o", "args="]), "")?.stdout()?;
    Ok(listed
        .lines()
        .filter(|line| line.contains(directory))
        .map(str::to_owned)
        .collect())
}
