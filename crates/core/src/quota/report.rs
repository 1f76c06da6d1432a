//! What a tenant uses, may use, and who holds what: for people.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, Amounts, Ledger, Limits, Measure, Override};
use crate::site::Site;

/// What a tenant uses and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// The tenant.
    pub tenant: String,
    /// Whether everything is counted; until then nothing may grow.
    pub counted: bool,
    /// The limits in force: those of the groups that the tenant belongs to first, its own last.
    pub accounts: Vec<Limited>,
    /// What is used of each measure: of the groups that the tenant belongs to first, its own last.
    pub lines: Vec<Line>,
    /// Who holds it, the largest first.
    pub holders: Vec<Holder>,
    /// The machines that rollouts may add for a while; they are not charged.
    pub surge: u64,
}

/// The limits of a Tenant that are in force, also of what nobody uses yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limited {
    /// The Tenant whose limits they are.
    pub account: String,
    /// Whether others share them.
    pub shared: bool,
    /// The limits.
    pub limits: Limits,
    /// What draws a warning when it is exceeded.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub soft: Limits,
}

/// How much of one measure is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Line {
    /// The Tenant whose limit it is.
    pub account: String,
    /// Whether others share it.
    pub shared: bool,
    /// What is measured, as a limit is called: `nodes`, `memoryMiB`.
    pub measure: String,
    /// Which cluster (namespace and name), or which cluster type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub which: Option<String>,
    /// So much is used, requests under way included.
    pub used: u64,
    /// So much of that is promised to requests that are not seen stored yet.
    pub reserved: u64,
    /// The limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What draws a warning when it is exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<u64>,
    /// Who has set the limit, when it is not the site's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Set>,
}

/// Who has set a limit, why, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Set {
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<Timestamp>,
}

/// An object, and what it is charged for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Holder {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it is charged for by itself, by the measures' names.
    pub amounts: BTreeMap<String, u64>,
    /// Whether it was never seen stored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}

/// Tells what the last of these accounts uses, and what it shares with the groups before it.
#[must_use]
pub fn report(site: &Site, accounts: &[Arc<Account>], now: Timestamp) -> Report {
    let Some((own, groups)) = accounts.split_last() else {
        return Report::default();
    };
    let limited = |account: &Account, is_group: bool| {
        let (limits, soft) = account.limits(site, is_group, now);
        Limited {
            account: account.name.clone(),
            shared: is_group,
            limits,
            soft,
        }
    };
    let limits_of_groups = groups.iter().map(|group| limited(group, true));
    let shared = groups
        .iter()
        .flat_map(|group| lines(site, group, true, now));
    let lines = shared.chain(lines(site, own, false, now)).collect();
    // A group that limits nothing needs no ledger.
    let is_counted = |account: &Account, is_group| {
        account.ledger.is_some() || !account.is_limited(site, is_group, now)
    };
    let all_counted = groups.iter().all(|group| is_counted(group, true)) && is_counted(own, false);
    Report {
        tenant: own.name.clone(),
        counted: all_counted,
        accounts: limits_of_groups.chain([limited(own, false)]).collect(),
        lines,
        holders: own.ledger.as_ref().map(holders).unwrap_or_default(),
        surge: own.ledger.as_ref().map_or(0, Ledger::surge),
    }
}

/// Those that are limited or used of a tenant; of a group only those that are limited.
fn lines(site: &Site, account: &Account, is_group: bool, now: Timestamp) -> Vec<Line> {
    let (hard, soft) = account.limits(site, is_group, now);
    let ledger = account.ledger.as_ref();
    let used = ledger.map(Ledger::used).unwrap_or_default();
    let stored = ledger.map(Ledger::stored).unwrap_or_default();
    let mut measures: Vec<Measure> = vec![
        Measure::Clusters,
        Measure::Nodes,
        Measure::ControlPlaneNodes,
        Measure::NodePools,
        Measure::Vcpus,
        Measure::MemoryMib,
        Measure::DiskGib,
        Measure::Gpus,
        Measure::Addresses,
        Measure::LoadBalancerRanges,
    ];
    let types = hard
        .clusters_by_type
        .keys()
        .chain(soft.clusters_by_type.keys());
    measures.extend(types.cloned().map(Measure::ClustersOf));
    let single = used.iter().map(|(measure, _)| measure);
    let single = single.filter(|measure| measure.which().is_some() && !is_group);
    measures.extend(single.cloned());
    measures.sort();
    measures.dedup();
    let is_told = |measure: &Measure, used: &Amounts| {
        let is_limited = hard.of(measure).is_some() || soft.of(measure).is_some();
        is_limited || (!is_group && used.of(measure) > 0)
    };
    measures
        .into_iter()
        .filter(|measure| is_told(measure, &used))
        .map(|measure| Line {
            account: account.name.clone(),
            shared: is_group,
            measure: measure.field().to_owned(),
            which: measure.which().map(str::to_owned),
            used: used.of(&measure),
            reserved: used.of(&measure).saturating_sub(stored.of(&measure)),
            limit: hard.of(&measure),
            soft: soft.of(&measure),
            set: setter(account, &measure, now),
        })
        .collect()
}

/// The setting that a limit comes from.
fn setter(account: &Account, measure: &Measure, now: Timestamp) -> Option<Set> {
    let limits_it = |set: &&Override| {
        let is_in_force = set.expires.is_none_or(|expires| now < expires);
        is_in_force && set.limits.of(measure).is_some()
    };
    let set = account.spec.quotas.iter().rev().find(limits_it)?;
    Some(Set {
        by: set.set_by.clone(),
        reason: set.reason.clone(),
        expires: set.expires,
    })
}

fn holders(ledger: &Ledger) -> Vec<Holder> {
    let mut holders: Vec<_> = ledger
        .entries
        .iter()
        .map(|(uid, entry)| {
            let amounts = ledger.of_entry(uid);
            let amounts = amounts
                .iter()
                .filter(|(measure, _)| measure.which().is_none());
            Holder {
                kind: entry.kind.as_str().to_owned(),
                namespace: entry.namespace.clone(),
                name: entry.name.clone(),
                amounts: amounts
                    .map(|(measure, amount)| (measure.field().to_owned(), amount))
                    .collect(),
                pending: entry.stored.is_none(),
            }
        })
        .filter(|holder| !holder.amounts.is_empty())
        .collect();
    let nodes = |holder: &Holder| holder.amounts.get("nodes").copied().unwrap_or_default();
    holders.sort_by_key(|holder| {
        let largest = std::cmp::Reverse(nodes(holder));
        (largest, holder.namespace.clone(), holder.name.clone())
    });
    holders
}
