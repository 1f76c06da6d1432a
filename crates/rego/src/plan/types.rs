//! Types, as OPA infers them: what a term can be, as far as it is known before anything is evaluated.

use regorus::Value;

/// A type of more parts than this is taken for any.
const LARGEST: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Whatever.
    Any,
    Null,
    Bool,
    Number,
    Text,
    /// Its first items, and what all further ones are, if there can be any.
    Array(Vec<Type>, Option<Box<Type>>),
    /// Known fields, and what all others are, if there can be any.
    Object(Vec<(Value, Type)>, Option<Box<(Type, Type)>>),
    Set(Box<Type>),
    /// One of several.
    Union(Vec<Type>),
}

impl Type {
    /// What letters stand for, see [`crate::builtins`].
    pub(super) fn of_letters(letters: &str) -> Self {
        let (kinds, items) = letters.split_once(':').unwrap_or((letters, ""));
        let items = || match items {
            "" => Box::new(Self::Any),
            items => Box::new(Self::of_letters(items)),
        };
        let all = kinds.chars().map(|kind| match kind {
            'n' => Self::Null,
            'b' => Self::Bool,
            '#' => Self::Number,
            's' => Self::Text,
            'A' => Self::Array(Vec::new(), Some(items())),
            'O' => Self::Object(Vec::new(), Some(Box::new((Self::Any, Self::Any)))),
            'S' => Self::Set(items()),
            _ => Self::Any,
        });
        all.reduce(Self::or).unwrap_or(Self::Any)
    }

