//! YAML as go-yaml 3 writes it: what stands where, which texts are quoted and how, and in which order keys are.

mod keys;
mod looks;

use serde_json::Value;

use super::go_json::general;

use keys::by_key;
use looks::{Looks, Style, escape, is_bare};

/// From here on, whole numbers fit into no 64 bits.
const LARGEST_INTEGER: f64 = 9_223_372_036_854_775_808.0;

/// What is written.
#[derive(Clone, Debug)]
pub(super) enum Yaml<'a> {
    /// A value whose numbers are all floats.
    Floats(&'a Value),
    /// A value whose whole numbers are integers.
    Whole(&'a Value),
    /// A struct: its fields in their order.
    Fields(Vec<(&'static str, Yaml<'a>)>),
    /// A list of texts.
    Texts(&'a [String]),
    /// A text.
    Text(&'a str),
    /// Nothing.
    Null,
}

/// A document that is a list, of which only the first item is in block style: gator's YAML library forgets to go back
/// to it.
pub(super) fn list(items: &[Yaml]) -> String {
    if items.is_empty() {
        return "[]\n".to_owned();
    }
    let mut writer = Writer { out: String::new() };
    for (index, item) in items.iter().enumerate() {
        writer.out.push_str("- ");
        if index == 0 {
            writer.block(&item.node(), 0, true);
        } else {
            writer.flow(&item.node());
        }
        writer.end_line();
    }
    writer.out
}

/// One level of a document.
enum Node<'a> {
    Scalar(Scalar<'a>),
    List(Vec<Yaml<'a>>),
    Mapping(Vec<(&'a str, Yaml<'a>)>),
}

enum Scalar<'a> {
    Text(&'a str),
    /// What needs no quotes, whatever it looks like.
    Bare(String),
}

impl<'a> Yaml<'a> {
    fn node(&self) -> Node<'a> {
        match self {
            Self::Null => bare("null"),
            Self::Text(text) => Node::Scalar(Scalar::Text(text)),
            Self::Texts(texts) => Node::List(texts.iter().map(|text| Yaml::Text(text)).collect()),
            Self::Fields(fields) => Node::Mapping(fields.clone()),
            Self::Floats(value) => of_value(value, Yaml::Floats, false),
            Self::Whole(value) => of_value(value, Yaml::Whole, true),
        }
    }
}

fn of_value<'a>(
    value: &'a Value,
    within: fn(&'a Value) -> Yaml<'a>,
    has_integers: bool,
) -> Node<'a> {
    match value {
        Value::Null => bare("null"),
        Value::Bool(value) => bare(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            let is_whole = float.fract() == 0.0 && float.abs() < LARGEST_INTEGER;
            match has_integers && is_whole {
                true => bare(&float.to_string()),
                false => bare(&general(float)),
            }
        }
        Value::String(text) => Node::Scalar(Scalar::Text(text)),
        Value::Array(items) => Node::List(items.iter().map(within).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            let mut fields: Vec<(&str, Yaml)> = fields
                .map(|(name, value)| (name.as_str(), within(value)))
                .collect();
            fields.sort_by(|(one, _), (other, _)| by_key(one, other));
            Node::Mapping(fields)
        }
    }
}

fn bare<'a>(text: &str) -> Node<'a> {
    Node::Scalar(Scalar::Bare(text.to_owned()))
}

struct Writer {
    out: String,
}

impl Writer {
    /// Writes what stands behind `- ` or `key:`. What is in it is indented deeper than `indent`.
    fn block(&mut self, node: &Node, indent: usize, is_item: bool) {
        let inner = if is_item {
            indent + 2
        } else {
            (indent + 4) / 4 * 4
        };
        match node {
            Node::Scalar(scalar) => {
                self.space();
                self.scalar(scalar, Some(inner));
            }
            Node::List(items) if items.is_empty() => {
                self.space();
                self.out.push_str("[]");
            }
            Node::Mapping(fields) if fields.is_empty() => {
                self.space();
                self.out.push_str("{}");
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.begin(inner, is_item && index == 0);
                    self.out.push_str("- ");
                    self.block(&item.node(), inner, true);
                }
            }
            Node::Mapping(fields) => {
                for (index, (key, value)) in fields.iter().enumerate() {
                    self.begin(inner, is_item && index == 0);
                    self.scalar(&Scalar::Text(key), None);
                    self.out.push(':');
                    self.block(&value.node(), inner, false);
                }
            }
        }
    }

    /// Begins a line, unless what comes stands behind a dash.
    fn begin(&mut self, indent: usize, is_behind_dash: bool) {
        if !is_behind_dash {
            self.end_line();
            self.out.push_str(&" ".repeat(indent));
        }
    }

    fn end_line(&mut self) {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn space(&mut self) {
        if !self.out.ends_with(' ') {
            self.out.push(' ');
        }
    }

    fn flow(&mut self, node: &Node) {
        match node {
            Node::Scalar(scalar) => self.flow_scalar(scalar),
            Node::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.comma(index);
                    self.flow(&item.node());
                }
                self.out.push(']');
            }
            Node::Mapping(fields) => {
                self.out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    self.comma(index);
                    self.flow_scalar(&Scalar::Text(key));
                    self.out.push_str(": ");
                    self.flow(&value.node());
                }
                self.out.push('}');
            }
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(", ");
        }
    }

    fn flow_scalar(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::Bare(text) => self.out.push_str(text),
            Scalar::Text(text) => {
                let looks = Looks::of(text);
                match looks.style(is_bare(text), looks.in_flow) {
                    Style::Plain => self.out.push_str(text),
                    Style::Single => self.single(text),
                    Style::Double | Style::Literal => self.double(text),
                }
            }
        }
    }

    /// Writes a scalar outside of braces; a key has no indent, and stays on its line.
    fn scalar(&mut self, scalar: &Scalar, indent: Option<usize>) {
        let text = match scalar {
            Scalar::Bare(text) => return self.out.push_str(text),
            Scalar::Text(text) => text,
        };
        let looks = Looks::of(text);
        match (looks.style(is_bare(text), looks.in_block), indent) {
            (Style::Plain, _) => self.out.push_str(text),
            (Style::Single, _) => self.single(text),
            (Style::Literal, Some(indent)) if looks.is_block_allowed => self.literal(text, indent),
            (Style::Double | Style::Literal, _) => self.double(text),
        }
    }

    fn single(&mut self, text: &str) {
        self.out.push('\'');
        self.out.push_str(&text.replace('\'', "''"));
        self.out.push('\'');
    }

    fn double(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match escape(character) {
                Some(escape) => self.out.push_str(&escape),
                None => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('4');
        }
        let without = text.strip_suffix('\n');
        match without {
            None => self.out.push('-'),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.out.push('+'),
            Some(_) => {}
        }
        for line in without.unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(indent));
                self.out.push_str(line);
            }
        }
        if without.is_some() {
            self.out.push('\n');
        }
    }
}
