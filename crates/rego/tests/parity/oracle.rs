//! One question to both.

use std::sync::OnceLock;
use std::time::Duration;

use basphere_harness::{Oracle, Progress};
use basphere_rego::program::{Program, Violation};
use basphere_rego::template::{Source, Version};
use serde_json::{Value, json};

/// What is asked: a template's source, and an input.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) version: Version,
    pub(crate) rego: String,
    pub(crate) libs: Vec<String>,
    pub(crate) review: Value,
    pub(crate) parameters: Value,
    pub(crate) inventory: Value,
}

impl Question {
    pub(crate) fn v0(rego: &str, review: Value) -> Self {
        Self {
            version: Version::V0,
            rego: rego.to_owned(),
            libs: Vec::new(),
            review,
            parameters: json!({}),
            inventory: json!({}),
        }
    }
}

/// The verdict: messages and details in order, or that the source is refused, or the evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Violations(Vec<(Value, Value)>),
    Refused(String),
    Failed(String),
}

impl Answer {
    /// Whether two answers are the same; texts of errors differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Violations(one), Self::Violations(other)) => one == other,
            (Self::Refused(_), Self::Refused(_)) | (Self::Failed(_), Self::Failed(_)) => true,
            _ => false,
        }
    }
}

pub(crate) fn oracle() -> &'static Oracle {
    static ORACLE: OnceLock<Oracle> = OnceLock::new();
    ORACLE.get_or_init(|| Oracle::start(Progress::default()).expect("the oracle starts"))
}

pub(crate) fn theirs(question: &Question) -> Answer {
    let version = match question.version {
        Version::V0 => "v0",
        Version::V1 => "v1",
    };
    let request = json!({
        "kind": "violations", "version": version, "rego": question.rego, "libs": question.libs,
        "parameters": question.parameters, "review": question.review, "inventory": question.inventory,
    });
    let answer = oracle().ask(&request).expect("the oracle answers");
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    match answer["error"].as_str() {
        Some("compile") => Answer::Refused(message),
        Some(_) => Answer::Failed(message),
        None => {
            let violations = answer["violations"].as_array().expect("violations");
            let violations = violations.iter();
            sorted(
                violations
                    .map(|it| (it["msg"].clone(), it["details"].clone()))
                    .collect(),
            )
        }
    }
}

pub(crate) fn ours(question: &Question) -> Answer {
    let source = Source {
        version: question.version,
        rego: question.rego.clone(),
        libs: question.libs.clone(),
    };
    let program = match Program::compile(&source) {
        Ok(program) => program,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let mut review = question.review.clone();
    basphere_rego::as_untyped_json(&mut review);
    // Gatekeeper shows a Namespace to every rule, and an empty one where it knows none.
    if let Some(fields) = review.as_object_mut() {
        fields.entry("namespaceObject").or_insert_with(|| json!({}));
    }
    let input = json!({"review": review, "parameters": question.parameters});
    let inventory = question.inventory.clone();
    let found = program.violations(input.into(), inventory.into(), Duration::from_secs(5));
    match found {
        Ok(found) => sorted(found.iter().map(shown).collect()),
        Err(error) => Answer::Failed(error.to_string()),
    }
}

fn shown(violation: &Violation) -> (Value, Value) {
    (violation.message.clone(), violation.details.clone())
}

fn sorted(mut violations: Vec<(Value, Value)>) -> Answer {
    violations.sort_by_key(|violation| format!("{violation:?}"));
    violations.dedup();
    Answer::Violations(violations)
}

/// What differs, told so that it can be tried again.
pub(crate) fn difference(question: &Question) -> Option<String> {
    let (theirs, ours) = (theirs(question), ours(question));
    (!theirs.is(&ours)).then(|| {
        format!(
            "{}\nreview: {}\nparameters: {}\nGatekeeper: {theirs:?}\nours: {ours:?}\n",
            question.rego, question.review, question.parameters
        )
    })
}
