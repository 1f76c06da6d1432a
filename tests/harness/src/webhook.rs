//! The project's webhook as a process beside the API server.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::control_plane::ControlPlane;
use crate::http;
use crate::kubectl::User;
use crate::processes::free_ports;
use crate::registration::Registration;
use crate::wait;
use crate::watchdog::Guarded;

const READY: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 5;
/// Time to answer what was asked before the end.
const GRACE_SECONDS: u32 = 15;

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By TERM, as Kubernetes does: it may finish what it has begun.
    Terminate,
    /// By KILL, as the kernel does when memory is short.
    Kill,
}

/// The webhook: running, or stopped for a while.
#[derive(Debug)]
pub(crate) struct Webhook {
    binary: PathBuf,
    user: User,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ports: Ports,
    process: Option<Guarded>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    reviews: u16,
    metrics: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        let [reviews, metrics] = free_ports()?;
        Ok(Self { reviews, metrics })
    }
}

impl Webhook {
    /// Prepares the webhook, which acts as `user`, without starting it.
    pub(crate) fn new(binary: &Path, user: User) -> Result<Self> {
        let state = State {
            ports: Ports::free()?,
            process: None,
        };
        Ok(Self {
            binary: binary.to_owned(),
            user,
            state: Mutex::new(state),
        })
    }

    /// Starts it and waits until the API server calls it. It keeps its ports as long as nobody else takes them.
    pub(crate) fn start(&self, control_plane: &ControlPlane) -> Result<()> {
        let mut state = self.lock();
        if let Some(process) = &state.process
            && process.try_wait()?.is_none()
        {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let command = self.command(control_plane, state.ports);
            let process = control_plane.spawn(&command, "webhook", GRACE_SECONDS)?;
            if wait_until_ready(control_plane, &process, state.ports)? {
                state.process = Some(process);
                return Ok(());
            }
            state.ports = Ports::free()?;
        }
        bail!("other processes took the webhook's ports, {ATTEMPTS} times")
    }

    /// Ends it and says how it ended; `None` when it was not running.
    pub(crate) fn stop(&self, how: Stop) -> Result<Option<ExitStatus>> {
        let Some(process) = self.lock().process.take() else {
            return Ok(None);
        };
        let status = match how {
            Stop::Terminate => process.terminate()?,
            Stop::Kill => process.kill()?,
        };
        Ok(Some(status))
    }

    /// Where reviews are sent.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.lock().ports.reviews)
    }

    /// Where metrics and readiness are served.
    pub(crate) fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.lock().ports.metrics)
    }

    fn command(&self, control_plane: &ControlPlane, ports: Ports) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .arg("--kubeconfig")
            .arg(self.user.kubeconfig());
        command
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", ports.reviews));
        command
            .arg("--metrics-listen")
            .arg(format!("127.0.0.1:{}", ports.metrics));
        command.arg("--self-signed");
        command
            .arg("--register-url")
            .arg(format!("https://127.0.0.1:{}", ports.reviews));
        command
            .arg("--client-ca")
            .arg(control_plane.webhook_client_ca());
        command
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the webhook is ready and in force; false when another process took one of its ports.
fn wait_until_ready(control_plane: &ControlPlane, process: &Guarded, ports: Ports) -> Result<bool> {
    let registration = Registration::watch(control_plane)?;
    let ready = wait::until(
        "the webhook is ready and the API server calls it",
        READY,
        || {
            if let Some(status) = process.try_wait()? {
                if process.lost_its_port() {
                    return Ok(Some(false));
                }
                bail!("it ended with {status}");
            }
            Ok((is_ready(ports.metrics) && registration.is_in_force()?).then_some(true))
        },
    );
    ready.map_err(|error| anyhow!("{error:#}; its log ends:\n{}", process.log_tail()))
}

/// Whether `GET /readyz` is answered with 200.
pub(crate) fn is_ready(port: u16) -> bool {
    // Nobody listens yet, or has not answered in time: not ready, whatever the reason.
    http::request("GET", port, "/readyz").is_ok_and(|response| response.is_ok())
}
