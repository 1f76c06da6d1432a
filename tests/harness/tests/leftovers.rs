//! A control plane leaves nothing behind when its process is killed without warning.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_harness::{ControlPlane, Options, run, wait};

/// Set for the process that is going to be killed.
const VICTIM: &str = "BASPHERE_HARNESS_VICTIM";
const MARK: &str = "control plane in ";
const GONE: Duration = Duration::from_secs(20);

#[test]
fn nothing_is_left_when_the_process_is_killed() -> Result<()> {
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(victim.stdout.take().context("no pipe")?);
    let directory = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
        .context("no control plane was started")?;
    let before = processes_of(&directory)?;
    // Killed by its id alone, as SIGKILL: nothing of it runs any more.
    victim.kill()?;
    victim.wait()?;

    for part in ["/etcd ", "/kube-apiserver ", "watchdog", "janitor"] {
        ensure!(
            before.iter().any(|line| line.contains(part)),
            "no {part} among {before:#?}"
        );
    }
    wait::until("no process and no directory are left", GONE, || {
        Ok((processes_of(&directory)?.is_empty() && !Path::new(&directory).exists()).then_some(()))
    })
}

/// Not a test by itself: it is what the test above starts.
#[test]
fn the_process_that_is_killed() -> Result<()> {
    if std::env::var_os(VICTIM).is_none() {
        return Ok(());
    }
    let control_plane = ControlPlane::start(&Options::default())?;
    println!("{MARK}{}", control_plane.directory().display());
    // Nothing is ever written there: this ends when it is killed, or when the test has died.
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
