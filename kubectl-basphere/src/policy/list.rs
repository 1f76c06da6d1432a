//! `policy list`: which policies there are in files, and what they are asked about.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use basphere_rego::constraint::{Constraint, Point};
use basphere_rego::template::Template;
use basphere_rego::{Policies, Session};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::cli::{List, Output};
use crate::exit::{Exit, unless_closed};
use crate::run::print_error;
use crate::yaml::yaml;

use super::{loading, sources};

/// A constraint, or a template that has none.
struct Row {
    kind: String,
    constraint: Option<String>,
    action: Option<String>,
    kinds: Vec<String>,
    file: String,
}

/// Lists everything that can be used, says what cannot, and fails if there is any of that.
pub(super) fn run(options: &List, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Exit> {
    let mut session = Session::new(Policies::default());
    let mut errors = Vec::new();
    let objects = objects(&options.paths, &mut errors);
    let mut rows = Vec::new();
    let mut kinds = Vec::new();
    for (file, object) in objects
        .iter()
        .filter(|(_, object)| Template::is_template(object))
    {
        match session.add_template(object) {
            Ok(()) => kinds.push((file, Template::read(object)?.kind)),
            Err(error) => errors.push(format!(
                "{file}: template {}: {}",
                loading::metadata(object, "name"),
                loading::refusal(&error)
            )),
        }
    }
    for (file, object) in objects
        .iter()
        .filter(|(_, object)| Constraint::is_constraint(object))
    {
        match session.add_constraint(object) {
            Ok(object) => rows.push(row(file, &object, &session)),
            Err(error) => errors.push(format!(
                "{file}: constraint {}: {}",
                loading::metadata(object, "name"),
                loading::refusal(&error)
            )),
        }
    }
    for (file, kind) in kinds {
        if !rows.iter().any(|row| row.kind == kind) {
            rows.push(Row {
                kind,
                constraint: None,
                action: None,
                kinds: Vec::new(),
                file: file.clone(),
            });
        }
    }
    rows.sort_by(|one, other| (&one.kind, &one.constraint).cmp(&(&other.kind, &other.constraint)));
    let shown = Value::Array(rows.iter().map(Row::shown).collect());
    let text = match options.output {
        Output::Text => table(&rows),
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&shown)?),
        Output::Yaml => yaml(&shown)?,
    };
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    for error in &errors {
        print_error(&anyhow::anyhow!("{error}"), talk);
    }
    Ok(if errors.is_empty() {
        Exit::Ok
    } else {
        Exit::Error
    })
}

/// All objects of all files, each with its file's name.
pub(super) fn objects(paths: &[PathBuf], errors: &mut Vec<String>) -> Vec<(String, Value)> {
    let mut objects = Vec::new();
    for path in paths {
        let named = path.display().to_string();
        let folder = named
            .strip_suffix("/...")
            .map_or_else(|| path.clone(), PathBuf::from);
        let files = match sources::files(&folder) {
            Ok(files) => files,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for file in files {
            match sources::file(&file) {
                Ok(found) => objects.extend(found.into_iter().map(|object| (file.clone(), object))),
                Err(error) => errors.push(error),
            }
        }
    }
    objects
}

fn row(file: &str, object: &Value, session: &Session) -> Row {
    let kind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = loading::metadata(object, "name");
    let mut constraints = session.policies().constraints();
    let taken = constraints.find(|it| it.kind == kind && it.name == name);
    let action = taken.map(|it| match it.is_scoped() {
        true => format!("scoped ({})", it.scoped_actions(Point::Webhook).join(", ")),
        false => it.enforcement_action().to_owned(),
    });
    Row {
        kind: kind.to_owned(),
        constraint: Some(name.to_owned()),
        action,
        kinds: matched_kinds(object),
        file: file.to_owned(),
    }
}

/// The kinds that a constraint is asked about, `*` for all of them.
fn matched_kinds(constraint: &Value) -> Vec<String> {
    let entries = constraint
        .pointer("/spec/match/kinds")
        .and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    let named = entries.filter_map(|entry| entry.get("kinds").and_then(Value::as_array));
    let mut kinds: Vec<String> = named
        .flatten()
        .filter_map(|kind| kind.as_str().map(str::to_owned))
        .collect();
    if kinds.is_empty() {
        kinds.push("*".to_owned());
    }
    kinds
}

impl Row {
    fn shown(&self) -> Value {
        json!({
            "kind": self.kind,
            "constraint": self.constraint,
            "action": self.action,
            "kinds": self.kinds,
            "file": self.file,
        })
    }
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "KIND",
        "CONSTRAINT",
        "ACTION",
        "MATCHES",
        "FILE",
    ]);
    for row in rows {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let kinds = if row.kinds.is_empty() {
            "-".to_owned()
        } else {
            row.kinds.join(",")
        };
        table.add_row([
            row.kind.clone(),
            or_dash(&row.constraint),
            or_dash(&row.action),
            kinds,
            row.file.clone(),
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
