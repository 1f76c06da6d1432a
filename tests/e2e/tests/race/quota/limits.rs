//! The limits that are raced for, and how they change.

use anyhow::Result;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::objects::Kind;
use crate::site::Site;

/// So many groups there are.
const GROUPS: usize = 2;

/// What every tenant may have of whom nothing else is said.
pub(super) fn default() -> Value {
    json!({"clusters": 3, "nodesPerCluster": 10})
}

/// The name of a group.
fn group(number: usize) -> String {
    format!("group-{number}")
}

/// Whether a Tenant is a group.
pub(super) fn is_group(name: &str) -> bool {
    name.starts_with("group-")
}

/// The group that a tenant is below; every other one is below none.
pub(super) fn group_of(tenant: usize) -> Option<String> {
    tenant.is_multiple_of(2).then(|| group(tenant / 2 % GROUPS))
}

/// Makes all Tenants and groups.
pub(super) fn install(site: &Site, random: &mut Rng) -> Result<()> {
    for number in 0..GROUPS {
        let name = group(number);
        let spec = json!({"quotas": quotas(&name, random)});
        site.create(&tenant(&name, &spec))?;
    }
    for (number, it) in site.tenants.iter().enumerate() {
        let spec = json!({"parent": group_of(number), "quotas": quotas(&it.name, random)});
        site.create(&tenant(&it.name, &spec))?;
    }
    Ok(())
}

fn tenant(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{}/v1alpha1", Kind::Tenant.group()),
        "kind": Kind::Tenant.kind(),
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// Limits that some requests of many exceed.
pub(super) fn quotas(name: &str, random: &mut Rng) -> Value {
    let limits = if is_group(name) {
        json!({"nodes": random.u64(18..36)})
    } else {
        json!({
            "clusters": random.u64(2..=3),
            "nodesPerCluster": random.u64(4..8),
            "nodes": random.u64(6..14),
            "controlPlaneNodes": random.u64(3..7),
            "vcpus": random.u64(20..60),
            "nodePools": random.u64(2..5),
        })
    };
    let mut set = json!([{"limits": limits, "reason": "the race"}]);
    if !is_group(name) && random.u8(0..5) == 0 {
        set[0]["limits"]["largestNodeSpec"] = "medium".into();
    }
    set
}

/// Limits that nobody reaches.
pub(super) fn unlimited() -> Value {
    const MUCH: u64 = 1_000_000;
    json!([{"reason": "the end of the race", "limits": {
        "clusters": MUCH, "nodesPerCluster": MUCH, "nodes": MUCH, "controlPlaneNodes": MUCH,
        "vcpus": MUCH, "nodePools": MUCH,
    }}])
}
