//! `cargo xtask up`: a sandbox to try things out in, or to run one command in.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc::channel;

use anyhow::Result;
use basphere_harness::{ApiVersion, Progress, Rig, RigOptions, Sandbox, SandboxOptions};
use clap::{Args, ValueEnum};

use crate::{command, tour};

/// Bring up a sandbox: an API server, Cluster API's kinds, an example Site, tenants kim and lee, and the webhook.
///
/// Without COMMAND an example cluster is applied as kim, what was written and what was stored are shown, then a refusal;
/// the sandbox stays until Ctrl-C. With COMMAND no example is applied: the command runs with KUBECONFIG (admin),
/// BASPHERE_KUBECONFIG_KIM, BASPHERE_KUBECONFIG_LEE and PATH set, and its exit status is this one's.
///
/// With --capi the real controllers work in it: Cluster API's, kubeadm's and vSphere's, with a simulated vCenter whose
/// machines BASPHERE_VMS_URL lists as JSON. The first time on a machine Go builds them, which takes about 12 minutes on
/// two cores. The machines run nothing: an API server stands at the endpoint of each cluster, and nodes are played.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run the controllers as well; both versions are served then.
    #[arg(long)]
    capi: bool,
    /// The version of Cluster API's kinds that is served; with --capi, of the example that is shown.
    #[arg(long, value_enum, default_value_t, value_name = "VERSION")]
    api_version: Version,
    /// A command to run in the sandbox, with its arguments.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// [`ApiVersion`] as it is written on the command line.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Version {
    #[default]
    #[value(name = "v1beta1")]
    V1Beta1,
    #[value(name = "v1beta2")]
    V1Beta2,
}

impl From<Version> for ApiVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::V1Beta1 => Self::V1Beta1,
            Version::V1Beta2 => Self::V1Beta2,
        }
    }
}

/// Brings up the sandbox, and runs the command or shows the examples in it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.capi {
        return run_with_controllers(arguments);
    }
    let sandbox = Sandbox::start(&SandboxOptions {
        api_version: arguments.api_version.into(),
        progress: Progress::Steps,
        ..SandboxOptions::default()
    })?;
    match arguments.command.split_first() {
        Some((program, rest)) => command::run(&sandbox, None, program, rest),
        None => tour::run(&sandbox, arguments.api_version.into(), None),
    }
}

fn run_with_controllers(arguments: &Arguments) -> Result<ExitCode> {
    let rig = Rig::start(&RigOptions {
        progress: Progress::Steps,
        ..RigOptions::default()
    })?;
    let sandbox = rig.sandbox();
    let vms = rig.vms_url();
    let (running, ended) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| rig.play_all(ended));
        // Dropped when what is run here has ended, and the clusters with it.
        let _running = running;
        match arguments.command.split_first() {
            Some((program, rest)) => command::run(sandbox, Some(&vms), program, rest),
            None => tour::run(sandbox, arguments.api_version.into(), Some(&vms)),
        }
    })
}
