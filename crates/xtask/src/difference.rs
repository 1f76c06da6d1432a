//! What was written against what was stored, as a diff of YAML.

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use basphere_harness::yaml;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// What the API server keeps for itself in `metadata`.
const BOOKKEEPING: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];
/// What kubectl keeps for itself in `metadata.annotations`.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const CONTEXT_LINES: usize = 3;

const HEADING: Style = Style::new().bold();
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const ELISION: Style = Style::new().dimmed();

/// The diff of one object, in colour, under a heading with its kind and name.
pub(crate) fn render(written: &Value, stored: &Value) -> Result<String> {
    let before = yaml::to_string(&sorted(written))?;
    let after = yaml::to_string(&sorted(&without_bookkeeping(stored)))?;
    let diff = TextDiff::from_lines(&before, &after);
    let mut text = heading(stored, &diff);
    for (number, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if number > 0 {
            text.push_str(&format!("{ELISION}  ⋮{ELISION:#}\n"));
        }
        for change in group
            .iter()
            .flat_map(|operation| diff.iter_changes(operation))
        {
            let line = change.value().trim_end_matches('\n');
            text.push_str(&match change.tag() {
                ChangeTag::Equal => format!("  {line}\n"),
                ChangeTag::Insert => format!("{ADDED}+ {line}{ADDED:#}\n"),
                ChangeTag::Delete => format!("{REMOVED}- {line}{REMOVED:#}\n"),
            });
        }
    }
    Ok(text)
}

fn heading(object: &Value, diff: &TextDiff<'_, '_, str>) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let count = |tag| {
        diff.iter_all_changes()
            .filter(|change| change.tag() == tag)
            .count()
    };
    let (added, removed) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    format!(
        "{HEADING}{kind} {name}{HEADING:#} {ADDED}+{added}{ADDED:#} {REMOVED}-{removed}{REMOVED:#}\n"
    )
}

/// The object without what says nothing about it.
fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return object;
    };
    for field in BOOKKEEPING {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}

/// The same value with all keys in alphabetical order: a person's order and the API server's are not the same.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_added_differs() {
        let written =
            json!({"kind": "Cluster", "spec": {"b": 1, "a": 2}, "metadata": {"name": "demo"}});
        let stored = json!({
            "kind": "Cluster",
            "metadata": {
                "name": "demo",
                "uid": "1",
                "managedFields": [],
                "annotations": {LAST_APPLIED: "{}"},
                "labels": {"owner": "kim"},
            },
            "spec": {"a": 2, "b": 1},
        });
        let text =
            anstream::adapter::strip_str(&render(&written, &stored).expect("a diff")).to_string();
        let changed: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with(['+', '-']))
            .collect();
        assert_eq!(changed, ["+   labels:", "+     owner: kim"]);
        assert!(text.starts_with("Cluster demo +2 -0\n"), "{text}");
    }
}
