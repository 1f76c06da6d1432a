//! YAML as Gatekeeper's gator reads it, so that a suite means the same here and there.
//!
//! `gator verify` reads go-yaml 3's: `yes` is a text, and of a file with several documents only the first one is looked
//! at. `gator test` reads what kubectl reads, without unpacking lists, and of equal keys the last one counts. Both take
//! objects as they are: nothing is asked of their kinds and names here.

use serde_json::{Map, Value};

use super::scalar::{self, Scalar};
use super::{Dialect, Fault, compose, split};

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct YamlError {
    /// Which line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl From<Fault> for YamlError {
    fn from((line, message): Fault) -> Self {
        Self { line, message }
    }
}

/// The first document of a file, as `gator verify` reads suites, templates and constraints. Of an empty file it is an
/// empty object.
///
/// # Errors
///
/// When it is no mapping, or no YAML.
pub fn first_document(bytes: &[u8]) -> Result<Map<String, Value>, YamlError> {
    first(bytes, Dialect::GoYaml3)
}

/// The same of a file that may be something else: keys that are no texts and numbers that JSON does not have are no
/// errors.
///
/// # Errors
///
/// When it is no mapping, or no YAML.
pub fn glance(bytes: &[u8]) -> Result<Map<String, Value>, YamlError> {
    first(bytes, Dialect::GoYaml3Untyped)
}

fn first(bytes: &[u8], dialect: Dialect) -> Result<Map<String, Value>, YamlError> {
    let Some((line, value)) = compose::read(text(bytes)?, dialect)? else {
        return Ok(Map::new());
    };
    into_object(line, value)
}

/// All objects of a file, as `gator verify` reads what is to be judged: cut wherever a line begins with `---`, without
/// lines that are blank or a comment, also where these are part of a text.
///
/// # Errors
///
/// When one of them is no mapping, or no YAML.
pub fn objects(bytes: &[u8]) -> Result<Vec<Map<String, Value>>, YamlError> {
    let pieces = text(bytes)?.split("\n---").map(without_comments);
    pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| first_document(piece.as_bytes()))
        .collect()
}

