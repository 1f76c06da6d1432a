//! The status of constraints that live in the cluster, as Gatekeeper's audit writes it.

use std::collections::BTreeSet;

use basphere_api::stored::Stored;
use basphere_rego::audit::RuleTally;
use basphere_rego::constraint::GROUP;
use basphere_rego::{Constraint, Policies};
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tracing::{debug, info};

use super::scan::Found;
use crate::config::ConstraintStatus;

/// Of its own, so that what Gatekeeper's audit writes is known to be another's.
const FIELD_MANAGER: &str = "basphere-audit";
/// Few have so many constraints of a kind; the rest keep the status that they have.
const MOST: u32 = 500;

/// Writes statuses.
pub(super) struct Statuses {
    client: Client,
    when: ConstraintStatus,
    /// Constraints whose status somebody else writes: told once.
    foreign: BTreeSet<String>,
}

impl Statuses {
    pub(super) fn new(client: Client, when: ConstraintStatus) -> Self {
        Self {
            client,
            when,
            foreign: BTreeSet::new(),
        }
    }

    /// Writes the status of each constraint that is stored as it was judged, where it says something else. Returns how
    /// many were written.
    pub(super) async fn write(
        &mut self,
        found: &Found,
        policies: &Policies,
        now: Timestamp,
    ) -> usize {
        let mut written = 0;
        if self.when == ConstraintStatus::Never {
            return written;
        }
        let is_judged = |kind: &str| found.tally.rules().any(|rule| rule.rule.kind == kind);
        let kinds = found.stored.iter().filter(|kind| {
            kind.resource.group == GROUP && kind.has_status && is_judged(&kind.resource.kind)
        });
        for kind in kinds {
            match self.write_kind(kind, found, policies, now).await {
                Ok(count) => written += count,
                Err(error) => {
                    debug!(kind = kind.resource.kind, error = %error, "no status is written");
                }
            }
        }
        written
    }

    async fn write_kind(
        &mut self,
        kind: &Stored,
        found: &Found,
        policies: &Policies,
        now: Timestamp,
    ) -> kube::Result<usize> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind.resource);
        let mut written = 0;
        for stored in api.list(&ListParams::default().limit(MOST)).await? {
            let name = stored.name_any();
            let Some(rule) = found.tally.rule(&kind.resource.kind, &name) else {
                continue;
            };
            let uid = stored.uid();
            let stored = document(&stored, kind);
            let status = rule.status();
            if is_judged_so(&stored, rule, policies) && !is_same(&status, &stored) {
                let patch = patch(kind, &name, uid, status, now);
                written += usize::from(self.patch(&api, &name, &patch, kind).await?);
            }
        }
        Ok(written)
    }

    /// Whether it is ours to write, and was written.
    async fn patch(
        &mut self,
        api: &Api<DynamicObject>,
        name: &str,
        patch: &Value,
        kind: &Stored,
    ) -> kube::Result<bool> {
        let mut parameters = PatchParams::apply(FIELD_MANAGER);
        parameters.force = self.when == ConstraintStatus::Always;
        let patch = Patch::Apply(patch);
        match api.patch_status(name, &parameters, &patch).await {
            Ok(_) => Ok(true),
            // It is another's field, or another object of that name.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let constraint = format!("{}/{name}", kind.resource.kind);
                if self.foreign.insert(constraint.clone()) {
                    info!(constraint, "somebody else writes the status of its audit");
                }
                Ok(false)
            }
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A constraint as files have it.
fn document(stored: &DynamicObject, kind: &Stored) -> Value {
    json!({
        "apiVersion": kind.resource.api_version,
        "kind": kind.resource.kind,
        "metadata": {"name": stored.name_any()},
        "spec": stored.data.get("spec"),
        "status": stored.data.get("status"),
    })
}

/// Whether it was this constraint that was judged, and not another one, or another version of it.
fn is_judged_so(stored: &Value, rule: &RuleTally, policies: &Policies) -> bool {
    let mut templates = policies.templates();
    let template = templates.find(|template| template.kind == rule.rule.kind);
    let read = template.and_then(|template| Constraint::read(stored, template).ok());
    let mut constraints = policies.constraints();
    let judged = constraints.find(|it| it.kind == rule.rule.kind && it.name == rule.rule.name);
    match (read, judged) {
        (Some(read), Some(judged)) => read.document.get("spec") == judged.document.get("spec"),
        _ => false,
    }
}

/// Whether the status says the same already, whenever it said so.
fn is_same(status: &Value, stored: &Value) -> bool {
    let said = |name: &str| stored.pointer(&format!("/status/{name}"));
    let is_timed = said("auditTimestamp").is_some();
    let fields = ["totalViolations", "violations"].into_iter();
    is_timed
        && fields
            .into_iter()
            .all(|name| said(name) == status.get(name))
}

fn patch(
    kind: &Stored,
    name: &str,
    uid: Option<String>,
    mut status: Value,
    now: Timestamp,
) -> Value {
    // As Gatekeeper writes it, without fractions.
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    if let Some(fields) = status.as_object_mut() {
        fields.insert("auditTimestamp".to_owned(), second.to_string().into());
    }
    json!({
        "apiVersion": kind.resource.api_version,
        "kind": kind.resource.kind,
        "metadata": {"name": name, "uid": uid},
        "status": status,
    })
}
