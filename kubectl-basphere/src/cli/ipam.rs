//! Arguments of the verbs about addresses.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Bring data of the site's former tool in.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) what: ImportWhat,
}

/// What is brought in.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportWhat {
    Ipam(ImportIpam),
}

/// Make AddressLeases, Tenants, an AddressPool and a Site of the files on the bastion.
///
/// The manifests are printed, or applied with --apply. Every faulty line is listed with its number and
/// a reason, and left out; nothing is guessed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_IMPORT)]
pub(crate) struct ImportIpam {
    /// The file of the users' blocks, or - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) allocations: PathBuf,
    /// The file of the addresses, or - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) leases: PathBuf,
    /// The file that describes the network. Without it, name an AddressPool of the cluster by --pool.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "pool")]
    pub(crate) config: Option<PathBuf>,
    /// The file of sizes and cluster types, for a Site.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "config")]
    pub(crate) specs: Option<PathBuf>,
    /// The AddressPool; with --config it is made, and named nodes unless this says otherwise.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) pool: Option<String>,
    /// What users' namespaces begin with, where neither --config nor the cluster's Site says it.
    #[arg(long, value_name = "PREFIX", value_hint = ValueHint::Other)]
    pub(crate) namespace_prefix: Option<String>,
    #[command(flatten)]
    pub(crate) site: SiteOptions,
    /// Apply the manifests to the cluster instead of printing them.
    #[arg(long)]
    pub(crate) apply: bool,
}

/// What a Site needs and the files may not have.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SiteOptions {
    /// For the Site: the VSphereClusterIdentity that every cluster uses.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other, requires = "specs")]
    pub(crate) identity: Option<String>,
    /// For the Site: the SHA-1 thumbprint of the vCenter's certificate.
    #[arg(long, value_name = "HEX", value_hint = ValueHint::Other, requires = "specs")]
    pub(crate) thumbprint: Option<String>,
    /// For the Site: the Kubernetes version of the VM template, where its name does not end with it.
    #[arg(long, value_name = "VERSION", value_hint = ValueHint::Other, requires = "specs")]
    pub(crate) kubernetes_version: Option<String>,
    /// For the Site: the default cluster type.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other, requires = "specs")]
    pub(crate) cluster_type: Option<String>,
    /// For the Site: the default node spec.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other, requires = "specs")]
    pub(crate) node_spec: Option<String>,
}

const AFTER_IMPORT: &str = "\
Standard error has a line FILE:LINE: REASON for every line that is left out (error) or worth a look \
(warning). Addresses of lines that are left out are not protected: others may get them.

Applying again changes nothing. A lease that somebody else holds in the cluster by now is never \
overwritten.

Exit codes: 0 every line was taken, 1 some were left out or something failed (the rest is printed or \
applied all the same), 2 wrong usage.

Examples:
  kubectl basphere import ipam --allocations allocations.tsv --leases leases.tsv --config config.yaml --specs specs.yaml
  kubectl basphere import ipam --allocations allocations.tsv --leases leases.tsv --pool nodes --apply";

/// Write data in the form of the site's former tool.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    pub(crate) what: ExportWhat,
}

/// What is written.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportWhat {
    Ipam(ExportIpam),
}

/// Write allocations.tsv and leases.tsv as they are on the bastion.
///
/// What was imported and has not changed comes back byte for byte; what is new follows by address.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_EXPORT)]
pub(crate) struct ExportIpam {
    /// Write the users' blocks to this file, or - for stdout.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) allocations: Option<PathBuf>,
    /// Write the addresses to this file, or - for stdout.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) leases: Option<PathBuf>,
    /// The AddressPool whose blocks and addresses are written.
    #[arg(long, value_name = "NAME", default_value = "nodes", value_hint = ValueHint::Other)]
    pub(crate) pool: String,
    /// Read manifests from this file or directory, or - for stdin, instead of the cluster. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
}

const AFTER_EXPORT: &str = "\
Without --allocations and --leases both files are written to the working directory, under these names.

Examples:
  kubectl basphere export ipam
  kubectl basphere export ipam --leases -";

/// List pools and leases, or draw a pool.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_IPAM, args_conflicts_with_subcommands = true)]
pub(crate) struct Ipam {
    #[command(subcommand)]
    pub(crate) what: Option<IpamWhat>,
    /// Read manifests from this file or directory, or - for stdin, instead of the cluster. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", global = true, value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
    /// Only this AddressPool and its leases.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) pool: Option<String>,
    /// Only leases of this tenant.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) tenant: Option<String>,
    /// How to print them.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Listing::Table)]
    pub(crate) output: Listing,
}

const AFTER_IPAM: &str = "\
Examples:
  kubectl basphere ipam --tenant kim -o wide
  kubectl basphere ipam map nodes
  kubectl basphere ipam -o yaml > backup.yaml";

/// How pools and leases are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    Table,
    Wide,
    Json,
    Yaml,
}

/// What else there is to see.
#[derive(Debug, Subcommand)]
pub(crate) enum IpamWhat {
    /// Draw a pool, one character an address. A large one is drawn only where it is in use.
    Map {
        /// The AddressPool; may be left out when there is only one.
        #[arg(value_name = "POOL", value_hint = ValueHint::Other)]
        pool: Option<String>,
    },
}
