//! The part of an AdmissionRequest that a decision depends on.

use serde_json::Value;

use crate::Subject;

/// Which of the two webhook calls this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The object may still be completed; it is judged as it will be once completed.
    Mutate,
    /// The object is final; it is judged as it stands, whoever put its fields there.
    Validate,
}

/// What is being done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the admission API")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// Which part of the object is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The object itself.
    #[default]
    Whole,
    /// Its subresource `scale`; the request carries an `autoscaling/v1` Scale.
    Scale,
}

/// Who asks, as the API server authenticated it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// `userInfo.username`.
    pub username: String,
    /// `userInfo.groups`.
    pub groups: Vec<String>,
}

/// One admission request, parsed.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which webhook is being called.
    pub phase: Phase,
    /// What is being done.
    pub operation: Operation,
    /// What it is done to.
    pub subject: Subject,
    /// Which part of it.
    pub part: Part,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty while mutating an object that has only `generateName`.
    pub name: String,
    /// Who asks.
    pub requester: Requester,
    /// Nothing may be left behind by this request.
    pub dry_run: bool,
    /// The object to be stored; `None` for DELETE.
    pub object: Option<Value>,
    /// The object as it is stored; `None` for CREATE.
    pub old_object: Option<Value>,
}
