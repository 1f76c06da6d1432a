//! Texts: what each is, by its name and by what it holds, and how it is read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::commands::{self, Trace};
use super::config;
use super::document::Walk;
use super::sighting::{MOST, Says, Sightings, What, says};

/// No key that says something is longer.
const LONGEST_KEY: usize = 256;

/// Reads the text of a file, of a variable or of a here-document.
pub(super) fn scan(name: &str, content: &str, place: &str, depth: usize, seen: &mut Sightings) {
    if content.starts_with("#!") || name.ends_with(".sh") {
        script(content, place, depth, seen);
    } else if config::is_one(name) {
        config::scan(name, content, place, seen);
    } else if !documents(content, place, depth, seen) {
        script(content, place, depth, seen);
        for (index, line) in content.lines().enumerate() {
            for what in pairs(line) {
                // Read as a command, it was seen already.
                if !seen.knows(&what) {
                    seen.see(line_within(place, index), what);
                }
            }
        }
    }
}

/// Reads YAML and JSON. Whether it was that.
fn documents(content: &str, place: &str, depth: usize, seen: &mut Sightings) -> bool {
    let Ok(documents) = serde_saphyr::from_multiple::<Value>(content) else {
        return false;
    };
    if !documents
        .iter()
        .any(|document| document.is_object() || document.is_array())
    {
        return false;
    }
    for document in &documents {
        let mut walk = Walk {
            seen,
            text: content,
            place,
            depth,
        };
        walk.value("", document);
        // A list of words may be anything, also commands.
        if document.get("kind").is_none() {
            strings(document, place, depth, seen);
        }
    }
    true
}

/// Texts of one line in a document that is no object of Kubernetes, as commands.
fn strings(document: &Value, place: &str, depth: usize, seen: &mut Sightings) {
    match document {
        Value::String(text) if text.contains(' ') && !text.contains('\n') => {
            commands::read(text, place, depth, &mut Trace::default(), seen);
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| strings(item, place, depth, seen)),
        Value::Object(fields) => {
            fields
                .values()
                .for_each(|field| strings(field, place, depth, seen));
        }
        _ => {}
    }
}

fn script(content: &str, place: &str, depth: usize, seen: &mut Sightings) {
    let mut trace = Trace::default();
    commands::read(content, place, depth, &mut trace, seen);
    trace.finish(seen);
}

/// Looks for keys with values on a line of a text of which nothing else is known: `sandbox_image = "…"`,
/// `--pod-infra-container-image=…`, `"image":"…"`.
pub(super) fn pairs(line: &str) -> Vec<What> {
    const WORDS: [&str; 3] = ["mage", "MAGE", "egistry"];
    let mut found = Vec::new();
    let trimmed = line.trim_start();
    let is_comment = trimmed.starts_with('#') || trimmed.starts_with("//");
    if is_comment || !WORDS.iter().any(|word| line.contains(word)) {
        return found;
    }
    let mut known = BTreeSet::new();
    // A value is not looked at again for keys of its own: of many in a row, each would be as long as the line.
    let mut read = 0;
    for (at, _) in line.match_indices([':', '=']) {
        let (before, after) = line.split_at(at);
        let key = key_before(before);
        let says = if at < read || key.len() > LONGEST_KEY {
            None
        } else {
            says(key)
        };
        let Some(says @ (Says::Image | Says::Repository)) = says else {
            continue;
        };
        let written = after.get(1..).unwrap_or_default().trim_start();
        let written = written.trim_start_matches(['"', '\'', '\\']);
        let is_end = |c: char| c.is_whitespace() || "\"'\\,;}])|#&".contains(c);
        let value: String = written
            .chars()
            .take_while(|c| !is_end(*c) && !is_pattern(*c))
            .collect();
        let rest = written.get(value.len()..).unwrap_or_default();
        read = line.len().saturating_sub(rest.len());
        // Of a pattern, nothing can be told.
        let is_plain =
            !rest.starts_with(is_pattern) && value.contains(|c: char| c.is_ascii_alphanumeric());
        if is_plain && known.insert(value.clone()) {
            found.push(says.what(&value));
            // That there are more is told of one more.
            if found.len() > MOST {
                break;
            }
        }
    }
    found
}

/// The key that ends where a value is given to it, without its quotes.
fn key_before(before: &str) -> &str {
    let before = before.trim_end();
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    before.rsplit(|c| !is_key(c)).next().unwrap_or_default()
}

const fn is_pattern(c: char) -> bool {
    matches!(c, '*' | '(' | '<' | '[' | '^')
}

/// A Go template as what it may become: lines of nothing but a template are none, and what a template puts in
/// is not known.
pub(super) fn untemplated(template: &str) -> String {
    let lines = template.lines().map(|line| {
        let trimmed = line.trim();
        if trimmed.starts_with("{{")
            && trimmed.ends_with("}}")
            && trimmed.matches("{{").count() == 1
        {
            return String::new();
        }
        let mut parts = line.split("{{");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            text.push('$');
            text.push_str(part.split_once("}}").map_or("", |(_, rest)| rest));
        }
        text
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Addresses in a text that could not be read as what it is called.
pub(super) fn addresses(content: &str, place: &str, seen: &mut Sightings) {
    for (index, line) in content.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for word in line.split(['"', '\'', ' ', '[', ']', ',', '=', '\t']) {
            if word.starts_with("http://") || word.starts_with("https://") {
                seen.see(line_within(place, index), What::Endpoint(word.to_owned()));
            }
        }
        for what in pairs(line) {
            seen.see(line_within(place, index), what);
        }
    }
}

fn line_within(place: &str, index: usize) -> String {
    within(place, &format!("line {}", index.saturating_add(1)))
}

/// A place within another one.
pub(super) fn within(place: &str, inner: &str) -> String {
    match (place, inner) {
        ("", inner) => inner.to_owned(),
        (place, "") => place.to_owned(),
        (place, inner) => format!("{place}, {inner}"),
    }
}

/// The line of a text on which a value stands first.
pub(super) fn line_of(text: &str, value: &str) -> Option<String> {
    let at = text.find(value).filter(|_| !value.is_empty())?;
    let before = text.get(..at)?;
    Some(format!(
        "line {}",
        before.matches('\n').count().saturating_add(1)
    ))
}
