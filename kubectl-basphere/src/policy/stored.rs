//! `policy audit`: what policies say of what is stored, before anybody is held to them.
//!
//! It judges by `basphere_rego::audit`, as the webhook's audit does: what it says is what that would report.

mod bundles;
mod cluster;
mod files;
mod shown;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use basphere_api::stored::is_left_out;
use basphere_rego::Inventory;
use basphere_rego::audit::{Auditor, Bounds, Tally, misses_nothing, waives_nothing};
use serde_json::Value;

use crate::cli::{Audit, Global, Output};
use crate::exit::{Exit, unless_closed};
use crate::run::print_warning;
use crate::yaml::yaml;

use bundles::Bundle;

/// How long one constraint may take for one object, as in the webhook.
const LIMIT: Duration = Duration::from_secs(1);
/// So many objects of a constraint are named, unless all are asked for.
const NAMED: usize = 10;

/// What is judged, and by what.
struct Judged {
    bundle: Bundle,
    tally: Tally,
}

/// All bundles, and what could not be read.
struct Findings {
    judged: Vec<Judged>,
    /// By kind, with the reason.
    unread: BTreeMap<String, String>,
}

/// Judges what is stored, prints what was found, and fails if something could not be read.
pub(super) fn run(
    options: &Audit,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let bundles = match options.files.is_empty() {
        true => Vec::new(),
        false => bundles::of_files(&options.files)?,
    };
    let findings = match options.objects.is_empty() {
        false if bundles.is_empty() => bail!("name the policies by -f"),
        false => files::judge(bundles, options)?,
        true => cluster::judge(bundles, options, global, talk)?,
    };
    for judged in &findings.judged {
        for template in &judged.bundle.blind {
            let words = format!(
                "{}: template {template} asks for data.inventory, and sees none here",
                judged.bundle.name
            );
            print_warning(words, talk);
        }
    }
    for (kind, reason) in &findings.unread {
        print_warning(format!("{kind} could not be read: {reason}"), talk);
    }
    let text = match options.output {
        Output::Text => shown::text(&findings.judged),
        Output::Json => format!(
            "{}\n",
            serde_json::to_string_pretty(&shown::value(&findings))?
        ),
        Output::Yaml => yaml(&shown::value(&findings))?,
    };
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    let rules = findings.judged.iter().flat_map(|it| it.tally.rules());
    let is_denied = rules.map(|rule| rule.objects.fail).sum::<u64>() > 0;
    let is_incomplete = !findings.unread.is_empty();
    Ok(match is_incomplete || (options.exit_code && is_denied) {
        true => Exit::Error,
        false => Exit::Ok,
    })
}

impl Bundle {
    fn tally(&self, options: &Audit) -> Tally {
        Tally::new(&self.policies, bounds(options))
    }

    /// Judges objects. `around` has the Namespace of each, where it is known.
    fn judge<'a>(
        &self,
        objects: &[Value],
        around: impl Fn(&str) -> Option<&'a Value>,
        tally: &mut Tally,
    ) -> Result<()> {
        let inventory = Inventory::default();
        let auditor = Auditor {
            policies: &self.policies,
            inventory: inventory.shown(),
            missing: &misses_nothing,
            limit: LIMIT,
            waives: &waives_nothing,
        };
        for object in objects.iter().filter(|object| !is_left_out(object)) {
            let namespace = super::loading::metadata(object, "namespace");
            let namespace = around(namespace).cloned();
            auditor.judge(object.clone(), namespace, tally)?;
        }
        Ok(())
    }
}

fn bounds(options: &Audit) -> Bounds {
    Bounds {
        report: 0,
        reports: 0,
        rule: if options.all { usize::MAX } else { NAMED },
        ..Bounds::default()
    }
}
