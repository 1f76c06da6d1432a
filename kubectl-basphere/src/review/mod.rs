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
mod text;
mod world;

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use basphere_core::Requester;

use crate::cli::{Global, Output, Review};
use crate::exit::{Exit, unless_closed};
use crate::run::print_error;
use crate::yaml::yaml;
use crate::{input, offline};

pub(crate) use accounts::{Accounts, Need, Origin};
pub(crate) use cluster::Cluster;
pub(crate) use judge::Judge;
pub(crate) use report::Item;
pub(crate) use room::Room;
pub(crate) use state::State;
pub(crate) use world::World;

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

/// Gathers what a judge needs: from files alone with `--site`, else from the cluster.
fn judge(options: &Review, global: &Global) -> Result<Judge> {
    let kubeconfig = offline::kubeconfig(global)?;
    let of_context = kubeconfig
        .as_ref()
        .and_then(|config| offline::context_namespace(config, global));
    let requester = options.user.clone().map(|username| {
        let mut groups = options.groups.clone();
        groups.push("system:authenticated".to_owned());
        Requester { username, groups }
    });
    let (site, world) = match &options.site {
        Some(path) => {
            let state = State::read(&options.state)?;
            (offline::read_site(path)?, World::State(state))
        }
        None => {
            let config = kubeconfig
                .context("there is no kubeconfig; name one by --kubeconfig, or review offline with --site FILE")?;
            let cluster = Cluster::connect(config, global.context.clone())?;
            (cluster.site()?, World::Cluster(Box::new(cluster)))
        }
    };
    Ok(Judge::new(
        Arc::new(site),
        world,
        requester,
        global.namespace.clone(),
        of_context,
    ))
}
