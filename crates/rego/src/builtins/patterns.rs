//! Regular expressions and globs. Compiling one costs more than most policies, so that each is compiled once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;
use regorus::Value;

use super::Own;
use super::globs::{quoted, translated};
use super::shown::is_float;
use crate::pattern;

pub(super) const ALL: [Own; 10] = [
    ("regex.is_valid", 1, |it| match it {
        [Value::String(text)] => Some(Value::from(expression(text).is_some())),
        _ => Some(Value::from(false)),
    }),
    ("regex.match", 2, is_match),
    ("re_match", 2, is_match),
    ("regex.find_n", 3, find),
    ("regex.find_all_string_submatch_n", 3, find_groups),
    ("regex.replace", 3, replace),
    ("regex.split", 2, split),
    ("regex.template_match", 4, template_match),
    ("glob.match", 3, glob_match),
    ("glob.quote_meta", 1, |it| {
        Some(Value::from(quoted(it.first()?.as_string().ok()?)))
    }),
];

/// So many patterns are kept compiled; policies have a few each.
const MOST_KEPT: usize = 1_024;

/// What patterns were compiled to; nothing where one is none. They are shared, since what a clone learns is its own.
type Kept = LazyLock<Mutex<HashMap<String, Option<Arc<Regex>>>>>;

/// The expression that a pattern was compiled to, now or before.
fn kept(all: &Kept, pattern: &str, compile: impl FnOnce() -> Option<Regex>) -> Option<Arc<Regex>> {
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().get(pattern) {
        return known.clone();
    }
    let compiled = compile().map(Arc::new);
    let mut all = lock();
    // Whoever makes patterns of what is reviewed has no use of this, and must not fill the memory.
    if all.len() >= MOST_KEPT {
        all.clear();
    }
    all.insert(pattern.to_owned(), compiled.clone());
    compiled
}

fn expression(text: &str) -> Option<Arc<Regex>> {
    static KEPT: Kept = LazyLock::new(Mutex::default);
    kept(&KEPT, text, || pattern::compile(text).ok())
}

fn texts<const N: usize>(values: &[Value]) -> Option<[&str; N]> {
    let mut texts = [""; N];
    for (place, value) in texts.iter_mut().zip(values) {
        let Value::String(text) = value else {
            return None;
        };
        *place = text;
    }
    Some(texts)
}

fn is_match(values: &[Value]) -> Option<Value> {
    let [pattern, text] = texts(values)?;
    Some(Value::from(expression(pattern)?.is_match(text)))
}

/// How many are wanted: all where it is negative.
fn wanted(value: &Value) -> Option<usize> {
    let number = value.as_number().ok().filter(|_| !is_float(value))?;
    let number = number.as_i64()?;
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}

fn find(values: &[Value]) -> Option<Value> {
    let [pattern, text] = texts(values)?;
    let expression = expression(pattern)?;
    let found = expression.find_iter(text).take(wanted(values.get(2)?)?);
    let found = found.map(|found| Value::from(found.as_str()));
    Some(Value::from(found.collect::<Vec<Value>>()))
}

fn find_groups(values: &[Value]) -> Option<Value> {
    let [pattern, text] = texts(values)?;
    let expression = expression(pattern)?;
    let found = expression.captures_iter(text).take(wanted(values.get(2)?)?);
    let found = found.map(|groups| {
        let groups = groups.iter();
        let groups = groups.map(|group| Value::from(group.map_or("", |group| group.as_str())));
        Value::from(groups.collect::<Vec<Value>>())
    });
    Some(Value::from(found.collect::<Vec<Value>>()))
}

fn replace(values: &[Value]) -> Option<Value> {
    let [text, pattern, by] = texts(values)?;
    let replaced = expression(pattern)?.replace_all(text, by);
    Some(Value::from(replaced.as_ref()))
}

/// As Go splits: what matches nothing at the very beginning does not split there.
fn split(values: &[Value]) -> Option<Value> {
    let [pattern, text] = texts(values)?;
    let expression = expression(pattern)?;
    if !pattern.is_empty() && text.is_empty() {
        return Some(Value::from(vec![Value::from("")]));
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in expression.find_iter(text) {
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::from(text.get(begin..end)?));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(Value::from(text.get(begin..)?));
    }
    Some(Value::from(parts))
}

/// Expressions between delimiters, and text around them.
fn template_match(values: &[Value]) -> Option<Value> {
    let [template, text, begin, end] = texts(values)?;
    let single = |text: &str| <[u8; 1]>::try_from(text.as_bytes()).ok();
    let ([begin], [end]) = (single(begin)?, single(end)?);
    static KEPT: Kept = LazyLock::new(Mutex::default);
    // OPA keeps them by the template alone, whatever the delimiters were that it met first.
    let key = format!("{}{}{template}", char::from(begin), char::from(end));
    let compiled = kept(&KEPT, &key, || {
        let mut expression = String::from("^");
        let (mut level, mut from, mut text_from) = (0_u32, 0, 0);
        for (index, byte) in template.bytes().enumerate() {
            if byte == begin {
                level += 1;
                if level == 1 {
                    from = index;
                }
            } else if byte == end {
                level = level.checked_sub(1)?;
                if level == 0 {
                    let inner = template.get(from + 1..index)?;
                    pattern::compile(&format!("^{inner}$")).ok()?;
                    let before = regex::escape(template.get(text_from..from)?);
                    expression.push_str(&format!("{before}({inner})"));
                    text_from = index + 1;
                }
            }
        }
        if level != 0 {
            return None;
        }
        expression.push_str(&regex::escape(template.get(text_from..)?));
        expression.push('$');
        pattern::compile(&expression).ok()
    });
    Some(Value::from(compiled?.is_match(text)))
}

fn glob_match(values: &[Value]) -> Option<Value> {
    let [Value::String(glob), delimiters, Value::String(text)] = values else {
        return None;
    };
    let mut key = String::new();
    match delimiters {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => key.push('.'),
        Value::Array(items) => {
            for item in items.iter() {
                let mut characters = item.as_string().ok()?.chars();
                key.push(
                    characters
                        .next()
                        .filter(|_| characters.as_str().is_empty())?,
                );
            }
        }
        _ => return None,
    }
    static KEPT: Kept = LazyLock::new(Mutex::default);
    let delimiters = key.clone();
    // No delimiter is of several characters, so that the first `\0\0` ends them.
    key.push_str("\0\0");
    key.push_str(glob);
    let compiled = kept(&KEPT, &key, || {
        Regex::new(&translated(glob, &delimiters)?).ok()
    });
    Some(Value::from(compiled?.is_match(text)))
}
