//! What manifests would need, and whether it fits: judged one after another as a review judges them.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use anyhow::Result;
use basphere_core::quota::{Excess, Fits};
use basphere_core::{Code, Finding};
use serde::Serialize;

use super::bars::{DIM, HEADING};
use super::print;
use crate::cli::{Global, Output, Quota};
use crate::exit::{Exit, unless_closed};
use crate::input;
use crate::ipam::table;
use crate::review::{Item, Need, Surroundings};
use crate::run::{print_error, print_warning};

/// What all manifests would need.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WhatIf {
    api_version: &'static str,
    kind: &'static str,
    fits: bool,
    findings: Vec<Found>,
    items: Vec<Weighed>,
    sum: Vec<Needed>,
}

/// What one object would need.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Weighed {
    file: String,
    document: usize,
    line: usize,
    #[serde(flatten)]
    object: Named,
    fits: bool,
    error: Option<String>,
    /// Codes of what else it would be refused for.
    refused: Vec<&'static str>,
    needs: Vec<Needed>,
    /// Soft limits that would be exceeded, as the server words it.
    warnings: Vec<String>,
    /// The refusals, as the server words them.
    #[serde(skip)]
    words: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    kind: String,
    namespace: Option<String>,
    name: String,
}

/// A measure, and how much of it is needed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Needed {
    account: String,
    measure: &'static str,
    which: Option<String>,
    requested: u64,
    used: u64,
    limit: Option<u64>,
    after: u64,
    /// How people call the measure.
    #[serde(skip)]
    words: String,
}

/// Why something does not fit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    object: Named,
    account: Option<String>,
    code: &'static str,
    measure: &'static str,
    which: Option<String>,
    requested: Option<u64>,
    used: Option<u64>,
    limit: Option<u64>,
    exceeded_by: Option<u64>,
    fits: Option<u64>,
    fits_unit: Option<&'static str>,
    message: String,
}

/// Weighs the manifests, and prints the result to `out` and all else to `talk`.
pub(super) fn run(
    options: &Quota,
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
    let around = Surroundings::find(options.site.as_deref(), &options.state, global)?;
    let mut judge = around.judge(None, global)?;
    let mut items = Vec::new();
    for source in sources {
        let (item, error) = judge.review(source);
        if let Some(error) = error {
            print_error(&error, talk);
        }
        items.push(item);
    }
    for notice in judge.notices() {
        print_warning(notice, talk);
    }
    let result = WhatIf::of(&items, &judge.accounts().sums());
    let is_incomplete = !errors.is_empty() || items.iter().any(|item| item.error.is_some());
    if options.output == Output::Text {
        unless_closed(result.write(out))?;
    } else {
        print(&result, options.output, out)?;
    }
    unless_closed(out.flush())?;
    Ok(match result.fits {
        _ if is_incomplete => Exit::Error,
        true => Exit::Ok,
        false => Exit::Denied,
    })
}

/// Whether a finding is about what a tenant may have.
fn is_of_quota(code: Code) -> bool {
    let room = code.as_str().strip_prefix("BSP-Q");
    room.is_some() && ![Code::TenantFaulty, Code::TenantInUse].contains(&code)
}

