//! The operators, by the names that OPA has for them.

use regorus::Value;
use regorus::value::Set;

use super::Own;
use super::shown::compare;

pub(super) const ALL: [Own; 15] = [
    ("equal", 2, |it| compared(it, |one, other| one == other)),
    ("neq", 2, |it| compared(it, |one, other| one != other)),
    ("lt", 2, |it| {
        compared(it, |one, other| compare(one, other).is_lt())
    }),
    ("lte", 2, |it| {
        compared(it, |one, other| compare(one, other).is_le())
    }),
    ("gt", 2, |it| {
        compared(it, |one, other| compare(one, other).is_gt())
    }),
    ("gte", 2, |it| {
        compared(it, |one, other| compare(one, other).is_ge())
    }),
    ("plus", 2, plus),
    ("minus", 2, minus),
    ("mul", 2, mul),
    ("div", 2, div),
    ("rem", 2, rem),
    ("and", 2, |it| sets(it, Set::intersection)),
    ("or", 2, |it| sets(it, Set::union)),
    ("internal.member_2", 2, member),
    ("internal.member_3", 3, member_with_key),
];

fn compared(values: &[Value], holds: fn(&Value, &Value) -> bool) -> Option<Value> {
    let [one, other] = values else {
        return None;
    };
    Some(Value::from(holds(one, other)))
}

fn plus(values: &[Value]) -> Option<Value> {
    let [Value::Number(one), Value::Number(other)] = values else {
        return None;
    };
    one.add(other).ok().map(Value::Number)
}

pub(super) fn minus(values: &[Value]) -> Option<Value> {
    match values {
        [Value::Number(one), Value::Number(other)] => one.sub(other).ok().map(Value::Number),
        _ => sets(values, Set::difference),
    }
}

fn mul(values: &[Value]) -> Option<Value> {
    let [Value::Number(one), Value::Number(other)] = values else {
        return None;
    };
    one.mul(other).ok().map(Value::Number)
}

fn div(values: &[Value]) -> Option<Value> {
    let [Value::Number(one), Value::Number(other)] = values else {
        return None;
    };
    let is_zero = other.as_f64() == Some(0.0);
    let divided = (!is_zero).then(|| one.clone().divide(other).ok())?;
    divided.map(Value::Number)
}

fn rem(values: &[Value]) -> Option<Value> {
    let [Value::Number(one), Value::Number(other)] = values else {
        return None;
    };
    let is_whole = one.is_integer() && other.is_integer() && other.as_f64() != Some(0.0);
    let remainder = is_whole.then(|| one.clone().modulo(other).ok())?;
    remainder.map(Value::Number)
}

fn sets(values: &[Value], combine: fn(&Set, &Set) -> Set) -> Option<Value> {
    let [Value::Set(one), Value::Set(other)] = values else {
        return None;
    };
    Some(Value::from(combine(one, other)))
}

fn member(values: &[Value]) -> Option<Value> {
    let [value, domain] = values else {
        return None;
    };
    Some(Value::from(match domain {
        Value::Array(items) => items.contains(value),
        Value::Set(items) => items.contains(value),
        Value::Object(fields) => fields.values().any(|item| item == value),
        _ => false,
    }))
}

fn member_with_key(values: &[Value]) -> Option<Value> {
    let [key, value, domain] = values else {
        return None;
    };
    Some(Value::from(under(domain, key) == Some(value)))
}

/// What a collection has under a key; in a set each item is its own.
pub(crate) fn under<'c>(collection: &'c Value, key: &Value) -> Option<&'c Value> {
    match collection {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => {
            let index = key.as_number().ok()?.as_u64()?;
            items.get(usize::try_from(index).ok()?)
        }
        Value::Set(items) => items.get(key),
        _ => None,
    }
}
