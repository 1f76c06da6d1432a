//! `kubectl basphere review`: what admission would do with manifests, without sending them.
//!
//! No rule lives here: every verdict is `basphere_core::decide`'s.

mod accounts;
mod addresses;
mod apply;
mod cluster;
mod judge;
mod report;
mod room;
mod schema;
mod sent;
mod state;
mod surroundings;
mod text;
mod world;

use std::io::Write;

use anyhow::Result;
use basphere_core::Requester;

use crate::cli::{Global, Output, Review};
use crate::exit::{Exit, unless_closed};
use crate::input;
use crate::run::print_error;
use crate::yaml::yaml;

pub(crate) use accounts::{Accounts, Need, Origin};
pub(crate) use report::Item;
pub(crate) use room::Room;
pub(crate) use surroundings::Surroundings;

use judge::Judge;
use report::Report;

/// Reviews all files, prints the result to `out` and all else to `talk`.
pub(crate) fn run(
    options: &Review,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let (sources, errors) = input::read_all(&options.files)?;
    for error in &errors {
        print_error(error, talk);
    }
    if sources.is_empty() {
        return Ok(Exit::Error);
    }
    let mut judge = judge(options, global)?;
    let items: Vec<_> = sources
        .into_iter()
        .map(|source| {
            let (item, error) = judge.review(source);
            if let Some(error) = error {
                print_error(&error, talk);
            }
            item
        })
        .collect();
    for notice in judge.notices() {
        unless_closed(writeln!(talk, "warning: {notice}"))?;
    }
    let report = Report::new(items);
    let is_incomplete = !errors.is_empty() || report.items.iter().any(|item| item.error.is_some());
    let exit = match report.allowed {
        _ if is_incomplete => Exit::Error,
        true => Exit::Ok,
        false => Exit::Denied,
    };
    match options.output {
        Output::Text => unless_closed(text::write(&report, out))?,
        Output::Yaml => unless_closed(write!(out, "{}", yaml(&report)?))?,
        Output::Json => {
            let json = serde_json::to_string_pretty(&report)?;
            unless_closed(writeln!(out, "{json}"))?;
        }
    }
    unless_closed(out.flush())?;
    Ok(exit)
}

/// A judge of what the arguments say.
fn judge(options: &Review, global: &Global) -> Result<Judge> {
    let requester = options.user.clone().map(|username| {
        let mut groups = options.groups.clone();
        groups.push("system:authenticated".to_owned());
        Requester { username, groups }
    });
    Surroundings::find(options.site.as_deref(), &options.state, global)?.judge(requester, global)
}
