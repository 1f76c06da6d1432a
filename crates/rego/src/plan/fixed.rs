//! Values that are written out.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use crate::syntax::tree;

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
            let illegal = || format!("illegal number {number}");
            // What is written as a float is one, also where it is whole.
            if number.contains(['.', 'e', 'E']) {
                let float = number.parse().ok().filter(|float: &f64| float.is_finite());
                return float.map(Value::from).ok_or_else(illegal);
            }
            Value::from_numeric_string(number).map_err(|_| illegal())
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
