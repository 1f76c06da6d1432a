//! Arguments of the verb about what tenants use and may use.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Output;

/// Show what the tenant of a namespace uses and may use, or what manifests would need of it.
///
/// The numbers are those of the namespace's TenantQuota or, for admins, of the Tenants. Where neither can
/// be read, the objects of the namespace are counted against the Site's default limits, which is said.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_QUOTA)]
pub(crate) struct Quota {
    #[command(subcommand)]
    pub(crate) what: Option<QuotaWhat>,
    /// Say what the manifests of -f would need, and whether that fits. Nothing is changed.
    #[arg(long, global = true, requires = "files")]
    pub(crate) what_if: bool,
    /// With --what-if: a file, a directory (its *.yaml, *.yml and *.json), or - for stdin. May be repeated.
    #[arg(
        short,
        long = "filename",
        value_name = "FILE",
        global = true,
        requires = "what_if",
        value_hint = ValueHint::AnyPath
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Read the Site from this file, and contact no cluster at all.
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub(crate) site: Option<PathBuf>,
    /// With --site: take the objects of this file for those of the cluster, such as what
    /// `kubectl get tenants,clusters -A -o yaml` writes. May be repeated.
    #[arg(long, value_name = "FILE", global = true, requires = "site", value_hint = ValueHint::AnyPath)]
    pub(crate) state: Vec<PathBuf>,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// What else there is to see.
#[derive(Debug, Subcommand)]
pub(crate) enum QuotaWhat {
    /// Say as well who holds what, what is charged, and how to get more.
    Explain,
}

const AFTER_QUOTA: &str = "\
A bar has a # for what is used and a + for what is reserved for requests that are not seen stored yet; \
of a limit that is exceeded it is full. Limits of groups, which others share, come first.

With -o yaml or json:
  apiVersion: basphere.dev/v1alpha1
  kind: QuotaReport
  namespace, source: whose namespace it is about; TenantQuota, Tenant or Namespace, whence it is known
  tenant, counted, accounts, lines, holders, surge: as in the status of a TenantQuota

With --what-if and -o yaml or json:
  apiVersion: basphere.dev/v1alpha1
  kind: QuotaWhatIf
  fits: whether all of it fits
  findings: each with object (kind, namespace, name), account, code, measure (as a limit is called), \
which (cluster or cluster type, or null), requested, used, limit, exceededBy, fits (how many machines of \
the object, or how much more, would fit), fitsUnit (machines or more), message
  items: each with file, document, line, kind, namespace, name, fits, error, refused (codes of what else \
it would be refused for), needs, warnings (soft limits)
  sum: what all of it needs, also what does not fit
  needs and sum: each with account, measure, which, requested, used, limit, after

Exit codes: 0 shown, or it fits; 1 error, 2 wrong usage, 3 it would not fit.

Examples:
  kubectl basphere quota -n user-kim
  kubectl basphere quota explain
  kubectl basphere quota --what-if -f cluster.yaml
  kubectl basphere quota --what-if -f cluster.yaml --site site.yaml --state backup.yaml -n user-kim -o json";
