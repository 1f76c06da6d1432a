//! From the arguments to a [`Command`], and from its outcome to an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 the arguments are wrong.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand};

use crate::config::{
    Audit, CertificateSource, Config, ConstraintStatus, Controllers, Installation, LeaseTimes,
    LogFormat, Profile,
};
use crate::{logging, print, serve};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Answer admission reviews until told to stop.
    Serve(Box<Config>, LogFormat),
    /// Print the definitions of our custom resources.
    Crds,
    /// Print everything that an installation in a cluster applies.
    InstallManifest(Installation),
    /// Print what `--policies-from-cluster` needs in a cluster; with the definition of ConstraintTemplates, or without.
    PoliciesManifest(bool),
}

/// Completes and checks what tenants apply to a Cluster API management cluster.
#[derive(Parser)]
#[command(name = "basphere-webhook", version, disable_help_subcommand = true)]
struct LowArgs {
    #[command(subcommand)]
    command: LowCommand,
}

#[derive(Subcommand)]
enum LowCommand {
    /// Answer admission reviews until SIGTERM or SIGINT.
    Serve(Box<ServeArgs>),
    /// Print the CustomResourceDefinitions of group basphere.dev as YAML.
    Crds,
    /// Print everything that an installation in a cluster applies, as YAML.
    InstallManifest(InstallArgs),
    /// Print the rights that --policies-from-cluster needs in a cluster, as YAML.
    PoliciesManifest {
        /// Print the definition of ConstraintTemplates as well, for a cluster without Gatekeeper's
        #[arg(long)]
        with_definition: bool,
    },
}

#[derive(Args)]
struct InstallArgs {
    /// What kind of cluster it is for: a management cluster of Cluster API, or an application cluster
    #[arg(long, value_enum, default_value = "management")]
    profile: Profile,

    /// With --profile workload: a directory of policies [default: those that are shipped]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,

    /// With --profile workload: a Site's manifest, of which spec.images says what images of Pods are rewritten to
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
}

#[derive(Args)]
#[command(group(ArgGroup::new("certificate").required(true).multiple(true)))]
struct ServeArgs {
    /// How to reach the API server [default: $KUBECONFIG, else the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Where to take reviews, over TLS
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    listen: SocketAddr,

    /// Where to serve /metrics, /healthz and /readyz, in the clear
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    metrics_listen: SocketAddr,

    /// Mint a CA and a certificate at start
    #[arg(long, group = "certificate", conflicts_with = "tls_cert")]
    self_signed: bool,

    /// The server's certificate with its intermediates, in PEM; read again when it changes
    #[arg(long, value_name = "FILE", group = "certificate", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, in PEM
    #[arg(
        long,
        value_name = "FILE",
        group = "certificate",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,

    /// Register the webhooks under this base URL once ready, and unregister them at shutdown
    #[arg(long, value_name = "URL", conflicts_with = "tls_cert", value_parser = register_url)]
    register_url: Option<String>,

    /// Take reviews only from callers with a certificate of this CA, such as the API server's
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// How to write log lines
    #[arg(long, value_enum, default_value = "json")]
    log_format: LogFormat,

    /// How long reviews are still taken after SIGTERM, while /readyz already says no: what a Service
    /// needs to send them elsewhere
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    shutdown_delay: Duration,

    /// How long requests in flight may take to end at shutdown
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    drain_timeout: Duration,

    /// Where the Lease is by which one process of several runs the controllers
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAMESPACE",
        default_value = "basphere-system"
    )]
    namespace: String,

    /// After how long without renewal another process may run the controllers
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    lease_duration: Duration,

    /// After how long without renewal this process stops running them; less than --lease-duration
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    lease_renew: Duration,

    /// How often to renew that Lease, or to ask for it; less than --lease-renew
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    lease_retry: Duration,

    /// What kind of cluster is guarded: a management cluster of Cluster API, or an application cluster, on which
    /// policies are all there is
    #[arg(long, value_enum, default_value = "management")]
    profile: Profile,

    /// A directory of policies in Gatekeeper's format, read again when a file changes
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,

    /// A Site's manifest, of which spec.images says what images of Pods are rewritten to; read again when it changes.
    /// With --profile workload alone
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// How often what is stored is judged by the policies, by the process that leads; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = interval)]
    audit_interval: Duration,

    /// When to write what the audit finds into the status of constraints in the cluster, as Gatekeeper does
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    audit_constraint_status: ConstraintStatus,
    /// Take the ConstraintTemplates and constraints of the cluster as policies, too; what the directory has of the
    /// same kind and name wins
    #[arg(long)]
    policies_from_cluster: bool,

    /// After how long the controllers look at everything again although nothing was heard of it
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    resync: Duration,
}

