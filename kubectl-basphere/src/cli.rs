//! The command line.

mod ipam;
mod policy;
mod quota;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use ipam::{
    Export, ExportIpam, ExportWhat, Import, ImportIpam, ImportWhat, Ipam, IpamWhat, Listing,
    SiteOptions,
};
pub(crate) use policy::{
    Audit, Bench, Compatible, Explain, List, Policy, PolicyWhat, Test, Verify, Waivers,
};
pub(crate) use quota::{Quota, QuotaWhat};

/// Clusters of this site, made and checked from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-basphere",
    bin_name = "kubectl basphere",
    display_name = "kubectl basphere",
    version,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes, before or after its name.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The kubeconfig file to use.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context to use.
    #[arg(long, global = true, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) context: Option<String>,
    /// The namespace of manifests that name none.
    #[arg(short, long, global = true, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) namespace: Option<String>,
    /// When to print in colour; auto honours NO_COLOR and TERM.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// The same as --color never.
    #[arg(long, global = true, conflicts_with = "color")]
    pub(crate) no_color: bool,
}

/// When to print in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Review(Review),
    Quota(Quota),
    Ipam(Ipam),
    Policy(Policy),
    Import(Import),
    Export(Export),
    /// Print the version.
    Version,
}

/// Show what Basphere would add to manifests, and whether it would take them. Nothing is changed.
///
/// Basphere's own rules are judged, and unknown fields and kinds are named with the nearest known one:
/// the cluster's own schemas count or, with --site, those of the Cluster API that this plugin was
/// made for. Wrong types and other values that a schema refuses are checked by
/// `kubectl apply --dry-run=server`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_REVIEW)]
pub(crate) struct Review {
    /// A file, a directory (its *.yaml, *.yml and *.json), or - for stdin. May be repeated.
    #[arg(
        short,
        long = "filename",
        value_name = "FILE",
        required = true,
        value_hint = ValueHint::AnyPath
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Read the Site from this file, and contact no cluster at all.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) site: Option<PathBuf>,
    /// With --site: take the objects of this file for those of the cluster, such as what
    /// `kubectl get tenants,clusters -A -o yaml` writes. May be repeated.
    #[arg(long, value_name = "FILE", requires = "site", value_hint = ValueHint::AnyPath)]
    pub(crate) state: Vec<PathBuf>,
    /// Judge as if this user asked. Nobody is impersonated.
    #[arg(long = "as", value_name = "USER", value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// A group of that user. May be repeated.
    #[arg(long = "as-group", value_name = "GROUP", requires = "user", value_hint = ValueHint::Other)]
    pub(crate) groups: Vec<String>,
    /// How to print the result.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[value(alias = "table")]
    Text,
    Yaml,
    Json,
}

const AFTER_REVIEW: &str = "\
Objects are judged one after another, as the server judges them when the file is applied: what \
stands earlier in the file is known to what stands later. Without --as the user is the one of the \
kubeconfig or, with --site, the owner of the namespace.

With -o yaml or json:
  apiVersion: basphere.dev/v1alpha1
  kind: ReviewResult
  allowed: whether every item is allowed
  items:
  - file, document, line: where the object stands; document and line count from 1
    apiVersion, kind, namespace, name: which object it is; namespace is null for none
    operation: CREATE or UPDATE
    judged: false for kinds that Basphere lets pass unseen
    allowed: whether it would be taken
    error: why it could not be judged, such as that it may not be read; else null
    denials, warnings: each with code, path, value, message, hint (or null), needsCluster
    needsCluster: kinds of which only the cluster knows the objects; unless empty, the finding or, \
for the whole item, its being allowed or not is sure only with the cluster
    object: the object as it would be stored; null when it is not judged or there is no such kind

What cannot be read or judged is said, and does not keep the rest from being judged.

Exit codes: 0 allowed, 1 error (even if something else is denied), 2 wrong usage, 3 denied.

Examples:
  kubectl basphere review -f cluster.yaml
  kubectl basphere review -f cluster.yaml --site site.yaml -n user-kim -o json
  helm template demo | kubectl basphere review -f -";
