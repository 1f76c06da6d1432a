//! One level of limits: a tenant, or a group of tenants.

use jiff::Timestamp;

use super::{Ledger, Limits, TenantSpec};
use crate::site::Site;

/// A Tenant, with what is charged to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The Tenant's name.
    pub name: String,
    /// What an admin says of it.
    pub spec: TenantSpec,
    /// What is charged to it; nothing while no ledger is in force.
    pub ledger: Option<Ledger>,
}

impl Account {
    /// Whether anything is limited here at that time.
    #[must_use]
    pub fn is_limited(&self, site: &Site, is_group: bool, now: Timestamp) -> bool {
        let (hard, soft) = self.limits(site, is_group, now);
        !is_group || !hard.is_empty() || !soft.is_empty()
    }

    /// The limits in force at that time, hard ones and those that warn. The site's default is a single
    /// tenant's; a group has those limits alone that an admin set.
    #[must_use]
    pub fn limits(&self, site: &Site, is_group: bool, now: Timestamp) -> (Limits, Limits) {
        let (hard, soft) = self.spec.limits(now);
        if is_group {
            return (hard, soft);
        }
        let quotas = &site.spec().quotas;
        (quotas.default.under(&hard), quotas.soft.under(&soft))
    }
}
