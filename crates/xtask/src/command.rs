//! Runs a command in the sandbox, as if it had been run alone: its streams, its signals, its exit status.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use basphere_harness::{Sandbox, forget_package};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says when there is no such command, and when it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Runs the command to its end. `vms` is where the virtual machines are listed, when there are any.
pub(crate) fn run(
    sandbox: &Sandbox,
    vms: Option<&str>,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<ExitCode> {
    let mut command = Command::new(program);
    forget_package(&mut command);
    command
        .args(arguments)
        .envs(sandbox.control_plane().environment(sandbox.admin())?);
    command.env("BASPHERE_KUBECONFIG_KIM", sandbox.kim().kubeconfig());
    command.env("BASPHERE_KUBECONFIG_LEE", sandbox.lee().kubeconfig());
    if let Some(vms) = vms {
        command.env("BASPHERE_VMS_URL", vms);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(supervise(command.into()))
}

async fn supervise(mut command: tokio::process::Command) -> Result<ExitCode> {
    // From here on these end the command, and us only by way of it.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return could_not_start(command.as_std().get_program(), error),
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status.context("waiting for the command")?)),
            // The terminal sends these to the command as well.
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = hangup.recv() => {}
            // This one came to us alone.
            _ = terminate.recv() => forward_terminate(&child).await?,
        }
    }
}

async fn forward_terminate(child: &Child) -> Result<()> {
    if let Some(id) = child.id() {
        tokio::process::Command::new("kill")
            .arg(id.to_string())
            .status()
            .await
            .context("running kill")?;
    }
    Ok(())
}

fn could_not_start(program: &OsStr, error: std::io::Error) -> Result<ExitCode> {
    let code = match error.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::PermissionDenied => NOT_EXECUTABLE,
        _ => return Err(error).with_context(|| format!("running {}", program.display())),
    };
    anstream::eprintln!("{}: {error}", program.display());
    Ok(ExitCode::from(code))
}

/// The status as a shell gives it: 128 and the signal's number when a signal ended the command.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), ExitCode::from(7));
        assert_eq!(exit_code(ExitStatus::from_raw(15)), ExitCode::from(143));
    }
}
