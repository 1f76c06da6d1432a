//! etcd and kube-apiserver, with users.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::assets::Assets;
use crate::crds::Crds;
use crate::kubectl::{User, run};
use crate::pki::Pki;
use crate::processes::{
    Listener, admission_configuration, audit, etcd, flag, free_ports, kube_apiserver,
};
use crate::progress::Progress;
use crate::users::{MASTERS, Users, environment};
use crate::wait;
use crate::watchdog::{Guarded, Janitor};
use crate::webhook::Stop;

const READY: Duration = Duration::from_secs(90);
const SERVED: Duration = Duration::from_secs(60);
/// How often a start is tried when other processes take the ports that were free.
const ATTEMPTS: usize = 5;
/// Nothing is to be saved, so nobody waits long.
const GRACE_SECONDS: u32 = 2;

/// How a control plane is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What is said on standard error meanwhile.
    pub progress: Progress,
    /// How kube-apiserver is started otherwise than usual.
    pub api_server: ApiServer,
}

/// How kube-apiserver is started otherwise than usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApiServer {
    /// Further flags, such as `--request-timeout=10s`.
    pub flags: &'static [&'static str],
    /// Environment variables.
    pub environment: &'static [(&'static str, &'static str)],
    /// Whether each write is noted in the file [`ControlPlane::audit_log`].
    pub audit: bool,
}

/// How to talk to etcd itself, past the API server: by mutual TLS.
#[derive(Debug, Clone)]
pub struct Etcd {
    /// Its URL.
    pub server: String,
    /// The CA of its certificate, in PEM.
    pub ca: PathBuf,
    /// The certificate of whoever asks, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// A running etcd and kube-apiserver, alone on free ports of the loopback address.
///
/// Dropping it ends both and removes its directory; when this process dies in whatever way, watchdogs do the same.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in this order: the directory goes when the processes have.
    running: Running,
    users: Users,
    janitor: Janitor,
}

#[derive(Debug)]
struct Running {
    kube_apiserver: Mutex<Guarded>,
    kube_apiserver_command: Command,
    etcd: Guarded,
    etcd_port: u16,
    server: String,
    admin: User,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver and waits until the API server is ready. The first time on a machine this builds them.
    ///
    /// # Errors
    /// When the binaries cannot be had, or one of the processes fails; the message shows the end of its log.
    pub fn start(options: &Options) -> Result<Self> {
        let assets = Assets::locate(options.progress)?;
        let _step = options.progress.step("starting etcd and kube-apiserver");
        let janitor = Janitor::start("basphere-")?;
        let directory = janitor.directory();
        for name in ["bin", "logs", "users"] {
            create_directory(&directory.join(name))?;
        }
        link(&assets.path("kubectl"), &directory.join("bin/kubectl"))?;
        let users = Users::new(
            directory.join("users"),
            Pki::create(&directory.join("pki"))?,
        );
        for _ in 0..ATTEMPTS {
            if let Some(running) = attempt(&assets, &users, &janitor, options.api_server)? {
                return Ok(Self {
                    running,
                    users,
                    janitor,
                });
            }
        }
        bail!("other processes took the ports that were free, {ATTEMPTS} times")
    }

