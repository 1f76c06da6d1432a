//! Tenants themselves: limits that can be kept, a tree that has no circle, and nobody is lost.

use serde::Deserialize;
use serde_json::Value;

use super::{Account, TenantSpec};
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::{Code, Finding, Kind, Operation};

/// Writes down who has set limits that are new or changed.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    const QUOTAS: &str = "/spec/quotas";
    let requester = context.request.requester.username.clone();
    let stored = draft.old().and_then(|old| old.pointer(QUOTAS)).cloned();
    let stored = stored
        .and_then(|stored| stored.as_array().cloned())
        .unwrap_or_default();
    for index in 0..draft.len_of(QUOTAS) {
        let said = |name: &str| format!("{QUOTAS}/{index}/{name}");
        if draft.has(&said("setBy")) {
            continue;
        }
        let Some(written) = draft.get(&format!("{QUOTAS}/{index}")).cloned() else {
            continue;
        };
        // Whoever sends the same again has not set it.
        let before = stored
            .iter()
            .find(|stored| without_setter(stored) == without_setter(&written));
        let setter = before.and_then(|before| before.get("setBy").cloned());
        if written.is_object() && !requester.is_empty() {
            draft.set(
                &said("setBy"),
                setter.unwrap_or_else(|| Value::from(requester.as_str())),
            );
        }
    }
}

fn without_setter(set: &Value) -> Value {
    let mut set = set.clone();
    if let Some(fields) = set.as_object_mut() {
        fields.remove("setBy");
    }
    set
}

/// Judges a Tenant that is written or deleted.
pub(crate) fn judge(context: &Context<'_>, draft: &mut Draft<'_>) {
    debug_assert_eq!(context.kind(), Kind::Tenant);
    if context.request.operation == Operation::Delete {
        check_deleted(context, draft);
        return;
    }
    let spec = match TenantSpec::deserialize(draft.get("/spec").unwrap_or(&Value::Null)) {
        Ok(spec) => spec,
        // A Tenant needs to say nothing.
        Err(_) if draft.get("/spec").is_none() => TenantSpec::default(),
        Err(error) => {
            let finding = Finding::new(Code::TenantFaulty, "spec", Value::Null, error.to_string());
            draft.finding(finding);
            return;
        }
    };
    check_names(context, draft, &spec);
    check_parent(context, draft, &spec);
}

/// Limits of what the site does not have would never hold.
fn check_names(context: &Context<'_>, draft: &mut Draft<'_>, spec: &TenantSpec) {
    let site = context.site();
    for (index, set) in spec.quotas.iter().enumerate() {
        for (field, limits) in [("limits", &set.limits), ("soft", &set.soft)] {
            let at = format!("/spec/quotas/{index}/{field}");
            if let Some(name) = &limits.largest_node_spec
                && site.node_spec(name).is_none()
            {
                let names: Vec<_> = site.spec().node_specs.keys().map(String::as_str).collect();
                let message = format!("the site's node specs are {}", names.join(", "));
                draft.found(
                    Code::SpecUnknown,
                    &format!("{at}/largestNodeSpec"),
                    message,
                    None,
                );
            }
            for name in limits.clusters_by_type.keys() {
                if site.cluster_type(name).is_none() {
                    let names: Vec<_> = site
                        .spec()
                        .cluster_types
                        .keys()
                        .map(String::as_str)
                        .collect();
                    let message = format!(
                        "{name:?} is not one of the site's cluster types {}",
                        names.join(", ")
                    );
                    draft.found(
                        Code::TypeUnknown,
                        &format!("{at}/clustersByType"),
                        message,
                        None,
                    );
                }
            }
        }
        if set.reason.trim().is_empty() {
            let at = format!("/spec/quotas/{index}/reason");
            let message = "whoever reads the limit wants to know why it is there";
            draft.found(Code::TenantFaulty, &at, message, None);
        }
    }
}

fn check_parent(context: &Context<'_>, draft: &mut Draft<'_>, spec: &TenantSpec) {
    let Some(parent) = &spec.parent else {
        return;
    };
    const PARENT: &str = "/spec/parent";
    let own = &context.request.name;
    let Some(above) = context.accounts_of(parent) else {
        return;
    };
    let names: Vec<&str> = above.iter().map(|account| account.name.as_str()).collect();
    if parent == own || names.contains(&own.as_str()) {
        let message = format!("{own} would be above itself: {}", names.join(" > "));
        draft.found(Code::TenantFaulty, PARENT, message, None);
    } else if !names.contains(&parent.as_str()) {
        let message = format!("there is no Tenant {parent}");
        draft.found(
            Code::TenantFaulty,
            PARENT,
            message,
            Some("make it first".to_owned()),
        );
    }
}

/// A ledger that is in use is not thrown away: requests under way would be forgotten.
fn check_deleted(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(ledger) = ledger_of(draft.object()) else {
        return;
    };
    if ledger.is_idle() {
        return;
    }
    let used: Vec<_> = ledger
        .used()
        .iter()
        .filter(|(measure, _)| measure.which().is_none())
        .map(|(measure, amount)| format!("{measure} {amount}"))
        .collect();
    let name = &context.request.name;
    let message = match used.is_empty() {
        true => format!("requests of tenant {name} are under way"),
        false => format!("tenant {name} uses {}", used.join(", ")),
    };
    let finding = Finding::new(
        Code::TenantInUse,
        field_path("/metadata/name"),
        Value::Null,
        message,
    );
    draft.finding(finding.hint("delete its clusters first, or only its spec.quotas"));
}

fn ledger_of(tenant: &Value) -> Option<super::Ledger> {
    super::Ledger::deserialize(tenant.pointer("/status/ledger")?).ok()
}

impl Account {
    /// Reads a Tenant as it is stored. A ledger that was made for another object of the name, such as one
    /// that was restored from a backup, is none; nor is that of a Tenant whose limits cannot be read, since
    /// they may be lower than the site's.
    #[must_use]
    pub fn of(tenant: &Value) -> Self {
        let text = |pointer: &str| crate::json::text_at(tenant, pointer).unwrap_or_default();
        let spec = match tenant.get("spec") {
            Some(spec) => TenantSpec::deserialize(spec).ok(),
            None => Some(TenantSpec::default()),
        };
        let is_of_it =
            |ledger: &super::Ledger| ledger.of == text("/metadata/uid") && spec.is_some();
        Self {
            name: text("/metadata/name").to_owned(),
            ledger: ledger_of(tenant).filter(is_of_it),
            is_unreadable: spec.is_none(),
            spec: spec.unwrap_or_default(),
        }
    }
}
