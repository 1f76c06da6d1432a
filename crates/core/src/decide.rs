//! The one entrance.

use json_patch::Patch;
use serde_json::Value;

use crate::change::{Completion, Draft};
use crate::context::Context;
use crate::finding::Class;
use crate::ipam::{Claim, SlotKind};
use crate::site::Trust;
use crate::{
    Code, Decision, Finding, Kind, Operation, Part, Phase, Request, Snapshot, addresses, guard,
    images, ownership, quota, shape, subjects,
};

/// Decides one request over one snapshot.
///
/// In [`Phase::Mutate`] the object is completed and then judged as it would be stored; in
/// [`Phase::Validate`] it is judged as it stands. Both report every problem at once. Look-ups that
/// the snapshot could not answer are in [`Decision::missed`]; the rest of the decision then holds
/// only if the answer is "there is none".
#[must_use]
pub fn decide(request: &Request, snapshot: &Snapshot) -> Decision {
    match request.subject.kind {
        Kind::AddressPool | Kind::AddressLease => return decide_resource(request, snapshot),
        Kind::Tenant => return decide_tenant(request, snapshot),
        Kind::ConfigMap | Kind::Secret => return decide_payload(request, snapshot),
        _ => {}
    }
    if request.operation == Operation::Delete {
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
    let (completed, mut findings) = match request.part {
        Part::Whole => judge_whole(&context, object),
        Part::Scale => (object.clone(), subjects::scale::judge(&context, object)),
    };
    let (exceeded, charge) = quota::check(&context, &completed);
    findings.extend(exceeded);
    let patch = if request.phase == Phase::Mutate {
        json_patch::diff(object, &completed)
    } else {
        Patch::default()
    };
    let (warnings, denials) = findings
        .into_iter()
        .chain(not_binding(&context))
        .partition(|finding| finding.code.class() == Class::Warning);
    Decision {
        object: Some(completed),
        patch,
        denials,
        warnings,
        claims: context.claims(),
        // Only now it has its UID and its last form.
        charge: charge.filter(|_| request.phase == Phase::Validate),
        missed: context.into_missed(),
    }
}

/// What a dry-run shows and does not reserve.
fn not_binding(context: &Context<'_>) -> Option<Finding> {
    let request = context.request;
    let claims = context.claims();
    let shown = claims.iter().filter_map(|claim| match claim {
        Claim::Create(lease) if lease.slot.kind != SlotKind::Block => Some(lease.slot.text()),
        _ => None,
    });
    let shown: Vec<_> = shown.collect();
    let is_shown = request.dry_run && request.phase == Phase::Mutate && !shown.is_empty();
    is_shown.then(|| {
        let text = shown.join(", ");
        let message = "free now; a dry-run reserves nothing, so that another may be given";
        Finding::new(Code::AddressNotBinding, "", Value::from(text), message)
    })
}

/// Our own resources are not completed, and their deletion is judged too.
fn decide_resource(request: &Request, snapshot: &Snapshot) -> Decision {
    let context = Context::new(request, snapshot);
    let denials = addresses::resources::judge(&context);
    Decision {
        object: request.object.clone(),
        denials,
        missed: context.into_missed(),
        ..Decision::default()
    }
}

/// Tenants are completed, and their deletion is judged too.
fn decide_tenant(request: &Request, snapshot: &Snapshot) -> Decision {
    let context = Context::new(request, snapshot);
    let object = match request.operation {
        Operation::Delete => &request.old_object,
        Operation::Create | Operation::Update => &request.object,
    };
    let Some(object) = object else {
        return Decision::default();
    };
    let old = request.old_object.as_ref();
    let mut draft = Draft::new(object.clone(), old, Completion::Defaults);
    if request.phase == Phase::Mutate {
        quota::complete_tenant(&context, &mut draft);
    }
    guard::check(&context, &mut draft);
    quota::judge_tenant(&context, &mut draft);
    let (completed, denials) = draft.into_parts();
    Decision {
        patch: match request.phase {
            Phase::Mutate => json_patch::diff(object, &completed),
            Phase::Validate => Patch::default(),
        },
        object: Some(completed),
        denials,
        missed: context.into_missed(),
        ..Decision::default()
    }
}

/// Of what Kubernetes has itself, only the images are judged that a ClusterResourceSet would bring with it.
fn decide_payload(request: &Request, snapshot: &Snapshot) -> Decision {
    let context = Context::new(request, snapshot);
    let object = request.object.clone().unwrap_or_default();
    let mut draft = Draft::new(object, request.old_object.as_ref(), Completion::PutBack);
    if request.operation != Operation::Delete && !context.is_deleting() {
        images::check(&context, &mut draft);
    }
    let (_, findings) = draft.into_parts();
    let is_warning = |finding: &Finding| finding.code.class() == Class::Warning;
    let is_adoption = context.is_adoption();
    let findings = findings.into_iter().map(|finding| match is_adoption {
        true => tolerated_in_adoption(finding),
        false => finding,
    });
    let (warnings, denials) = findings.partition(is_warning);
    Decision {
        object: request.object.clone(),
        denials,
        warnings,
        missed: context.into_missed(),
        ..Decision::default()
    }
}

/// Completes and checks, and takes what was stored and who asks into account.
fn judge_whole(context: &Context<'_>, object: &Value) -> (Value, Vec<Finding>) {
    let stored = context.request.old_object.as_ref();
    let is_deleting = context.is_deleting();
    let (completed, mut findings) = judge(context, object, stored, is_deleting);
    if is_deleting {
        findings = judge_deleting(context, &completed, stored, findings);
    } else if let Some(stored) = stored {
        findings = without_old_faults(context, stored, findings);
    } else if context.is_adoption() {
        findings = findings.into_iter().map(tolerated_in_adoption).collect();
    }
    (completed, findings)
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
        guard::complete(context, &mut draft);
        // The topology controller compares what it wants with what it gets, and what already runs
        // elsewhere would roll: such objects take labels and nothing else.
        if !context.is_topology_owned() && !context.is_adoption() {
            subjects::complete(context, &mut draft);
            images::complete(context, &mut draft);
        }
        addresses::complete(context, &mut draft);
    }
    shape::check(context.request.subject, &mut draft);
    ownership::check(context, &mut draft);
    guard::check(context, &mut draft);
    subjects::check(context, &mut draft);
    addresses::check(context, &mut draft);
    // It compares with what is stored itself: whether an image was there, not where.
    images::check(context, &mut draft);
    let (completed, findings) = draft.into_parts();
    (completed, without_echoes(findings))
}

