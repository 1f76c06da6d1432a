//! What stands in claims and addresses, in either version of their API.

use std::net::IpAddr;

use basphere_api::AddressPool;
use basphere_core::ipam::Pool;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::PROTECT;
use crate::controllers::carriers::text;

/// The AddressPool that a claim or an address refers to; `None` when that is somebody else's pool, or
/// its version is none that we fulfil.
pub(super) fn pool_of(object: &Value) -> Option<&str> {
    let is_known = text(object, "/apiVersion").is_some_and(|version| {
        matches!(
            version,
            "ipam.cluster.x-k8s.io/v1beta1" | "ipam.cluster.x-k8s.io/v1beta2"
        )
    });
    let is_ours = text(object, "/spec/poolRef/apiGroup") == Some(&AddressPool::group(&()))
        && text(object, "/spec/poolRef/kind") == Some(&AddressPool::kind(&()));
    (is_known && is_ours)
        .then(|| text(object, "/spec/poolRef/name"))
        .flatten()
}

/// Whether an object is being deleted.
pub(super) fn is_deleting(object: &Value) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

/// What an IPAddress refers to.
pub(super) struct Refs<'a> {
    pub(super) api_version: &'a str,
    pub(super) claim: &'a Value,
    pub(super) pool: &'a AddressPool,
}

/// The IPAddress of a claim.
pub(super) fn address_object(refs: &Refs<'_>, pool: &Pool, address: IpAddr) -> Value {
    let claim = refs.claim;
    let name = text(claim, "/metadata/name").unwrap_or_default();
    let mut object = json!({
        "apiVersion": refs.api_version,
        "kind": "IPAddress",
        "metadata": {
            "name": name,
            "namespace": text(claim, "/metadata/namespace"),
            "finalizers": [PROTECT],
            "ownerReferences": [
                {
                    "apiVersion": text(claim, "/apiVersion"),
                    "kind": "IPAddressClaim",
                    "name": name,
                    "uid": text(claim, "/metadata/uid"),
                    "controller": true,
                    "blockOwnerDeletion": true,
                },
                {
                    "apiVersion": AddressPool::api_version(&()),
                    "kind": AddressPool::kind(&()),
                    "name": pool.name(),
                    "uid": refs.pool.uid(),
                    "controller": false,
                    "blockOwnerDeletion": true,
                },
            ],
        },
        "spec": {
            "address": address.to_string(),
            "prefix": pool.prefix(),
            "claimRef": {"name": name},
            "poolRef": {
                "apiGroup": AddressPool::group(&()),
                "kind": AddressPool::kind(&()),
                "name": pool.name(),
            },
        },
    });
    let cluster = claim
        .pointer("/metadata/labels")
        .and_then(|labels| labels.get(basphere_core::keys::CLUSTER_NAME));
    if let (Some(cluster), Some(metadata)) = (cluster, object.get_mut("metadata")) {
        // So that `clusterctl move` takes it along.
        metadata["labels"] = json!({basphere_core::keys::CLUSTER_NAME: cluster});
    }
    if let (Some(gateway), Some(spec)) = (pool.spec().gateway, object.get_mut("spec")) {
        spec["gateway"] = gateway.to_string().into();
    }
    object
}
