//! What policies judge: an admission request, or an object as it is stored or stands in a file.

mod request;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::decode::{At, WrongType, short};
use crate::template::group_version_kind;
use crate::{numbers, values};

/// Where an object comes from, which a match may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// Somebody wrote it, or would write it.
    #[default]
    Original,
    /// It was made of another one: a pod of a workload, for one.
    Generated,
}

/// A review, as `input.review` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The fields of an `AdmissionRequest` of `admission.k8s.io/v1`, as Go writes it. For a DELETE, `object` is what
    /// `oldObject` is.
    pub request: Map<String, Value>,
    /// The Namespace of the object, where it is known.
    pub namespace: Option<Value>,
    /// Where the object comes from; nothing where nobody said.
    pub source: Option<Source>,
    /// Whether Rego sees the Namespace as `input.review.namespaceObject`: in admission and audit, not in `gator`.
    pub shows_namespace: bool,
}

/// Why something cannot be reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReviewError {
    /// It has fields that an AdmissionReview does not have, or of other types.
    #[error(
        "not a valid AdmissionReview object: unable to convert to an AdmissionReview object, error: {0}"
    )]
    NotAReview(String),
    /// The review has no request.
    #[error(
        "missing an AdmissionRequest object: request did not actually pass in an AdmissionRequest"
    )]
    NoRequest,
    /// The request has no object.
    #[error(
        "no object or oldObject found to review: AdmissionRequest does not contain an \"object\" or \"oldObject\" to review"
    )]
    NoObject,
    /// An object of the request is none.
    #[error("object or oldObject cannot be unmarshalled: Object 'Kind' is missing in '{0}'")]
    NoKind(String),
    /// What is deleted is not there.
    #[error("oldObject cannot be nil for DELETE operations")]
    NothingDeleted,
    /// A field of a request has another type than it must have.
    #[error("not an AdmissionRequest: {0}")]
    WrongType(#[from] WrongType),
}

const DELETE: &str = "DELETE";

impl Review {
    /// Whether a document is an AdmissionReview, of whatever version.
    #[must_use]
    pub fn is_admission_review(document: &Value) -> bool {
        let (group, _, kind) = group_version_kind(document);
        (group, kind) == ("admission.k8s.io", "AdmissionReview")
    }

    /// A review of the AdmissionReview of a file, as strict as `gator verify` is: of somebody's own.
    ///
    /// # Errors
    ///
    /// What is no review, or has nothing to judge.
    pub fn of_admission_review(document: &Value) -> Result<Self, ReviewError> {
        let root = At::root(document);
        let not_a_review = |error: WrongType| ReviewError::NotAReview(error.to_string());
        let request = root.field("request").map_err(not_a_review)?;
        let known = ["apiVersion", "kind", "request", "response"];
        let mut unknown = request::unknown_fields(&root, &known).map_err(not_a_review)?;
        unknown.extend(request::unknown_in_request(&request).map_err(not_a_review)?);
        if !unknown.is_empty() {
            return Err(ReviewError::NotAReview(request::strict_error(&unknown)));
        }
        if request.value.is_none() {
            return Err(ReviewError::NoRequest);
        }
        let review = request::read(&request).map_err(not_a_review)?;
        let objects =
            ["object", "oldObject"].map(|name| review.get(name).filter(|value| !value.is_null()));
        if objects.iter().all(Option::is_none) {
            return Err(ReviewError::NoObject);
        }
        objects.into_iter().flatten().try_for_each(check_kind)?;
        Self::new(review, Source::Original)
    }

    /// A review of the request that an API server sends. Of a Namespace, the request has no namespace: kubectl's
    /// server-side apply says the Namespace's own name, anything else nothing.
    ///
    /// # Errors
    ///
    /// A field of the wrong type, or a deletion of nothing.
    pub fn of_request(request: &Value) -> Result<Self, ReviewError> {
        let mut request = request::read(&At::root(request))?;
        let kind = request.get("kind").unwrap_or(&Value::Null);
        if kind["kind"] == "Namespace" && kind["group"] == "" {
            request.remove("namespace");
        }
        let mut review = Self::new(request, Source::Original)?;
        review.shows_namespace = true;
        Ok(review)
    }

    /// A review of an object alone, under an operation if there is one.
    ///
    /// # Errors
    ///
    /// It has no kind.
    pub fn of_object(
        object: Value,
        operation: Option<&str>,
        source: Source,
    ) -> Result<Self, ReviewError> {
        check_kind(&object)?;
        let (group, version, kind) = group_version_kind(&object);
        let mut request = request::empty(json!({"group": group, "version": version, "kind": kind}));
        for name in ["name", "namespace"] {
            let text = object
                .get("metadata")
                .and_then(|metadata| metadata.get(name));
            if let Some(text) = text.and_then(Value::as_str).filter(|text| !text.is_empty()) {
                request.insert(name.to_owned(), text.into());
            }
        }
        request.insert("operation".to_owned(), operation.unwrap_or_default().into());
        let place = if operation == Some(DELETE) {
            "oldObject"
        } else {
            "object"
        };
        request.insert(place.to_owned(), object);
        Self::new(request, source)
    }

    fn new(mut request: Map<String, Value>, source: Source) -> Result<Self, ReviewError> {
        if request
            .get("operation")
            .is_some_and(|operation| operation == DELETE)
        {
            let old = request.get("oldObject").filter(|old| !old.is_null());
            let old = old.ok_or(ReviewError::NothingDeleted)?.clone();
            request.insert("object".to_owned(), old);
        }
        for name in ["object", "oldObject", "options"] {
            if let Some(value) = request.get_mut(name) {
                numbers::as_untyped_json(value);
            }
        }
        Ok(Self {
            request,
            namespace: None,
            source: Some(source),
            shows_namespace: false,
        })
    }

    /// The object; nothing where the request has none.
    #[must_use]
    pub fn object(&self) -> Option<&Value> {
        self.field("object")
    }

    /// The object as it was stored before the request.
    #[must_use]
    pub fn old_object(&self) -> Option<&Value> {
        self.field("oldObject")
    }

    /// The operation, empty for an object alone.
    #[must_use]
    pub fn operation(&self) -> &str {
        let operation = self.field("operation").and_then(Value::as_str);
        operation.unwrap_or_default()
    }

    /// The namespace that the request is made in, empty where there is none: whose Namespace [`Review::namespace`] is.
    #[must_use]
    pub fn namespace_name(&self) -> &str {
        let name = self.field("namespace").and_then(Value::as_str);
        name.unwrap_or_default()
    }

    /// What Rego sees as `input.review`. Where there is no Namespace to be shown, `namespaceObject` is `{}`.
    #[must_use]
    pub fn input(&self) -> Value {
        let mut review = self.request.clone();
        review.insert("namespaceObject".to_owned(), self.namespace_object());
        Value::Object(review)
    }

    /// The same as a value of Rego.
    pub(crate) fn value(&self) -> regorus::Value {
        let namespace = values::value(&self.namespace_object());
        values::object(&self.request, [("namespaceObject", namespace)])
    }

    fn namespace_object(&self) -> Value {
        let namespace = self.namespace.as_ref().filter(|_| self.shows_namespace);
        namespace.map_or_else(|| json!({}), request::shown_namespace)
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.request.get(name).filter(|value| !value.is_null())
    }
}

fn check_kind(object: &Value) -> Result<(), ReviewError> {
    if group_version_kind(object).2.is_empty() {
        return Err(ReviewError::NoKind(short(object)));
    }
    Ok(())
}
