//! The controllers as processes: started together, called by the API server only when all of them are ready.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::processes::{flag, free_ports};
use crate::rig::binaries::RigBinaries;
use crate::rig::providers::{CREDENTIALS, PROVIDERS, Ports, Provider};
use crate::rig::vcenter;
use crate::wait;
use crate::watchdog::Guarded;
use crate::webhook::is_ready;

const READY: Duration = Duration::from_secs(90);
const GRACE_SECONDS: u32 = 1;
/// Those that Cluster API leans on.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,\
    serviceaccount-token-controller,clusterrole-aggregation-controller";

/// The running controllers.
#[derive(Debug)]
pub(crate) struct Managers {
    _processes: Vec<Guarded>,
}

/// How a start ended.
pub(crate) enum Started {
    Ready(Managers),
    /// Another process was quicker.
    PortTaken,
}

/// Managers that have their identities and ports, and do not run yet.
pub(crate) struct Prepared {
    ports: Vec<(Provider, Ports)>,
    controller_manager: Guarded,
}

impl Prepared {
    /// Starts what needs no CRDs, and makes the managers' identities.
    pub(crate) fn new(control_plane: &ControlPlane, binaries: &RigBinaries) -> Result<Self> {
        let identities: Vec<Value> = PROVIDERS.iter().flat_map(Provider::identity).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": identities});
        control_plane.admin_run(&["create", "--filename=-"], &list.to_string())?;
        let free: [u16; 2 * PROVIDERS.len()] = free_ports()?;
        let (pairs, _) = free.as_chunks::<2>();
        let ports = pairs
            .iter()
            .map(|&[webhooks, health]| Ports { webhooks, health });
        Ok(Self {
            ports: PROVIDERS.into_iter().zip(ports).collect(),
            controller_manager: start_controller_manager(control_plane, binaries)?,
        })
    }

    /// Where a manager serves its webhooks.
    pub(crate) fn webhook_port(&self, name: &str) -> Result<u16> {
        let found = self
            .ports
            .iter()
            .find(|(provider, _)| provider.name == name);
        let (_, ports) = found.with_context(|| format!("no manager {name}"))?;
        Ok(ports.webhooks)
    }

    /// Starts the managers, and registers their webhooks when all are ready: while a webhook is registered whose manager
    /// does not answer, every write of its kinds fails.
    pub(crate) fn start(
        self,
        control_plane: &ControlPlane,
        binaries: &RigBinaries,
        webhooks: &Value,
    ) -> Result<Started> {
        let pki = control_plane.pki();
        let [username, password] = vcenter::CREDENTIALS;
        let credentials = format!("username: {username}\npassword: {password}\n");
        pki.write(CREDENTIALS, &credentials)?;
        let mut running = Vec::new();
        for (provider, ports) in &self.ports {
            let user = control_plane.service_account(provider.namespace, provider.account)?;
            let command = provider.command(binaries, pki, &user, *ports);
            let process = control_plane.spawn(&command, provider.name, GRACE_SECONDS)?;
            running.push((*provider, ports.health, process));
        }
        for (provider, health, process) in &running {
            if !wait_for(provider, *health, process)? {
                return Ok(Started::PortTaken);
            }
        }
        control_plane.admin_run(&["create", "--filename=-"], &webhooks.to_string())?;
        let mut processes: Vec<Guarded> = running.into_iter().map(|(_, _, p)| p).collect();
        processes.push(self.controller_manager);
        Ok(Started::Ready(Managers {
            _processes: processes,
        }))
    }
}

fn start_controller_manager(
    control_plane: &ControlPlane,
    binaries: &RigBinaries,
) -> Result<Guarded> {
    let pki = control_plane.pki();
    let [port] = free_ports()?;
    let mut command = Command::new(&binaries.controller_manager);
    command.args([
        flag("kubeconfig", &control_plane.admin().kubeconfig()),
        flag("root-ca-file", &pki.path("ca.crt")),
        flag("service-account-private-key-file", &pki.path("sa.key")),
        flag(
            "cert-dir",
            &control_plane.directory().join("controller-manager"),
        ),
    ]);
    command.args([
        "--bind-address=127.0.0.1",
        &format!("--secure-port={port}"),
        &format!("--controllers={CONTROLLERS}"),
        "--leader-elect=false",
        "--use-service-account-credentials=true",
    ]);
    control_plane.spawn(&command, "kube-controller-manager", GRACE_SECONDS)
}

/// Waits until a manager is ready; false when another process took one of its ports.
fn wait_for(provider: &Provider, health: u16, process: &Guarded) -> Result<bool> {
    let what = format!("{} is ready", provider.name);
    let ready = wait::until(&what, READY, || {
        if let Some(status) = process.try_wait()? {
            if process.lost_its_port() {
                return Ok(Some(false));
            }
            bail!("it ended with {status}");
        }
        Ok(is_ready(health).then_some(true))
    });
    ready.map_err(|error| anyhow!("{error:#}; its log ends:\n{}", process.log_tail()))
}
