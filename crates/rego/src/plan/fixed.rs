//! What is known before anything is evaluated: values that are written out, and what `with` replaces.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use super::Target;
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Place};

pub(super) fn target_of(target: &tree::Term, at: Place) -> Result<Target, SourceError> {
    let unsupported = || {
        SourceError::new(
            at,
            "`with` can replace what is below input and data.inventory",
        )
    };
    let tree::Term::Ref(head, path) = target else {
        return Err(unsupported());
    };
    let texts = path.iter().map(|part| match part {
        tree::Term::Text(text) => Some(text.clone()),
        _ => None,
    });
    let path: Vec<String> = texts.collect::<Option<_>>().ok_or_else(unsupported)?;
    match (&**head, path.split_first()) {
        (tree::Term::Variable(name), _) if name == "input" => Ok(Target {
            is_input: true,
            path,
        }),
        (tree::Term::Variable(name), Some((first, rest)))
            if name == "data" && first == "inventory" =>
        {
            let path = rest.to_vec();
            Ok(Target {
                is_input: false,
                path,
            })
        }
        _ => Err(unsupported()),
    }
}

/// The value of a term that has one by itself.
pub(super) fn constant(term: &tree::Term) -> Result<Value, String> {
    let all = |items: &[tree::Term]| {
        items
            .iter()
            .map(constant)
            .collect::<Result<Vec<Value>, String>>()
    };
    match term {
        tree::Term::Null => Ok(Value::Null),
        tree::Term::Bool(value) => Ok(Value::from(*value)),
        tree::Term::Number(number) => {
            Value::from_numeric_string(number).map_err(|_| format!("illegal number {number}"))
        }
        tree::Term::Text(text) => Ok(Value::from(text.as_str())),
        tree::Term::Array(items) => Ok(Value::from(all(items)?)),
        tree::Term::Set(items) => {
            let items: BTreeSet<Value> = all(items)?.into_iter().collect();
            Ok(Value::from(items))
        }
        tree::Term::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| Ok((constant(key)?, constant(value)?)));
            let fields: BTreeMap<Value, Value> = fields.collect::<Result<_, String>>()?;
            Ok(Value::from(fields))
        }
        _ => Err("no constant".to_owned()),
    }
}
