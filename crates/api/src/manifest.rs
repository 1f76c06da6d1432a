//! Reads manifests as kubectl reads them.
//!
//! A stream is YAML or JSON, or both: documents separated by `---`, JSON objects one after another,
//! lists unpacked. What a value comes out as is pinned against the real kubectl by
//! `tests/yaml_parity.rs`: kubectl reads YAML 1.1, in which `yes` is a boolean and `010` is eight,
//! and serde-saphyr's options do not reach that. So its parser's events are composed here.
//!
//! Where kubectl silently takes one of two meanings, this reader refuses: a duplicate key (kubectl
//! keeps the last), what follows `...` without a `---` (kubectl drops it), the line breaks that
//! YAML 1.2 no longer has (U+0085, U+2028, U+2029), fractions as keys, and text that is not UTF-8.

mod compose;
pub mod gator;
mod json;
mod scalar;
mod timestamp;

use serde_json::{Map, Value};

/// The largest stream that is read, in bytes. The API server takes 3 MiB an object.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The deepest nesting that is read; the same as that of the webhook's JSON.
const MAX_DEPTH: usize = 120;

/// Whose YAML it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// go-yaml 2's, where kubectl's users are protected from what it silently does.
    Kubectl,
    /// go-yaml 2's, as it is: of equal keys, the last one counts.
    GoYaml2,
    /// go-yaml 3's: `yes` is a text, times are read, and no key stands twice. All of it can be said in JSON.
    GoYaml3,
    /// The same for who asks for no JSON.
    GoYaml3Untyped,
}

impl Dialect {
    fn is_third(self) -> bool {
        matches!(self, Self::GoYaml3 | Self::GoYaml3Untyped)
    }
}

/// One object of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Which document of the stream it stands in, counted from 1.
    pub document: usize,
    /// The line of the stream on which it begins (for what a list held: the list), counted from 1.
    pub line: usize,
    /// The object, with `apiVersion` and `kind` unless nobody asked for these.
    pub object: Value,
}

/// Why a stream cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {document}, line {line}: {message}")]
pub struct ManifestError {
    /// Which document, counted from 1.
    pub document: usize,
    /// Which line of the stream, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// What is wrong, and on which line of the text at hand, counted from 1.
type Fault = (usize, String);

/// Reads all objects of a stream.
///
/// # Errors
///
/// When any part of it cannot be read: a file that is half understood is not judged at all.
pub fn read(input: &[u8]) -> Result<Vec<Manifest>, ManifestError> {
    let mut manifests = Vec::new();
    for read in documents(input)? {
        let (document, line) = (read.document, read.line);
        let unpacked = unpack(read.object).map_err(|message| ManifestError {
            document,
            line,
            message,
        })?;
        manifests.extend(unpacked.into_iter().map(|object| Manifest {
            document,
            line,
            object,
        }));
    }
    Ok(manifests)
}

/// Reads what a stream holds, whatever that is: lists are not unpacked, and nothing is asked of kinds and names.
///
/// # Errors
///
/// When any part of it cannot be read.
pub fn documents(input: &[u8]) -> Result<Vec<Manifest>, ManifestError> {
    let at = |document, line, message: String| ManifestError {
        document,
        line,
        message,
    };
    if input.len() > MAX_BYTES {
        return Err(at(
            1,
            1,
            format!("the stream is larger than {MAX_BYTES} bytes"),
        ));
    }
    let text = std::str::from_utf8(input).map_err(|error| {
        let before = input.get(..error.valid_up_to()).unwrap_or_default();
        at(1, newlines(before) + 1, "this is not UTF-8".to_owned())
    })?;
    let mut documents = Vec::new();
    for chunk in split(text)? {
        let in_stream = |line: usize| chunk.line + line.saturating_sub(1);
        let objects = read_chunk(chunk.text)
            .map_err(|(line, message)| at(chunk.document, in_stream(line), message))?;
        documents.extend(objects.into_iter().map(|(line, object)| Manifest {
            document: chunk.document,
            line: in_stream(line),
            object,
        }));
    }
    Ok(documents)
}

/// One document's text, and where it stands.
struct Chunk<'a> {
    document: usize,
    line: usize,
    text: &'a str,
}

