//! JSON as Go writes it.

use std::collections::BTreeMap;

use regorus::Value;

use super::shown::{is_float, ordered};
use super::{Own, go};

pub(super) const ALL: [Own; 2] = [
    ("json.marshal", 1, |it| {
        let mut writer = Writer::default();
        writer.value(it.first()?, 0);
        Some(Value::from(writer.out))
    }),
    ("json.marshal_with_options", 2, with_options),
];

/// How lines begin: with a prefix, and an indent for each level.
struct Lines {
    prefix: String,
    indent: String,
}

#[derive(Default)]
struct Writer {
    lines: Option<Lines>,
    out: String,
}

fn with_options(values: &[Value]) -> Option<Value> {
    let [value, Value::Object(options)] = values else {
        return None;
    };
    let mut lines = Lines {
        prefix: String::new(),
        indent: "\t".to_owned(),
    };
    let (mut is_asked, mut is_implied) = (None, false);
    for (name, option) in options.iter_sorted() {
        let text = || Some(option.as_string().ok()?.to_string());
        match name.as_string().ok()?.as_ref() {
            "prefix" => lines.prefix = text()?,
            "indent" => lines.indent = text()?,
            "pretty" => {
                is_asked = Some(*option.as_bool().ok()?);
                continue;
            }
            _ => return None,
        }
        is_implied = true;
    }
    let is_pretty = is_asked.unwrap_or(is_implied);
    let mut writer = Writer {
        // Go leaves the first line without its prefix, and OPA puts it there.
        out: if is_pretty {
            lines.prefix.clone()
        } else {
            String::new()
        },
        lines: is_pretty.then_some(lines),
    };
    writer.value(value, 0);
    Some(Value::from(writer.out))
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null | Value::Undefined => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => match number.as_f64().filter(|_| is_float(value)) {
                Some(float) => self.out.push_str(&go::float(float, 'g', None)),
                None => self.out.push_str(&number.format_decimal()),
            },
            Value::String(text) => push_text(&mut self.out, text),
            Value::Array(items) => {
                let items: Vec<&Value> = items.iter().collect();
                self.list(['[', ']'], &items, depth, |writer, item| {
                    writer.value(item, depth + 1);
                });
            }
            Value::Set(items) => self.list(['[', ']'], &ordered(items), depth, |writer, item| {
                writer.value(item, depth + 1);
            }),
            Value::Object(fields) => {
                let fields = fields.iter_sorted().map(|(key, field)| match key {
                    Value::String(key) => (key.to_string(), field),
                    key => {
                        let mut writer = Self::default();
                        writer.value(key, 0);
                        (writer.out, field)
                    }
                });
                let fields: BTreeMap<String, &Value> = fields.collect();
                let fields: Vec<(String, &Value)> = fields.into_iter().collect();
                self.list(['{', '}'], &fields, depth, |writer, (key, field)| {
                    push_text(&mut writer.out, key);
                    writer.out.push(':');
                    if writer.lines.is_some() {
                        writer.out.push(' ');
                    }
                    writer.value(field, depth + 1);
                });
            }
        }
    }

    fn list<T>(
        &mut self,
        [begin, end]: [char; 2],
        items: &[T],
        depth: usize,
        write: impl Fn(&mut Self, &T),
    ) {
        self.out.push(begin);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            write(self, item);
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(end);
    }

    fn line(&mut self, depth: usize) {
        if let Some(lines) = &self.lines {
            self.out.push('\n');
            self.out.push_str(&lines.prefix);
            self.out.push_str(&lines.indent.repeat(depth));
        }
    }
}

/// Appends a text as Go writes it in JSON: what HTML would read is escaped as well.
pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
