//! YAML as go-yaml 3 writes it: what stands where, which texts are quoted and how, and in which order keys are.

use std::cmp::Ordering;

use basphere_api::manifest::gator::is_text;
use serde_json::Value;

use super::go_json::general;

/// From here on, whole numbers fit into no 64 bits.
const LARGEST_INTEGER: f64 = 9_223_372_036_854_775_808.0;

/// What is written.
#[derive(Debug)]
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
        let bare = |text: &str| Node::Scalar(Scalar::Bare(text.to_owned()));
        let within: fn(&'a Value) -> Yaml<'a> = match self {
            Self::Whole(_) => Yaml::Whole,
            _ => Yaml::Floats,
        };
        match self {
            Self::Null | Self::Floats(Value::Null) | Self::Whole(Value::Null) => bare("null"),
            Self::Text(text) => Node::Scalar(Scalar::Text(text)),
            Self::Texts(texts) => Node::List(texts.iter().map(|text| Yaml::Text(text)).collect()),
            Self::Fields(fields) => Node::Mapping(
                fields
                    .iter()
                    .map(|(name, value)| (*name, value.clone_shallow()))
                    .collect(),
            ),
            Self::Floats(value) | Self::Whole(value) => match value {
                Value::Null => bare("null"),
                Value::Bool(value) => bare(if *value { "true" } else { "false" }),
                Value::Number(number) => {
                    let float = number.as_f64().unwrap_or_default();
                    let is_whole = matches!(self, Self::Whole(_))
                        && float.fract() == 0.0
                        && float.abs() < LARGEST_INTEGER;
                    let text = if is_whole {
                        float.to_string()
                    } else {
                        general(float)
                    };
                    Node::Scalar(Scalar::Bare(text))
                }
                Value::String(text) => Node::Scalar(Scalar::Text(text)),
                Value::Array(items) => Node::List(items.iter().map(within).collect()),
                Value::Object(fields) => {
                    let mut fields: Vec<(&str, Yaml)> = fields
                        .iter()
                        .map(|(name, value)| (name.as_str(), within(value)))
                        .collect();
                    fields.sort_by(|(one, _), (other, _)| by_key(one, other));
                    Node::Mapping(fields)
                }
            },
        }
    }

    fn clone_shallow(&self) -> Self {
        match self {
            Self::Floats(value) => Self::Floats(value),
            Self::Whole(value) => Self::Whole(value),
            Self::Fields(fields) => Self::Fields(
                fields
                    .iter()
                    .map(|(name, value)| (*name, value.clone_shallow()))
                    .collect(),
            ),
            Self::Texts(texts) => Self::Texts(texts),
            Self::Text(text) => Self::Text(text),
            Self::Null => Self::Null,
        }
    }
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

/// Whether a text means itself when it stands there without quotes.
fn is_bare(text: &str) -> bool {
    const OLD_BOOLEANS: [&str; 16] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF",
    ];
    is_text(text) && text != "<<" && !OLD_BOOLEANS.contains(&text) && !is_base_60(text)
}

/// Whether YAML 1.1 took a text for a number to the base of 60: `12:30`.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_counted = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let is_digit = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sixtieth = |part: &str| match part.len() {
        1 => is_digit(part),
        2 => is_digit(part) && part < "60",
        _ => false,
    };
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|first: char| first.is_ascii_digit())
        && is_counted(first)
        && !rest.is_empty()
        && rest.iter().all(|part| is_sixtieth(part))
        && is_counted(fraction)
}

#[derive(Clone, Copy)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text looks like to libyaml.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
struct Looks {
    /// Whether it may stand without quotes within braces.
    in_flow: bool,
    /// The same outside of them.
    in_block: bool,
    is_single_allowed: bool,
    is_block_allowed: bool,
    has_breaks: bool,
}

