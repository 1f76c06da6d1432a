//! How findings are printed.

use basphere_rego::audit::{Counts, Entry, Outcome, RuleTally};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::{Findings, Judged};

/// A table of constraints for each bundle, and below it what they have found.
pub(super) fn text(judged: &[Judged]) -> String {
    let bundles: Vec<String> = judged.iter().map(bundle).collect();
    bundles.join("\n")
}

fn bundle(judged: &Judged) -> String {
    let mut text = format!(
        "{}: objects judged: {}\n",
        judged.bundle.name,
        judged.tally.objects()
    );
    text.push_str(&table(judged));
    for rule in judged.tally.rules() {
        let entries = rule.entries();
        if entries.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}/{}\n", rule.rule.kind, rule.rule.name));
        for entry in &entries {
            text.push_str(&format!("  {}\n", line(entry)));
        }
        let left_out = left_out(rule, &entries);
        if left_out > 0 {
            text.push_str(&format!("  and {left_out} more; --all names them\n"));
        }
    }
    text
}

fn table(judged: &Judged) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "CONSTRAINT",
        "ACTION",
        "DENIED",
        "WARNED",
        "ERRORS",
    ]);
    for rule in judged.tally.rules() {
        table.add_row([
            format!("{}/{}", rule.rule.kind, rule.rule.name),
            rule.rule.action.to_owned(),
            rule.objects.fail.to_string(),
            rule.objects.warn.to_string(),
            rule.objects.error.to_string(),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines = table.to_string();
    // The table fills its last column, which nobody needs.
    let lines = lines.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn line(entry: &Entry) -> String {
    let subject = &entry.subject;
    let place = match subject.namespace.as_str() {
        "" => subject.name.clone(),
        namespace => format!("{namespace}/{}", subject.name),
    };
    let outcome = match entry.outcome {
        Outcome::Fail => "denies",
        Outcome::Error => "fails at",
        Outcome::Warn => "warns of",
        Outcome::Skip => "waives",
    };
    format!("{outcome} {} {place}: {}", subject.kind, entry.message)
}

fn left_out(rule: &RuleTally, entries: &[Entry]) -> u64 {
    let named = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    rule.findings.violations().saturating_sub(named)
}

/// The same for scripts.
pub(super) fn value(findings: &Findings) -> Value {
    let bundles = findings.judged.iter().map(|judged| {
        json!({
            "bundle": judged.bundle.name,
            "objects": judged.tally.objects(),
            "constraints": judged.tally.rules().map(constraint).collect::<Vec<_>>(),
        })
    });
    let unread = findings.unread.iter();
    let unread = unread.map(|(kind, reason)| json!({"kind": kind, "reason": reason}));
    json!({
        "bundles": bundles.collect::<Vec<_>>(),
        "unread": unread.collect::<Vec<_>>(),
    })
}

fn constraint(rule: &RuleTally) -> Value {
    let entries = rule.entries();
    json!({
        "kind": rule.rule.kind,
        "name": rule.rule.name,
        "action": rule.rule.action,
        "objects": counts(rule.objects),
        "findings": counts(rule.findings),
        "leftOut": left_out(rule, &entries),
        "results": entries.iter().map(result).collect::<Vec<_>>(),
    })
}

fn counts(counts: Counts) -> Value {
    json!({"denied": counts.fail, "warned": counts.warn, "errors": counts.error})
}

fn result(entry: &Entry) -> Value {
    json!({
        "result": entry.outcome.as_str(),
        "apiVersion": entry.subject.api_version(),
        "kind": entry.subject.kind,
        "namespace": entry.subject.namespace,
        "name": entry.subject.name,
        "message": entry.message.as_ref(),
    })
}
