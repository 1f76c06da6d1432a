//! Arguments of the verb about policies in Gatekeeper's format.

use std::path::PathBuf;

use basphere_core::Timestamp;
use clap::{ArgAction, Args, Subcommand, ValueHint};

use super::{Listing, Output};

/// Run policies in Gatekeeper's format (ConstraintTemplates and Constraints) on files; only `audit` asks a cluster, and
/// `waivers` for those that it has.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) what: PolicyWhat,
}

/// What is to be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyWhat {
    Verify(Verify),
    Test(Test),
    Explain(Explain),
    List(List),
    Bench(Bench),
    Audit(Audit),
    Waivers(Waivers),
}

/// Run suites of tests (kind Suite of test.gatekeeper.sh), as `gator verify` does.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_VERIFY)]
pub(crate) struct Verify {
    /// A suite's file, a folder, or a folder with all below it (`folder/...`).
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<String>,
    /// Run only what this regular expression finds in names: of tests or cases, or `TESTS//CASES`.
    #[arg(
        short,
        long,
        value_name = "REGEX",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) run: String,
    /// Name also what passes and what is passed over.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) compatible: Compatible,
}

/// Judge all objects of files and of standard input by the policies among them, as `gator test` does.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_TEST)]
pub(crate) struct Test {
    /// A file or a folder with all below it (*.yaml, *.yml, *.json). May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
    /// How to print the violations: json or yaml; lines of text otherwise.
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) output: String,
    /// Print only violations that deny.
    #[arg(long)]
    pub(crate) deny_only: bool,
    /// Taken as gator takes it.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Not supported: there are no statistics.
    #[arg(long, hide = true)]
    pub(crate) stats: bool,
    /// Not supported: images are not pulled.
    #[arg(short, long, hide = true, value_name = "IMAGE")]
    pub(crate) image: Vec<String>,
    /// Taken as gator takes it; it is for images.
    #[arg(short = 'd', long, hide = true, value_name = "DIR")]
    pub(crate) tempdir: Option<String>,
    #[command(flatten)]
    pub(crate) compatible: Compatible,
}

/// Where policies and objects are read from.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// A file or a folder with all below it (*.yaml, *.yml, *.json). May be repeated.
    #[arg(
        short,
        long = "filename",
        value_name = "FILE",
        required = true,
        value_hint = ValueHint::AnyPath
    )]
    pub(crate) files: Vec<PathBuf>,
}

/// Explain what the policies of files say of the objects of files: which rule, by which values, how far.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_EXPLAIN)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Name also the constraints that do not match an object, and why.
    #[arg(long)]
    pub(crate) all: bool,
    /// As of this time, such as 2026-12-31T00:00:00Z, rather than now: whether waivers hold then.
    #[arg(long, value_name = "TIME", value_hint = ValueHint::Other)]
    pub(crate) at: Option<Timestamp>,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// List the policies of files: each constraint with its action and what it is asked about.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_LIST)]
pub(crate) struct List {
    /// A file, or a folder with all below it. Objects that are no policies are passed over.
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// List waivers: which constraints, for what and whom, until when, how often they were used, and why.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_WAIVERS)]
pub(crate) struct Waivers {
    /// A file or a folder with all below it (*.yaml, *.yml, *.json), instead of the cluster. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
    /// As of this time, such as 2026-12-31T00:00:00Z, rather than now.
    #[arg(long, value_name = "TIME", value_hint = ValueHint::Other)]
    pub(crate) at: Option<Timestamp>,
    /// How to print them.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Listing::Table)]
    pub(crate) output: Listing,
}

/// Measure how fast the objects of files are judged by the policies among them.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_BENCH)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// How often each object is judged.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub(crate) iterations: u32,
    /// How often before anything is measured.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub(crate) warmup: u32,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// Say what policies would do to what a cluster has stored, before anybody is held to them. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_AUDIT)]
pub(crate) struct Audit {
    /// Policies: a file, or a folder with all below it but `samples`. Without it, those of the cluster. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<PathBuf>,
    /// Judge all namespaces, and what is in none; otherwise only one namespace.
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Judge the objects of this file or folder, and contact no cluster at all. May be repeated.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "all_namespaces",
        value_hint = ValueHint::AnyPath
    )]
    pub(crate) objects: Vec<PathBuf>,
    /// Name all objects, not only the first ten of each constraint.
    #[arg(long)]
    pub(crate) all: bool,
    /// End with 1 if anything would be denied.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// Options of gator that change nothing here, so that its command lines can be used as they are.
