//! One level of limits: a tenant, or a group of tenants.

use jiff::Timestamp;

use super::{Ledger, Limits, TenantSpec};
use crate::site::Site;

/// The longest name of a Tenant: it is a label value as well.
const NAME_MAX: usize = 63;

/// The name of the Tenant that an owner is charged at: the owner's own, when an object may be called so.
/// Others, such as `Kim_A`, are written in lower case, with a number that keeps apart what is then alike.
#[must_use]
pub fn account_name(owner: &str) -> String {
    if is_object_name(owner) {
        return owner.to_owned();
    }
    let number = format!("{:08x}", fingerprint(owner));
    let readable = owner.to_ascii_lowercase().replace(|c| !is_inner(c), "-");
    let most = NAME_MAX - number.len() - 1;
    let readable: String = readable.chars().take(most).collect();
    match readable.trim_matches('-') {
        "" => number,
        readable => format!("{readable}-{number}"),
    }
}

const fn is_inner(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-')
}

/// Whether Kubernetes takes it as the name of an object: labels as of DNS, with dots between them.
fn is_object_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let has_edges = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty() && has_edges && label.chars().all(is_inner)
    };
    text.len() <= NAME_MAX && text.split('.').all(is_label)
}

/// FNV-1a. It is the same in every process and version, which Rust's own hashes do not promise.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// A Tenant, with what is charged to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The Tenant's name.
    pub name: String,
    /// What an admin says of it.
    pub spec: TenantSpec,
    /// What is charged to it; nothing while no ledger is in force.
    pub ledger: Option<Ledger>,
    /// What an admin says of it cannot be read, so that nothing may grow, and its ledger is left alone.
    pub is_unreadable: bool,
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

#[cfg(test)]
mod tests {
    use super::account_name;

    #[test]
    fn an_owner_that_may_be_an_objects_name_is_one() {
        for owner in ["kim", "kim-corp.example", "0", "a-1.b"] {
            assert_eq!(account_name(owner), owner);
        }
    }

    #[test]
    fn other_owners_are_kept_apart() {
        assert_eq!(account_name("Kim_A"), "kim-a-b44e3ce8");
        assert_eq!(account_name("kim.-a"), "kim--a-269d7f40");
        assert_ne!(account_name("Kim"), account_name("KIM"));
        let long = "K".repeat(63);
        assert_eq!(account_name(&long).len(), 63);
    }
}
