//! A review as a person reads it.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use basphere_api::fields;
use similar::TextDiff;

use crate::yaml::yaml;

use super::report::{DEFINITION, Item, NAMESPACE, Report, Said, TENANT};

const HEADING: Style = Style::new().bold();
const ADDED: Style = colored(AnsiColor::Green);
const REMOVED: Style = colored(AnsiColor::Red);
const PLACE: Style = colored(AnsiColor::Cyan);
const DENIED: Style = colored(AnsiColor::Red).bold();
const WARNED: Style = colored(AnsiColor::Yellow).bold();
const ALLOWED: Style = colored(AnsiColor::Green).bold();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

const fn colored(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// Writes the whole report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for item in &report.items {
        write_item(item, out)?;
    }
    write_summary(report, out)
}

fn write_item(item: &Item, out: &mut dyn Write) -> io::Result<()> {
    let name = match &item.namespace {
        Some(namespace) => format!("{} {namespace}/{}", item.kind, item.name),
        None => format!("{} {}", item.kind, item.name),
    };
    let (style, verdict) = match item {
        Item { judged: false, .. } => (DIM, "not judged"),
        Item { allowed: true, .. } => (ALLOWED, "allowed"),
        _ => (DENIED, "denied"),
    };
    writeln!(out, "{HEADING}{name}{HEADING:#}: {style}{verdict}{style:#}")?;
    if let Some(error) = &item.error {
        writeln!(out, "{DENIED}error:{DENIED:#} {error}")?;
    }
    write_diff(item, out)?;
    write_findings(out, WARNED, "warning", &item.warnings)?;
    write_findings(out, DENIED, "denied", &item.denials)?;
    write_unsure(item, out)?;
    writeln!(out)
}

fn write_findings(
    out: &mut dyn Write,
    style: Style,
    word: &str,
    findings: &[Said],
) -> io::Result<()> {
    findings
        .iter()
        .try_for_each(|said| writeln!(out, "{style}{word}:{style:#} {}", said.finding))
}

/// What only the cluster could tell, with the codes of the findings that depend on it.
fn write_unsure(item: &Item, out: &mut dyn Write) -> io::Result<()> {
    let codes = |depends: &dyn Fn(&Said) -> bool| {
        let findings = item.denials.iter().chain(&item.warnings);
        let mut codes: Vec<_> = findings
            .filter(|said| depends(said))
            .map(|said| said.finding.code.as_str())
            .collect();
        codes.sort_unstable();
        codes.dedup();
        match codes.as_slice() {
            [] => String::new(),
            codes => format!(" ({})", codes.join(", ")),
        }
    };
    let is_of_schema = |said: &Said| said.needs_cluster.iter().any(|kind| kind == DEFINITION);
    let is_of_objects = |said: &Said| !said.needs_cluster.is_empty() && !is_of_schema(said);
    if let Some(objects) = objects(item) {
        let codes = codes(&is_of_objects);
        writeln!(
            out,
            "{DIM}sure only with the cluster: {objects}{codes}{DIM:#}"
        )?;
    }
    if item.needs_cluster.iter().any(|kind| kind == DEFINITION) {
        let (codes, sources) = (codes(&is_of_schema), fields::sources());
        writeln!(
            out,
            "{DIM}sure only with the cluster: which kinds and fields it has; these are those of {sources}{codes}{DIM:#}"
        )?;
    }
    Ok(())
}

/// `Cluster, KubeadmControlPlane objects of namespace user-kim`; `None` when nothing is missing.
///
/// Offline every namespace could have an owner label, and every tenant could use more or have other
/// limits, which is told only where something is missing besides, or depends on it.
fn objects(item: &Item) -> Option<String> {
    let namespace = item.namespace.as_deref().unwrap_or_default();
    let kinds: Vec<_> = item
        .needs_cluster
        .iter()
        .map(String::as_str)
        .filter(|kind| ![NAMESPACE, TENANT, DEFINITION].contains(kind))
        .collect();
    let open = [
        (NAMESPACE, format!("whose namespace {namespace} is")),
        (TENANT, "what its tenant uses and may use".to_owned()),
    ];
    let depends = |on: &str| {
        let mut findings = item.denials.iter().chain(&item.warnings);
        findings.any(|said| said.needs_cluster.iter().any(|kind| kind == on))
    };
    let needs = |on: &str| item.needs_cluster.iter().any(|needed| needed == on);
    let told = open
        .into_iter()
        .filter(|(kind, _)| needs(kind) && (!kinds.is_empty() || depends(kind)))
        .map(|(_, text)| text);
    let objects = format!("{} objects of namespace {namespace}", kinds.join(", "));
    let parts: Vec<_> = Some(objects)
        .filter(|_| !kinds.is_empty())
        .into_iter()
        .chain(told)
        .collect();
    (!parts.is_empty()).then(|| parts.join(", and "))
}

fn write_diff(item: &Item, out: &mut dyn Write) -> io::Result<()> {
    let Some(object) = item.object.as_ref().filter(|object| **object != item.sent) else {
        return Ok(());
    };
    let sent = yaml(&item.sent).map_err(io::Error::other)?;
    let stored = yaml(object).map_err(io::Error::other)?;
    let diff = TextDiff::from_lines(&sent, &stored);
    let unified = diff
        .unified_diff()
        .context_radius(3)
        .header("as written", "as completed")
        .to_string();
    for line in unified.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => ADDED,
            Some(b'-') => REMOVED,
            Some(b'@') => PLACE,
            _ => PLAIN,
        };
        writeln!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

fn write_summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let count = |fits: fn(&Item) -> bool| report.items.iter().filter(|item| fits(item)).count();
    let parts = [
        (count(|item| item.judged && item.allowed), "allowed"),
        (count(|item| item.judged && !item.allowed), "denied"),
        (count(|item| !item.judged), "not judged"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let total = report.items.len();
    let noun = if total == 1 { "object" } else { "objects" };
    writeln!(
        out,
        "{HEADING}{total} {noun}: {}{HEADING:#}",
        parts.join(", ")
    )
}