#[derive(Debug, Args)]
pub(crate) struct Compatible {
    /// Not supported: there are no traces.
    #[arg(short, long, alias = "include-trace", hide = true)]
    pub(crate) trace: bool,
    /// Taken as gator takes it. CEL is never evaluated: a template that has nothing else is an error.
    #[arg(
        long,
        hide = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    pub(crate) enable_k8s_native_validation: Option<String>,
    /// Taken as gator takes it. It is for CEL.
    #[arg(long, hide = true, value_name = "POLICY")]
    pub(crate) default_k8s_native_validation_failure_policy: Option<String>,
}

const AFTER_VERIFY: &str = "\
Suites are files of the kind Suite in the group test.gatekeeper.sh; other files are passed over. Paths in a \
suite are relative to its file. Each test loads a template and a constraint; each of its cases judges an \
object, which may be an AdmissionReview, with an inventory, and asserts how many violations there are. \
Only Rego is evaluated: a template that has CEL only is an error.

Exit codes: 0 all passed, 1 anything else. What cannot be read is said on stderr, and nothing on stdout.

Examples:
  kubectl basphere policy verify policies/...
  kubectl basphere policy verify tests/... --run '//^nginx-deployment$' -v";

const AFTER_TEST: &str = "\
Every object is judged, also templates and constraints, and every object is in data.inventory. Standard \
input is read as well, unless it is a terminal. Violations are sorted by action, then by message.

Exit codes: 0 nothing denies, 1 a violation denies or something could not be read, which is said on stderr \
with nothing on stdout.

Examples:
  kubectl basphere policy test -f policies/ -f manifests/
  helm template demo | kubectl basphere policy test -f policies/ -o json";

const AFTER_EXPLAIN: &str = "\
Objects that are neither templates nor constraints are explained, one constraint after another. Each rule that \
tells violations is looked at by itself: it holds, or stops at the first line that holds for nothing. Lines are \
those of the template's `rego`; values are those of the references that begin with input, up to their first \
variable. The coverage counts the lines of these rules that any object came to. A PolicyWaiver among the files \
which would excuse a denial is named, unless it is for some people only: nobody is known to write a file.

With -o yaml or json:
  objects: each with object, constraints: each with constraint (kind/name), action, verdict (violated, holds, \
not matched), reason (or null), waiver (name, expires, reason; or null), rules: each with line, violations (message, details), stoppedAt (line, text; \
or null), values (path, value)
  coverage: each with template, lines, reached, missed (line, text)

Exit codes: 0 explained, 1 error, 2 wrong usage.

Examples:
  kubectl basphere policy explain -f policies/ -f pod.yaml";

const AFTER_LIST: &str = "\
Templates without a constraint are listed with a dash. What cannot be used (a broken template, one that has \
CEL only, a constraint without its template) is said on stderr.

With -o yaml or json: a list, each item with kind, constraint (or null), action (or null), kinds (of the \
objects that it is asked about; * for all), file

Exit codes: 0 listed, 1 something cannot be used, 2 wrong usage.

Examples:
  kubectl basphere policy list policies/";

const AFTER_WAIVERS: &str = "\
One that ends within seven days is marked with `soon`. How often one was used is what the cluster has counted, a \
dry-run not included; in a file nobody counts. Only those who may list PolicyWaivers see those of a cluster.

With -o yaml or json: a List of PolicyWaivers

Exit codes: 0 listed, 1 one cannot be read, which is said on stderr, 2 wrong usage.

Examples:
  kubectl basphere policy waivers
  kubectl basphere policy waivers -f policies/ -o wide";

const AFTER_BENCH: &str = "\
Objects that are neither templates nor constraints are judged by one thread, from the document to the \
verdict; all objects are in data.inventory. Names in -o json are those of `gator bench --engine rego -o \
json`, and in addition processorTime, reviewsPerProcessorSecond and peakMemoryBytes (null where the system \
does not tell).

Exit codes: 0 measured, 1 error, 2 wrong usage.

Examples:
  kubectl basphere policy bench -f policies/ -f pods.yaml";

const AFTER_AUDIT: &str = "\
Constraints are listed by bundle: the nearest folder that has a kustomization, else the one that is named. DENIED \
counts the objects that a constraint denies, WARNED those that it warns of or has on trial (dryrun), each as the \
audit of the webhook would report it. Lists are read in pages. Namespaces of the system are left out, as \
admission leaves them out; so are Events, Leases and reports.

With -o yaml or json:
  bundles: each with bundle, objects (how many were judged), constraints: each with kind, name, action, objects \
and findings (denied, warned, errors), leftOut, results: each with result, apiVersion, kind, namespace, name, \
message
  unread: each with kind, reason

Exit codes: 0 judged, 1 error (also when a kind could not be read; or something is denied, with --exit-code), \
2 wrong usage.

Examples:
  kubectl basphere policy audit -f policies/workload -A
  kubectl basphere policy audit -f policies/workload --objects dump.yaml --exit-code";
