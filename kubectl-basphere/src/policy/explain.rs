//! `policy explain`: which rule says what of an object, by which values, and which lines no object came to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Error, Result};
use basphere_core::Timestamp;
use basphere_rego::constraint::{Action, Point};
use basphere_rego::explain::Explained;
use basphere_rego::policies::{Explanation, Matched};
use basphere_rego::{Review, Session, Source, Waiver, waiver};
use serde_json::{Value, json};

use crate::cli::{Explain, Output};
use crate::exit::{Exit, unless_closed};
use crate::yaml::yaml;

use super::values::values;
use super::{audit, go_json, loading, sources};

/// Explains every object that is no policy, and prints what of the policies was never reached.
pub(super) fn run(options: &Explain, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Exit> {
    let objects = sources::read(&options.inputs.files, talk).map_err(Error::msg)?;
    let judged = audit::judged(&objects)?;
    let waivers = waivers(&objects)?;
    let now = options.at.unwrap_or_else(Timestamp::now);
    let session = audit::prepare(objects).map_err(Error::msg)?.session;
    let mut coverage = Coverage::default();
    let mut explained = Vec::new();
    for object in &judged {
        let mut review = Review::of_object(object.clone(), None, Source::Original)?;
        let explanations = session.explain(&mut review);
        let shown = explanations.iter().map(|it| {
            coverage.add(it);
            constraint(it, &review, &waivers, now)
        });
        let constraints: Vec<Value> = shown.collect();
        explained.push(json!({"object": named(object), "constraints": constraints}));
    }
    let report = json!({"objects": explained, "coverage": coverage.shown(&session)});
    let text = match options.output {
        Output::Text => text(&report, options.all),
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
        Output::Yaml => yaml(&report)?,
    };
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    Ok(Exit::Ok)
}

/// An object's kind, namespace and name.
fn named(object: &Value) -> String {
    let kind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = loading::metadata(object, "name");
    match loading::metadata(object, "namespace") {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}

/// The exceptions among the objects.
fn waivers(objects: &[Value]) -> Result<Vec<Waiver>> {
    let documents = objects.iter().filter(|object| Waiver::is_waiver(object));
    documents
        .map(|document| {
            let name = loading::metadata(document, "name");
            Waiver::read(document).with_context(|| format!("PolicyWaiver {name}"))
        })
        .collect()
}

/// What became of one constraint.
fn constraint(
    explanation: &Explanation,
    review: &Review,
    waivers: &[Waiver],
    now: Timestamp,
) -> Value {
    let Explanation {
        template,
        constraint,
        matched,
    } = explanation;
    let mut rules = Vec::new();
    let (verdict, reason) = match matched {
        Matched::NotAsked(criterion) => ("not matched", criterion.map(str::to_owned)),
        Matched::Undecided(message) => ("violated", Some(message.clone())),
        Matched::Asked(Err(error)) => ("violated", Some(error.clone())),
        Matched::Asked(Ok(explained)) => {
            let input = json!({"review": review.input(), "parameters": constraint.parameters});
            let lines: Vec<&str> = template.source.rego.lines().collect();
            rules = explained
                .iter()
                .map(|it| rule(it, &lines, &input))
                .collect();
            let is_violated = explained.iter().any(|it| !it.violations.is_empty());
            (if is_violated { "violated" } else { "holds" }, None)
        }
    };
    let named = (constraint.kind.as_str(), constraint.name.as_str());
    let is_denied = verdict == "violated"
        && constraint
            .actions_for(Point::Webhook)
            .contains(&Action::Deny);
    let waiver = waiver::covering(waivers, named, review, now).filter(|_| is_denied);
    let waiver = waiver
        .map(|it| json!({"name": it.name, "expires": it.expires.to_string(), "reason": it.reason}));
    json!({
        "constraint": format!("{}/{}", constraint.kind, constraint.name),
        "action": constraint.enforcement_action(),
        "verdict": verdict,
        "reason": reason,
        "waiver": waiver,
        "rules": rules,
    })
}

/// What became of one rule, with the values of what its lines ask for.
fn rule(explained: &Explained, lines: &[&str], input: &Value) -> Value {
    let violations = explained.violations.iter();
    let violations: Vec<Value> = violations
        .map(|it| json!({"message": it.message, "details": it.details}))
        .collect();
    let texts = explained.reached.iter().map(|number| line(lines, *number));
    let values = values(&texts.collect::<Vec<_>>().join("\n"), input);
    let values = values
        .into_iter()
        .map(|(path, value)| json!({"path": path, "value": value}));
    json!({
        "line": explained.lines.first(),
        "violations": violations,
        "stoppedAt": explained.failed_at.map(|at| json!({"line": at.line, "text": line(lines, at.line)})),
        "values": values.collect::<Vec<_>>(),
    })
}

fn line<'a>(lines: &[&'a str], number: u32) -> &'a str {
    let index = usize::try_from(number).unwrap_or_default().checked_sub(1);
    index
        .and_then(|index| lines.get(index))
        .map_or("", |line| line.trim())
}

