//! What Gatekeeper's client is to gator: policies, `data.inventory` and the Namespaces in it, asked about one review
//! after another.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use crate::builtins::shown::shown;
use crate::constraint::{Constraint, Point};
use crate::expansion::Generated;
use crate::policies::{Cause, Explanation, Finding, LoadError, Policies};
use crate::review::Review;
use crate::template::{TARGET, group_version_kind};
use crate::{numbers, values};

/// How long one constraint may be evaluated: gator has no limit, and a terminal has somebody who waits.
const LIMIT: Duration = Duration::from_secs(60);

/// Policies with everything that they may look at.
#[derive(Debug)]
pub struct Session {
    policies: Policies,
    inventory: Value,
    /// The same for Rego: made when it is first asked for.
    shown: OnceLock<regorus::Value>,
    namespaces: BTreeMap<String, Value>,
}

/// Why an object cannot be in `data.inventory`. The texts are gator's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataError {
    /// It has no version. With its name.
    #[error("{TARGET}: invalid request object: resource {0} has no version\n")]
    NoVersion(String),
    /// It has no kind. With its name.
    #[error("{TARGET}: invalid request object: resource {0} has no kind\n")]
    NoKind(String),
}

/// A message that is no text. What gator says of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{TARGET}: Rego: extracting message binding: .msg accessor error: {shown} is of the type {go_type}, expected string\n\n"
)]
pub struct MessageError {
    shown: String,
    go_type: &'static str,
}

/// What gator shows of a violation besides its message.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadata {
    /// Nothing: nobody came to evaluate anything.
    Nothing,
    /// `details: null`: the evaluation failed.
    NoDetails,
    /// The details of the rule.
    Details(Value),
}

/// A violation, as gator's results have it.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// What it says.
    pub message: String,
    /// What else.
    pub metadata: Metadata,
    /// Whose it is.
    pub constraint: &'a Constraint,
    /// `spec.enforcementAction` as it is written, or what an ExpansionTemplate says instead.
    pub action: String,
    /// The actions of a scoped constraint at gator's point.
    pub scoped: Vec<String>,
}

impl Session {
    /// A session of these policies.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            inventory: json!({}),
            shown: OnceLock::new(),
            namespaces: BTreeMap::new(),
        }
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Takes a ConstraintTemplate.
    ///
    /// # Errors
    ///
    /// When it is none that can be used.
    pub fn add_template(&mut self, document: &Value) -> Result<(), LoadError> {
        self.policies.add_template(document).map(drop)
    }

    /// Takes a constraint of a template that was taken before, and returns it with defaults: as an object it is reviewed
    /// so by `gator test`, where it is one.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn add_constraint(&mut self, document: &Value) -> Result<Value, LoadError> {
        self.policies.add_constraint(document)?;
        let kind = group_version_kind(document).2;
        let name = metadata_text(document, "name");
        let mut constraints = self.policies.constraints();
        let taken = constraints.find(|it| it.kind == kind && it.name == name);
        let mut object = taken.map_or_else(|| document.clone(), |it| it.document.clone());
        if let (Some(fields), Some(status)) = (object.as_object_mut(), document.get("status")) {
            fields.insert("status".to_owned(), status.clone());
        }
        Ok(object)
    }

    /// Takes an object into `data.inventory`, in the place of one of its kind, namespace and name. A Namespace is also
    /// the one that namespace selectors look at.
    ///
    /// # Errors
    ///
    /// When it has no version or no kind.
    pub fn add_data(&mut self, object: &Value) -> Result<(), DataError> {
        let (group, version, kind) = group_version_kind(object);
        let [name, namespace] = ["name", "namespace"].map(|field| metadata_text(object, field));
        if version.is_empty() {
            return Err(DataError::NoVersion(name.to_owned()));
        }
        if kind.is_empty() {
            return Err(DataError::NoKind(name.to_owned()));
        }
        let group_version = match group {
            "" => version.to_owned(),
            _ => format!("{group}/{version}"),
        };
        if namespace.is_empty() && group_version == "v1" && kind == "Namespace" {
            self.namespaces.insert(name.to_owned(), object.clone());
        }
        let mut object = object.clone();
        numbers::as_untyped_json(&mut object);
        let mut place = match namespace {
            "" => vec!["cluster"],
            namespace => vec!["namespace", namespace],
        };
        place.extend([group_version.as_str(), kind]);
        let path = place.into_iter().chain([name]);
        // What is not there yet is made on the way.
        *path.fold(&mut self.inventory, |parent, name| &mut parent[name]) = object;
        self.shown = OnceLock::new();
        Ok(())
    }

    /// Forgets every object of `data.inventory`. The policies stay.
    pub fn forget_data(&mut self) {
        self.inventory = json!({});
        self.shown = OnceLock::new();
        self.namespaces.clear();
    }

    /// What all constraints say of a review, in gator's order. A review that has no Namespace finds it in the inventory.
    ///
    /// # Errors
    ///
    /// When a rule's message is no text.
    pub fn review(&self, review: &mut Review) -> Result<Vec<Outcome<'_>>, MessageError> {
        self.find_namespace(review);
        let inventory = self.inventory();
        let findings = self.policies.review(review, Point::Gator, inventory, LIMIT);
        let outcomes = findings.into_iter().map(Outcome::read);
        let mut outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
        outcomes.sort_by(|one, other| {
            let (one, other) = (one.constraint, other.constraint);
            (&one.kind, &one.name).cmp(&(&other.kind, &other.name))
        });
        Ok(outcomes)
    }

    /// Why the constraints say what they say of a review.
    #[must_use]
    pub fn explain(&self, review: &mut Review) -> Vec<Explanation<'_>> {
        self.find_namespace(review);
        let inventory = self.inventory();
        self.policies
            .explain(review, Point::Gator, inventory, LIMIT)
    }

    fn find_namespace(&self, review: &mut Review) {
        if review.namespace.is_none() {
            let known = self.namespaces.get(review.namespace_name());
            review.namespace = known.cloned();
        }
    }

    fn inventory(&self) -> &regorus::Value {
        self.shown.get_or_init(|| values::value(&self.inventory))
    }
}

