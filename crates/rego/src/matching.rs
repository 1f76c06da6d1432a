//! Which objects a constraint is asked about: `spec.match`.
//!
//! It decides as Gatekeeper's `pkg/mutation/match` and `pkg/target` do, in their order and with their messages. All
//! criteria must hold; the object or the one before it is enough; what cannot be decided is an error, which counts as a
//! violation. Everything is compiled when the constraint is read: deciding allocates nothing but the text of an error.

mod cover;
mod criteria;
mod glob;
mod object;
mod selector;
#[cfg(test)]
mod tests;

use serde_json::Value;
use thiserror::Error;

use crate::decode::{At, WrongType};
use crate::review::{Review, Source};

use criteria::{Failure, Kinds, Scope, Sources};
use object::{Namespace, Object};
use selector::Selector;

pub(crate) use glob::Glob;
pub use selector::SelectorError;

/// The criteria of one constraint.
#[derive(Debug, Clone, Default)]
pub struct Match(Option<Criteria>);

/// What `spec.match` says. What it does not say holds for every object.
#[derive(Debug, Clone, Default)]
struct Criteria {
    kinds: Vec<Kinds>,
    scope: Scope,
    namespaces: Vec<Glob>,
    excluded: Vec<Glob>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    name: Option<Glob>,
    source: Sources,
}

/// Why it cannot be decided whether a constraint is asked about a review. Each counts as a violation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MatchError {
    /// An object is none that has a kind. With its name in the review, and its JSON.
    #[error("invalid request object: failed to unmarshal gkReview {field} {json}")]
    NoObject {
        /// `object` or `oldObject`.
        field: &'static str,
        /// What it is.
        json: String,
    },
    /// There is nothing to judge.
    #[error("invalid request object: neither object nor old object are defined")]
    Nothing,
    /// What is known of the object is not enough.
    #[error("error matching the requested object: {name} :failed to run Match criteria: {reason}")]
    Undecided {
        /// The object's name.
        name: String,
        /// What is missing.
        reason: String,
    },
}

impl MatchError {
    /// The message of the violation that it counts as.
    #[must_use]
    pub fn rejection(&self) -> String {
        format!("unable to match constraints: {self}")
    }
}

impl Match {
    /// Reads `spec.match`, or takes every object where there is none.
    ///
    /// # Errors
    ///
    /// A value of the wrong type, or a selector that is none. That values are of the words that are allowed, and that
    /// no field is unknown, is what the schema of a constraint says.
    pub fn read(criteria: Option<&Value>) -> Result<Self, SelectorError> {
        Ok(Self::read_selectors(criteria)?.with_criteria(criteria)?)
    }