    pub(super) fn of_value(value: &Value) -> Self {
        let found = match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(items) => Self::array(items.iter().map(Self::of_value).collect()),
            Value::Set(items) => {
                let items = items.iter().map(Self::of_value).reduce(Self::or);
                Self::Set(Box::new(items.unwrap_or(Self::Any)))
            }
            Value::Object(fields) => {
                let fields = fields.iter_sorted();
                let fields = fields.map(|(key, value)| (key.clone(), Self::of_value(value)));
                Self::object(fields.collect(), None)
            }
            Value::Undefined => Self::Any,
        };
        found.limited()
    }

    pub(super) fn array(items: Vec<Self>) -> Self {
        let rest = items.is_empty().then(|| Box::new(Self::Any));
        Self::Array(items, rest).limited()
    }

    pub(super) fn object(fields: Vec<(Value, Self)>, rest: Option<(Self, Self)>) -> Self {
        let is_empty = fields.is_empty() && rest.is_none();
        let rest = rest.or_else(|| is_empty.then_some((Self::Any, Self::Any)));
        Self::Object(fields, rest.map(Box::new)).limited()
    }

    fn size(&self) -> usize {
        match self {
            Self::Any | Self::Null | Self::Bool | Self::Number | Self::Text => 1,
            Self::Array(items, rest) => {
                let rest = rest.as_ref().map_or(0, |rest| rest.size());
                1 + rest + items.iter().map(Self::size).sum::<usize>()
            }
            Self::Object(fields, rest) => {
                let rest = rest
                    .as_ref()
                    .map_or(0, |rest| rest.0.size() + rest.1.size());
                1 + rest + fields.iter().map(|(_, field)| field.size()).sum::<usize>()
            }
            Self::Set(items) => 1 + items.size(),
            Self::Union(all) => 1 + all.iter().map(Self::size).sum::<usize>(),
        }
    }

    fn limited(self) -> Self {
        match self.size() > LARGEST {
            true => Self::Any,
            false => self,
        }
    }

    /// What is the one or the other.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let mut all = Vec::new();
        for one in [self, other] {
            match one {
                Self::Any => return Self::Any,
                Self::Union(more) => all.extend(more),
                one => all.push(one),
            }
        }
        let mut distinct: Vec<Self> = Vec::new();
        for one in all {
            if !distinct.contains(&one) {
                distinct.push(one);
            }
        }
        Self::Union(distinct).limited()
    }

    /// Whether something can be of both types.
    pub(super) fn unifies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Union(all), other) | (other, Self::Union(all)) => {
                all.iter().any(|one| one.unifies(other))
            }
            (Self::Array(items, rest), Self::Array(others, other_rest)) => {
                // Each pair is looked at once: looked at from both sides, nested types would take for ever.
                let length = items.len().max(others.len());
                let is_same =
                    (0..length).all(|index| match (self.item(index), other.item(index)) {
                        (Some(one), Some(other)) => one.unifies(other),
                        _ => false,
                    });
                let is_rest_same = match (rest, other_rest) {
                    (Some(rest), Some(other)) => rest.unifies(other),
                    _ => true,
                };
                is_same && is_rest_same
            }
            (Self::Object(fields, rest), Self::Object(others, other_rest)) => {
                let is_open = rest.is_some() || other_rest.is_some();
                let is_same = |key: &Value, field: &Self, other: &Self| match other.select(key) {
                    Some(one) => one.unifies(field),
                    None => is_open,
                };
                let has = |key: &Value| fields.iter().any(|(own, _)| own == key);
                let mut own = fields.iter();
                let mut more = others.iter().filter(|(key, _)| !has(key));
                let is_rest_same = match (rest, other_rest) {
                    (Some(rest), Some(other)) => rest.1.unifies(&other.1),
                    _ => true,
                };
                own.all(|(key, field)| is_same(key, field, other))
                    && more.all(|(key, field)| is_same(key, field, self))
                    && is_rest_same
            }
            (Self::Set(one), Self::Set(other)) => one.unifies(other),
            (one, other) => one == other,
        }
    }

    /// Whether a value is of this type, as it is written out: an array has to be as long as is known.
    pub(super) fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Union(all), value) => all.iter().any(|one| one.takes(value)),
            (Self::Array(items, rest), Value::Array(values)) => {
                let is_as_long = items.len() == values.len() || rest.is_some();
                let mut values = values.iter().enumerate();
                is_as_long
                    && values.all(|(index, value)| {
                        self.item(index).is_some_and(|item| item.takes(value))
                    })
            }
            (Self::Object(fields, rest), Value::Object(values)) => {
                let is_as_long = fields.len() == values.len() || rest.is_some();
                let mut values = values.iter();
                is_as_long
                    && values.all(|(key, value)| {
                        self.select(key).is_some_and(|field| field.takes(value))
                    })
            }
            (Self::Set(items), Value::Set(values)) => values.iter().all(|value| items.takes(value)),
            (known, value) => known.unifies(&Self::of_value(value)),
        }
    }

    /// What an array has at an index.
    pub(super) fn item(&self, index: usize) -> Option<&Self> {
        match self {
            Self::Array(items, rest) => items.get(index).or(rest.as_deref()),
            _ => None,
        }
    }

    /// What stands in brackets behind it; nothing where nothing can.
    pub(super) fn keys(&self) -> Option<Self> {
        match self {
            Self::Any => Some(Self::Any),
            Self::Array(..) => Some(Self::Number),
            Self::Object(fields, rest) => {
                let fields = fields.iter().map(|(key, _)| Self::of_value(key));
                let rest = rest.iter().map(|rest| rest.0.clone());
                Some(fields.chain(rest).reduce(Self::or).unwrap_or(Self::Any))
            }
            Self::Set(items) => Some((**items).clone()),
            Self::Union(all) => all.iter().filter_map(Self::keys).reduce(Self::or),
            Self::Null | Self::Bool | Self::Number | Self::Text => None,
        }
    }

    /// What it has under its keys.
    pub(super) fn values(&self) -> Self {
        let all: Vec<Self> = match self {
            Self::Array(items, rest) => items.iter().chain(rest.as_deref()).cloned().collect(),
            Self::Object(fields, rest) => {
                let fields = fields.iter().map(|(_, field)| field);
                let rest = rest.iter().map(|rest| &rest.1);
                fields.chain(rest).cloned().collect()
            }
            Self::Set(items) => vec![(**items).clone()],
            Self::Union(all) => {
                let all = all.iter().filter(|one| one.keys().is_some());
                all.map(Self::values).collect()
            }
            _ => Vec::new(),
        };
        all.into_iter().reduce(Self::or).unwrap_or(Self::Any)
    }

    /// What it has under one key; nothing where it has none.
    pub(super) fn select(&self, key: &Value) -> Option<Self> {
        match self {
            Self::Any => Some(Self::Any),
            Self::Array(..) => {
                let index = key.as_number().ok()?.as_u64()?;
                self.item(usize::try_from(index).ok()?).cloned()
            }
            Self::Object(fields, rest) => {
                let field = fields.iter().find(|(own, _)| own == key);
                let rest = rest
                    .iter()
                    .find(|rest| rest.0.unifies(&Self::of_value(key)));
                field
                    .map(|(_, field)| field.clone())
                    .or_else(|| Some(rest?.1.clone()))
            }
            Self::Set(items) => {
                let key = Self::of_value(key);
                items.unifies(&key).then_some(key)
            }
            Self::Union(all) => all
                .iter()
                .filter_map(|one| one.select(key))
                .reduce(Self::or),
            Self::Null | Self::Bool | Self::Number | Self::Text => None,
        }
    }

    /// In words.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool => "boolean".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Array(..) => "array".to_owned(),
            Self::Object(..) => "object".to_owned(),
            Self::Set(_) => "set".to_owned(),
            Self::Union(all) => {
                let mut all: Vec<String> = all.iter().map(Self::shown).collect();
                all.dedup();
                all.join(" or ")
            }
        }
    }
}
