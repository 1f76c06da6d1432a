//! Kinds, scope and source.

use super::MatchError;
use super::object::{Namespace, Object};
use crate::decode::{At, WrongType};
use crate::review::Source;

/// One entry of `kinds`.
#[derive(Debug, Clone)]
pub(super) struct Kinds {
    groups: Names,
    kinds: Names,
}

/// Names, of which one must be the one in question.
#[derive(Debug, Clone)]
enum Names {
    Any,
    Of(Box<[Box<str>]>),
}

impl Kinds {
    pub(super) fn read(at: &At) -> Result<Self, WrongType> {
        Ok(Self {
            groups: Names::new(&at.field("apiGroups")?.texts()?),
            kinds: Names::new(&at.field("kinds")?.texts()?),
        })
    }

    pub(super) fn hold(&self, group: &str, kind: &str) -> bool {
        self.kinds.hold(kind) && self.groups.hold(group)
    }

    /// Every group with every kind, `*` standing for all of them.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let groups = self.groups.names();
        groups.flat_map(|group| self.kinds.names().map(move |kind| (group, kind)))
    }
}

impl Names {
    fn new(names: &[String]) -> Self {
        if names.is_empty() || names.iter().any(|name| name == "*") {
            return Self::Any;
        }
        Self::Of(names.iter().map(|name| name.as_str().into()).collect())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let (any, names): (_, &[Box<str>]) = match self {
            Self::Any => (Some("*"), &[]),
            Self::Of(names) => (None, names),
        };
        any.into_iter().chain(names.iter().map(AsRef::as_ref))
    }

    fn hold(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(names) => names.iter().any(|named| **named == *name),
        }
    }
}

/// `scope`. A word that is none is any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Scope {
    #[default]
    Any,
    Cluster,
    Namespaced,
}

impl Scope {
    pub(super) fn read(text: &str) -> Self {
        match text {
            "Cluster" => Self::Cluster,
            "Namespaced" => Self::Namespaced,
            _ => Self::Any,
        }
    }

    pub(super) fn holds(self, object: &Object, namespace: Option<&Namespace>) -> bool {
        let has_namespace = || namespace.is_some() || !object.namespace().is_empty();
        match self {
            Self::Any => true,
            Self::Cluster => object.is_namespace() || !has_namespace(),
            Self::Namespaced => !object.is_namespace() && has_namespace(),
        }
    }
}

/// `source`.
#[derive(Debug, Clone, Default)]
pub(super) enum Sources {
    #[default]
    All,
    One(Source),
    /// A word that is none, which a schema refuses.
    Invalid(Box<str>),
}

impl Sources {
    pub(super) fn read(text: &str) -> Self {
        match text {
            "" | "All" => Self::All,
            "Original" => Self::One(Source::Original),
            "Generated" => Self::One(Source::Generated),
            other => Self::Invalid(other.into()),
        }
    }

    pub(super) fn holds(&self, source: Option<Source>) -> Result<bool, Failure> {
        match (self, source) {
            (Self::Invalid(text), _) => Err(Failure::InvalidSource(text.clone())),
            (Self::All, _) => Ok(true),
            (Self::One(_), None) => Err(Failure::UnknownSource),
            (Self::One(asked), Some(source)) => Ok(*asked == source),
        }
    }
}

/// Why it cannot be decided.
#[derive(Debug)]
pub(super) enum Failure {
    MissingNamespace,
    InvalidSource(Box<str>),
    UnknownSource,
}

impl Failure {
    /// The error, with the object that it is about.
    pub(super) fn of(self, object: &Object) -> MatchError {
        let name = object.name().to_owned();
        let reason = match self {
            Self::MissingNamespace => {
                "namespace selector for namespace-scoped object but missing Namespace".to_owned()
            }
            Self::InvalidSource(text) => format!("invalid source field {text:?}"),
            Self::UnknownSource => format!("source field not specified for resource {name}"),
        };
        MatchError::Undecided { name, reason }
    }
}
