//! `/scale`: a number of machines by itself, as `kubectl scale` and the autoscaler write it.

use serde_json::Value;

use super::replicas::{self, REPLICAS};
use crate::change::{Completion, Draft};
use crate::context::Context;
use crate::{Code, Finding, Kind, addresses};

/// Judges an `autoscaling/v1` Scale of one of the kinds that have one.
pub(crate) fn judge(context: &Context<'_>, scale: &Value) -> Vec<Finding> {
    let old = context.request.old_object.as_ref();
    let mut draft = Draft::new(scale.clone(), old, Completion::PutBack);
    let parent = context.scaled();
    let has_stacked_etcd = context.kind() == Kind::KubeadmControlPlane
        && parent.is_none_or(|parent| !parent.has_external_etcd);
    if has_stacked_etcd {
        replicas::check_odd(&mut draft, REPLICAS);
    } else {
        replicas::check(&mut draft, REPLICAS);
    }
    if parent.is_some_and(|parent| parent.is_topology_owned) {
        let message = "the Cluster's topology sets this number, and will set it again";
        let hint = Some("change spec.topology of the Cluster".to_owned());
        draft.found(Code::ScaleReverted, REPLICAS, message, hint);
    }
    if let Some(parent) = parent {
        addresses::check_scale(context, &mut draft, parent);
    }
    let (_, findings) = draft.into_parts();
    findings
}
