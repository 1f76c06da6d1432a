//! A sandbox in which the real controllers work: Cluster API's managers, kubeadm's, CAPV, and garbage collection, with a
//! simulated vCenter that has the machines.

mod audit;
mod binaries;
mod keys;
mod kubelets;
mod managers;
mod manifests;
mod providers;
mod site;
mod vcenter;
mod workload;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::control_plane::{ApiServer, ControlPlane, Options};
use crate::crds::{ApiVersion, Crds};
use crate::progress::Progress;
use crate::project::Binaries;
use crate::rig::audit::AuditLog;
use crate::rig::binaries::RigBinaries;
use crate::rig::managers::{Managers, Started};
use crate::rig::manifests::Manifests;
use crate::rig::vcenter::VCenter;
use crate::sandbox::{Sandbox, add_own_crds, install};

pub use audit::{Event, Mark};
pub use binaries::clusterctl;
pub use vcenter::Vm;
pub use workload::Workload;

const ATTEMPTS: usize = 3;

/// How a rig is started.
#[derive(Debug, Clone, Copy)]
pub struct RigOptions {
    /// Whether the webhook is started, and the kubectl plugin at hand.
    pub webhook: bool,
    /// What is said on standard error meanwhile.
    pub progress: Progress,
    /// How kube-apiserver is started otherwise than usual; that it notes writes is usual here.
    pub api_server: ApiServer,
}

impl Default for RigOptions {
    fn default() -> Self {
        Self {
            webhook: true,
            progress: Progress::default(),
            api_server: ApiServer::default(),
        }
    }
}

/// A sandbox with controllers. Both versions of Cluster API's kinds are served, and v1beta2 is stored.
///
/// It takes about 2 GB of memory. Dropping it ends everything; when this process dies in whatever way, watchdogs do.
#[derive(Debug)]
pub struct Rig {
    // Dropped in this order: controllers first, since without an API server they only complain.
    _managers: Managers,
    vcenter: VCenter,
    audit: AuditLog,
    network: Ipv4Addr,
    kubelet: PathBuf,
    sandbox: Sandbox,
}

impl Rig {
    /// Starts everything and waits until it is ready. The first time on a machine this builds the controllers.
    ///
    /// # Errors
    /// When something cannot be built, started or applied; the message shows the end of the log in question.
    pub fn start(options: &RigOptions) -> Result<Self> {
        let own = options
            .webhook
            .then(|| Binaries::locate(options.progress))
            .transpose()?;
        let binaries = RigBinaries::locate(options.progress)?;
        let manifests = Manifests::locate(options.progress)?;
        for _ in 0..ATTEMPTS {
            if let Some(rig) = attempt(options, own.as_ref(), &binaries, &manifests)? {
                return Ok(rig);
            }
        }
        bail!("other processes took the managers' ports, {ATTEMPTS} times")
    }

    /// The sandbox: users, kubectl, the webhook.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The virtual machines that there are, templates left out.
    ///
    /// # Errors
    /// When the vCenter does not answer.
    pub fn vms(&self) -> Result<Vec<Vm>> {
        self.vcenter.vms()
    }

    /// Where the virtual machines are listed as JSON, templates included, by plain HTTP.
    #[must_use]
    pub fn vms_url(&self) -> String {
        self.vcenter.vms_url()
    }

    /// Stops a virtual machine behind its controller's back.
    ///
    /// # Errors
    /// When there is none of this name, or it is off.
    pub fn power_off(&self, vm: &str) -> Result<()> {
        self.vcenter.power_off(vm)
    }

    /// Takes a virtual machine away behind its controller's back.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn destroy(&self, vm: &str) -> Result<()> {
        self.vcenter.destroy(vm)
    }

    /// The present moment of the audit log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn mark(&self) -> Result<Mark> {
        self.audit.mark()
    }

    /// All writes since a moment, in order; without leases of leaders, events, and questions about rights.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub fn audit(&self, since: Mark) -> Result<Vec<Event>> {
        self.audit.since(since)
    }

    /// Waits until nobody has written anything for `quiet`, dry runs and refused writes aside.
    ///
    /// # Errors
    /// When that does not come within `patience`; the message shows the last writes.
    pub fn settled(&self, quiet: Duration, patience: Duration) -> Result<()> {
        self.audit.settled(quiet, patience)
    }

    /// The network, of 24 bits, that endpoints of clusters are given from.
    #[must_use]
    pub fn endpoint_network(&self) -> Ipv4Addr {
        self.network
    }

    /// The path of a process's log, such as `capi`, `capi-kubeadm-bootstrap`, `capi-kubeadm-control-plane`, `capv`,
    /// `vcenter`, `kube-controller-manager`, `webhook`.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.sandbox.control_plane().log(name)
    }

    /// Plays the machines of a cluster: its API server at its endpoint, as `kubeadm init` starts it, and a kubelet for each
    /// machine. Waits until the first machine has its bootstrap data, and then until the API server is ready.
    ///
    /// # Errors
    /// When that does not come within a minute.
    pub fn workload(&self, namespace: &str, cluster: &str) -> Result<Workload> {
        Workload::start(self, namespace, cluster)
    }

    /// Plays the machines of all clusters, those that are yet to come included, until the other end of `end` is dropped.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "whoever plays owns the end: one sender, one player"
    )]
    pub fn play_all(&self, end: Receiver<()>) {
        workload::play_all(self, &end);
    }
}

/// One try to start a rig; `None` when another process took one of the managers' ports.
fn attempt(
    options: &RigOptions,
    own: Option<&Binaries>,
    binaries: &RigBinaries,
    manifests: &Manifests,
) -> Result<Option<Rig>> {
    let progress = options.progress;
    let control_plane = ControlPlane::start(&Options {
        progress,
        api_server: ApiServer {
            audit: true,
            ..options.api_server
        },
    })?;
    let vcenter = VCenter::start(&control_plane, &binaries.vcenter)?;
    let Started::Ready(managers) = start_managers(&control_plane, binaries, manifests, progress)?
    else {
        return Ok(None);
    };
    let network = network(&control_plane)?;
    let objects = site::objects(vcenter.about(), network)?;
    for list in [site::identity(), objects] {
        control_plane.admin_run(&["create", "--filename=-"], &list.to_string())?;
    }
    Ok(Some(Rig {
        _managers: managers,
        vcenter,
        audit: AuditLog::new(control_plane.audit_log()),
        network,
        kubelet: binaries.kubelet.clone(),
        sandbox: Sandbox::complete(control_plane, ApiVersion::V1Beta2, own, progress)?,
    }))
}

fn start_managers(
    control_plane: &ControlPlane,
    binaries: &RigBinaries,
    manifests: &Manifests,
    progress: Progress,
) -> Result<Started> {
    let prepared = managers::Prepared::new(control_plane, binaries)?;
    let ca = control_plane.pki().cluster_ca_pem();
    let mut crds = Crds::new(manifests.crds(ca, |name| prepared.webhook_port(name))?);
    add_own_crds(&mut crds)?;
    {
        let _step = progress.step("installing CRDs and tenants");
        install(control_plane, &crds)?;
    }
    let _step = progress.step("starting the controllers");
    let webhooks = manifests.webhooks(ca, |name| prepared.webhook_port(name))?;
    prepared.start(control_plane, binaries, &webhooks)
}

fn network(control_plane: &ControlPlane) -> Result<Ipv4Addr> {
    let port = control_plane.server().rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok());
    Ok(site::network(port.context("a server without a port")?))
}
