//! What a request is charged for, and what is said when it is too much.

use serde_json::Value;

use super::read::{ask, is_charged, is_made, of_node_spec};
use super::verdict::{Charge, Excess, Fits, Look, Wants, look};
use super::{Account, account_name, largest};
use crate::context::Context;
use crate::json::{field_path, text_at, token};
use crate::site::Trust;
use crate::{Code, Finding, Kind, Part, keys};

const REPLICAS: &str = "/spec/replicas";
pub(super) const ASK_FOR_MORE: &str = "kubectl basphere quota explain";

/// Checks what an object asks for against the limits of its tenant and of all groups above it. The charge
/// is what must be booked before an allowed request is answered.
pub(crate) fn check(context: &Context<'_>, object: &Value) -> (Vec<Finding>, Option<Charge>) {
    let kind = context.kind();
    if !is_charged(kind) || context.is_deleting() || context.is_topology_dry_run() {
        return (Vec::new(), None);
    }
    let Some(charge) = charge(context, object).filter(Charge::may_grow) else {
        return (Vec::new(), None);
    };
    let Some(accounts) = context.accounts() else {
        return (Vec::new(), Some(charge));
    };
    let mut findings = Vec::new();
    let mut is_charged = false;
    for (index, account) in accounts.iter().enumerate() {
        let is_group = index + 1 < accounts.len();
        let judged = at(context, account, is_group, &charge, object);
        is_charged |= judged.1;
        for finding in judged.0 {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    if charge.is_forced {
        findings = findings.into_iter().map(flagged).collect();
    }
    (findings, is_charged.then_some(charge))
}

/// What an account says to a charge, and whether it changes the account's ledger.
fn at(
    context: &Context<'_>,
    account: &Account,
    is_group: bool,
    charge: &Charge,
    object: &Value,
) -> (Vec<Finding>, bool) {
    let site = context.site();
    let limits = account.limits(site, is_group, context.now());
    let mut findings = Vec::new();
    if let Some(name) = &limits.0.largest_node_spec
        && let Some(largest) = site.node_spec(name)
    {
        let spec = (name.as_str(), of_node_spec(largest));
        let larger = largest::check(context, account, spec, charge, object);
        // Nobody is refused for what only a cache says.
        if !larger.is_empty() {
            context.miss_accounts();
        }
        findings.extend(larger);
    }
    if !account.is_limited(site, is_group, context.now()) {
        return (findings, false);
    }
    let limits = (&limits.0, &limits.1);
    let looked = look(account, limits, charge, context.now(), || {
        is_of_maker(context, charge)
    });
    let verdict = match looked {
        Look::Unknown => {
            context.miss_accounts();
            if !charge.is_forced {
                findings.push(not_ready(&account.name));
            }
            return (findings, true);
        }
        Look::OfMaker => {
            findings.extend(grown_by_hand(context, charge));
            return (findings, false);
        }
        Look::Judged(verdict) => verdict,
    };
    if !verdict.exceeded.is_empty() {
        context.miss_accounts();
    }
    findings.extend(refusals(&account.name, charge, &verdict.exceeded));
    let soft = verdict.warned.iter().filter(|warned| {
        let is_same = |excess: &Excess| excess.measure == warned.measure;
        !verdict.exceeded.iter().any(is_same)
    });
    findings.extend(soft.map(|excess| warned(&account.name, &charge.path, excess)));
    let is_changed = account.ledger.as_ref() != Some(&verdict.ledger);
    (findings, is_changed)
}

/// Whether a stored object was made of another one that is charged instead.
fn is_of_maker(context: &Context<'_>, charge: &Charge) -> bool {
    match (context.request.part, &context.request.old_object) {
        (Part::Whole, Some(old)) => is_made(charge.kind, old),
        (Part::Whole, None) => false,
        (Part::Scale, _) => {
            let scaled = context.scaled();
            charge.kind == Kind::MachineSet && scaled.is_some_and(|scaled| scaled.is_of_deployment)
        }
    }
}

/// A MachineSet is charged with its MachineDeployment, and asks for what that one says. Whoever pauses the
/// deployment and lets its MachineSet grow would have machines that nobody counts.
fn grown_by_hand(context: &Context<'_>, charge: &Charge) -> Option<Finding> {
    let is_by_hand = context.trust() == Trust::Person && charge.kind == Kind::MachineSet;
    is_by_hand.then(|| {
        let message = "its MachineDeployment sets what a MachineSet asks for";
        let path = charge.path.as_str();
        Finding::new(Code::FieldOfControllers, path, Value::Null, message)
            .hint("scale the MachineDeployment")
    })
}

/// What is said while what a tenant uses is not counted.
#[must_use]
pub fn not_ready(tenant: &str) -> Finding {
    let message = format!("what tenant {tenant} uses is being counted");
    Finding::new(Code::LedgerNotReady, "", Value::Null, message).hint("try again in a moment")
}

fn charge(context: &Context<'_>, object: &Value) -> Option<Charge> {
    let request = context.request;
    let kind = context.kind();
    let site = context.site();
    let text = |pointer: &str| text_at(object, pointer).unwrap_or_default().to_owned();
    let is_controller = context.trust() == Trust::Controller;
    let wants = |object: &Value| match request.part {
        Part::Scale => match object.pointer(REPLICAS).unwrap_or(&Value::Null) {
            Value::Null => Some(Wants::Replicas(0)),
            number => number.as_u64().map(Wants::Replicas),
        },
        Part::Whole => Some(Wants::All(Box::new(ask(site, kind, object)))),
    };
    let old = request.old_object.as_ref();
    // What a controller makes of something is charged there; what people write proves nothing.
    let is_trusted = is_controller || context.is_adoption();
    if is_made(kind, object) && is_trusted && old.is_none() {
        return None;
    }
    let mut after = wants(object)?;
    if let Wants::All(ask) = &mut after
        && !is_trusted
        && old.is_none()
    {
        ask.group = None;
    }
    let stored = match old {
        Some(old) => {
            let version = text_at(old, "/metadata/resourceVersion").unwrap_or_default();
            Some((version.to_owned(), wants(old)?))
        }
        None => None,
    };
    let name = Some(request.name.clone()).filter(|name| !name.is_empty());
    Some(Charge {
        tenant: account_name(&context.namespace_owner()?),
        kind,
        namespace: request.namespace.clone(),
        name: name.unwrap_or_else(|| text("/metadata/name")),
        uid: old
            .and_then(|old| text_at(old, "/metadata/uid"))
            .map_or_else(|| text("/metadata/uid"), str::to_owned),
        stored,
        path: path(kind, &after, object),
        wants: after,
        is_forced: context.is_adoption() || (is_controller && request.part == Part::Whole),
    })
}

/// Where in the object it stands that asks for more.
fn path(kind: Kind, wants: &Wants, object: &Value) -> String {
    let most = format!("/metadata/annotations/{}", token(keys::AUTOSCALER_MOST));
    match kind {
        Kind::KubeadmControlPlane
        | Kind::MachineDeployment
        | Kind::MachinePool
        | Kind::MachineSet => match wants {
            Wants::All(ask) if ask.count() > ask.replicas => field_path(&most),
            _ => field_path(REPLICAS),
        },
        Kind::Cluster if object.pointer("/spec/topology").is_some() => "spec.topology".to_owned(),
        Kind::Cluster | Kind::Machine => "spec".to_owned(),
        _ => "spec.template.spec".to_owned(),
    }
}

/// Why an account refuses a charge.
#[must_use]
pub fn refusals(account: &str, charge: &Charge, exceeded: &[Excess]) -> Vec<Finding> {
    let findings = exceeded.iter();
    findings
        .map(|excess| self::exceeded(account, &charge.path, excess))
        .collect()
}

/// The finding that a limit would be exceeded.
fn exceeded(account: &str, path: &str, excess: &Excess) -> Finding {
    Finding::new(
        excess.measure.code(),
        path,
        Value::Null,
        words(account, excess),
    )
    .hint(fits(excess))
    .command(ASK_FOR_MORE)
}

fn warned(account: &str, path: &str, excess: &Excess) -> Finding {
    let message = words(account, excess).replace(", limit ", ", soft limit ");
    Finding::new(Code::SoftLimitExceeded, path, Value::Null, message)
}

fn words(account: &str, excess: &Excess) -> String {
    let Excess {
        measure,
        requested,
        used,
        limit,
        ..
    } = excess;
    let by = excess.by();
    format!(
        "quota {account}: {measure} requested +{requested}, used {used}, limit {limit}, exceeded by {by}"
    )
}

fn fits(excess: &Excess) -> String {
    match excess.fits {
        Fits::Machines(1) => "at most 1 replica fits".to_owned(),
        Fits::Machines(most) => format!("at most {most} replicas fit"),
        Fits::More(0) => "none is left".to_owned(),
        Fits::More(most) => format!("at most {most} more fit"),
    }
}

/// What was let in all the same, so that somebody is told.
fn flagged(finding: Finding) -> Finding {
    if finding.code.class() == crate::Class::Warning {
        return finding;
    }
    let message = format!("let in, although {} ({})", finding.message, finding.code);
    Finding::new(Code::QuotaOverrun, finding.path, finding.value, message)
}
