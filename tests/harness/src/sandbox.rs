//! A control plane with Cluster API's kinds, the example Site, two tenants and the webhook.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

use crate::control_plane::{ApiServer, ControlPlane, Options, link};
use crate::crds::{ApiVersion, Crds};
use crate::kubectl::User;
use crate::progress::Progress;
use crate::project::{self, Binaries, PLUGIN, WEBHOOK};
use crate::replicas::Replicas;
use crate::tenancy::{self, ADMINS, TENANTS, WEBHOOK_ACCOUNT, WEBHOOK_GROUP};
use crate::webhook::{Stop, Webhook};

/// How a sandbox is started.
#[derive(Debug, Clone, Copy)]
pub struct SandboxOptions {
    /// The version of the Cluster API kinds that is served.
    pub api_version: ApiVersion,
    /// Whether the webhook is started, and the kubectl plugin at hand. Without them the project is not built.
    pub webhook: bool,
    /// What is said on standard error meanwhile.
    pub progress: Progress,
    /// How kube-apiserver is started otherwise than usual.
    pub api_server: ApiServer,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            api_version: ApiVersion::default(),
            webhook: true,
            progress: Progress::default(),
            api_server: ApiServer::default(),
        }
    }
}

/// A control plane with Cluster API's kinds, the example Site, tenants `kim` and `lee`, and the webhook.
#[derive(Debug)]
pub struct Sandbox {
    // Dropped first: it ends in order while the API server is still there.
    webhook: Option<Webhook>,
    control_plane: ControlPlane,
    api_version: ApiVersion,
    kim: User,
    lee: User,
    ops: User,
}

impl Sandbox {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// When something cannot be built, started or applied; the message shows the end of the log in question.
    pub fn start(options: &SandboxOptions) -> Result<Self> {
        let progress = options.progress;
        let binaries = options
            .webhook
            .then(|| Binaries::locate(progress))
            .transpose()?;
        let mut crds = Crds::cluster_api(options.api_version, progress)?;
        add_own_crds(&mut crds)?;
        let control_plane = ControlPlane::start(&Options {
            progress,
            api_server: options.api_server,
        })?;
        {
            let _step = progress.step("installing CRDs, tenants and the example Site");
            install(&control_plane, &crds)?;
            for name in ["pools.yaml", "site.yaml", "tenants.yaml"] {
                create_file(&control_plane, &example(name)?)?;
            }
        }
        Self::complete(
            control_plane,
            options.api_version,
            binaries.as_ref(),
            progress,
        )
    }

    /// Adds the webhook, when there are binaries, and the users to a control plane that has all the rest.
    pub(crate) fn complete(
        control_plane: ControlPlane,
        api_version: ApiVersion,
        binaries: Option<&Binaries>,
        progress: Progress,
    ) -> Result<Self> {
        let webhook = binaries
            .map(|binaries| start_webhook(&control_plane, binaries, progress))
            .transpose()?;
        Ok(Self {
            webhook,
            api_version,
            kim: tenant(&control_plane, "kim")?,
            lee: tenant(&control_plane, "lee")?,
            ops: control_plane.user("ops", &[ADMINS])?,
            control_plane,
        })
    }

    /// The control plane.
    #[must_use]
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// The version of the Cluster API kinds that is served.
    #[must_use]
    pub fn api_version(&self) -> ApiVersion {
        self.api_version
    }

    /// The tenant kim, who owns namespace `user-kim`.
    #[must_use]
    pub fn kim(&self) -> &User {
        &self.kim
    }

    /// The tenant lee, who owns namespace `user-lee`.
    #[must_use]
    pub fn lee(&self) -> &User {
        &self.lee
    }

    /// Somebody who runs the site: in group `basphere:admins`, with all rights.
    #[must_use]
    pub fn ops(&self) -> &User {
        &self.ops
    }

    /// The user `admin`, in group `system:masters`.
    #[must_use]
    pub fn admin(&self) -> &User {
        self.control_plane.admin()
    }

    /// kubectl as a user, with a home directory of its own.
    ///
    /// # Errors
    /// When PATH cannot be put together.
    pub fn kubectl(&self, user: &User) -> Result<Command> {
        self.control_plane.kubectl(user)
    }

