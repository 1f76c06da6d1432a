//! What is known of all leases, and what is free.
//!
//! Persistent maps, so that a snapshot costs a reference count with one lease and with twenty
//! thousand, and a review never sees half of an update.

use std::net::IpAddr;
use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::lease::{Holder, Lease};
use super::slot::{Slot, SlotKind};
use super::span::Span;

/// Some of all leases, as one list of the API server returns them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// The lease of this name.
    Name(String),
    /// All leases of a tenant.
    Tenant(String),
    /// All leases whose holders are in a namespace.
    Namespace(String),
    /// All slots of a kind.
    Kind(SlotKind),
}

impl Selection {
    /// Whether a lease is among them.
    #[must_use]
    pub fn has(&self, lease: &Lease) -> bool {
        match self {
            Self::Name(name) => lease.name() == *name,
            Self::Tenant(tenant) => lease.spec.tenant == *tenant,
            Self::Namespace(namespace) => lease.spec.holder.namespace == *namespace,
            Self::Kind(kind) => lease.slot.kind == *kind,
        }
    }
}

/// Some of all leases, as the API server held them at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The API server's revision at that moment.
    pub revision: u64,
    /// All of them.
    pub leases: Vec<Lease>,
}

/// Namespace, kind, name, and the lease's own name.
type HolderKey = (String, String, String, String);
/// Domain, whether IPv6, and the lowest address of a run.
type RunKey = (String, bool, u128);

/// All leases, found by whatever is asked for.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    leases: HashTrieMapSync<String, Arc<Lease>>,
    slots: RedBlackTreeMapSync<Slot, Arc<Lease>>,
    holders: RedBlackTreeSetSync<HolderKey>,
    owners: RedBlackTreeSetSync<(String, String)>,
    tenants: RedBlackTreeSetSync<(String, String)>,
    /// Leased addresses that follow each other, merged: the first gap is found in a few steps however
    /// many are leased.
    runs: RedBlackTreeMapSync<RunKey, u128>,
    /// Single addresses that are leased, by pool.
    counts: HashTrieMapSync<String, u64>,
}

impl Ledger {
    /// Takes note of a lease, unless what is known of it is newer. Versions are compared as the API
    /// server's revisions; what has none yet is older than all that is stored.
    pub fn observe(&mut self, lease: Lease) {
        if let Some(known) = self.leases.get(&lease.name()) {
            let (known, news) = (known.revision(), lease.revision());
            if known.is_some() && news < known {
                return;
            }
        }
        self.put(lease);
    }

    /// Adds or replaces a lease.
    pub fn put(&mut self, lease: Lease) {
        let name = lease.name();
        self.remove(&name);
        let lease = Arc::new(lease);
        self.holders.insert_mut(holder_key(&lease, &name));
        if let Some(owner) = &lease.spec.owner {
            self.owners.insert_mut((owner.uid.clone(), name.clone()));
        }
        self.tenants
            .insert_mut((lease.spec.tenant.clone(), name.clone()));
        if lease.slot.kind == SlotKind::Address {
            self.fill(&lease.slot);
            let count = self.count(&lease.spec.pool) + 1;
            self.counts.insert_mut(lease.spec.pool.clone(), count);
        }
        self.slots
            .insert_mut(lease.slot.clone(), Arc::clone(&lease));
        self.leases.insert_mut(name, lease);
    }