impl<'a> Outcome<'a> {
    fn read(finding: Finding<'a>) -> Result<Self, MessageError> {
        let constraint = finding.constraint;
        let Value::String(message) = finding.violation.message else {
            return Err(MessageError::of(&finding.violation.message));
        };
        let scoped = constraint.scoped_actions(Point::Gator);
        Ok(Self {
            message,
            metadata: match finding.cause {
                Cause::Match => Metadata::Nothing,
                Cause::Evaluation => Metadata::NoDetails,
                Cause::Rule => Metadata::Details(finding.violation.details),
            },
            constraint,
            action: constraint.enforcement_action().to_owned(),
            scoped: scoped.into_iter().map(str::to_owned).collect(),
        })
    }

    /// The same as it is said of the object that another one was made of.
    #[must_use]
    pub fn implied_by(mut self, generated: &Generated) -> Self {
        self.message = format!("[Implied by {}] {}", generated.template, self.message);
        if !generated.action.is_empty() {
            self.action.clone_from(&generated.action);
        }
        self
    }

    /// Whether `gator test` fails for it.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.action == "deny" || self.scoped.iter().any(|action| action == "deny")
    }
}

/// The order of the results that gator shows: by action, then by message.
#[must_use]
pub fn by_action_and_message(one: &Outcome, other: &Outcome) -> Ordering {
    (&one.action, &one.message).cmp(&(&other.action, &other.message))
}

impl MessageError {
    fn of(message: &Value) -> Self {
        let go_type = match message {
            Value::Null => "<nil>",
            Value::Bool(_) => "bool",
            Value::Number(_) => "json.Number",
            Value::String(_) => "string",
            Value::Array(_) => "[]interface {}",
            Value::Object(_) => "map[string]interface {}",
        };
        Self {
            shown: go_value(message),
            go_type,
        }
    }
}

/// A value as Go's `%v` writes it.
fn go_value(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(go_value).collect())),
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields = fields.into_iter();
            let fields = fields.map(|(key, value)| format!("{key}:{}", go_value(value)));
            format!("map[{}]", list(fields.collect()))
        }
        other => other.to_string(),
    }
}

/// A text of an object's metadata, empty where there is none.
fn metadata_text<'a>(object: &'a Value, name: &str) -> &'a str {
    let metadata = object.get("metadata");
    let text = metadata.and_then(|metadata| metadata.get(name));
    text.and_then(Value::as_str).unwrap_or_default()
}

/// A text in quotes, as Go's `%q` writes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    shown(&regorus::Value::from(text))
}
