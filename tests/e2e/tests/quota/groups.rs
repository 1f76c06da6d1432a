//! Tenants that share a limit.

use anyhow::Result;
use serde_json::json;

use crate::renter::{Renter, ensure_says};

both_versions!(
    two_tenants_share_what_their_group_may_have,
    a_tenant_that_joins_brings_what_it_has,
    a_tenant_that_leaves_takes_what_it_has,
    the_root_of_a_tree_binds_all,
    a_group_that_limits_nothing_counts_nobody,
);

impl Renter<'_> {
    /// Makes a group with limits, and puts tenants into it.
    fn group(&self, limits: &serde_json::Value, members: &[&str]) -> Result<String> {
        let group = format!("group-of-{}", self.name);
        let quotas = json!([{"limits": limits, "reason": "one department"}]);
        self.limit(&group, &json!({"quotas": quotas}))?;
        for member in members {
            self.limit(member, &json!({"parent": group}))?;
        }
        Ok(group)
    }
}

fn two_tenants_share_what_their_group_may_have(renter: &Renter<'_>) -> Result<()> {
    let other = Renter::on(renter.sandbox)?;
    let limits = json!({"clusters": 3, "nodes": 6});
    let group = renter.group(&limits, &[&renter.name, &other.name])?;
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.cluster("b"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    other.create(&other.cluster("a"))?;
    let said = other.create_refused(&other.cluster("b"))?;
    ensure_says(
        &said,
        &format!(
            "spec: Forbidden: quota {group}: clusters requested +1, used 3, limit 3, exceeded by 1; none is left [BSP-Q001]"
        ),
    )?;
    let said = other.create_refused(&other.deployment("workers", "a", 3))?;
    ensure_says(
        &said,
        &format!(
            "quota {group}: nodes requested +3, used 4, limit 6, exceeded by 1; at most 2 replicas fit [BSP-Q003]"
        ),
    )?;
    // What the group refused is not charged to the tenant either.
    other.create(&other.deployment("workers", "a", 2))?;
    other.wait_for(&other.name, "nodes", "2/-")?;
    other.wait_for(&group, "nodes", "6/6")?;
    renter.run(&["delete", "machinedeployment/workers"], &json!(null))?;
    renter.wait_for(&group, "nodes", "2/6")
}

fn a_tenant_that_joins_brings_what_it_has(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    let group = renter.group(&json!({"nodes": 5}), &[])?;
    renter.limit(&renter.name, &json!({"parent": group}))?;
    // Nothing grows that is not counted, so it is counted with the first request at the latest.
    let said = renter.create_refused(&renter.deployment("more", "a", 2))?;
    ensure_says(
        &said,
        &format!(
            "quota {group}: nodes requested +2, used 4, limit 5, exceeded by 1; at most 1 replica fits [BSP-Q003]"
        ),
    )?;
    renter.wait_for(&group, "nodes", "4/5")
}

fn a_tenant_that_leaves_takes_what_it_has(renter: &Renter<'_>) -> Result<()> {
    let other = Renter::on(renter.sandbox)?;
    let members = [renter.name.as_str(), &other.name];
    let group = renter.group(&json!({"nodes": 5}), &members)?;
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.wait_for(&group, "nodes", "4/5")?;
    renter.limit(&renter.name, &json!({"displayName": "alone"}))?;
    renter.wait_for(&group, "nodes", "0/5")?;
    other.create(&other.cluster("a"))?;
    other.create(&other.deployment("workers", "a", 5))?;
    renter.wait_for(&renter.name, "nodes", "4/-")
}

fn a_group_that_limits_nothing_counts_nobody(renter: &Renter<'_>) -> Result<()> {
    let group = renter.group(&json!({"nodes": 5}), &[&renter.name])?;
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.wait_for(&group, "nodes", "4/5")?;
    renter.limit(&group, &json!({"displayName": "no limits"}))?;
    renter.wait_for(&group, "nodes", "0/-")?;
    // What is not charged is not told of as drift either.
    renter.create(&renter.deployment("more", "a", 4))?;
    renter.settle()?;
    renter.wait_for(&group, "nodes", "0/-")?;
    let quotas = json!([{"limits": {"nodes": 9}, "reason": "one department"}]);
    renter.limit(&group, &json!({"quotas": quotas}))?;
    let said = renter.create_refused(&renter.deployment("most", "a", 2))?;
    ensure_says(
        &said,
        &format!(
            "quota {group}: nodes requested +2, used 8, limit 9, exceeded by 1; at most 1 replica fits [BSP-Q003]"
        ),
    )?;
    renter.wait_for(&group, "nodes", "8/9")
}

fn the_root_of_a_tree_binds_all(renter: &Renter<'_>) -> Result<()> {
    let root = format!("root-of-{}", renter.name);
    let quotas = json!([{"limits": {"nodes": 3}, "reason": "all that there is"}]);
    renter.limit(&root, &json!({"quotas": quotas}))?;
    let group = renter.group(&json!({"nodes": 9}), &[&renter.name])?;
    let quotas = json!([{"limits": {"nodes": 9}, "reason": "one department"}]);
    renter.limit(&group, &json!({"parent": root, "quotas": quotas}))?;
    renter.create(&renter.cluster("a"))?;
    let said = renter.create_refused(&renter.deployment("workers", "a", 10))?;
    for (name, limit, by) in [(&root, 3, 7), (&group, 9, 1)] {
        ensure_says(
            &said,
            &format!("quota {name}: nodes requested +10, used 0, limit {limit}, exceeded by {by}"),
        )?;
    }
    renter.create(&renter.deployment("workers", "a", 3))?;
    renter.wait_for(&root, "nodes", "3/3")?;
    renter.wait_for(&group, "nodes", "3/9")
}