/// Splits at lines that begin with `---`, before any parser looks, as kubectl does.
fn split(text: &str) -> Result<Vec<Chunk<'_>>, ManifestError> {
    let mut chunks = Vec::new();
    let (mut document, mut first_line, mut start, mut offset) = (1, 1, 0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let message = format!("{rest:?} cannot stand behind the separator \"---\"");
                return Err(ManifestError {
                    document,
                    line: index + 1,
                    message,
                });
            }
            let before = text.get(start..offset).unwrap_or_default();
            chunks.push(Chunk {
                document,
                line: first_line,
                text: before,
            });
            // A separator at the head of the stream ends nothing.
            document += usize::from(document > 1 || !is_blank(before));
            (first_line, start) = (index + 2, offset + line.len());
        }
        offset += line.len();
    }
    chunks.push(Chunk {
        document,
        line: first_line,
        text: text.get(start..).unwrap_or_default(),
    });
    Ok(chunks)
}

fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

/// The values of one document, with the lines on which they begin.
fn read_chunk(text: &str) -> Result<Vec<(usize, Value)>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Whatever begins with a brace may be JSON objects one after another, or a YAML flow mapping.
    let Some(inside) = text.trim_start().strip_prefix('{') else {
        return Ok(compose::read(text, Dialect::Kubectl)?.into_iter().collect());
    };
    json::read(text).or_else(|json_fault| match compose::read(text, Dialect::Kubectl) {
        Ok(found) => Ok(found.into_iter().collect()),
        Err(_) if inside.trim_start().starts_with('"') => Err(json_fault),
        Err(yaml_fault) => Err(yaml_fault),
    })
}

/// The object itself, or what a list holds.
fn unpack(value: Value) -> Result<Vec<Value>, String> {
    let mut object = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(object) => object,
        other => {
            return Err(format!(
                "an object is needed here, not {}",
                type_name(&other)
            ));
        }
    };
    let Some(items) = object.remove("items") else {
        check(&object)?;
        return Ok(vec![Value::Object(object)]);
    };
    let items = match items {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        other => {
            return Err(format!(
                "items: a list is needed here, not {}",
                type_name(&other)
            ));
        }
    };
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            unpack_item(item, &object).map_err(|message| format!("items[{index}]: {message}"))
        })
        .collect()
}

fn unpack_item(item: Value, list: &Map<String, Value>) -> Result<Value, String> {
    let Value::Object(mut item) = item else {
        return Err(format!(
            "an object is needed here, not {}",
            type_name(&item)
        ));
    };
    if item.contains_key("items") {
        return Err("a list cannot stand inside a list".to_owned());
    }
    // A typed list need not repeat the type on each item.
    if !item.contains_key("kind") && !item.contains_key("apiVersion") {
        let kind = list.get("kind").and_then(Value::as_str).unwrap_or_default();
        item.insert(
            "kind".to_owned(),
            kind.strip_suffix("List").unwrap_or(kind).into(),
        );
        item.insert(
            "apiVersion".to_owned(),
            list.get("apiVersion").cloned().unwrap_or_default(),
        );
    }
    check(&item)?;
    Ok(Value::Object(item))
}

/// What kubectl checks before it sends anything: the type, and the shape of the metadata.
fn check(object: &Map<String, Value>) -> Result<(), String> {
    for field in ["apiVersion", "kind"] {
        match object.get(field) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(other) => {
                return Err(format!(
                    "{field}: a name is needed here, not {}",
                    type_name(other)
                ));
            }
            None => return Err(format!("{field} is missing")),
        }
    }
    let Some(metadata) = object.get("metadata") else {
        return Ok(());
    };
    let Value::Object(metadata) = metadata else {
        return Err(format!(
            "metadata: a mapping is needed here, not {}",
            type_name(metadata)
        ));
    };
    for field in ["name", "namespace", "generateName"] {
        need_text(&format!("metadata.{field}"), metadata.get(field))?;
    }
    for field in ["labels", "annotations"] {
        match metadata.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => {
                for (key, value) in entries {
                    need_text(&format!("metadata.{field}[{key}]"), Some(value))?;
                }
            }
            Some(other) => {
                return Err(format!(
                    "metadata.{field}: a mapping is needed here, not {}",
                    type_name(other)
                ));
            }
        }
    }
    Ok(())
}

fn need_text(path: &str, value: Option<&Value>) -> Result<(), String> {
    match value {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(other) => Err(format!(
            "{path}: text is needed here, not {} {other}; quote it",
            type_name(other)
        )),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "the boolean",
        Value::Number(_) => "the number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
