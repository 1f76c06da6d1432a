//! The one entrance.

use json_patch::Patch;
use serde_json::Value;

use crate::change::{Completion, Draft};
use crate::context::Context;
use crate::finding::Class;
use crate::json::{field_path, is_unset, labels};
use crate::site::Trust;
use crate::{
    Code, Decision, Finding, Operation, Phase, Request, Snapshot, keys, ownership, subjects,
};

/// Decides one request over one snapshot.
///
/// In [`Phase::Mutate`] the object is completed and then judged as it would be stored; in
/// [`Phase::Validate`] it is judged as it stands. Both report every problem at once. Look-ups that
/// the snapshot could not answer are in [`Decision::missed`]; the rest of the decision then holds
/// only if the answer is "there is none".
#[must_use]
pub fn decide(request: &Request, snapshot: &Snapshot) -> Decision {
    if matches!(request.operation, Operation::Delete | Operation::Connect) {
        return Decision::default();
    }
    let Some(object) = request.object.as_ref().filter(|object| object.is_object()) else {
        let finding = Finding::new(
            Code::RequestMalformed,
            "",
            Value::Null,
            "the request carries no object",
        );
        return Decision {
            denials: vec![finding],
            ..Decision::default()
        };
    };
    let context = Context::new(request, snapshot);
    let stored = request.old_object.as_ref();
    let is_deleting =
        stored.is_some_and(|old| old.pointer("/metadata/deletionTimestamp").is_some());

    let (completed, mut findings) = judge(&context, object, stored, is_deleting);
    if is_deleting {
        findings = judge_deleting(&context, &completed, stored, findings);
    } else if let Some(stored) = stored {
        findings = without_old_faults(&context, stored, findings);
    }
    let patch = if request.phase == Phase::Mutate {
        json_patch::diff(object, &completed)
    } else {
        Patch::default()
    };
    let (warnings, denials) = findings
        .into_iter()
        .partition(|finding| finding.code.class() == Class::Warning);
    Decision {
        object: Some(completed),
        patch,
        denials,
        warnings,
        missed: context.into_missed(),
    }
}

/// Completes and checks. The findings are those of the completed object.
fn judge(
    context: &Context<'_>,
    object: &Value,
    stored: Option<&Value>,
    is_deleting: bool,
) -> (Value, Vec<Finding>) {
    // While an object is being deleted nothing new is put onto it.
    let completion = if is_deleting {
        Completion::PutBack
    } else {
        Completion::Defaults
    };
    let mut draft = Draft::new(object.clone(), stored, completion);
    if context.request.phase == Phase::Mutate {
        ownership::complete(context, &mut draft);
        // The topology controller compares what it wants with what it gets, so that an object of
        // its own takes labels and nothing else.
        if !labels(object).contains_key(keys::TOPOLOGY_OWNED) {
            subjects::complete(context, &mut draft);
        }
    }
    ownership::check(context, &mut draft);
    subjects::check(context, &mut draft);
    draft.into_parts()
}

/// Finalizers, status and metadata pass while an object is being deleted; its spec and its owner
/// are not changed any more.
fn judge_deleting(
    context: &Context<'_>,
    completed: &Value,
    stored: Option<&Value>,
    findings: Vec<Finding>,
) -> Vec<Finding> {
    let is_owner =
        |finding: &Finding| matches!(finding.code, Code::OwnerForeign | Code::OwnerChanged);
    let mut kept: Vec<_> = findings.into_iter().filter(is_owner).collect();
    let spec = |object: Option<&Value>| {
        object
            .and_then(|o| o.get("spec"))
            .cloned()
            .unwrap_or(Value::Null)
    };
    if context.trust() == Trust::Person && spec(Some(completed)) != spec(stored) {
        let message = "the object is being deleted, and its spec cannot be changed any more";
        kept.push(
            Finding::new(Code::ChangedWhileDeleting, "spec", Value::Null, message)
                .hint("wait until it is gone, then create it anew"),
        );
    }
    kept
}

/// Takes out what the stored object already did wrong: nobody is refused for a rule that came later
/// than the object. Whoever touches such an object is told.
fn without_old_faults(
    context: &Context<'_>,
    stored: &Value,
    findings: Vec<Finding>,
) -> Vec<Finding> {
    if findings.is_empty() {
        return findings;
    }
    let mut draft = Draft::new(stored.clone(), Some(stored), Completion::PutBack);
    subjects::check(context, &mut draft);
    let (_, old_faults) = draft.into_parts();
    findings
        .into_iter()
        .map(|finding| {
            let is_denial = finding.code.class() != Class::Warning;
            if is_denial && old_faults.contains(&finding) {
                let message = format!("{} was stored before this rule", finding.code);
                Finding::new(Code::Tolerated, finding.path, finding.value, message)
            } else {
                finding
            }
        })
        .collect()
}

/// A field that must say exactly what the site says.
pub(crate) fn must_equal(draft: &mut Draft<'_>, pointer: &str, wanted: Option<&str>) {
    let written = draft.get(pointer).cloned().unwrap_or(Value::Null);
    let problem = match (wanted, &written) {
        (Some(wanted), Value::String(text)) if text == wanted => return,
        (None, value) if is_unset(value) => return,
        (Some(wanted), _) => (
            format!("the site's is {wanted:?}"),
            "leave the field out, it is filled in",
        ),
        (None, _) => ("the site has none".to_owned(), "leave the field out"),
    };
    let finding = Finding::new(
        Code::PlacementNotTheSites,
        field_path(pointer),
        written,
        problem.0,
    );
    draft.finding(finding.hint(problem.1));
}