    /// The API groups and kinds that it may hold for, `*` standing for all.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        let kinds: &[Kinds] = self.0.as_ref().map_or(&[], |criteria| &criteria.kinds);
        let any = kinds.is_empty().then_some(("*", "*"));
        any.into_iter().chain(kinds.iter().flat_map(Kinds::pairs))
    }

    /// The selectors alone, which Gatekeeper looks at before the schema.
    pub(crate) fn read_selectors(criteria: Option<&Value>) -> Result<Self, SelectorError> {
        let Some(criteria) = criteria else {
            return Ok(Self(None));
        };
        let at = At::new(Some(criteria), "spec.match".to_owned());
        Ok(Self(Some(Criteria {
            labels: Selector::read(&at, "labelSelector")?,
            namespace_labels: Selector::read(&at, "namespaceSelector")?,
            ..Criteria::default()
        })))
    }

    /// The same with everything else.
    pub(crate) fn with_criteria(self, criteria: Option<&Value>) -> Result<Self, WrongType> {
        let (Some(selectors), Some(criteria)) = (self.0, criteria) else {
            return Ok(Self(None));
        };
        let at = At::new(Some(criteria), "spec.match".to_owned());
        let globs = |name| -> Result<Vec<Glob>, WrongType> {
            Ok(at
                .field(name)?
                .texts()?
                .iter()
                .map(|text| Glob::new(text))
                .collect())
        };
        let name = at.field("name")?.text()?.filter(|name| !name.is_empty());
        let kinds = at.field("kinds")?.items()?;
        Ok(Self(Some(Criteria {
            kinds: kinds.iter().map(Kinds::read).collect::<Result<_, _>>()?,
            scope: Scope::read(at.field("scope")?.text_or_empty()?),
            namespaces: globs("namespaces")?,
            excluded: globs("excludedNamespaces")?,
            name: name.map(Glob::new),
            source: Sources::read(at.field("source")?.text_or_empty()?),
            ..selectors
        })))
    }

    /// Whether objects of a kind may be matched at all: what is false for the kinds of a review's objects is false for
    /// the review. It is for indices, and never fails.
    #[must_use]
    pub fn may_match_kind(&self, group: &str, kind: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|criteria| criteria.has_kind(group, kind))
    }

    /// The first criterion that keeps a review's object from being matched, by its name in `spec.match`; nothing where
    /// all hold, or where it cannot be decided. It is for people: what counts is what [`Match::matches`] says.
    #[must_use]
    pub fn unmet(&self, review: &Review) -> Option<&'static str> {
        let criteria = self.0.as_ref()?;
        let object = Object::read(review.object().or(review.old_object())?, "object").ok()?;
        let namespace = review.namespace.as_ref().map(Namespace::new);
        criteria.unmet(&object, namespace.as_ref(), review.source)
    }

    /// Whether the constraint is asked about a review.
    ///
    /// # Errors
    ///
    /// Where it cannot be decided.
    pub fn matches(&self, review: &Review) -> Result<bool, MatchError> {
        let Some(criteria) = &self.0 else {
            return Ok(true);
        };
        let object = review
            .object()
            .map(|object| Object::read(object, "object"))
            .transpose()?;
        let old = review
            .old_object()
            .map(|object| Object::read(object, "oldObject"))
            .transpose()?;
        if object.is_none() && old.is_none() {
            return Err(MatchError::Nothing);
        }
        let namespace = review.namespace.as_ref().map(Namespace::new);
        for object in [object, old].into_iter().flatten() {
            let matched = criteria.match_object(&object, namespace.as_ref(), review.source);
            if matched.map_err(|failure| failure.of(&object))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Criteria {
    fn match_object(
        &self,
        object: &Object,
        namespace: Option<&Namespace>,
        source: Option<Source>,
    ) -> Result<bool, Failure> {
        Ok(self.has_kind(object.group, object.kind)
            && self.scope.holds(object, namespace)
            && self.is_in_namespaces(object, namespace)
            && self
                .labels
                .as_ref()
                .is_none_or(|labels| labels.holds(object.labels()))
            && self.namespace_selector_holds(object, namespace)?
            && self.has_name(object)
            && self.source.holds(source)?)
    }

    fn unmet(
        &self,
        object: &Object,
        namespace: Option<&Namespace>,
        source: Option<Source>,
    ) -> Option<&'static str> {
        let has_labels = |labels: &Selector| labels.holds(object.labels());
        let criteria = [
            ("kinds", self.has_kind(object.group, object.kind)),
            ("scope", self.scope.holds(object, namespace)),
            (
                "namespaces or excludedNamespaces",
                self.is_in_namespaces(object, namespace),
            ),
            ("labelSelector", self.labels.as_ref().is_none_or(has_labels)),
            (
                "namespaceSelector",
                self.namespace_selector_holds(object, namespace).ok()?,
            ),
            ("name", self.has_name(object)),
            ("source", self.source.holds(source).ok()?),
        ];
        let mut unmet = criteria.into_iter().filter(|(_, holds)| !holds);
        unmet.next().map(|(name, _)| name)
    }

    fn has_kind(&self, group: &str, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kinds| kinds.hold(group, kind))
    }

    fn is_in_namespaces(&self, object: &Object, namespace: Option<&Namespace>) -> bool {
        let Some(name) = namespace_name(object, namespace) else {
            return true;
        };
        let named = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        (self.namespaces.is_empty() || named(&self.namespaces)) && !named(&self.excluded)
    }

    fn namespace_selector_holds(
        &self,
        object: &Object,
        namespace: Option<&Namespace>,
    ) -> Result<bool, Failure> {
        let Some(selector) = &self.namespace_labels else {
            return Ok(true);
        };
        if object.is_namespace() {
            return Ok(selector.holds(object.labels()));
        }
        match namespace {
            Some(namespace) => Ok(selector.holds(namespace.labels())),
            None if object.namespace().is_empty() => Ok(true),
            None => Err(Failure::MissingNamespace),
        }
    }

    fn has_name(&self, object: &Object) -> bool {
        self.name.as_ref().is_none_or(|glob| {
            glob.matches(object.name()) || glob.matches_generated(object.generate_name())
        })
    }
}

/// The namespace that an object is in, or is; nothing for other objects of the cluster.
fn namespace_name<'a>(object: &Object<'a>, namespace: Option<&Namespace<'a>>) -> Option<&'a str> {
    if object.is_namespace() {
        return Some(object.name());
    }
    match namespace {
        Some(namespace) => Some(namespace.name()),
        None => Some(object.namespace()).filter(|name| !name.is_empty()),
    }
}
