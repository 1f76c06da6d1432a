//! `kubectl basphere policy`: policies in Gatekeeper's format, on files, and on what a cluster has stored; and the
//! exceptions from them.
//!
//! `verify` and `test` are `gator verify` and `gator test`: what they print and return is gator's, as far as a program
//! may look at it. What a policy means is said by `basphere_rego`.

mod audit;
mod bench;
mod explain;
mod files;
mod go_json;
mod go_sort;
mod go_yaml;
mod list;
mod loading;
mod report;
mod results;
mod sources;
mod stored;
mod suites;
mod values;
mod verify;
mod waivers;

use std::ffi::OsString;
use std::io::Write;

use anyhow::Result;

use crate::cli::{Compatible, Global, Policy, PolicyWhat};
use crate::exit::Exit;
use crate::run::print_warning;

/// Whether it is one of the verbs that end as gator does: with 0, or with 1 for whatever is wrong.
pub(crate) fn has_gators_codes(arguments: &[OsString]) -> bool {
    let mut verbs = arguments.windows(2);
    verbs.any(|pair| matches!(pair, [verb, what] if verb == "policy" && (what == "verify" || what == "test")))
}

/// Does what is asked for.
pub(crate) fn run(
    options: &Policy,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    match &options.what {
        PolicyWhat::Verify(options) => verify::run(options, out, talk),
        PolicyWhat::Test(options) => audit::run(options, out, talk),
        PolicyWhat::Explain(options) => explain::run(options, out, talk),
        PolicyWhat::List(options) => list::run(options, out, talk),
        PolicyWhat::Bench(options) => bench::run(options, out, talk),
        PolicyWhat::Audit(options) => stored::run(options, global, out, talk),
        PolicyWhat::Waivers(options) => waivers::run(options, global, out, talk),
    }
}

/// Says which of gator's options do nothing here.
fn warn_of_unsupported(options: &Compatible, talk: &mut dyn Write) {
    if options.trace {
        print_warning("--trace does nothing: there are no traces", talk);
    }
}

/// Says what went wrong as gator does, and ends.
fn failed(message: &str, talk: &mut dyn Write) -> Exit {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(talk, "{message}");
    Exit::Error
}
