//! Several processes of the webhook that serve one certificate, as the replicas of an installation do.
//!
//! Nobody registers them: whoever starts them decides how requests reach them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use basphere_certs::{Authority, Usage};

use crate::control_plane::ControlPlane;
use crate::kubectl::User;
use crate::pki::{leaf, write_private};
use crate::processes::free_ports;
use crate::wait;
use crate::watchdog::Guarded;
use crate::webhook::is_ready;

const READY: Duration = Duration::from_secs(30);
/// How often a start is tried when other processes take the ports that were free.
const ATTEMPTS: usize = 5;
const GRACE_SECONDS: u32 = 15;

/// Processes of the webhook, each running or not. Dropping them ends them.
#[derive(Debug)]
pub struct Replicas<'a> {
    control_plane: &'a ControlPlane,
    base: Command,
    ca: String,
    replicas: Vec<Mutex<Replica>>,
}

#[derive(Debug)]
struct Replica {
    name: String,
    ports: [u16; 2],
    process: Option<Guarded>,
}

impl<'a> Replicas<'a> {
    pub(crate) fn new(
        control_plane: &'a ControlPlane,
        binary: &Path,
        user: &User,
        count: usize,
        arguments: &[&str],
    ) -> Result<Self> {
        let authority = Authority::generate("basphere-harness-webhook")?;
        let [certificate, key] = store(control_plane, &authority)?;
        let mut base = Command::new(binary);
        base.arg("serve");
        base.arg("--kubeconfig").arg(user.kubeconfig());
        base.arg("--tls-cert").arg(certificate);
        base.arg("--tls-key").arg(key);
        base.arg("--client-ca")
            .arg(control_plane.webhook_client_ca());
        base.args(arguments);
        let replica = |number: usize| {
            Ok(Mutex::new(Replica {
                name: format!("webhook-{number}"),
                ports: free_ports()?,
                process: None,
            }))
        };
        Ok(Self {
            control_plane,
            base,
            ca: authority.certificate_pem().to_owned(),
            replicas: (0..count).map(replica).collect::<Result<_>>()?,
        })
    }

    /// How many there are, running or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.replicas.len()
    }

    /// The CA of the one certificate that all serve, in PEM.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The port on which one of them takes reviews, as soon as it runs.
    #[must_use]
    pub fn port(&self, number: usize) -> Option<u16> {
        let [reviews, _] = self.lock(number).ok()?.ports;
        Some(reviews)
    }

    /// Starts one of them and waits until it is ready. It keeps its ports as long as nobody else takes them.
    ///
    /// # Errors
    /// When it ends, or does not become ready; the message shows the end of its log.
    pub fn start(&self, number: usize) -> Result<()> {
        let mut replica = self.lock(number)?;
        for _ in 0..ATTEMPTS {
            let command = self.command(&replica);
            let process = self
                .control_plane
                .spawn(&command, &replica.name, GRACE_SECONDS)?;
            if wait_until_ready(&process, replica.ports)? {
                replica.process = Some(process);
                return Ok(());
            }
            replica.ports = free_ports()?;
        }
        bail!(
            "other processes took the ports of {}, {ATTEMPTS} times",
            replica.name
        )
    }

    /// Ends one of them by KILL, and waits for that.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self, number: usize) -> Result<()> {
        let mut replica = self.lock(number)?;
        let process = replica.process.take();
        let process = process.with_context(|| format!("{} does not run", replica.name))?;
        process.kill().map(drop)
    }

    /// The path of the log that one of them writes; it begins anew with each start.
    #[must_use]
    pub fn log(&self, number: usize) -> PathBuf {
        self.control_plane.log(&format!("webhook-{number}"))
    }

    fn command(&self, replica: &Replica) -> Command {
        let [reviews, metrics] = replica.ports;
        let mut command = Command::new(self.base.get_program());
        command.args(self.base.get_args());
        command.arg(format!("--listen=127.0.0.1:{reviews}"));
        command.arg(format!("--metrics-listen=127.0.0.1:{metrics}"));
        // Which of the processes leads is told by its host's name.
        command.env("HOSTNAME", &replica.name);
        command
    }

    fn lock(&self, number: usize) -> Result<MutexGuard<'_, Replica>> {
        let replica = self.replicas.get(number);
        let replica = replica.with_context(|| format!("there is no process {number}"))?;
        Ok(replica.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes a certificate for the loopback address, and returns its path and its key's.
fn store(control_plane: &ControlPlane, authority: &Authority) -> Result<[PathBuf; 2]> {
    let issued = authority.issue(&leaf(
        "basphere-webhook",
        None,
        &["127.0.0.1"],
        Usage::Server,
    ))?;
    let path = |name: &str| control_plane.directory().join("pki").join(name);
    let paths = [path("webhook.crt"), path("webhook.key")];
    for (path, content) in paths.iter().zip([&issued.certificate_pem, &issued.key_pem]) {
        write_private(path, content)?;
    }
    Ok(paths)
}

/// Waits until it can answer reviews; false when another process took one of its ports.
fn wait_until_ready(process: &Guarded, [_, metrics]: [u16; 2]) -> Result<bool> {
    let ready = wait::until("a process of the webhook is ready", READY, || {
        if let Some(status) = process.try_wait()? {
            if process.lost_its_port() {
                return Ok(Some(false));
            }
            bail!("it ended with {status}");
        }
        Ok(is_ready(metrics).then_some(true))
    });
    ready.map_err(|error| anyhow!("{error:#}; its log ends:\n{}", process.log_tail()))
}
