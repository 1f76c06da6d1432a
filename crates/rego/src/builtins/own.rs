//! What regorus does not have, or has otherwise than OPA.

use ipnet::IpNet;
use regorus::Value;

use super::shown::shown;
use super::sprintf::sprintf;
use super::{find, operators};

type Own = (&'static str, usize, fn(&[Value]) -> Option<Value>);

pub(super) const ALL: [Own; 16] = [
    ("sprintf", 2, sprintf),
    ("any", 1, |it| {
        of_all(it, |mut items| items.any(|item| *item == Value::from(true)))
    }),
    ("all", 1, |it| {
        of_all(it, |mut items| items.all(|item| *item == Value::from(true)))
    }),
    ("re_match", 2, |it| find("regex.match")?.call(it).ok()?),
    ("set_diff", 2, |it| match it {
        [Value::Set(_), Value::Set(_)] => operators::minus(it),
        _ => None,
    }),
    ("eq", 2, |it| find("equal")?.call(it).ok()?),
    ("cast_array", 1, |it| match it {
        [Value::Array(_)] => it.first().cloned(),
        [Value::Set(items)] => Some(Value::from(items.iter().cloned().collect::<Vec<Value>>())),
        _ => None,
    }),
    ("cast_set", 1, |it| match it {
        [Value::Set(_)] => it.first().cloned(),
        [Value::Array(items)] => Some(Value::from(
            items
                .iter()
                .cloned()
                .collect::<std::collections::BTreeSet<Value>>(),
        )),
        _ => None,
    }),
    ("cast_string", 1, |it| {
        it.first()
            .filter(|it| matches!(it, Value::String(_)))
            .cloned()
    }),
    ("cast_boolean", 1, |it| {
        it.first()
            .filter(|it| matches!(it, Value::Bool(_)))
            .cloned()
    }),
    ("cast_null", 1, |it| {
        it.first().filter(|it| matches!(it, Value::Null)).cloned()
    }),
    ("cast_object", 1, |it| {
        it.first()
            .filter(|it| matches!(it, Value::Object(_)))
            .cloned()
    }),
    ("array.flatten", 1, |it| match it {
        [Value::Array(items)] => {
            let flat = items.iter().flat_map(|item| match item {
                Value::Array(inner) => inner.iter().cloned().collect(),
                item => vec![item.clone()],
            });
            Some(Value::from(flat.collect::<Vec<Value>>()))
        }
        _ => None,
    }),
    ("internal.template_string", 1, template),
    ("net.cidr_intersects", 2, |it| {
        let [one, other] = it else {
            return None;
        };
        let network = |value: &Value| value.as_string().ok()?.parse::<IpNet>().ok();
        let (one, other) = (network(one)?.trunc(), network(other)?.trunc());
        Some(Value::from(one.contains(&other) || other.contains(&one)))
    }),
    ("strings.count", 2, |it| match it {
        [Value::String(text), Value::String(part)] => {
            let count = match part.is_empty() {
                true => text.chars().count() + 1,
                false => text.matches(&**part).count(),
            };
            Some(Value::from(count as u64))
        }
        _ => None,
    }),
];

/// The text of a template string, of its parts: an expression is the set of its values, of which there is one at most.
fn template(values: &[Value]) -> Option<Value> {
    let [Value::Array(parts)] = values else {
        return None;
    };
    let mut text = String::new();
    for part in parts.iter() {
        let part = match part {
            Value::Set(values) => values.iter().next(),
            part => Some(part),
        };
        match part {
            None => text.push_str("<undefined>"),
            Some(Value::String(part)) => text.push_str(part),
            Some(part) => text.push_str(&shown(part)),
        }
    }
    Some(Value::from(text))
}

fn of_all(
    values: &[Value],
    judge: fn(Box<dyn Iterator<Item = &Value> + '_>) -> bool,
) -> Option<Value> {
    match values {
        [Value::Array(items)] => Some(Value::from(judge(Box::new(items.iter())))),
        [Value::Set(items)] => Some(Value::from(judge(Box::new(items.iter())))),
        _ => None,
    }
}