/// Understands the arguments, of which the first is the program's name.
///
/// # Errors
/// When they are wrong, or when they only ask for help or the version.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    match LowArgs::try_parse_from(arguments)?.command {
        LowCommand::Crds => Ok(Command::Crds),
        LowCommand::InstallManifest(low) => installation(low).map(Command::InstallManifest),
        LowCommand::PoliciesManifest { with_definition } => {
            Ok(Command::PoliciesManifest(with_definition))
        }
        LowCommand::Serve(low) => {
            let log_format = low.log_format;
            check_lease_times(&low)?;
            if low.images.is_some() && low.profile == Profile::Management {
                return Err(only_for_workload("--images"));
            }
            check_policies(&low)?;
            Ok(Command::Serve(Box::new(high(*low)), log_format))
        }
    }
}

/// The parser has already refused combinations that contradict each other.
fn high(low: ServeArgs) -> Config {
    let certificate = match (low.tls_cert, low.tls_key) {
        (Some(certificate), Some(key)) => CertificateSource::Files { certificate, key },
        _ => CertificateSource::SelfSigned {
            register_url: low.register_url,
        },
    };
    Config {
        kubeconfig: low.kubeconfig,
        listen: low.listen,
        metrics_listen: low.metrics_listen,
        certificate,
        client_ca: low.client_ca,
        shutdown_delay: low.shutdown_delay,
        drain_timeout: low.drain_timeout,
        controllers: Controllers {
            namespace: low.namespace,
            lease: LeaseTimes {
                duration: low.lease_duration,
                renew: low.lease_renew,
                retry: low.lease_retry,
            },
            resync: low.resync,
        },
        profile: low.profile,
        policies: low.policies,
        images: low.images,
        audit: (!low.audit_interval.is_zero()).then_some(Audit {
            interval: low.audit_interval,
            constraint_status: low.audit_constraint_status,
        }),
        policies_from_cluster: low.policies_from_cluster,
    }
}

/// An application cluster is guarded by policies or by nothing.
fn check_policies(low: &ServeArgs) -> Result<(), clap::Error> {
    let has_policies = low.policies.is_some() || low.policies_from_cluster;
    if low.profile != Profile::Workload || has_policies {
        return Ok(());
    }
    Err(LowArgs::command().error(
        clap::error::ErrorKind::MissingRequiredArgument,
        "--profile workload needs --policies DIR or --policies-from-cluster",
    ))
}

/// Who may still think that it leads must have stopped before another one begins.
fn check_lease_times(low: &ServeArgs) -> Result<(), clap::Error> {
    let ordered = [
        Duration::ZERO,
        low.lease_retry,
        low.lease_renew,
        low.lease_duration,
    ];
    if ordered.is_sorted_by(|less, more| less < more) {
        return Ok(());
    }
    Err(LowArgs::command().error(
        clap::error::ErrorKind::ValueValidation,
        "--lease-retry must be less than --lease-renew, and that less than --lease-duration",
    ))
}

fn installation(low: InstallArgs) -> Result<Installation, clap::Error> {
    match (low.profile, low.policies, low.images) {
        (Profile::Workload, policies, images) => Ok(Installation::Workload { policies, images }),
        (Profile::Management, None, None) => Ok(Installation::Management),
        (Profile::Management, Some(_), _) => Err(only_for_workload("--policies")),
        (Profile::Management, None, Some(_)) => Err(only_for_workload("--images")),
    }
}

/// Of the Pods of a management cluster nothing is Basphere's business.
fn only_for_workload(flag: &str) -> clap::Error {
    let words = format!("{flag} is for application clusters: it needs --profile workload");
    LowArgs::command().error(clap::error::ErrorKind::ArgumentConflict, words)
}

/// The API server takes only https URLs without user, query and fragment; the paths are ours.
fn register_url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let authority = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .unwrap_or_default();
    let is_base = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
    if uri.scheme_str() != Some("https")
        || authority.is_empty()
        || authority.contains('@')
        || !is_base
    {
        return Err(
            "give a base such as https://127.0.0.1:9443, without user, path and query".to_owned(),
        );
    }
    Ok(format!("https://{authority}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text
        .parse()
        .map_err(|error| format!("{error}; such as 10s or 1m"))?;
    Duration::try_from(parsed).map_err(|_| "must not be negative".to_owned())
}

/// A duration, of which none needs no unit.
fn interval(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => duration(text),
    }
}

/// The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = match parse(arguments) {
        Ok(Command::Serve(config, log_format)) => {
            logging::start(log_format);
            serve::run(*config)
        }
        Ok(Command::Crds) => print::crds(),
        Ok(Command::InstallManifest(installation)) => print::install_manifest(&installation),
        Ok(Command::PoliciesManifest(with_definition)) => print::policies_manifest(with_definition),
        Err(error) => {
            // Help goes to stdout and ends with 0, errors go to stderr and end with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "basphere-webhook: {error:#}");
            ExitCode::FAILURE
        }
    }
}