    /// Forgets a lease, and returns it.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Lease>> {
        let lease = self.leases.get(name).cloned()?;
        self.leases.remove_mut(name);
        self.slots.remove_mut(&lease.slot);
        self.holders.remove_mut(&holder_key(&lease, name));
        if let Some(owner) = &lease.spec.owner {
            self.owners
                .remove_mut(&(owner.uid.clone(), name.to_owned()));
        }
        self.tenants
            .remove_mut(&(lease.spec.tenant.clone(), name.to_owned()));
        if lease.slot.kind == SlotKind::Address {
            self.empty(&lease.slot);
            let count = self.count(&lease.spec.pool).saturating_sub(1);
            self.counts.insert_mut(lease.spec.pool.clone(), count);
        }
        Some(lease)
    }

    /// Replaces some leases by what a live list of them returned. What has been learnt since the list
    /// was made stays, and so does what is only asked for.
    pub fn replace(&mut self, selection: &Selection, listed: Listed) {
        let is_older = |lease: &&Lease| {
            let revision = lease.revision();
            revision.is_some_and(|revision| revision <= listed.revision)
        };
        let known = self.select(selection).filter(is_older);
        let known: Vec<_> = known.map(Lease::name).collect();
        for name in known {
            self.remove(&name);
        }
        for lease in listed.leases {
            self.observe(lease);
        }
    }

    fn select<'a>(&'a self, selection: &'a Selection) -> Box<dyn Iterator<Item = &'a Lease> + 'a> {
        match selection {
            Selection::Name(name) => Box::new(self.get(name).into_iter()),
            Selection::Tenant(tenant) => Box::new(self.of_tenant(tenant)),
            _ => Box::new(self.iter().filter(|lease| selection.has(lease))),
        }
    }

    /// The lease of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Lease> {
        self.leases.get(name).map(Arc::as_ref)
    }

    /// The lease of a slot.
    #[must_use]
    pub fn of_slot(&self, slot: &Slot) -> Option<&Lease> {
        self.slots.get(slot).map(Arc::as_ref)
    }

    /// All leases, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.slots.values().map(Arc::as_ref)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leases.size()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// The leases of an object, whatever the device.
    pub fn of_object<'a>(
        &'a self,
        namespace: &str,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let from = [namespace, kind, name].map(str::to_owned);
        let start = (
            from[0].clone(),
            from[1].clone(),
            from[2].clone(),
            String::new(),
        );
        self.holders
            .range(start..)
            .take_while(move |key| key.0 == from[0] && key.1 == from[1] && key.2 == from[2])
            .filter_map(|key| self.get(&key.3))
    }

    /// The leases of a holder: one for its address, or more when two replicas reserved at once.
    pub fn of_holder<'a>(&'a self, holder: &'a Holder) -> impl Iterator<Item = &'a Lease> {
        self.of_object(&holder.namespace, &holder.kind, &holder.name)
            .filter(move |lease| lease.spec.holder.is(holder))
    }

    /// The leases that this object had asked for.
    pub fn of_owner<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let uid = uid.to_owned();
        self.owners
            .range((uid.clone(), String::new())..)
            .take_while(move |(owner, _)| *owner == uid)
            .filter_map(|(_, name)| self.get(name))
    }

    /// The leases of a tenant.
    pub fn of_tenant<'a>(&'a self, tenant: &str) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let tenant = tenant.to_owned();
        self.tenants
            .range((tenant.clone(), String::new())..)
            .take_while(move |(owner, _)| *owner == tenant)
            .filter_map(|(_, name)| self.get(name))
    }

    /// How many single addresses of a pool are leased.
    #[must_use]
    pub fn count(&self, pool: &str) -> u64 {
        self.counts.get(pool).copied().unwrap_or_default()
    }

    /// The leases of a kind that lie in a span.
    pub fn within<'a>(
        &'a self,
        kind: SlotKind,
        domain: &str,
        span: Span,
    ) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let (first, last) = span.numbers();
        let start = Slot::new(kind, domain, span.with(first, first));
        let end = Slot::new(kind, domain, span.with(last, u128::MAX));
        self.slots
            .range(start..=end)
            .map(|(_, lease)| lease.as_ref())
    }

    /// Any lease of a kind that has an address in common with a span. Not for single addresses, of
    /// which there are many.
    #[must_use]
    pub fn overlapping(&self, kind: SlotKind, domain: &str, span: Span) -> Option<&Lease> {
        self.of_kind(kind, domain)
            .find(|lease| lease.slot.span.overlaps(span))
    }

    /// All leases of a kind in a domain.
    pub fn of_kind<'a>(
        &'a self,
        kind: SlotKind,
        domain: &str,
    ) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let domain = domain.to_owned();
        let lowest = Span::address(IpAddr::from([0, 0, 0, 0]));
        self.slots
            .range(Slot::new(kind, &domain, lowest)..)
            .take_while(move |(slot, _)| slot.kind == kind && slot.domain == domain)
            .map(|(_, lease)| lease.as_ref())
    }

    /// The lowest address of a span that nobody has leased.
    #[must_use]
    pub fn gap(&self, domain: &str, span: Span) -> Option<IpAddr> {
        let (mut at, last) = span.numbers();
        while at <= last {
            match self.run_over(domain, span.is_v6(), at) {
                None => return Some(span.at(at)),
                Some((_, end)) => at = end.checked_add(1)?,
            }
        }
        None
    }

    /// The run that holds an address.
    fn run_over(&self, domain: &str, is_v6: bool, at: u128) -> Option<(u128, u128)> {
        let upto = (domain.to_owned(), is_v6, at);
        let ((of, v6, first), last) = self.runs.range(..=upto).next_back()?;
        (of == domain && *v6 == is_v6 && *last >= at).then_some((*first, *last))
    }

    fn fill(&mut self, slot: &Slot) {
        let (at, _) = slot.span.numbers();
        let is_v6 = slot.span.is_v6();
        let key = |first| (slot.domain.clone(), is_v6, first);
        let before = at
            .checked_sub(1)
            .and_then(|before| self.run_over(&slot.domain, is_v6, before));
        let after = at
            .checked_add(1)
            .and_then(|after| self.run_over(&slot.domain, is_v6, after));
        if let Some((first, _)) = after {
            self.runs.remove_mut(&key(first));
        }
        let first = before.map_or(at, |(first, _)| first);
        let last = after.map_or(at, |(_, last)| last);
        self.runs.insert_mut(key(first), last);
    }

    fn empty(&mut self, slot: &Slot) {
        let (at, _) = slot.span.numbers();
        let is_v6 = slot.span.is_v6();
        let key = |first| (slot.domain.clone(), is_v6, first);
        let Some((first, last)) = self.run_over(&slot.domain, is_v6, at) else {
            return;
        };
        self.runs.remove_mut(&key(first));
        if first < at {
            self.runs.insert_mut(key(first), at - 1);
        }
        if at < last {
            self.runs.insert_mut(key(at + 1), last);
        }
    }
}

fn holder_key(lease: &Lease, name: &str) -> HolderKey {
    let holder = &lease.spec.holder;
    (
        holder.namespace.clone(),
        holder.kind.clone(),
        holder.name.clone(),
        name.to_owned(),
    )
}

#[cfg(test)]
mod tests;