    /// The directory that holds everything, and vanishes with the control plane.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.janitor.directory()
    }

    /// The folder that comes first on PATH of every user: kubectl, and what else is linked into it.
    #[must_use]
    pub fn bin_directory(&self) -> PathBuf {
        self.directory().join("bin")
    }

    /// The API server's URL.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.running.server
    }

    /// The CA certificate, in PEM, of the client certificate that the API server shows to webhooks.
    #[must_use]
    pub fn webhook_client_ca(&self) -> PathBuf {
        self.users.pki().path("webhook-client-ca.crt")
    }

    /// etcd itself: what the API server stores, and all that it ever stored.
    #[must_use]
    pub fn etcd(&self) -> Etcd {
        let pki = self.users.pki();
        let pair = pki.pair("etcd");
        Etcd {
            server: format!("https://127.0.0.1:{}", self.running.etcd_port),
            ca: pki.path("etcd-ca.crt"),
            certificate: pair.certificate,
            key: pair.key,
        }
    }

    /// Ends the API server and starts it again, on the same port and with what it had stored, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready again, or another process took its port meanwhile.
    pub fn restart_api_server(&self, how: Stop) -> Result<()> {
        let running = &self.running;
        {
            let mut process = running.kube_apiserver();
            match how {
                Stop::Terminate => process.terminate()?,
                Stop::Kill => process.kill()?,
            };
            let command = &running.kube_apiserver_command;
            *process = self.spawn(command, "kube-apiserver", GRACE_SECONDS)?;
        }
        match running.wait(&self.bin_directory())? {
            Readiness::Ready => Ok(()),
            Readiness::PortTaken => bail!("another process took the API server's port"),
        }
    }

    /// The user `admin`, in group `system:masters`.
    #[must_use]
    pub fn admin(&self) -> &User {
        &self.running.admin
    }

    /// Makes a user; RBAC is up to the caller. Without a namespace on the command line the user is in `default`.
    ///
    /// # Errors
    /// When the user's files cannot be written.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<User> {
        self.user_in("default", name, groups)
    }

    /// Makes a user whose commands use `namespace` when they name none.
    ///
    /// # Errors
    /// When the user's files cannot be written.
    pub fn user_in(&self, namespace: &str, name: &str, groups: &[&str]) -> Result<User> {
        self.users.create(self.server(), name, groups, namespace)
    }

    /// kubectl as a user, with a home directory of its own.
    ///
    /// # Errors
    /// When PATH cannot be put together.
    pub fn kubectl(&self, user: &User) -> Result<Command> {
        kubectl(&self.bin_directory(), user)
    }

    /// The variables that make any command of this user talk to this control plane: KUBECONFIG, KUBECACHEDIR and PATH.
    ///
    /// # Errors
    /// When PATH cannot be put together.
    pub fn environment(&self, user: &User) -> Result<Vec<(&'static str, OsString)>> {
        environment(user, &self.bin_directory())
    }

    /// The path of a process's log: `etcd`, `kube-apiserver` or `webhook`.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        log(&self.janitor, name)
    }

    /// Where writes are noted, when they are: one event a line.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        audit_log(&self.janitor)
    }

    /// Makes a user who is a service account.
    pub(crate) fn service_account(&self, namespace: &str, name: &str) -> Result<User> {
        let create = ["create", "token", name, "--namespace", namespace];
        let token = self.admin_run(&[&create[..], &["--duration=720h"]].concat(), "")?;
        let name = format!("system:serviceaccount:{namespace}:{name}");
        self.users
            .create_with_token(self.server(), &name, token.trim_end())
    }

    /// Makes a user out of a kubeconfig, of whatever API server.
    pub(crate) fn adopt(&self, name: &str, kubeconfig: &str) -> Result<User> {
        self.users.adopt(name, kubeconfig)
    }

    /// How a further API server is started that stores in the same etcd.
    pub(crate) fn api_server(&self, listener: &Listener) -> Result<Command> {
        let assets = Assets::locate(Progress::default())?;
        let pki = self.users.pki();
        let etcd_port = self.running.etcd_port;
        Ok(kube_apiserver(&assets, pki, etcd_port, listener))
    }

    /// The certificates and keys.
    pub(crate) fn pki(&self) -> &Pki {
        self.users.pki()
    }

    /// Runs kubectl as admin on a manifest.
    pub(crate) fn admin_run(&self, arguments: &[&str], manifest: &str) -> Result<String> {
        run(self.kubectl(self.admin())?.args(arguments), manifest)?.stdout()
    }

    /// Creates CRDs and waits until all their resources can be listed, which is later than their being established: kubectl
    /// finds them by discovery, and an API server that still fills its watch cache answers 429.
    pub(crate) fn create_crds(&self, crds: &Crds) -> Result<()> {
        self.admin_run(&["create", "-f", "-"], &crds.manifest())?;
        let resources = crds.resources();
        let mut wait = vec![
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd",
        ];
        wait.extend(resources.iter().map(String::as_str));
        self.admin_run(&wait, "")?;
        let all = resources.join(",");
        wait::until("the new resources are served", SERVED, || {
            let outcome = run(
                self.kubectl(self.admin())?
                    .args(["get", "--all-namespaces", &all]),
                "",
            )?;
            Ok(outcome.succeeded().then_some(()))
        })
    }

    /// Starts one more process below this directory, which stays until the process has ended.
    pub(crate) fn spawn(
        &self,
        command: &Command,
        name: &str,
        grace_seconds: u32,
    ) -> Result<Guarded> {
        spawn(&self.janitor, command, name, grace_seconds)
    }
}

