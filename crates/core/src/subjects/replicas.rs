//! How many machines a group has that names no number: its cluster's type says.

use serde_json::Value;

use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::site::{ClusterTypeSpec, NodeGroupSpec};
use crate::{Code, Finding};

/// Where the number stands in every kind that has one.
pub(super) const REPLICAS: &str = "/spec/replicas";

/// The number for a group of a Cluster. While the Cluster is not known, the site's default type is
/// taken, and its author told.
pub(super) fn default(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    cluster: Option<&Facts>,
    group: fn(&ClusterTypeSpec) -> &NodeGroupSpec,
) -> u64 {
    let site = context.site();
    let (default_name, default_type) = site.default_type();
    if cluster.is_none() {
        let count = group(default_type).count;
        let message = format!("its Cluster is not there yet; {count} as of type {default_name}");
        draft.finding(Finding::new(
            Code::TypeAssumed,
            "spec.replicas",
            Value::Null,
            message,
        ));
    }
    let named = cluster.and_then(|facts| site.cluster_type(facts.cluster_type.as_deref()?));
    group(named.unwrap_or(default_type)).count
}

/// Refuses a number of members with which etcd is no safer than with one less.
pub(super) fn check_odd(draft: &mut Draft<'_>, pointer: &str) {
    check(draft, pointer);
    let Some(replicas) = draft.get(pointer).and_then(Value::as_u64) else {
        return;
    };
    if replicas % 2 == 0 {
        let hint = if replicas > 0 {
            format!("{} or {}", replicas - 1, replicas + 1)
        } else {
            "1 or 3".to_owned()
        };
        let message = "etcd on the control plane needs an odd number of members";
        draft.found(Code::ReplicasEven, pointer, message, Some(hint));
    }
}

/// Refuses what is no number of machines.
pub(super) fn check(draft: &mut Draft<'_>, pointer: &str) {
    draft.expect(pointer, "a whole number, 0 or more,", Value::is_u64);
}
