//! What came out of [`crate::decide`].

use std::collections::BTreeSet;

use json_patch::Patch;
use serde_json::Value;

use crate::ipam::{Claim, Selection};
use crate::quota::Charge;
use crate::{Finding, Kind};

/// Something that the decision wanted to know and the snapshot could not answer for certain.
///
/// The caller reads it live, puts it into the snapshot (marked as live, so that absence is now
/// certain) and decides again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// The request's namespace object.
    Namespace,
    /// All objects of this kind in the request's namespace.
    All(Kind),
    /// The networks of all Clusters, in all namespaces.
    Networks,
    /// Some of the leases.
    Leases(Selection),
    /// Whether the request's namespace has this object.
    Object(Kind, String),
    /// The ConfigMap of that name in the request's namespace, with what it holds.
    ConfigMap(String),
    /// All AddressPools.
    Pools,
    /// The accounts that this tenant's requests are charged to.
    Accounts(String),
}

/// The outcome of one decision.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The object with everything that Basphere adds; `None` when the request carries no object.
    pub object: Option<Value>,
    /// What leads from the request's object to [`Self::object`]; empty when nothing is added.
    pub patch: Patch,
    /// Reasons to refuse, all of them. Empty means allowed.
    pub denials: Vec<Finding>,
    /// What the requester should know although the request passes.
    pub warnings: Vec<Finding>,
    /// What must be carried out, in this order, before an allowed request may be answered; a dry-run
    /// answers without.
    pub claims: Vec<Claim>,
    /// What must be charged, after everything else, before an allowed request may be answered; a dry-run
    /// answers without.
    pub charge: Option<Charge>,
    /// What a cache could not answer; see [`Lookup`].
    pub missed: BTreeSet<Lookup>,
}

impl Decision {
    /// Whether the request passes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.denials.is_empty()
    }
}
