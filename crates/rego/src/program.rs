//! A template's Rego, compiled once, and evaluated as often as there are reviews.

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may fail loudly")]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use regorus::Value;

use crate::builtins::shown::{compare, is_float, json, ordered};
use crate::inventory::{self, Need, Versioned};
pub use crate::machine::EvaluationError;
use crate::machine::Machine;
use crate::plan::{self, Plan};
use crate::syntax::{self, SourceError};
use crate::template::Source;

/// Why Rego cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{module}:{error}")]
pub struct CompileError {
    /// `rego`, or `libs[0]`.
    pub module: String,
    /// What is wrong in it, and where.
    pub error: SourceError,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What it says: a text, unless the policy is wrong.
    pub message: serde_json::Value,
    /// What else it says; an empty object where it says nothing.
    pub details: serde_json::Value,
}

impl Violation {
    /// What is said where nothing else can be: a rule that fails denies.
    pub(crate) fn of_error(message: &str) -> Self {
        Self {
            message: message.into(),
            details: serde_json::Map::new().into(),
        }
    }
}

/// A template's rules.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
}

impl Program {
    /// Compiles a template's modules.
    ///
    /// # Errors
    /// Where OPA would refuse them.
    pub fn compile(source: &Source) -> Result<Self, CompileError> {
        /// More than the deepest source takes that is read, whoever asks.
        const STACK: usize = 32 * 1024 * 1024;
        stacker::maybe_grow(STACK / 2, STACK, || Self::compile_here(source))
    }

    fn compile_here(source: &Source) -> Result<Self, CompileError> {
        let sources = std::iter::once(&source.rego).chain(&source.libs);
        let sources: Vec<&str> = sources.map(String::as_str).collect();
        let modules = syntax::read_all(&sources, source.version)
            .map_err(|(index, error)| failed(index, error))?;
        let plan = plan::build(&modules).map_err(|(index, error)| failed(index, error))?;
        Ok(Self { plan })
    }

    /// What a template with these rules and this annotation asks `data.inventory` for.
    ///
    /// # Errors
    /// Where it asks for kinds that nobody can tell.
    pub(crate) fn needs(
        &self,
        annotated: &[Vec<Versioned>],
    ) -> Result<BTreeSet<Need>, CompileError> {
        let needs = inventory::needs(&plan::asked(&self.plan), annotated);
        needs.map_err(|(index, error)| failed(index, error))
    }

    pub(crate) fn into_plan(self) -> Plan {
        self.plan
    }

    /// What the rules say of an input, each violation once.
    ///
    /// # Errors
    /// When they do not come to an end in time, or contradict each other.
    pub fn violations(
        &self,
        input: Value,
        inventory: Value,
        limit: Duration,
    ) -> Result<Vec<Violation>, EvaluationError> {
        let mut machine = Machine::new(&self.plan, input, inventory, Instant::now() + limit);
        let result = machine.rule(self.plan.entry)?;
        Ok(result.as_ref().map(read).unwrap_or_default())
    }
}

fn failed(index: usize, error: SourceError) -> CompileError {
    let module = match index.checked_sub(1) {
        None => "rego".to_owned(),
        Some(lib) => format!("libs[{lib}]"),
    };
    CompileError { module, error }
}

/// What is in the set that `violation` is; what has no message says nothing. It is sorted as Gatekeeper's own rule around
/// it sorts it: by details, of which everybody has some, then by message.
pub(crate) fn read(result: &Value) -> Vec<Violation> {
    let Ok(set) = result.as_set() else {
        return Vec::new();
    };
    let mut found: Vec<(Value, &Value)> = set.iter().filter_map(details_and_message).collect();
    found.sort_by(|one, other| compare(&one.0, &other.0).then_with(|| compare(one.1, other.1)));
    found.dedup();
    let found = found.into_iter();
    let violations = found.map(|(details, message)| Violation {
        message: json(message),
        details: with_floats(&details),
    });
    violations.collect()
}

fn details_and_message(found: &Value) -> Option<(Value, &Value)> {
    let found = found.as_object().ok()?;
    let message = found.get(&Value::from("msg"))?;
    let details = found.get(&Value::from("details")).cloned();
    let details = details.unwrap_or_else(|| Value::from(BTreeMap::<Value, Value>::new()));
    Some((details, message))
}

/// A value as JSON in which a float is one, also where it is whole: so results show it.
fn with_floats(value: &Value) -> serde_json::Value {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| is_float(value));
            let float = float.and_then(serde_json::Number::from_f64);
            float.map_or_else(|| json(value), serde_json::Value::Number)
        }
        Value::Array(items) => items.iter().map(with_floats).collect(),
        Value::Set(items) => ordered(items).into_iter().map(with_floats).collect(),
        Value::Object(fields) => {
            let mut shown = serde_json::Map::new();
            for (key, value) in fields.iter_sorted() {
                let key = match key {
                    Value::String(text) => text.to_string(),
                    other => json(other).to_string(),
                };
                shown.insert(key, with_floats(value));
            }
            shown.into()
        }
        other => json(other),
    }
}
