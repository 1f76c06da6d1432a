//! Label selectors: `matchLabels` and `matchExpressions`, compiled.

use thiserror::Error;

use super::object::Labels;
use crate::decode::{At, WrongType};
use crate::names;

/// Requirements that labels must all meet.
#[derive(Debug, Clone)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    key: Box<str>,
    operator: Operator,
    values: Box<[Box<str>]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Why a label selector is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// A value has another JSON type than it must have.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// A value is none that a selector may have.
    #[error("{path}: {detail}")]
    Invalid {
        /// Where it stands.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl SelectorError {
    fn invalid(path: &str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }
}

impl Selector {
    /// The selector of a field, if there is one. An empty one selects everything; `null` is none.
    pub(super) fn read(parent: &At, name: &str) -> Result<Option<Self>, SelectorError> {
        let at = parent.field(name)?;
        let Some(value) = parent.fields()?.and_then(|fields| fields.get(name)) else {
            return Ok(None);
        };
        if value.is_null() {
            return Err(at.wrong("an object").into());
        }
        let mut requirements = Vec::new();
        for (key, value) in at.field("matchLabels")?.entries()? {
            requirements.push(Requirement::equals(key, &value)?);
        }
        for requirement in at.field("matchExpressions")?.items()? {
            requirements.push(Requirement::read(&requirement)?);
        }
        Ok(Some(Self(requirements)))
    }

    pub(super) fn holds(&self, labels: Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn equals(key: &str, value: &At) -> Result<Self, SelectorError> {
        check_key(key, &value.path)?;
        let text = value.text_or_empty()?;
        check_value(text, &value.path)?;
        Ok(Self {
            key: key.into(),
            operator: Operator::In,
            values: Box::new([text.into()]),
        })
    }

    fn read(at: &At) -> Result<Self, SelectorError> {
        let key = at.field("key")?;
        let values = at.field("values")?;
        let operator = read_operator(&at.field("operator")?)?;
        let texts = values.texts()?;
        let takes_values = matches!(operator, Operator::In | Operator::NotIn);
        if takes_values && texts.is_empty() {
            return Err(SelectorError::invalid(
                &values.path,
                "is required for In and NotIn",
            ));
        }
        if !takes_values && !texts.is_empty() {
            let detail = "must be empty for Exists and DoesNotExist";
            return Err(SelectorError::invalid(&values.path, detail));
        }
        check_key(key.text_or_empty()?, &key.path)?;
        for (index, text) in texts.iter().enumerate() {
            check_value(text, &format!("{}[{index}]", values.path))?;
        }
        Ok(Self {
            key: key.text_or_empty()?.into(),
            operator,
            values: texts.iter().map(|text| text.as_str().into()).collect(),
        })
    }

    fn holds(&self, labels: Labels) -> bool {
        let value = labels.get(&self.key);
        let is_named = |value: &str| self.values.iter().any(|named| **named == *value);
        match self.operator {
            Operator::In => value.is_some_and(is_named),
            Operator::NotIn => !value.is_some_and(is_named),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

fn read_operator(at: &At) -> Result<Operator, SelectorError> {
    match at.text_or_empty()? {
        "In" => Ok(Operator::In),
        "NotIn" => Ok(Operator::NotIn),
        "Exists" => Ok(Operator::Exists),
        "DoesNotExist" => Ok(Operator::DoesNotExist),
        other => Err(SelectorError::invalid(
            &at.path,
            format!("must be In, NotIn, Exists or DoesNotExist, and is {other:?}"),
        )),
    }
}

fn check_key(key: &str, path: &str) -> Result<(), SelectorError> {
    match names::label_key_problem(key) {
        None => Ok(()),
        Some(problem) => Err(SelectorError::invalid(
            path,
            format!("{problem}, and the key is {key:?}"),
        )),
    }
}

fn check_value(value: &str, path: &str) -> Result<(), SelectorError> {
    match names::label_value_problem(value) {
        None => Ok(()),
        Some(problem) => Err(SelectorError::invalid(
            path,
            format!("{problem}, and is {value:?}"),
        )),
    }
}