impl Looks {
    fn of(text: &str) -> Self {
        let mut looks = Self {
            in_flow: !text.is_empty(),
            in_block: true,
            is_single_allowed: true,
            is_block_allowed: !text.is_empty(),
            has_breaks: text.contains(is_break),
        };
        let mut before = ' ';
        let mut characters = text.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let is_end = characters
                .peek()
                .is_none_or(|(_, next)| is_blank(*next) || is_break(*next));
            let (flow, block) = indicates(index, character, before, is_end);
            looks.in_flow &= !flow;
            looks.in_block &= !block;
            if !is_printable(character) {
                looks.quoted();
                looks.is_block_allowed &= character == '\t';
            }
            match (before, character) {
                (' ', next) if index > 0 && is_break(next) => {
                    looks.quoted();
                    looks.is_block_allowed = false;
                }
                (last, ' ') if index > 0 && is_break(last) => looks.quoted(),
                _ => {}
            }
            before = character;
        }
        let is_space =
            |character: Option<char>| character.is_some_and(|it| it == ' ' || is_break(it));
        if text.starts_with("---") || text.starts_with("...") {
            (looks.in_flow, looks.in_block) = (false, false);
        }
        if is_space(text.chars().next()) || is_space(text.chars().next_back()) || looks.has_breaks {
            (looks.in_flow, looks.in_block) = (false, false);
        }
        looks.is_block_allowed &= !text.ends_with(' ');
        looks
    }

    /// Nothing but double quotes, or a block, will do.
    fn quoted(&mut self) {
        (self.in_flow, self.in_block, self.is_single_allowed) = (false, false, false);
    }

    fn style(&self, is_bare: bool, is_plain_allowed: bool) -> Style {
        match () {
            () if self.has_breaks => Style::Literal,
            () if !is_bare => Style::Double,
            () if is_plain_allowed => Style::Plain,
            () if self.is_single_allowed => Style::Single,
            () => Style::Double,
        }
    }
}

/// Whether a character has a meaning to YAML where it stands: within braces, and outside of them.
fn indicates(index: usize, character: char, before: char, is_end: bool) -> (bool, bool) {
    match character {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`'
            if index == 0 =>
        {
            (true, true)
        }
        '?' if index == 0 => (true, is_end),
        '-' if index == 0 => (is_end, is_end),
        ':' => (true, is_end),
        ',' | '?' | '[' | ']' | '{' | '}' => (true, false),
        '#' if is_blank(before) || is_break(before) => (true, true),
        _ => (false, false),
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What is shown as it is. libyaml knows nothing beyond 16 bits.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && character != '\u{feff}'
}

fn escape(character: char) -> Option<String> {
    let code = u32::from(character);
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other if is_printable(other) => return None,
        _ if code <= 0xff => return Some(format!("\\x{code:02X}")),
        _ if code <= 0xffff => return Some(format!("\\u{code:04X}")),
        _ => return Some(format!("\\U{code:08X}")),
    };
    Some(format!("\\{short}"))
}

/// The order of keys: letters behind everything else, and numbers within by their value.
fn by_key(one: &str, other: &str) -> Ordering {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut is_in_number = false;
    for (index, (left, right)) in one.iter().zip(&other).enumerate() {
        if left == right {
            is_in_number = left.is_numeric();
            continue;
        }
        return match (left.is_alphabetic(), right.is_alphabetic()) {
            (true, true) => left.cmp(right),
            (true, false) if is_in_number => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if is_in_number => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let numbers =
                    [&one, &other].map(|text| number(text, index, *left == '0' || *right == '0'));
                let [left_number, right_number] = numbers;
                left_number.cmp(&right_number).then(left.cmp(right))
            }
        };
    }
    one.len().cmp(&other.len())
}

/// The number that goes on at a place, and where it ends. What stands before counts where a zero is compared.
fn number(text: &[char], at: usize, is_zero: bool) -> (i64, usize) {
    let digits = |text: &[char]| text.iter().take_while(|it| it.is_ascii_digit()).count();
    let (before, after) = text.split_at(at.min(text.len()));
    let is_led = is_zero
        && before
            .iter()
            .rev()
            .take_while(|it| it.is_ascii_digit())
            .any(|it| *it != '0');
    let count = digits(after);
    let value = after
        .iter()
        .take(count)
        .fold(i64::from(is_led), |value, digit| {
            let digit = digit.to_digit(10).map_or(0, i64::from);
            value.wrapping_mul(10).wrapping_add(digit)
        });
    (value, count)
}
