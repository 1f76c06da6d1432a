//! Values as OPA writes them within texts.

use std::cmp::Ordering;

use regorus::Value;
use regorus::value::Set;

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
        Value::Number(number) => match number.as_f64().filter(|_| is_float(value)) {
            Some(float) => to.push_str(&super::go::float(float, 'g', None)),
            None => to.push_str(&number.format_decimal()),
        },
        Value::String(text) => to.push_str(&super::go::quoted(text, false)),
        Value::Array(items) => list(items.iter(), ["[", "]"], to),
        Value::Set(items) if items.is_empty() => to.push_str("set()"),
        Value::Set(items) => list(ordered(items).into_iter(), ["{", "}"], to),
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

/// Whether a number is a float, also where it is whole: OPA keeps how numbers were written, and Gatekeeper's review has
/// floats from a million on (see [`crate::as_untyped_json`]).
///
/// regorus does not tell the two apart, but they add differently: a float loses what is beyond its 53 bits.
pub(crate) fn is_float(value: &Value) -> bool {
    const BEYOND: u64 = (1 << 53) + 1;
    let Ok(number) = value.as_number() else {
        return false;
    };
    if !number.is_integer() {
        return true;
    }
    let beyond = Value::from(BEYOND);
    let sum = beyond
        .as_number()
        .ok()
        .and_then(|beyond| number.add(beyond).ok());
    let rest = sum.and_then(|sum| sum.sub(number).ok());
    rest.and_then(|rest| rest.as_u64()) != Some(BEYOND)
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

/// A set's items in OPA's order, which is regorus' but that objects come before sets.
pub(crate) fn ordered(set: &Set) -> Vec<&Value> {
    let mut items: Vec<&Value> = set.iter().collect();
    items.sort_by(|one, other| compare(one, other));
    items
}

/// OPA's order of values.
pub(crate) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Object(_), Value::Set(_)) => Ordering::Less,
        (Value::Set(_), Value::Object(_)) => Ordering::Greater,
        (Value::Array(one), Value::Array(other)) => by_item(one.iter(), other.iter()),
        (Value::Set(one), Value::Set(other)) => {
            by_item(ordered(one).into_iter(), ordered(other).into_iter())
        }
        (Value::Object(one), Value::Object(other)) => {
            let pairs = |object: &regorus::value::Object| -> Vec<Value> {
                object
                    .iter_sorted()
                    .flat_map(|(key, value)| [key.clone(), value.clone()])
                    .collect()
            };
            by_item(pairs(one).iter(), pairs(other).iter())
        }
        _ => one.cmp(other),
    }
}

fn by_item<'a>(
    one: impl Iterator<Item = &'a Value>,
    other: impl Iterator<Item = &'a Value>,
) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        match (one.next(), other.next()) {
            (Some(left), Some(right)) => match compare(left, right) {
                Ordering::Equal => {}
                order => return order,
            },
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
        }
    }
}

/// A value as JSON, in which sets are arrays in OPA's order.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Set(items) => ordered(items).into_iter().map(json).collect(),
        Value::Object(fields) => {
            let fields = fields.iter_sorted().map(|(key, value)| {
                let key = match key {
                    Value::String(text) => text.to_string(),
                    other => json(other).to_string(),
                };
                (key, json(value))
            });
            fields.collect()
        }
        scalar => serde_json::to_value(scalar).unwrap_or_default(),
    }
}