/// Starts both on fresh ports. `None` when another process was quicker to take one.
fn attempt(
    assets: &Assets,
    users: &Users,
    janitor: &Janitor,
    api_server: ApiServer,
) -> Result<Option<Running>> {
    let directory = janitor.directory();
    let [etcd_port, peer_port, port] = free_ports()?;
    let pki = users.pki();
    let data = directory.join(format!("etcd-{etcd_port}"));
    create_directory(&data)?;
    let admission = admission_configuration(directory, pki)?;
    let server = format!("https://127.0.0.1:{port}");
    let admin = users.create(&server, "admin", &[MASTERS], "default")?;

    // Both at once: the API server waits for etcd by itself.
    let etcd = etcd(assets, pki, &data, etcd_port, peer_port);
    let etcd = spawn(janitor, &etcd, "etcd", GRACE_SECONDS)?;
    let mut command = kube_apiserver(assets, pki, etcd_port, &Listener::management(pki, port));
    command.arg(flag("admission-control-config-file", &admission));
    command.args(api_server.flags);
    if api_server.audit {
        command.args(audit(directory, &audit_log(janitor))?);
    }
    command.envs(api_server.environment.iter().copied());
    let kube_apiserver = spawn(janitor, &command, "kube-apiserver", GRACE_SECONDS)?;
    let running = Running {
        kube_apiserver: Mutex::new(kube_apiserver),
        kube_apiserver_command: command,
        etcd,
        etcd_port,
        server,
        admin,
    };
    match running.wait(&directory.join("bin"))? {
        Readiness::Ready => Ok(Some(running)),
        Readiness::PortTaken => Ok(None),
    }
}

enum Readiness {
    Ready,
    PortTaken,
}

impl Running {
    fn kube_apiserver(&self) -> MutexGuard<'_, Guarded> {
        self.kube_apiserver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the API server is ready, or told that its port was taken.
    fn wait(&self, bin: &Path) -> Result<Readiness> {
        let ready = wait::until("the API server is ready", READY, || self.readiness(bin));
        ready.map_err(|error| {
            let tail = self.kube_apiserver().log_tail();
            anyhow!("{error:#}\nkube-apiserver's log ends:\n{tail}")
        })
    }

    fn readiness(&self, bin: &Path) -> Result<Option<Readiness>> {
        let kube_apiserver = self.kube_apiserver();
        for (name, process) in [("etcd", &self.etcd), ("kube-apiserver", &*kube_apiserver)] {
            if let Some(status) = process.try_wait()? {
                if process.lost_its_port() {
                    return Ok(Some(Readiness::PortTaken));
                }
                bail!(
                    "{name} ended with {status}; its log ends:\n{}",
                    process.log_tail()
                );
            }
        }
        drop(kube_apiserver);
        let answer = run(
            kubectl(bin, &self.admin)?.args(["get", "--raw", "/readyz"]),
            "",
        )?;
        Ok(answer.succeeded().then_some(Readiness::Ready))
    }
}

fn spawn(janitor: &Janitor, command: &Command, name: &str, grace_seconds: u32) -> Result<Guarded> {
    Guarded::spawn(
        command,
        &log(janitor, name),
        grace_seconds,
        janitor.pledge()?,
    )
}

fn log(janitor: &Janitor, name: &str) -> PathBuf {
    janitor.directory().join("logs").join(format!("{name}.log"))
}

fn audit_log(janitor: &Janitor) -> PathBuf {
    log(janitor, "audit")
}

pub(crate) fn kubectl(bin: &Path, user: &User) -> Result<Command> {
    let mut command = Command::new(bin.join("kubectl"));
    command
        .env("HOME", user.home())
        .envs(environment(user, bin)?);
    Ok(command)
}

/// Makes a directory that only we may read.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("creating {}", path.display()))
}

/// Makes a symbolic link.
pub(crate) fn link(target: &Path, path: &Path) -> Result<()> {
    symlink(target, path)
        .with_context(|| format!("linking {} to {}", path.display(), target.display()))
}
