//! What policies judge: an admission request, or an object as it is stored or stands in a file.

use serde_json::{Map, Value};

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
    /// The fields of an `AdmissionRequest` of `admission.k8s.io/v1`. For a DELETE, `object` is what `oldObject` is.
    pub request: Map<String, Value>,
    /// The Namespace of the object, where it is known.
    pub namespace: Option<Value>,
    /// Where the object comes from; nothing where nobody said.
    pub source: Option<Source>,
}

impl Review {
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

    fn field(&self, name: &str) -> Option<&Value> {
        self.request.get(name).filter(|value| !value.is_null())
    }
}
