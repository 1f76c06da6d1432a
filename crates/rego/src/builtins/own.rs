//! What regorus does not have, or has otherwise than OPA.

use regorus::Value;

use super::shown::shown;
use super::sprintf::sprintf;
use super::{Own, find, operators};

pub(super) const ALL: [Own; 20] = [
    ("sprintf", 2, sprintf),
    ("any", 1, |it| {
        of_all(it, |mut items| items.any(|item| *item == Value::from(true)))
    }),
    ("all", 1, |it| {
        of_all(it, |mut items| items.all(|item| *item == Value::from(true)))
    }),
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
    ("time.parse_duration_ns", 1, duration),
    ("json.match_schema", 2, match_schema),
    ("units.parse", 1, |it| unit(it, "units.parse")),
    ("units.parse_bytes", 1, |it| unit(it, "units.parse_bytes")),
    ("numbers.range", 2, |it| range(it, "numbers.range")),
    ("numbers.range_step", 3, |it| {
        range(it, "numbers.range_step")
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

/// More numbers than this are not written out.
const MOST_NUMBERS: f64 = 1e6;

/// A number with a unit, unless its exponent is one that no quantity has: it would be written out.
fn unit(values: &[Value], name: &str) -> Option<Value> {
    const LONGEST_EXPONENT: usize = 3;
    let text = values.first()?.as_string().ok()?;
    let exponents = text.split(['e', 'E']).skip(1);
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let is_small = exponents.map(digits).all(|count| count <= LONGEST_EXPONENT);
    is_small.then(|| super::theirs(name, values))?
}

/// Numbers between two others, unless they are more than a memory holds.
fn range(values: &[Value], name: &str) -> Option<Value> {
    let mut numbers = values.iter().map(|value| value.as_number().ok()?.as_f64());
    let (from, to) = (numbers.next()??, numbers.next()??);
    let step = numbers.next().flatten().unwrap_or(1.0);
    let is_small = ((to - from) / step).abs() <= MOST_NUMBERS;
    is_small.then(|| super::theirs(name, values))?
}

/// Nanoseconds of a text such as `1d2h`.
fn duration(values: &[Value]) -> Option<Value> {
    const UNITS: [(&str, i128); 10] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("µs", 1_000),
        ("ns", 1),
        ("s", 1_000_000_000),
        ("m", 60 * 1_000_000_000),
        ("h", 3_600 * 1_000_000_000),
        ("d", 24 * 3_600 * 1_000_000_000),
        ("w", 7 * 24 * 3_600 * 1_000_000_000),
        ("y", 365 * 24 * 3_600 * 1_000_000_000),
    ];
    let text = values.first()?.as_string().ok()?;
    let (sign, mut rest) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => (-1, rest),
        (_, Some(rest)) => (1, rest),
        _ => (1, text.as_ref()),
    };
    if rest == "0" {
        return Some(Value::from(0_i64));
    }
    let mut all: i128 = 0;
    loop {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = (rest.get(..length)?, rest.get(length..)?);
        let (unit, size) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + fraction.len() == 0 || digits.len() > 30 {
            return None;
        }
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        all = all.checked_add(whole.checked_mul(*size)?)?;
        let mut part = *size;
        for digit in fraction.chars() {
            part /= 10;
            all = all.checked_add(part * i128::from(digit.to_digit(10)?))?;
        }
        rest = after.get(unit.len()..)?;
        if rest.is_empty() {
            return Some(Value::from(i64::try_from(all * sign).ok()?));
        }
    }
}

/// Whether a document is as a schema says, and what is wrong with it: the words are another library's than OPA's.
fn match_schema(values: &[Value]) -> Option<Value> {
    let answer = super::theirs("json.match_schema", values)?;
    let [is_match, problem] = answer.as_array().ok()?.as_slice() else {
        return None;
    };
    let problems = match problem {
        Value::Null => Vec::new(),
        problem => {
            let mut shown = Value::new_object();
            let fields = shown.as_object_mut().ok()?;
            for name in ["desc", "error"] {
                fields.insert(Value::from(name), problem.clone());
            }
            vec![shown]
        }
    };
    Some(Value::from(vec![is_match.clone(), Value::from(problems)]))
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
