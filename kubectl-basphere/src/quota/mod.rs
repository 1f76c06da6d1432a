//! `kubectl basphere quota`: what a tenant uses and may use, and what manifests would need.
//!
//! No rule lives here: what is counted, and whether it fits, is `basphere_core`'s.

mod bars;
mod explain;
#[cfg(test)]
mod tests;
mod told;
mod what_if;

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{Global, Output, Quota, QuotaWhat};
use crate::exit::{Exit, unless_closed};
use crate::run::print_warning;
use crate::yaml::yaml;

use told::Told;

/// Shows what is used, or what would be, to `out`, and all else to `talk`.
pub(crate) fn run(
    options: &Quota,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    if options.what_if {
        return what_if::run(options, global, out, talk);
    }
    let told = Told::read(options, global)?;
    for notice in &told.notices {
        print_warning(notice, talk);
    }
    if options.output == Output::Text {
        let is_explained = matches!(options.what, Some(QuotaWhat::Explain));
        unless_closed(text(&told, is_explained, out))?;
    } else {
        print(&told.shown(), options.output, out)?;
    }
    unless_closed(out.flush())?;
    Ok(Exit::Ok)
}

fn text(told: &Told, is_explained: bool, out: &mut dyn Write) -> std::io::Result<()> {
    bars::write(&told.report, out)?;
    if is_explained {
        explain::write(&told.report, out)?;
    }
    Ok(())
}

/// Prints for machines.
fn print(shown: &impl Serialize, output: Output, out: &mut dyn Write) -> Result<()> {
    let text = match output {
        Output::Yaml => yaml(shown)?,
        Output::Json | Output::Text => format!("{}\n", serde_json::to_string_pretty(shown)?),
    };
    Ok(unless_closed(write!(out, "{text}"))?)
}
