//! From a YAML parser's events to one JSON value.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::scalar::{self, Scalar};
use super::{Dialect, Fault, MAX_DEPTH};

/// How much aliases may add to a document, in bytes of text and of structure. A file of ten lines
/// can otherwise expand to gigabytes.
const MAX_EXPANSION: usize = 4 * 1024 * 1024;

/// What a value weighs besides its text.
const NODE_WEIGHT: usize = 32;

/// Reads the only document of a text, with the line on which it begins; `None` when there is none. What follows a first
/// document is an error to kubectl's users, and gator never looks at it.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Option<(usize, Value)>, Fault> {
    if let Some(at) = text.find(['\u{85}', '\u{2028}', '\u{2029}']) {
        let line = super::newlines(text.as_bytes().get(..at).unwrap_or_default()) + 1;
        return Err((
            line,
            "U+0085, U+2028 and U+2029 are line breaks to kubectl only; remove or escape them"
                .to_owned(),
        ));
    }
    let mut options =
        serde_saphyr::granit_parser::options! { disallow_directives: !dialect.is_third() };
    options.set_emit_comments(false);
    let mut composer = Composer {
        dialect,
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        expanded: 0,
    };
    let mut found = None;
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::DocumentEnd if dialect != Dialect::Kubectl => break,
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(..) if found.is_some() => {
                return Err((
                    line(&span),
                    "kubectl ignores what follows \"...\"; separate it by \"---\"".to_owned(),
                ));
            }
            Event::DocumentStart(..) => {
                let Some((event, span)) = composer.next()? else {
                    break;
                };
                let at = line(&span);
                found = Some((at, composer.node(event, &span, 0)?.value));
            }
            other => return Err((line(&span), format!("unexpected {other:?}"))),
        }
    }
    Ok(found)
}

/// A value, and what an alias to it will cost.
#[derive(Clone)]
struct Node {
    value: Value,
    weight: usize,
    height: usize,
}

struct Composer<'a> {
    dialect: Dialect,
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
}

type Item<'a> = (Event<'a>, Span);

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<Item<'a>>, Fault> {
        self.events
            .next_event()
            .transpose()
            .map_err(|error: ScanError| (error.marker().line(), error.info()))
    }

    /// The value that begins with `event`.
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Fault> {
        let at = line(span);
        if depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        let anchor = event.anchor_id();
        let node = match event {
            Event::Alias(id) => return self.alias(id, depth, at),
            Event::Scalar(text, style, _, tag) => {
                let value = resolve(&text, style, tag.as_deref(), self.dialect)
                    .and_then(|scalar| self.value(scalar))
                    .map_err(|m| (at, m))?;
                Node {
                    weight: NODE_WEIGHT + text.len(),
                    height: 0,
                    value,
                }
            }
            Event::SequenceStart(..) => self.sequence(depth)?,
            Event::MappingStart(..) => self.mapping(depth)?,
            other => return Err((at, format!("unexpected {other:?}"))),
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    /// Where nobody asks for JSON, what it cannot say is no error.
    fn value(&self, scalar: Scalar) -> Result<Value, String> {
        match (scalar, self.dialect) {
            (Scalar::Float(float), Dialect::GoYaml3Untyped) if !float.is_finite() => {
                Ok(Value::Null)
            }
            (scalar, _) => scalar.into_value(),
        }
    }

    fn alias(&mut self, id: usize, depth: usize, at: usize) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&id) else {
            return Err((at, "the anchor's value contains itself".to_owned()));
        };
        self.expanded = self.expanded.saturating_add(node.weight);
        if self.expanded > MAX_EXPANSION {
            return Err((
                at,
                format!("the document's aliases expand to more than {MAX_EXPANSION} bytes"),
            ));
        }
        if depth + node.height > MAX_DEPTH {
            return Err(too_deep(at));
        }
        Ok(node.clone())
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Fault> {
        let (mut items, mut weight, mut height) = (Vec::new(), NODE_WEIGHT, 0);
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            let item = self.node(event, &span, depth + 1)?;
            weight += item.weight;
            height = height.max(item.height + 1);
            items.push(item.value);
        }
        Ok(Node {
            value: Value::Array(items),
            weight,
            height,
        })
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut entries = Entries {
            map: Map::new(),
            merged: HashSet::new(),
            dialect: self.dialect,
        };
        let (mut weight, mut height) = (NODE_WEIGHT, 0);
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let at = line(&span);
            let key = self.key(event, depth, at)?;
            let Some((event, span)) = self.next()? else {
                break;
            };
            let node = self.node(event, &span, depth + 1)?;
            weight += node.weight;
            height = height.max(node.height + 1);
            match key {
                Key::Merge => entries.merge(node.value).map_err(|m| (at, m))?,
                Key::Text(key) => {
                    weight += key.len();
                    entries.insert(key, node.value).map_err(|m| (at, m))?;
                }
            }
        }
        Ok(Node {
            value: Value::Object(entries.map),
            weight,
            height,
        })
    }

    fn key(&mut self, event: Event<'a>, depth: usize, at: usize) -> Result<Key, Fault> {
        match event {
            Event::Scalar(text, style, _, None) if text == "<<" && style == ScalarStyle::Plain => {
                Ok(Key::Merge)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = resolve(&text, style, tag.as_deref(), self.dialect);
                let scalar = scalar.map_err(|m| (at, m))?;
                if anchor > 0 {
                    let value = scalar.clone().into_value().map_err(|m| (at, m))?;
                    self.anchors.insert(
                        anchor,
                        Node {
                            value,
                            weight: NODE_WEIGHT + text.len(),
                            height: 0,
                        },
                    );
                }
                let key = match (self.dialect, &scalar) {
                    // Only the keys of the document itself are asked for as texts.
                    (Dialect::GoYaml3, Scalar::Text(_)) => scalar.into_key(),
                    (Dialect::GoYaml3, _) if depth == 0 => Ok(text.into_owned()),
                    (Dialect::GoYaml3, _) => Err(format!("the key {text} is no text; quote it")),
                    (Dialect::GoYaml3Untyped, _) => Ok(text.into_owned()),
                    _ => scalar.into_key(),
                };
                key.map(Key::Text).map_err(|m| (at, m))
            }
            Event::Alias(id) => match self.alias(id, 0, at)?.value {
                Value::String(text) => Ok(Key::Text(text)),
                _ => Err((at, "only text can be a key by alias".to_owned())),
            },
            _ => Err((at, "a list or a mapping cannot be a key".to_owned())),
        }
    }
}