impl WhatIf {
    fn of(items: &[Item], sums: &[Need]) -> Self {
        let findings: Vec<_> = items.iter().flat_map(found).collect();
        let items: Vec<_> = items.iter().map(Weighed::of).collect();
        Self {
            api_version: "basphere.dev/v1alpha1",
            kind: "QuotaWhatIf",
            fits: items.iter().all(|item| item.fits),
            findings,
            items,
            sum: sums.iter().map(Needed::of).collect(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        // What needs nothing and is not refused is no news.
        let told = |item: &&Weighed| {
            let is_quiet = item.fits && item.error.is_none() && item.refused.is_empty();
            !is_quiet || !item.needs.is_empty()
        };
        for item in self.items.iter().filter(told) {
            item.write(out)?;
        }
        writeln!(out, "{HEADING}In sum{HEADING:#}")?;
        match table_of(&self.sum) {
            Some(table) => write!(out, "{table}")?,
            None => writeln!(out, "nothing is needed")?,
        }
        let refused = self.items.iter().filter(|item| !item.fits).count();
        let total = self.items.len();
        let noun = if total == 1 { "object" } else { "objects" };
        let (style, verdict) = if self.fits {
            (
                colored(AnsiColor::Green),
                format!("{total} {noun}: all fits"),
            )
        } else {
            let verdict = format!("{total} {noun}: {refused} would be refused");
            (colored(AnsiColor::Red), verdict)
        };
        writeln!(out, "\n{style}{verdict}{style:#}")
    }
}

impl Weighed {
    fn of(item: &Item) -> Self {
        let (quota, other): (Vec<_>, Vec<_>) = item
            .denials
            .iter()
            .map(|said| &said.finding)
            .partition(|finding| is_of_quota(finding.code));
        let warnings = item.warnings.iter().map(|said| &said.finding);
        let warnings = warnings.filter(|finding| is_of_quota(finding.code));
        Self {
            file: item.file.clone(),
            document: item.document,
            line: item.line,
            object: Named::of(item),
            fits: quota.is_empty(),
            error: item.error.clone(),
            refused: other.iter().map(|finding| finding.code.as_str()).collect(),
            needs: item.needs.iter().map(Needed::of).collect(),
            warnings: warnings.map(ToString::to_string).collect(),
            words: quota.iter().map(ToString::to_string).collect(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Named {
            kind,
            namespace,
            name,
        } = &self.object;
        let place = namespace
            .as_ref()
            .map_or(String::new(), |of| format!("{of}/"));
        let (style, verdict) = match (&self.error, self.fits) {
            (Some(_), _) => (colored(AnsiColor::Red), "not judged"),
            (None, true) => (colored(AnsiColor::Green), "fits"),
            (None, false) => (colored(AnsiColor::Red), "does not fit"),
        };
        writeln!(
            out,
            "{HEADING}{kind} {place}{name}{HEADING:#}: {style}{verdict}{style:#}"
        )?;
        write!(out, "{}", table_of(&self.needs).unwrap_or_default())?;
        let warned = colored(AnsiColor::Yellow);
        for words in &self.warnings {
            writeln!(out, "{warned}warning:{warned:#} {words}")?;
        }
        for words in &self.words {
            writeln!(out, "{style}denied:{style:#} {words}")?;
        }
        if !self.refused.is_empty() {
            let codes = self.refused.join(", ");
            writeln!(
                out,
                "{DIM}refused for something else as well ({codes}): see kubectl basphere review{DIM:#}"
            )?;
        }
        writeln!(out)
    }
}

impl Named {
    fn of(item: &Item) -> Self {
        Self {
            kind: item.kind.clone(),
            namespace: item.namespace.clone(),
            name: item.name.clone(),
        }
    }
}

impl Needed {
    fn of(need: &Need) -> Self {
        Self {
            account: need.account.clone(),
            measure: need.measure.field(),
            which: need.measure.which().map(str::to_owned),
            requested: need.requested,
            used: need.used,
            limit: need.limit,
            after: need.used.saturating_add(need.requested),
            words: need.measure.to_string(),
        }
    }
}

/// What is refused of an object for its tenant's limits, with numbers where a measure is exceeded.
fn found(item: &Item) -> Vec<Found> {
    let exceeded = item
        .needs
        .iter()
        .filter_map(|need| Some((need, need.excess.as_ref()?)));
    let exceeded: Vec<_> = exceeded.collect();
    let quota = item.denials.iter().map(|said| &said.finding);
    let quota = quota.filter(|finding| is_of_quota(finding.code));
    let of = |finding: &Finding| {
        let is_it = |(need, excess): &&(&Need, &Excess)| {
            let begin = format!("quota {}: {} requested ", need.account, excess.measure);
            excess.measure.code() == finding.code && finding.message.starts_with(&begin)
        };
        let known = exceeded.iter().find(is_it);
        let excess = known.map(|(_, excess)| *excess);
        let fits = excess.map(|excess| match excess.fits {
            Fits::Machines(most) => (most, "machines"),
            Fits::More(most) => (most, "more"),
        });
        let is_size = finding.code == Code::NodeSpecTooLarge;
        let otherwise = if is_size { "largestNodeSpec" } else { "" };
        Found {
            object: Named::of(item),
            account: known.map(|(need, _)| need.account.clone()),
            code: finding.code.as_str(),
            measure: excess.map_or(otherwise, |excess| excess.measure.field()),
            which: excess
                .and_then(|excess| excess.measure.which())
                .map(str::to_owned),
            requested: excess.map(|excess| excess.requested),
            used: excess.map(|excess| excess.used),
            limit: excess.map(|excess| excess.limit),
            exceeded_by: excess.map(Excess::by),
            fits: fits.map(|(most, _)| most),
            fits_unit: fits.map(|(_, unit)| unit),
            message: finding.message.clone(),
        }
    };
    quota.map(of).collect()
}

fn table_of(needs: &[Needed]) -> Option<String> {
    let rows = needs.iter().map(|need| {
        vec![
            need.account.clone(),
            need.words.clone(),
            format!("+{}", need.requested),
            need.used.to_string(),
            need.limit.map_or("-".to_owned(), |limit| limit.to_string()),
            need.after.to_string(),
        ]
    });
    let columns = ["TENANT", "MEASURE", "NEEDED", "USED", "LIMIT", "AFTER"];
    table(&columns, rows)
}

fn colored(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}
