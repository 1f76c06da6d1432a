//! Objects that are defined by rules: each definition puts something at a path.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

/// An object under construction.
pub(super) enum Nested {
    /// What one definition has put there.
    Value(Value),
    /// What several have put into a set.
    Set(BTreeSet<Value>),
    Object(BTreeMap<Value, Nested>),
}

/// Two definitions put different things at the same place.
pub(super) struct Conflict;

impl Nested {
    pub(super) fn new() -> Self {
        Self::Object(BTreeMap::new())
    }

    /// Puts a value at a path, or into the set at a path.
    pub(super) fn put(
        &mut self,
        path: &[Value],
        value: Value,
        is_set: bool,
    ) -> Result<(), Conflict> {
        let Self::Object(fields) = self else {
            return Err(Conflict);
        };
        let Some((first, rest)) = path.split_first() else {
            return Err(Conflict);
        };
        if !rest.is_empty() {
            let next = fields.entry(first.clone()).or_insert_with(Self::new);
            return next.put(rest, value, is_set);
        }
        match (fields.get_mut(first), is_set) {
            (None, true) => {
                fields.insert(first.clone(), Self::Set(BTreeSet::from([value])));
                Ok(())
            }
            (None, false) => {
                fields.insert(first.clone(), Self::Value(value));
                Ok(())
            }
            (Some(Self::Set(items)), true) => {
                items.insert(value);
                Ok(())
            }
            (Some(Self::Value(known)), false) if *known == value => Ok(()),
            _ => Err(Conflict),
        }
    }

    pub(super) fn finished(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Set(items) => Value::from(items),
            Self::Object(fields) => {
                let fields = fields.into_iter().map(|(key, item)| (key, item.finished()));
                Value::from(fields.collect::<BTreeMap<Value, Value>>())
            }
        }
    }
}