enum Key {
    Merge,
    Text(String),
}

/// A mapping as it grows.
struct Entries {
    map: Map<String, Value>,
    /// The keys that came by `<<`, which may be written over.
    merged: HashSet<String>,
    dialect: Dialect,
}

impl Entries {
    fn insert(&mut self, key: String, value: Value) -> Result<(), String> {
        let is_twice = self.map.contains_key(&key) && !self.merged.remove(&key);
        if is_twice && self.dialect != Dialect::GoYaml2 {
            return Err(format!("the key {key:?} stands here twice"));
        }
        self.map.insert(key, value);
        Ok(())
    }

    /// Merges as go-yaml 2 does: in the order of the lines, so that `<<` also writes over what
    /// stands above it; of several mappings in a list the first one wins. go-yaml 3 never writes over what stands
    /// there.
    fn merge(&mut self, value: Value) -> Result<(), String> {
        let sources = match value {
            Value::Array(items) => items,
            other => vec![other],
        };
        for source in sources.into_iter().rev() {
            let Value::Object(source) = source else {
                return Err("<< needs a mapping or a list of mappings".to_owned());
            };
            for (key, value) in source {
                let is_said = self.map.contains_key(&key) && !self.merged.contains(&key);
                if is_said && self.dialect.is_third() {
                    continue;
                }
                self.merged.insert(key.clone());
                self.map.insert(key, value);
            }
        }
        Ok(())
    }
}

fn resolve(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    dialect: Dialect,
) -> Result<Scalar, String> {
    match tag {
        Some(tag) => {
            let core = tag
                .suffix_in_namespace("tag:yaml.org,2002:")
                .unwrap_or(Cow::Borrowed(""));
            scalar::tagged(&core, text, dialect)
        }
        None if style == ScalarStyle::Plain => Ok(scalar::plain(text, dialect)),
        None => Ok(Scalar::Text(text.to_owned())),
    }
}

fn too_deep(at: usize) -> Fault {
    (at, format!("nested more than {MAX_DEPTH} deep"))
}

fn line(span: &Span) -> usize {
    span.start.line()
}