/// Which lines of the rules that tell violations any object came to, by template.
#[derive(Default)]
struct Coverage {
    lines: BTreeMap<String, Lines>,
}

#[derive(Default)]
struct Lines {
    all: BTreeSet<u32>,
    reached: BTreeSet<u32>,
}

impl Coverage {
    fn add(&mut self, explanation: &Explanation) {
        let lines = self
            .lines
            .entry(explanation.template.name.clone())
            .or_default();
        if let Matched::Asked(Ok(explained)) = &explanation.matched {
            for rule in explained {
                lines.all.extend(&rule.lines);
                lines.reached.extend(&rule.reached);
            }
        }
    }

    fn shown(&self, session: &Session) -> Vec<Value> {
        let templates = session.policies().templates();
        let shown = templates.map(|template| {
            let source: Vec<&str> = template.source.rego.lines().collect();
            let lines = self.lines.get(&template.name);
            let missed = lines
                .into_iter()
                .flat_map(|lines| lines.all.difference(&lines.reached));
            let missed: Vec<Value> = missed
                .map(|number| json!({"line": number, "text": line(&source, *number)}))
                .collect();
            json!({
                "template": template.name,
                "lines": lines.map_or(0, |lines| lines.all.len()),
                "reached": lines.map_or(0, |lines| lines.reached.len()),
                "missed": missed,
            })
        });
        shown.collect()
    }
}

/// The report for people. What does not match is left out unless everything is asked for.
fn text(report: &Value, is_all: bool) -> String {
    let mut text = String::new();
    for object in items(report, "objects") {
        text.push_str(&format!("{}\n", word(object, "object")));
        for constraint in items(object, "constraints") {
            let verdict = word(constraint, "verdict");
            if is_all || verdict != "not matched" {
                write_constraint(constraint, &mut text);
            }
        }
        text.push('\n');
    }
    text.push_str("Coverage of the rules that tell violations:\n");
    for template in items(report, "coverage") {
        let number = |name| {
            template
                .get(name)
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        let (reached, lines) = (number("reached"), number("lines"));
        text.push_str(&format!(
            "  {}: {reached} of {lines} lines\n",
            word(template, "template")
        ));
        for missed in items(template, "missed") {
            text.push_str(&format!("    never line {}\n", place(missed)));
        }
    }
    text
}

fn write_constraint(constraint: &Value, text: &mut String) {
    let (name, action) = (word(constraint, "constraint"), word(constraint, "action"));
    text.push_str(&format!(
        "  {name} ({action}): {}",
        word(constraint, "verdict")
    ));
    match word(constraint, "reason") {
        "" => text.push('\n'),
        reason => text.push_str(&format!(": {reason}\n")),
    }
    if let Some(waiver) = constraint.get("waiver").filter(|it| !it.is_null()) {
        let [name, expires, reason] = ["name", "expires", "reason"].map(|it| word(waiver, it));
        text.push_str(&format!("    waived until {expires} by {name}: {reason}\n"));
    }
    for rule in items(constraint, "rules") {
        let line = rule.get("line").and_then(Value::as_u64).unwrap_or_default();
        match rule.get("stoppedAt").filter(|at| !at.is_null()) {
            Some(at) => text.push_str(&format!(
                "    rule of line {line} stops at line {}\n",
                place(at)
            )),
            None => text.push_str(&format!("    rule of line {line} holds\n")),
        }
        for violation in items(rule, "violations") {
            text.push_str(&format!(
                "      says {}\n",
                violation.get("message").unwrap_or(&Value::Null)
            ));
        }
        for value in items(rule, "values") {
            let shown = value.get("value").filter(|value| !value.is_null());
            let shown = shown.map_or_else(|| "undefined".to_owned(), go_json::compact);
            text.push_str(&format!(
                "      {} = {}\n",
                word(value, "path"),
                shortened(&shown)
            ));
        }
    }
}

/// A line with its number.
fn place(at: &Value) -> String {
    let line = at.get("line").and_then(Value::as_u64).unwrap_or_default();
    format!("{line}: {}", word(at, "text"))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