    /// Starts the webhook again after [`Sandbox::stop_webhook`], and waits until the API server calls it.
    ///
    /// # Errors
    /// When it fails, or this sandbox has none.
    pub fn start_webhook(&self) -> Result<()> {
        self.webhook()?.start(&self.control_plane)
    }

    /// Ends the webhook, waits for that and says how it ended: as a shell has it, so 128 and the signal's number when a
    /// signal ended it. `None` when it was not running.
    ///
    /// # Errors
    /// When this sandbox has none.
    pub fn stop_webhook(&self, how: Stop) -> Result<Option<ExitStatus>> {
        self.webhook()?.stop(how)
    }

    /// Where the webhook takes reviews.
    ///
    /// # Errors
    /// When this sandbox has none.
    pub fn webhook_url(&self) -> Result<String> {
        Ok(self.webhook()?.url())
    }

    /// Where the webhook serves metrics and readiness, as plain HTTP.
    ///
    /// # Errors
    /// When this sandbox has none.
    pub fn metrics_url(&self) -> Result<String> {
        Ok(self.webhook()?.metrics_url())
    }

    /// The path of the log that the webhook writes; it begins anew with each start.
    #[must_use]
    pub fn webhook_log(&self) -> PathBuf {
        self.control_plane.log("webhook")
    }

    /// So many processes of the webhook that serve one certificate, as the replicas of an installation do; none is started
    /// yet, and nobody registers them. `arguments` are further ones of `serve`.
    ///
    /// # Errors
    /// When the webhook cannot be built, or its certificate not be written.
    pub fn replicas(&self, count: usize, arguments: &[&str]) -> Result<Replicas<'_>> {
        let binaries = Binaries::locate(Progress::default())?;
        let user = self.control_plane.user(WEBHOOK_ACCOUNT, &[WEBHOOK_GROUP])?;
        let binary = binaries.path(WEBHOOK)?;
        Replicas::new(&self.control_plane, binary, &user, count, arguments)
    }

    fn webhook(&self) -> Result<&Webhook> {
        self.webhook
            .as_ref()
            .context("this sandbox was started without the webhook")
    }
}

/// The path of an example manifest of the repository.
///
/// # Errors
/// When the repository that this was built from is no longer there.
pub fn example(name: &str) -> Result<PathBuf> {
    Ok(deploy()?.join("examples").join(name))
}

fn deploy() -> Result<PathBuf> {
    Ok(project::root()?.join("deploy"))
}

/// Adds the project's own CRDs, and Metal3's, which are in no module that can be had.
pub(crate) fn add_own_crds(crds: &mut Crds) -> Result<()> {
    crds.add_directory(&deploy()?.join("crds"))?;
    crds.add_directory(&project::root()?.join("tests/harness/crds"))
}

/// Creates CRDs, and tenants' namespaces and rights.
pub(crate) fn install(control_plane: &ControlPlane, crds: &Crds) -> Result<()> {
    let tenancy = tenancy::manifest(&["kim", "lee"], crds);
    control_plane.admin_run(&["create", "--filename=-"], &tenancy.to_string())?;
    control_plane.create_crds(crds)
}

fn create_file(control_plane: &ControlPlane, path: &Path) -> Result<()> {
    let path = path
        .to_str()
        .context("the repository's path is not UTF-8")?;
    control_plane
        .admin_run(&["create", "--filename", path], "")
        .map(drop)
}

fn start_webhook(
    control_plane: &ControlPlane,
    binaries: &Binaries,
    progress: Progress,
) -> Result<Webhook> {
    let _step = progress.step("starting the webhook");
    let bin = control_plane.bin_directory();
    let plugin = binaries.path(PLUGIN)?;
    link(plugin, &bin.join(PLUGIN))?;
    // kubectl asks an executable of this name what may follow `kubectl basphere`.
    link(plugin, &bin.join("kubectl_complete-basphere"))?;
    let user = control_plane.user(WEBHOOK_ACCOUNT, &[WEBHOOK_GROUP])?;
    let webhook = Webhook::new(binaries.path(WEBHOOK)?, user)?;
    webhook.start(control_plane)?;
    Ok(webhook)
}

fn tenant(control_plane: &ControlPlane, name: &str) -> Result<User> {
    control_plane.user_in(&tenancy::namespace(name), name, &[TENANTS])
}
