//! `cargo xtask up`: a sandbox to try things out in, or to run one command in.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use basphere_harness::{ApiVersion, Progress, Sandbox, SandboxOptions};
use clap::{Args, ValueEnum};

use crate::{command, tour};

/// Bring up a sandbox: an API server, Cluster API's kinds, an example Site, tenants kim and lee, and the webhook.
///
/// Without COMMAND an example cluster is applied as kim, what was written and what was stored are shown, then a refusal;
/// the sandbox stays until Ctrl-C. With COMMAND no example is applied: the command runs with KUBECONFIG (admin),
/// BASPHERE_KUBECONFIG_KIM, BASPHERE_KUBECONFIG_LEE and PATH set, and its exit status is this one's.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The version of Cluster API's kinds that is served.
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
    let options = SandboxOptions {
        api_version: arguments.api_version.into(),
        progress: Progress::Steps,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(&options)?;
    match arguments.command.split_first() {
        Some((program, rest)) => command::run(&sandbox, program, rest),
        None => tour::run(&sandbox),
    }
}
