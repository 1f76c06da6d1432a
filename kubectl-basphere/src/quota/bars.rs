//! What is used as bars, one a measure.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use basphere_core::quota::{Limited, Limits, Line, Measure, Report};

/// How many characters a bar has between its brackets.
const WIDTH: u64 = 10;
pub(super) const HEADING: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Writes all lines, under the account whose limits they are.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = report.lines.iter().map(Row::of).collect();
    let widest = |texts: Vec<&String>| {
        let widths = texts.into_iter().map(|text| text.chars().count());
        widths.max().unwrap_or_default()
    };
    let names = widest(rows.iter().map(|row| &row.name).collect());
    let counts = widest(rows.iter().map(|row| &row.count).collect());
    let mut limited: Vec<_> = report.accounts.iter().collect();
    for rows in rows.chunk_by(|one, next| one.line.account == next.line.account) {
        let Some(first) = rows.first().map(|row| row.line) else {
            continue;
        };
        write_heading(&first.account, first.shared, out)?;
        for row in rows {
            write_row(row, names, counts, out)?;
        }
        let is_it = |of: &&Limited| of.account == first.account;
        limited
            .iter()
            .copied()
            .filter(is_it)
            .try_for_each(|of| write_each(of, rows, out))?;
        limited.retain(|of| of.account != first.account);
    }
    // Nobody uses anything yet of what these limit.
    for of in limited.into_iter().filter(|of| is_each_limited(&of.limits)) {
        write_heading(&of.account, of.shared, out)?;
        write_each(of, &[], out)?;
    }
    if report.accounts.iter().all(|of| of.limits.is_empty()) && rows.is_empty() {
        writeln!(
            out,
            "Tenant {} uses nothing, and nothing is limited.",
            report.tenant
        )?;
    }
    Ok(())
}

fn write_heading(account: &str, is_shared: bool, out: &mut dyn Write) -> io::Result<()> {
    let (word, end) = if is_shared {
        ("Group", ", shared with others")
    } else {
        ("Tenant", "")
    };
    writeln!(out, "{HEADING}{word} {account}{HEADING:#}{end}")
}

/// What each cluster or machine may have, while there is none of which a bar could tell it.
fn write_each(of: &Limited, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let has_bar = rows.iter().any(|row| row.line.measure == "nodesPerCluster");
    if let Some(most) = of.limits.nodes_per_cluster.filter(|_| !has_bar) {
        writeln!(out, "  a cluster has at most {most} nodes")?;
    }
    if let Some(largest) = &of.limits.largest_node_spec {
        writeln!(
            out,
            "  a machine is at most as large as node spec {largest}"
        )?;
    }
    Ok(())
}

fn is_each_limited(limits: &Limits) -> bool {
    limits.nodes_per_cluster.is_some() || limits.largest_node_spec.is_some()
}

fn write_row(row: &Row<'_>, names: usize, counts: usize, out: &mut dyn Write) -> io::Result<()> {
    let style = style(row.line);
    let bar = row
        .line
        .limit
        .or(row.line.soft)
        .map(|limit| bar(row.line, limit));
    let bar = bar.unwrap_or_else(|| " ".repeat(WIDTH as usize + 2));
    write!(out, "  {:<names$}  {style}{bar}{style:#} ", row.name)?;
    if row.notes.is_empty() {
        writeln!(out, "{}", row.count)
    } else {
        writeln!(
            out,
            "{:<counts$}  {DIM}{}{DIM:#}",
            row.count,
            row.notes.join("; ")
        )
    }
}

/// A line as it is printed.
struct Row<'a> {
    line: &'a Line,
    name: String,
    count: String,
    notes: Vec<String>,
}

impl<'a> Row<'a> {
    fn of(line: &'a Line) -> Self {
        let measure = Measure::read(&line.measure, line.which.as_deref());
        let count = match line.limit {
            Some(limit) => format!("{}/{limit}", line.used),
            None => line.used.to_string(),
        };
        Self {
            line,
            name: measure.map_or_else(|| line.measure.clone(), |measure| measure.to_string()),
            count,
            notes: notes(line),
        }
    }
}

fn notes(line: &Line) -> Vec<String> {
    let mut notes = Vec::new();
    let over = |limit: u64| line.used.saturating_sub(limit);
    if let Some(by) = line.limit.map(over).filter(|by| *by > 0) {
        notes.push(format!("exceeded by {by}"));
    }
    if line.reserved > 0 {
        notes.push(format!("{} reserved", line.reserved));
    }
    if let Some(soft) = line.soft {
        notes.push(match over(soft) {
            0 => format!("soft limit {soft}"),
            by => format!("soft limit {soft}, exceeded by {by}"),
        });
    }
    if line.limit.is_none() && line.soft.is_none() {
        notes.push("not limited".to_owned());
    }
    if let Some(set) = &line.set {
        let by = set
            .by
            .as_deref()
            .map_or(String::new(), |by| format!(" by {by}"));
        let until = set
            .expires
            .map_or(String::new(), |at| format!(" until {at}"));
        notes.push(format!("set{by}{until}: {}", set.reason));
    }
    notes
}

/// `[####++----]`: what is stored, what is reserved, and what is left. Whatever there is some of has a
/// character, and only what is full looks full.
fn bar(line: &Line, limit: u64) -> String {
    let cells = |amount: u64| {
        if amount >= limit {
            return WIDTH;
        }
        // Less than the limit is less than all cells.
        let share = u128::from(amount) * u128::from(WIDTH) / u128::from(limit);
        u64::try_from(share)
            .unwrap_or(WIDTH)
            .max(u64::from(amount > 0))
    };
    let used = cells(line.used);
    let is_reserved = line.reserved > 0;
    let most = used.saturating_sub(u64::from(is_reserved));
    let stored = cells(line.used.saturating_sub(line.reserved)).min(most);
    let of = |glyph: &str, count: u64| glyph.repeat(usize::try_from(count).unwrap_or_default());
    let (stored, reserved, free) = (
        of("#", stored),
        of("+", used.saturating_sub(stored)),
        of("-", WIDTH.saturating_sub(used)),
    );
    format!("[{stored}{reserved}{free}]")
}

fn style(line: &Line) -> Style {
    let colored = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
    let is_over = |limit: Option<u64>| limit.is_some_and(|limit| line.used > limit);
    match line.limit {
        Some(limit) if line.used >= limit => colored(AnsiColor::Red),
        _ if is_over(line.soft) => colored(AnsiColor::Yellow),
        Some(_) => colored(AnsiColor::Green),
        None => Style::new(),
    }
}