/// A field of the wrong type says nothing, and what stands below it is not there, so that only the
/// field itself is told of.
fn without_echoes(findings: Vec<Finding>) -> Vec<Finding> {
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding.code == Code::WrongType)
        .map(|finding| finding.path.clone())
        .collect();
    let is_echo = |finding: &Finding| {
        let is_missing = matches!(
            finding.code,
            Code::PlacementNotTheSites | Code::ClusterNameUnknown
        );
        let is_within = |path: &String| {
            let rest = finding.path.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        is_missing && wrong.iter().any(is_within)
    };
    findings
        .into_iter()
        .filter(|finding| !is_echo(finding))
        .collect()
}

/// Finalizers, status and metadata pass while an object is being deleted; its spec and its owner
/// are not changed any more, and CAPV still logs in to the server that it names.
fn judge_deleting(
    context: &Context<'_>,
    completed: &Value,
    stored: Option<&Value>,
    findings: Vec<Finding>,
) -> Vec<Finding> {
    let is_person = context.trust() == Trust::Person;
    let is_theft = |finding: &Finding| match finding.code {
        Code::OwnerForeign
        | Code::OwnerChanged
        | Code::OwnerReferenceChanged
        | Code::SelectorLabelChanged => true,
        // A person is told that the spec cannot be changed at all.
        Code::PlacementNotTheSites | Code::CloudNotTheSites => !is_person,
        _ => false,
    };
    let findings = match stored {
        Some(stored) => without_old_faults(context, stored, findings),
        None => findings,
    };
    let mut kept: Vec<_> = findings.into_iter().filter(is_theft).collect();
    let spec = |object: Option<&Value>| {
        object
            .and_then(|o| o.get("spec"))
            .cloned()
            .unwrap_or(Value::Null)
    };
    if is_person && spec(Some(completed)) != spec(stored) {
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
    context.without_claims(|| {
        shape::check(context.request.subject, &mut draft);
        ownership::check(context, &mut draft);
        subjects::check(context, &mut draft);
        addresses::check(context, &mut draft);
    });
    let (_, old_faults) = draft.into_parts();
    findings
        .into_iter()
        .map(|finding| {
            // What is not listed cannot be compared, and controllers alone get the benefit of that.
            let is_known = finding.code != Code::TooMany || context.trust() == Trust::Controller;
            if is_known && old_faults.contains(&finding) {
                tolerated(finding, "it was stored like this")
            } else {
                finding
            }
        })
        .collect()
}

pub(crate) fn tolerated(finding: Finding, why: &str) -> Finding {
    if finding.code.class() == Class::Warning {
        return finding;
    }
    let message = format!("{why}, although {} ({})", finding.message, finding.code);
    Finding::new(Code::Tolerated, finding.path, finding.value, message)
}

/// A move must not fail half-way; the admin who moves is told. Who owns an object is no matter of
/// the site's offers, and is judged all the same.
fn tolerated_in_adoption(finding: Finding) -> Finding {
    if finding.code.class() == Class::Forbidden {
        return finding;
    }
    tolerated(finding, "taken as an admin brings it in")
}