fn without_comments(text: &str) -> String {
    let is_said = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let lines = text.split('\n').filter(is_said);
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// All objects of a stream, as `gator test` reads it: YAML, or JSON objects one after another; empty ones are left out.
///
/// # Errors
///
/// When any part of it is no mapping, or can be read neither way.
pub fn stream(bytes: &[u8]) -> Result<Vec<Map<String, Value>>, YamlError> {
    let text = text(bytes)?;
    let (mut objects, mut rest) = (Vec::new(), text);
    if text.trim_start().starts_with('{') {
        let (mut found, end) = json_objects(text);
        let Some((error, offset)) = end else {
            for value in found {
                objects.extend(object_or_nothing(1, value)?);
            }
            return Ok(objects);
        };
        // Two objects one after another are JSON and cannot be anything else; one may be YAML's first document.
        if found.len() > 1 {
            return Err(error);
        }
        if let Some(value) = found.pop() {
            objects.extend(object_or_nothing(1, value)?);
        }
        rest = text.get(offset..).unwrap_or_default();
        let after = rest.trim_start_matches([' ', '\t', '\r']);
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    let skipped = super::newlines(text.as_bytes()) - super::newlines(rest.as_bytes());
    let chunks = split(rest).map_err(|error| YamlError {
        line: error.line + skipped,
        message: error.message,
    })?;
    for chunk in chunks {
        let in_stream = |line: usize| skipped + chunk.line + line.saturating_sub(1);
        let found = compose::read(without_mark(chunk.text), Dialect::GoYaml2)
            .map_err(|(line, message)| (in_stream(line), message))?;
        if let Some((line, value)) = found {
            objects.extend(object_or_nothing(in_stream(line), value)?);
        }
    }
    Ok(objects)
}

/// Whether a scalar without quotes is a text, to go-yaml 3.
#[must_use]
pub fn is_text(plain: &str) -> bool {
    matches!(scalar::plain(plain, Dialect::GoYaml3), Scalar::Text(_))
}

/// The JSON values that a text begins with and, unless they are all, what is wrong behind them and where they end.
fn json_objects(text: &str) -> (Vec<Value>, Option<(YamlError, usize)>) {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut values = Vec::new();
    loop {
        let end = stream.byte_offset();
        match stream.next() {
            Some(Ok(value)) => values.push(value),
            None => return (values, None),
            Some(Err(error)) => {
                let error = YamlError {
                    line: error.line().max(1),
                    message: error.to_string(),
                };
                return (values, Some((error, end)));
            }
        }
    }
}

fn object_or_nothing(line: usize, value: Value) -> Result<Option<Map<String, Value>>, YamlError> {
    let object = into_object(line, value)?;
    Ok(Some(object).filter(|object| !object.is_empty()))
}

/// `null` is an empty object, as Go decodes it into a map.
fn into_object(line: usize, value: Value) -> Result<Map<String, Value>, YamlError> {
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        other => Err(YamlError {
            line,
            message: format!("an object is needed here, not {}", super::type_name(&other)),
        }),
    }
}

fn text(bytes: &[u8]) -> Result<&str, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        YamlError {
            line: super::newlines(before) + 1,
            message: "this is not UTF-8".to_owned(),
        }
    })?;
    Ok(without_mark(text))
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{first_document, glance, objects, stream};

    fn read_first(text: &str) -> Value {
        first_document(text.as_bytes()).unwrap().into()
    }

    #[test]
    fn a_suite_is_read_as_go_yaml_3_reads_it() {
        let text =
            "a: yes\nb: [010, 0o10, 1_000, 1e3, 2020-01-01]\nc: !!binary aGk=\n1: one\n---\n: [";
        let expected = json!({"a": "yes", "b": [8, 8, 1000, 1000, "2020-01-01T00:00:00Z"], "c": "hi", "1": "one"});
        assert_eq!(read_first(text), expected);
        assert_eq!(read_first(""), json!({}));
        let merged = "base: &b {x: 1, y: 2}\nall: {x: 3, <<: *b}";
        assert_eq!(read_first(merged)["all"], json!({"x": 3, "y": 2}));
    }

    #[test]
    fn what_go_yaml_3_refuses_is_refused() {
        for (text, line, part) in [
            ("a: 1\na: 2", 2, "twice"),
            ("a: {1: x}", 1, "is no text"),
            ("- a", 1, "not a list"),
            ("a: .inf", 1, "JSON has no"),
        ] {
            let error = first_document(text.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
        assert!(glance(b"a: {1: x}\nb: .inf").is_ok());
    }

    #[test]
    fn objects_lose_comments_even_within_texts() {
        let text = "a: |\n  one\n  # two\n\n  three\n---\n# nothing\n---\nb: 1\n";
        let found = objects(text.as_bytes()).unwrap();
        let found: Vec<Value> = found.into_iter().map(Value::Object).collect();
        assert_eq!(found, [json!({"a": "one\nthree\n"}), json!({"b": 1})]);
    }

    #[test]
    fn streams_are_yaml_1_1_or_json() {
        let read = |text: &str| -> Vec<Value> {
            let found = stream(text.as_bytes()).unwrap();
            found.into_iter().map(Value::Object).collect()
        };
        assert_eq!(
            read("n: y\na: 1\na: 2\n---\n{}\n---\nnull\n---\nb: 2020-01-01\n"),
            [json!({"false": true, "a": 2}), json!({"b": "2020-01-01"})]
        );
        assert_eq!(
            read("{\"a\": 1}{\"b\": 2}\n"),
            [json!({"a": 1}), json!({"b": 2})]
        );
        assert_eq!(
            read("{\"a\": 1}\n---\nb: 2\n"),
            [json!({"a": 1}), json!({"b": 2})]
        );
        assert_eq!(read("{a: 1}\n"), [json!({"a": 1})]);
        assert_eq!(
            read("kind: List\nitems: [{a: 1}]\n"),
            [json!({"kind": "List", "items": [{"a": 1}]})]
        );
        let error = stream(b"a: 1\n---\n- b\n").unwrap_err();
        assert_eq!(
            (error.line, error.message.contains("not a list")),
            (3, true)
        );
    }
}
