//! Values as OPA writes them within texts.

use regorus::Value;

/// What an element of a collection looks like, or a collection itself: JSON, with sets in braces.
pub(crate) fn shown(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => to.push_str(&number.format_decimal()),
        Value::String(text) => to.push_str(&super::go::quoted(text, false)),
        Value::Array(items) => list(items.iter(), ["[", "]"], to),
        Value::Set(items) if items.is_empty() => to.push_str("set()"),
        Value::Set(items) => list(items.iter(), ["{", "}"], to),
        Value::Object(fields) => {
            to.push('{');
            for (index, (key, value)) in fields.iter_sorted().enumerate() {
                if index > 0 {
                    to.push_str(", ");
                }
                write(key, to);
                to.push_str(": ");
                write(value, to);
            }
            to.push('}');
        }
        Value::Undefined => to.push_str("undefined"),
    }
}

fn list<'a>(items: impl Iterator<Item = &'a Value>, [begin, end]: [&str; 2], to: &mut String) {
    to.push_str(begin);
    for (index, item) in items.enumerate() {
        if index > 0 {
            to.push_str(", ");
        }
        write(item, to);
    }
    to.push_str(end);
}
