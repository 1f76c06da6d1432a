//! Processes and a directory that do not outlive us, even when we are killed.
//!
//! Nothing of ours runs after SIGKILL, so each process is run by a small shell that reads a pipe of ours: the kernel closes
//! it when we are gone, and the shell then ends the process. The directory is removed by one more shell, which reads a pipe
//! that we and all those shells hold: it ends when the last of them has.

use std::fs::File;
use std::io::{PipeWriter, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("watchdog.sh");
/// Retries, since a kubectl that somebody still runs may write below the directory while it goes.
const REMOVE: &str = r#"cat >/dev/null
tries=0
until rm -rf -- "$1" || [ "$tries" -ge 20 ]; do tries=$((tries + 1)); sleep 0.5; done"#;
/// How many lines of a log are shown when its process failed.
const TAIL_LINES: usize = 25;

/// A process under a watchdog. Dropping it ends the process and waits for that.
#[derive(Debug)]
pub(crate) struct Guarded {
    name: String,
    log: PathBuf,
    watchdog: Mutex<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Guarded {
    /// Starts `command`, of which program, arguments, environment and working directory count; its output goes to `log`.
    /// When told to end it has `grace_seconds` before it is killed. `pledge` is released when it has ended.
    pub(crate) fn spawn(
        command: &Command,
        log: &Path,
        grace_seconds: u32,
        pledge: Option<PipeWriter>,
    ) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "watchdog", &grace_seconds.to_string()]);
        shell.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        shell.stdin(Stdio::piped()).stderr(output);
        shell.stdout(pledge.map_or_else(Stdio::null, Stdio::from));
        // A group of its own: Ctrl-C in a terminal reaches only us, and we end the rest in order.
        shell.process_group(0);
        let mut child = shell.spawn().context("starting sh")?;
        let stdin = child.stdin.take();
        Ok(Self {
            name,
            log: log.to_owned(),
            watchdog: Mutex::new(Watchdog { child, stdin }),
        })
    }

    /// The status it ended with, when it has ended: 128 and the signal's number when a signal ended it.
    pub(crate) fn try_wait(&self) -> Result<Option<ExitStatus>> {
        self.lock()
            .child
            .try_wait()
            .with_context(|| format!("waiting for {}", self.name))
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&self) -> Result<ExitStatus> {
        // `Child::wait` would close the pipe first, but that we have taken out.
        self.lock()
            .child
            .wait()
            .with_context(|| format!("waiting for {}", self.name))
    }

    /// Ends it by TERM, and by KILL when its grace is over.
    pub(crate) fn terminate(&self) -> Result<ExitStatus> {
        self.lock().stdin = None;
        self.wait()
    }

    /// Ends it by KILL.
    pub(crate) fn kill(&self) -> Result<ExitStatus> {
        if let Some(mut stdin) = self.lock().stdin.take() {
            // A broken pipe says that it has ended already, which is what is wanted.
            let _ = stdin.write_all(b"KILL\n");
        }
        self.wait()
    }

    /// The last lines that it wrote.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Whether it says that another process took its port.
    pub(crate) fn lost_its_port(&self) -> bool {
        self.log_tail()
            .to_lowercase()
            .contains("address already in use")
    }

    fn lock(&self) -> MutexGuard<'_, Watchdog> {
        // What is behind the lock is whole at any time, so a panic elsewhere does not spoil it.
        self.watchdog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The watchdog ends it whether or not we can wait for that.
        let _ = self.terminate();
    }
}

/// A directory that is removed when we and every process that holds a pledge have ended.
#[derive(Debug)]
pub(crate) struct Janitor {
    directory: PathBuf,
    pledge: Option<PipeWriter>,
    shell: Child,
}

impl Janitor {
    /// Makes a directory in the system's temporary directory, readable only by us.
    pub(crate) fn start(prefix: &str) -> Result<Self> {
        let directory: TempDir = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .context("creating a temporary directory")?;
        let (reader, pledge) = pipe().context("creating a pipe")?;
        let shell = Command::new("sh")
            .args(["-c", REMOVE, "janitor"])
            .arg(directory.path())
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        Ok(Self {
            directory: directory.keep(),
            pledge: Some(pledge),
            shell,
        })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// While this is held, the directory stays.
    pub(crate) fn pledge(&self) -> Result<Option<PipeWriter>> {
        self.pledge
            .as_ref()
            .map(PipeWriter::try_clone)
            .transpose()
            .context("cloning a pipe")
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.pledge = None;
        // The shell removes the directory whether or not we can wait for that.
        let _ = self.shell.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, log: &TempDir, pledge: Option<PipeWriter>) -> Guarded {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Guarded::spawn(&command, &log.path().join("log"), 1, pledge).expect("a process")
    }

    fn log() -> TempDir {
        tempfile::tempdir().expect("a directory")
    }

    #[test]
    fn its_own_end_and_its_output_are_seen() {
        let log = log();
        let process = shell("echo out; echo err >&2; exit 7", &log, None);
        assert_eq!(process.wait().expect("a status").code(), Some(7));
        assert_eq!(process.log_tail(), "out\nerr");
    }

    #[test]
    fn it_is_ended_by_term_or_by_kill() {
        let log = log();
        let status = shell("exec sleep 60", &log, None)
            .terminate()
            .expect("a status");
        assert_eq!(status.code(), Some(128 + 15));
        let status = shell("exec sleep 60", &log, None).kill().expect("a status");
        assert_eq!(status.code(), Some(128 + 9));
    }

    #[test]
    fn what_ignores_term_is_killed_when_its_grace_is_over() {
        let log = log();
        let process = shell(
            "trap '' TERM; echo deaf; while :; do sleep 0.1; done",
            &log,
            None,
        );
        while process.log_tail().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(process.terminate().expect("a status").code(), Some(128 + 9));
    }

    #[test]
    fn the_directory_stays_as_long_as_a_process_has_a_pledge() {
        let log = log();
        let janitor = Janitor::start("basphere-test-").expect("a directory");
        let directory = janitor.directory().to_owned();
        let process = shell("exec sleep 60", &log, janitor.pledge().expect("a pledge"));
        let dropped = std::thread::spawn(move || drop(janitor));
        assert!(directory.is_dir());
        process.terminate().expect("a status");
        dropped.join().expect("a janitor");
        assert!(!directory.exists());
    }
}
