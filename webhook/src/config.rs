//! What `serve` needs to know, after the command line was understood.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What kind of cluster is guarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// A management cluster of Cluster API: what tenants apply is completed, judged and charged.
    #[default]
    Management,
    /// An application cluster: policies alone, and nothing of Cluster API.
    Workload,
}

/// What kind of cluster something is installed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installation {
    /// A management cluster of Cluster API.
    Management,
    /// An application cluster.
    Workload {
        /// The directory of its policies; `None` takes those that are shipped.
        policies: Option<PathBuf>,
        /// A Site's manifest, of which the rules on images are taken; `None` rewrites no images.
        images: Option<PathBuf>,
    },
}

/// Everything that `serve` depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the API server is; `None` takes `KUBECONFIG`, else the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// Where reviews are taken, over TLS.
    pub listen: SocketAddr,
    /// Where metrics and health are served, in the clear.
    pub metrics_listen: SocketAddr,
    /// Where the server's certificate comes from.
    pub certificate: CertificateSource,
    /// The CA of the only callers that may ask for reviews; `None` lets anybody ask.
    pub client_ca: Option<PathBuf>,
    /// How long reviews are still taken at shutdown, while readiness already says no.
    pub shutdown_delay: Duration,
    /// How long requests in flight may take to end at shutdown.
    pub drain_timeout: Duration,
    /// How the controllers behind the gate are run.
    pub controllers: Controllers,
    /// What kind of cluster is guarded.
    pub profile: Profile,
    /// The directory of policies; without one, and without those of the cluster, no policies are asked.
    pub policies: Option<PathBuf>,
    /// Whether ConstraintTemplates and constraints of the cluster are policies.
    pub policies_from_cluster: bool,
    /// The file with the rules by which images of Pods are rewritten; `None` rewrites none.
    pub images: Option<PathBuf>,
    /// How what is stored is audited; `None` audits nothing.
    pub audit: Option<Audit>,
}

/// How what is stored is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How long after one audit the next one begins, with some jitter.
    pub interval: Duration,
    /// Whether the status of constraints is written.
    pub constraint_status: ConstraintStatus,
}

/// When the status of constraints in the cluster is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ConstraintStatus {
    /// Unless somebody else writes it, such as Gatekeeper's audit.
    #[default]
    Auto,
    /// Whoever else writes it: when Gatekeeper is gone, and its statuses are left.
    Always,
    /// Never.
    Never,
}

/// How the controllers behind the gate are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controllers {
    /// Where the Lease is by which one process of several is chosen.
    pub namespace: String,
    /// The times of that Lease.
    pub lease: LeaseTimes,
    /// After so long everything is looked at again although nothing was heard of it.
    pub resync: Duration,
}

impl Default for Controllers {
    fn default() -> Self {
        Self {
            namespace: "basphere-system".to_owned(),
            lease: LeaseTimes::default(),
            resync: Duration::from_secs(10 * 60),
        }
    }
}

/// The times of the Lease by which one process of several is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// After so long without renewal others may take it.
    pub duration: Duration,
    /// Who could not renew it for so long stops.
    pub renew: Duration,
    /// How often it is asked for, or renewed.
    pub retry: Duration,
}

/// Where the server's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// A CA and a certificate are minted at start, and the certificate is renewed in time.
    SelfSigned {
        /// The base URL under which this process registers itself as a webhook; `None` when
        /// somebody else does. Only this source knows its own CA, so only it can register.
        register_url: Option<String>,
    },
    /// PEM files that somebody else keeps up to date.
    Files {
        /// The certificate, with its intermediates.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// One readable line, for people.
    Text,
}
