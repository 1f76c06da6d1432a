//! A range of addresses for a cluster's load balancers, shown on the Cluster.

use serde_json::Value;

use super::{asker, holder, own_name, pool_at_create, refused, tenant};
use crate::change::Draft;
use crate::context::Context;
use crate::ipam::{Purpose, Slot, SlotKind};
use crate::json::{text_at, token};
use crate::site::Trust;
use crate::{Code, Kind, keys};

fn pointer() -> String {
    format!("/metadata/annotations/{}", token(keys::LOAD_BALANCER_RANGE))
}

/// The name under which the Cluster's lease distinguishes the range from its other slots.
const DEVICE: &str = "loadBalancer";

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let at = pointer();
    if draft.put_back(&at) || context.is_adoption() {
        return;
    }
    let name = context.site().spec().addresses.load_balancers.as_deref();
    let (Some(pool_name), Some(own)) = (name, own_name(context, draft).map(str::to_owned)) else {
        return;
    };
    // A cluster that runs without one is changed as it is.
    let Some(pool) = pool_at_create(context, draft, &at, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    let holder = holder(context, Kind::Cluster, &own, DEVICE);
    let asker = asker(&tenant, holder, Purpose::LoadBalancer);
    match context.at_desk(|desk| desk.range(pool, &asker)) {
        Ok(slot) => draft.set(&at, Value::from(slot.text())),
        Err(_) if !context.is_create() => {}
        Err(refusal) => refused(draft, &at, &refusal),
    }
}

/// A range that stands on the Cluster is a lease of the Cluster.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let at = pointer();
    let stored = draft.old().and_then(|old| text_at(old, &at));
    let Some(written) = draft.text(&at).map(str::to_owned) else {
        if stored.is_some() && context.trust() == Trust::Person {
            refuse_change(draft, &at);
        }
        return;
    };
    if stored == Some(written.as_str()) {
        return;
    }
    let name = context.site().spec().addresses.load_balancers.as_deref();
    let pool = name.and_then(|name| context.pool(name).ok());
    let (Some(pool), Ok(span), Some(own)) = (
        pool,
        written.parse(),
        own_name(context, draft).map(str::to_owned),
    ) else {
        refuse_change(draft, &at);
        return;
    };
    let tenant = tenant(context);
    let slot = Slot::new(SlotKind::Range, &pool.spec().domain, span);
    let asker = asker(
        &tenant,
        holder(context, Kind::Cluster, &own, DEVICE),
        Purpose::LoadBalancer,
    );
    let is_ours = context
        .lease_of(&slot)
        .is_some_and(|lease| lease.spec.holder.is(&asker.holder));
    if is_ours {
        return;
    }
    let may_change = stored.is_none() || context.trust() == Trust::Admin;
    if !may_change || !pool.ranges_at(span) {
        refuse_change(draft, &at);
    } else if let Err(refusal) = context.at_desk(|desk| desk.slot_of(pool, slot, &asker)) {
        refused(draft, &at, &refusal);
    }
}

fn refuse_change(draft: &mut Draft<'_>, at: &str) {
    let message = "a cluster gets a range of the site's, and keeps it";
    let hint = Some("leave the annotation out".to_owned());
    draft.found(Code::FieldOfControllers, at, message, hint);
}
