//! The simulated vCenter: started, looked at, and broken.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use crate::control_plane::ControlPlane;
use crate::http::{Response, request_within};
use crate::processes::free_ports;
use crate::rig::site::NEXT_TEMPLATE;
use crate::wait;
use crate::watchdog::Guarded;

/// The VM templates that the example Site names, and that of the version to upgrade to.
const TEMPLATES: [&str; 3] = [
    "ubuntu-2204-kube-v1.28.0",
    NEXT_TEMPLATE,
    "ubuntu-2404-kube-v1.34.4",
];
/// The user and the password that it takes.
pub(crate) const CREDENTIALS: [&str; 2] = ["user", "pass"];
const READY: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(30);
const GRACE_SECONDS: u32 = 1;
const ATTEMPTS: usize = 5;

/// A virtual machine, as the vCenter knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vm {
    /// Its name.
    pub name: String,
    /// `poweredOn`, `poweredOff` or `suspended`.
    pub power: String,
    /// Whether it is a template to clone from.
    pub template: bool,
    /// The UUID of its BIOS.
    pub uuid: String,
    /// The address that it reports to have; empty until it is on.
    pub reported: String,
    /// The addresses that its cloud-init metadata gives it.
    pub addresses: Vec<String>,
    /// The metadata itself, in YAML.
    pub metadata: String,
}

/// Where the vCenter is.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct About {
    pub(crate) server: String,
    pub(crate) thumbprint: String,
}

/// The vCenter. It ends with the last of those that share it.
#[derive(Debug, Clone)]
pub(crate) struct VCenter {
    _process: Arc<Guarded>,
    control: u16,
    about: About,
}

impl VCenter {
    pub(crate) fn start(control_plane: &ControlPlane, binary: &std::path::Path) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let [port, control] = free_ports()?;
            let mut command = Command::new(binary);
            command.arg("--vcenter").arg(format!("127.0.0.1:{port}"));
            command.arg("--control").arg(format!("127.0.0.1:{control}"));
            for template in TEMPLATES {
                command.args(["--template", template]);
            }
            let process = control_plane.spawn(&command, "vcenter", GRACE_SECONDS)?;
            if let Some(about) = wait_for(&process, control)? {
                return Ok(Self {
                    _process: Arc::new(process),
                    control,
                    about,
                });
            }
        }
        bail!("other processes took the vCenter's ports, {ATTEMPTS} times")
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Where its machines are listed.
    pub(crate) fn vms_url(&self) -> String {
        format!("http://127.0.0.1:{}/vms", self.control)
    }

    /// All machines but templates.
    pub(crate) fn vms(&self) -> Result<Vec<Vm>> {
        let body = self.ask("GET", "/vms")?;
        let mut vms: Vec<Vm> = serde_json::from_str(&body).context("reading the list of VMs")?;
        vms.retain(|vm| !vm.template);
        Ok(vms)
    }

    /// Stops a machine.
    pub(crate) fn power_off(&self, name: &str) -> Result<()> {
        self.ask("POST", &format!("/vms/{name}/power-off"))
            .map(drop)
    }

    /// Takes a machine away.
    pub(crate) fn destroy(&self, name: &str) -> Result<()> {
        self.ask("DELETE", &format!("/vms/{name}")).map(drop)
    }

    fn ask(&self, method: &str, path: &str) -> Result<String> {
        let Response { status, body } = request_within(PATIENCE, method, self.control, path)
            .with_context(|| format!("{method} {path} of the vCenter"))?;
        ensure!(status == 200, "{method} {path}: {status}: {}", body.trim());
        Ok(body)
    }
}

/// Waits until it answers; `None` when another process took one of its ports.
fn wait_for(process: &Guarded, control: u16) -> Result<Option<About>> {
    let ready = wait::until("the vCenter answers", READY, || {
        if let Some(status) = process.try_wait()? {
            if process.lost_its_port() {
                return Ok(Some(None));
            }
            bail!("it ended with {status}");
        }
        let answer = request_within(PATIENCE, "GET", control, "/about");
        let answer = answer.ok().filter(Response::is_ok);
        let about = answer.and_then(|answer| serde_json::from_str(&answer.body).ok());
        Ok(about.map(Some))
    });
    ready.map_err(|error| anyhow!("{error:#}; its log ends:\n{}", process.log_tail()))
}
