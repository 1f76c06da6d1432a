//! JSON as Go's `encoding/json` writes it: keys sorted, `<`, `>` and `&` escaped, and numbers by way of a float.

use basphere_rego::push_json_text;
use serde_json::{Number, Value};

/// What is written.
#[derive(Debug)]
pub(super) enum Json<'a> {
    /// A value of a plain map.
    Plain(&'a Value),
    /// A value whose numbers are written as Rego has them.
    Rego(&'a Value),
    /// A struct: its fields in their order.
    Fields(Vec<(&'static str, Json<'a>)>),
    /// A list.
    Items(Vec<Json<'a>>),
    /// A text.
    Text(&'a str),
    /// Nothing.
    Null,
}

/// On one line, without spaces.
pub(super) fn compact(value: &Value) -> String {
    let mut writer = Writer {
        out: String::new(),
        indent: None,
    };
    writer.write(&Json::Plain(value), 0);
    writer.out
}

/// On many lines, each level indented by four spaces.
pub(super) fn indented(json: &Json) -> String {
    let mut writer = Writer {
        out: String::new(),
        indent: Some(4),
    };
    writer.write(json, 0);
    writer.out
}

struct Writer {
    out: String,
    indent: Option<usize>,
}

impl Writer {
    fn write(&mut self, json: &Json, level: usize) {
        match json {
            Json::Null | Json::Plain(Value::Null) | Json::Rego(Value::Null) => {
                self.out.push_str("null")
            }
            Json::Text(text) => push_json_text(&mut self.out, text),
            Json::Plain(Value::String(text)) | Json::Rego(Value::String(text)) => {
                push_json_text(&mut self.out, text)
            }
            Json::Plain(Value::Bool(value)) | Json::Rego(Value::Bool(value)) => {
                self.out.push_str(if *value { "true" } else { "false" });
            }
            Json::Plain(Value::Number(number)) => self.out.push_str(&plain(number)),
            Json::Rego(Value::Number(number)) => self.out.push_str(&as_rego(number)),
            Json::Plain(Value::Array(items)) => self.items(items.iter().map(Json::Plain), level),
            Json::Rego(Value::Array(items)) => self.items(items.iter().map(Json::Rego), level),
            Json::Items(items) => self.many(items.iter(), ["[", "]"], level, |writer, item| {
                writer.write(item, level + 1);
            }),
            Json::Plain(Value::Object(fields)) => {
                let mut fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), Json::Plain(value)))
                    .collect();
                fields.sort_by_key(|(name, _)| *name);
                self.fields(&fields, level);
            }
            Json::Rego(Value::Object(fields)) => {
                let mut fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), Json::Rego(value)))
                    .collect();
                fields.sort_by_key(|(name, _)| *name);
                self.fields(&fields, level);
            }
            Json::Fields(fields) => self.fields(fields, level),
        }
    }

    fn items<'a>(&mut self, items: impl Iterator<Item = Json<'a>>, level: usize) {
        self.many(items, ["[", "]"], level, |writer, item| {
            writer.write(&item, level + 1)
        });
    }

    fn fields(&mut self, fields: &[(&str, Json)], level: usize) {
        let colon = if self.indent.is_some() { ": " } else { ":" };
        self.many(fields.iter(), ["{", "}"], level, |writer, (name, value)| {
            push_json_text(&mut writer.out, name);
            writer.out.push_str(colon);
            writer.write(value, level + 1);
        });
    }

    fn many<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        [begin, end]: [&str; 2],
        level: usize,
        write: impl Fn(&mut Self, T),
    ) {
        self.out.push_str(begin);
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                self.out.push(',');
            }
            is_empty = false;
            self.new_line(level + 1);
            write(self, item);
        }
        if !is_empty {
            self.new_line(level);
        }
        self.out.push_str(end);
    }

    fn new_line(&mut self, level: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(indent * level));
        }
    }
}

/// A number as `encoding/json` writes a float.
fn plain(number: &Number) -> String {
    let value = number.as_f64().unwrap_or_default();
    if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        return match text.contains("e-") {
            true => text,
            false => text.replace('e', "e+"),
        };
    }
    value.to_string()
}

/// A number as it is in Rego: an integer, or a float as [`general`] writes it.
fn as_rego(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => general(float),
        None => number.to_string(),
    }
}

/// A float in as few digits as tell it apart, with an exponent from a million on: `strconv`'s `g`.
pub(super) fn general(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) && value != 0.0 => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Json, compact, general, indented};

    #[test]
    fn values_are_written_as_go_writes_them() {
        let value = json!({"b": "<a> & \"c\"\u{2028}\u{1}\t", "a": [1, 1.5, 1e21, 1e-7, 1.0, 9_007_199_254_740_993_u64], "c": {}, "d": []});
        let expected = r#"{"a":[1,1.5,1e+21,1e-7,1,9007199254740992],"b":"\u003ca\u003e \u0026 \"c\"\u2028\u0001\t","c":{},"d":[]}"#;
        assert_eq!(compact(&value), expected);
    }

    #[test]
    fn fields_have_their_order_and_rego_its_numbers() {
        let numbers = json!({"n": [1_000_000, 1e6, 1.5]});
        let json = Json::Items(vec![Json::Fields(vec![
            ("z", Json::Rego(&numbers)),
            ("a", Json::Null),
            ("t", Json::Text("x")),
        ])]);
        let expected = "[\n    {\n        \"z\": {\n            \"n\": [\n                1000000,\n                1e+06,\n                1.5\n            ]\n        },\n        \"a\": null,\n        \"t\": \"x\"\n    }\n]";
        assert_eq!(indented(&json), expected);
    }

    #[test]
    fn floats_have_an_exponent_from_a_million_on() {
        let written = [
            999_999.5,
            1e6,
            1_234_567.0,
            1e21,
            0.0001,
            0.00001,
            0.0,
            -2.5,
        ]
        .map(general);
        assert_eq!(
            written,
            [
                "999999.5",
                "1e+06",
                "1.234567e+06",
                "1e+21",
                "0.0001",
                "1e-05",
                "0",
                "-2.5"
            ]
        );
    }
}
