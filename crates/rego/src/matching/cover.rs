//! Which objects are let pass: the same criteria, read by what they say rather than by what they do not.
//!
//! A constraint had rather ask about one object too many, an exception had rather leave one out. So only the object as it
//! would be stored counts, and not the one before it, whose labels may be others; what cannot be decided is left out; so
//! is an object of the cluster where namespaces are named, since it is in none of them; and a name that is given is the
//! name, whatever `generateName` says beside it.

use super::object::{Namespace, Object};
use super::{Criteria, Glob, Match, namespace_name};
use crate::review::Review;

impl Match {
    /// Whether a review's object, as it would be stored or deleted, is one of those that are let pass.
    #[must_use]
    pub fn covers(&self, review: &Review) -> bool {
        let Some(criteria) = &self.0 else {
            return true;
        };
        let object = review.object().map(|object| Object::read(object, "object"));
        let Some(Ok(object)) = object else {
            return false;
        };
        let namespace = review.namespace.as_ref().map(Namespace::new);
        let matched = criteria.match_object(&object, namespace.as_ref(), review.source);
        matched.unwrap_or(false)
            && criteria.is_meant_there(&object, namespace.as_ref())
            && criteria.is_meant_by_name(&object)
    }
}

impl Criteria {
    fn is_meant_there(&self, object: &Object, namespace: Option<&Namespace>) -> bool {
        let everywhere = self.namespaces.is_empty() || self.namespaces.iter().any(Glob::is_any);
        namespace_name(object, namespace).is_some()
            || (everywhere && self.namespace_labels.is_none())
    }

    fn is_meant_by_name(&self, object: &Object) -> bool {
        let is_it = |glob: &Glob| object.name().is_empty() || glob.matches(object.name());
        self.name.as_ref().is_none_or(is_it)
    }
}
