//! The addresses of machines on OpenStack. Neutron picks its own unless a port says which when the
//! machine is created, and the spec can never be changed afterwards.

use serde_json::{Value, json};

use super::{address, cloud, machine, of_object, pool, refused, take, tenant};
use crate::ApiVersion;
use crate::change::Draft;
use crate::context::Context;
use crate::json::{is_unset, text_at};

const PORTS: &str = "/spec/ports";
const SPEC: &str = "/spec";
/// So many ports of one machine, and addresses of one port, are looked at.
const MOST: usize = 10;

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if !context.is_create() {
        draft.put_back(PORTS);
        return;
    }
    let Some(pool_name) = of_object(context, draft).and_then(|pools| pools.nodes.as_deref()) else {
        return;
    };
    if context.is_adoption() || !draft.get(SPEC).is_some_and(Value::is_object) {
        return;
    }
    if draft.get(PORTS).is_none_or(is_unset) {
        // Without ports CAPO makes one in the cluster's network; so does an empty one.
        draft.set(PORTS, json!([{}]));
    }
    // The first port is that of the cluster's network; others say where they lead.
    let port = format!("{PORTS}/0");
    let has_own_network = draft.has(&format!("{port}/network"));
    let list = format!("{port}/fixedIPs");
    let has_address = draft
        .get(&list)
        .and_then(Value::as_array)
        .is_some_and(|fixed| {
            fixed
                .iter()
                .any(|fixed| text_at(fixed, "/ipAddress").is_some())
        });
    if has_own_network || has_address || !draft.get(&port).is_some_and(Value::is_object) {
        return;
    }
    give(context, draft, pool_name, &list);
}

fn give(context: &Context<'_>, draft: &mut Draft<'_>, pool_name: &str, list: &str) {
    let Some(pool) = pool(context, draft, list, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    let Some(asker) = machine(context, draft, &tenant, 0) else {
        return;
    };
    match context.at_desk(|desk| desk.address(pool, &asker)) {
        Ok(address) => {
            let subnet = subnet(context, draft);
            let mut fixed = json!({"ipAddress": address.to_string()});
            if let (Some(subnet), Some(fields)) = (subnet, fixed.as_object_mut()) {
                fields.insert("subnet".to_owned(), reference(context, &subnet));
            }
            draft.set(list, json!([fixed]));
        }
        Err(refusal) => refused(draft, list, &refusal),
    }
}

/// The subnet that the Site names; v1alpha7 wants one, and CAPO calls that of a cluster like this.
fn subnet(context: &Context<'_>, draft: &Draft<'_>) -> Option<String> {
    let named = cloud(context, draft).and_then(|cloud| cloud.subnet.clone());
    let is_wanted = context.request.subject.version == ApiVersion::V1Alpha7;
    named.or_else(|| {
        let (cluster, _) = context.cluster_of(context.request.object.as_ref()?)?;
        let namespace = &context.request.namespace;
        is_wanted.then(|| format!("k8s-clusterapi-cluster-{namespace}-{cluster}"))
    })
}

/// A subnet as each version refers to it, by name.
fn reference(context: &Context<'_>, subnet: &str) -> Value {
    match context.request.subject.version {
        ApiVersion::V1Alpha7 => json!({"name": subnet}),
        _ => json!({"filter": {"name": subnet}}),
    }
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(pool_name) = of_object(context, draft).and_then(|pools| pools.nodes.as_deref()) else {
        return;
    };
    for port in 0..draft.len_of(PORTS).min(MOST) {
        let list = format!("{PORTS}/{port}/fixedIPs");
        for at in 0..draft.len_of(&list).min(MOST) {
            let pointer = format!("{list}/{at}/ipAddress");
            check_address(context, draft, pool_name, port, &pointer);
        }
    }
}

fn check_address(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pool_name: &str,
    port: usize,
    pointer: &str,
) {
    let (Some(address), Ok(pool)) = (
        draft.text(pointer).and_then(address),
        context.pool(pool_name),
    ) else {
        return;
    };
    if !pool.has(address) {
        return;
    }
    let tenant = tenant(context);
    let Some(asker) = machine(context, draft, &tenant, port) else {
        return;
    };
    // What is stored cannot be changed, and is leased when nobody has it.
    if !context.is_create() {
        context.at_desk(|desk| desk.carried(pool, address, &asker).ok());
        return;
    }
    if let Err(refusal) = context.at_desk(|desk| take(context, desk, pool, address, &asker)) {
        refused(draft, pointer, &refusal);
    }
}
