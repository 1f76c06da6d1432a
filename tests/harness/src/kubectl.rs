//! Users of a control plane, and running commands to their end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Somebody who can talk to the API server.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) name: String,
    /// Holds the kubeconfig, and is the user's home directory: kubectl's caches stay apart and vanish with it.
    pub(crate) home: PathBuf,
}

impl User {
    /// The user name, as the API server knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the user's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.join("kubeconfig")
    }

    /// Where kubectl keeps what it discovered. It must not outlive the API server, whose port another may have next.
    #[must_use]
    pub fn cache_directory(&self) -> PathBuf {
        self.home.join("cache")
    }

    /// The user's home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }
}

/// What a command did.
#[derive(Debug, Clone)]
#[must_use]
pub struct Outcome {
    /// What was run, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Its standard output, when it succeeded.
    ///
    /// # Errors
    /// When it failed: the message says what was run, how it ended and what it wrote to standard error.
    pub fn stdout(self) -> Result<String> {
        if !self.succeeded() {
            bail!(
                "{} ended with {}:\n{}",
                self.command,
                self.status,
                self.stderr.trim_end()
            );
        }
        Ok(self.stdout)
    }
}

/// Runs a command to its end with `stdin` as its whole standard input.
///
/// # Errors
/// When it cannot be started; that it fails is no error here.
pub fn run(command: &mut Command, stdin: &str) -> Result<Outcome> {
    let shown = shown(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {shown}"))?;
    let pipe = child.stdin.take();
    // Written beside reading: a command that answers while it reads would otherwise wait for us, and we for it.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(stdin.as_bytes())));
        child.wait_with_output()
    });
    let output = output.with_context(|| format!("running {shown}"))?;
    Ok(Outcome {
        command: shown,
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
