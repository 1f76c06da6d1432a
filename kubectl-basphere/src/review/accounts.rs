//! What tenants are charged for while the objects of a stream are judged one after another.
//!
//! Limits and ledgers are those of the Tenants. Who may not read those has the TenantQuota of the
//! namespace, which tells all limits in force and what is used; its objects may be read, and what is
//! used besides is known as a number. Without either, the Site's defaults and the objects count.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use basphere_core::quota::{
    self, Account, Amounts, Charge, Excess, Ledger, Limited, Line, Measure, Observed, Override,
    Report, TenantSpec, judge,
};
use basphere_core::{Site, Timestamp};
use serde_json::Value;

use super::world::World;
use crate::connection::is_forbidden;

/// Whence it is known what a tenant uses and may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Of the Tenants and their ledgers.
    Ledgers,
    /// Of Tenants that nothing is counted for yet: the objects of the namespaces that were read count.
    Counted,
    /// Of the namespace's TenantQuota.
    Quota,
    /// The Site's defaults, and the objects of the namespaces that were read.
    Defaults,
}

/// What an object needs of one measure at one account.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) account: String,
    pub(crate) measure: Measure,
    pub(crate) requested: u64,
    pub(crate) used: u64,
    pub(crate) limit: Option<u64>,
    /// How the limit would be exceeded.
    pub(crate) excess: Option<Excess>,
}

/// An account, and what it would be charged if nothing were refused.
struct Book {
    account: Account,
    /// What was used before the first object of the stream.
    before: Amounts,
    whole: Ledger,
}

/// The accounts that requests are charged to, the root first.
struct Chain {
    names: Vec<String>,
    origin: Origin,
}

/// All accounts that the objects of a stream are charged to.
pub(crate) struct Accounts {
    site: Arc<Site>,
    now: Timestamp,
    books: BTreeMap<String, Book>,
    chains: BTreeMap<String, Chain>,
    /// Tenants that stand earlier in the stream.
    written: BTreeMap<String, Value>,
    /// How many objects were booked, so that each is newer than those before.
    sequence: u64,
}

impl Accounts {
    pub(crate) fn new(site: Arc<Site>, now: Timestamp) -> Self {
        Self {
            site,
            now,
            books: BTreeMap::new(),
            chains: BTreeMap::new(),
            written: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Makes sure that a tenant's accounts are known, with the objects of the namespace in them.
    pub(crate) fn enter(
        &mut self,
        world: &World,
        (tenant, namespace): (&str, &str),
        observed: &[Observed],
        notices: &mut Vec<String>,
    ) {
        if tenant.is_empty() || namespace.is_empty() {
            return;
        }
        if !self.chains.contains_key(tenant) {
            self.open(world, tenant, namespace, notices);
        }
        self.count(tenant, namespace, observed);
    }

    fn open(&mut self, world: &World, tenant: &str, namespace: &str, notices: &mut Vec<String>) {
        let (accounts, origin) = self.read(world, tenant, namespace, notices);
        let names: Vec<_> = accounts
            .iter()
            .map(|account| account.name.clone())
            .collect();
        for account in accounts {
            self.books.entry(account.name.clone()).or_insert_with(|| {
                let ledger = account.ledger.clone().unwrap_or_default();
                Book {
                    before: ledger.used(),
                    whole: ledger.clone(),
                    account: Account {
                        ledger: Some(ledger),
                        ..account
                    },
                }
            });
        }
        self.chains
            .insert(tenant.to_owned(), Chain { names, origin });
        for other in world.namespaces_of(&self.site, tenant) {
            let observed = observe(&self.site, world, &other);
            self.count(tenant, &other, &observed);
        }
    }

    fn read(
        &self,
        world: &World,
        tenant: &str,
        namespace: &str,
        notices: &mut Vec<String>,
    ) -> (Vec<Account>, Origin) {
        match self.existing(world, tenant) {
            Ok(accounts) if accounts.is_empty() => {}
            Ok(accounts) => {
                let (site, now) = (&self.site, self.now);
                let is_counted = accounts.iter().all(|account| {
                    let is_group = account.name != tenant;
                    account.ledger.is_some() || !account.is_limited(site, is_group, now)
                });
                let origin = if is_counted {
                    Origin::Ledgers
                } else {
                    Origin::Counted
                };
                return (accounts, origin);
            }
            Err(error) if is_forbidden(&error) => {}
            Err(error) => notices.push(format!("cannot read Tenant {tenant} ({error:#})")),
        }
        match world.quota(namespace) {
            Ok(Some(report)) if report.tenant == tenant => {
                return (
                    report
                        .accounts
                        .iter()
                        .map(|of| account(of, &report))
                        .collect(),
                    Origin::Quota,
                );
            }
            Ok(_) => {}
            Err(error) if is_forbidden(&error) => {}
            Err(error) => notices.push(format!(
                "cannot read the TenantQuota of {namespace} ({error:#})"
            )),
        }
        let own = Account {
            name: tenant.to_owned(),
            ..Account::default()
        };
        (vec![own], Origin::Defaults)
    }

    /// The accounts of a Tenant and of the groups above it, the root first; empty when there is no such
    /// Tenant.
    pub(super) fn existing(&self, world: &World, tenant: &str) -> Result<Vec<Account>> {
        let mut accounts: Vec<Account> = Vec::new();
        let mut next = Some(tenant.to_owned());
        while let Some(name) = next.take() {
            // Whoever is above itself is nobody's group.
            if accounts.iter().any(|account| account.name == name) {
                break;
            }
            let found = match self.written.get(&name) {
                Some(written) => Some(written.clone()),
                None => world.tenant(&name)?,
            };
            if let Some(found) = found {
                let account = Account::of(&found);
                next.clone_from(&account.spec.parent);
                accounts.push(Account { name, ..account });
            }
        }
        accounts.reverse();
        Ok(accounts)
    }

    /// Counts the objects of a namespace, unless a ledger has them.
    fn count(&mut self, tenant: &str, namespace: &str, observed: &[Observed]) {
        let names = self.chains.get(tenant).map(|chain| chain.names.clone());
        for name in names.into_iter().flatten() {
            let Some(book) = self.books.get_mut(&name) else {
                continue;
            };
            let Some(ledger) = &mut book.account.ledger else {
                continue;
            };
            if ledger.covers(namespace) {
                continue;
            }
            let before = ledger.used();
            count(ledger, namespace, observed);
            book.before.add_all(&ledger.used().beyond(&before));
            count(&mut book.whole, namespace, observed);
        }
    }

    /// The accounts of a tenant, as decisions see them; `None` while nothing is known of it.
    pub(crate) fn of(&self, tenant: &str) -> Option<Vec<Arc<Account>>> {
        let books = self.books_of(tenant)?;
        let accounts = books.map(|(book, _)| Arc::new(book.account.clone()));
        Some(accounts.collect())
    }

    /// Whence that is known.
    pub(crate) fn origin(&self, tenant: &str) -> Option<Origin> {
        self.chains.get(tenant).map(|chain| chain.origin)
    }

    /// The accounts of a tenant, and whether each is a group's.
    fn books_of(&self, tenant: &str) -> Option<impl Iterator<Item = (&Book, bool)>> {
        let names = &self.chains.get(tenant)?.names;
        let own = names.last();
        let books = names.iter().filter_map(move |name| {
            let is_group = own != Some(name);
            Some((self.books.get(name)?, is_group))
        });
        Some(books)
    }

    /// What a charge needs of each measure, and which limits it would exceed.
    pub(crate) fn weigh(&self, tenant: &str, charge: &Charge) -> Vec<Need> {
        let books = self.books_of(tenant).into_iter().flatten();
        books
            .flat_map(|(book, is_group)| self.weigh_at(book, is_group, charge))
            .collect()
    }

    fn weigh_at(&self, book: &Book, is_group: bool, charge: &Charge) -> Vec<Need> {
        let Some(ledger) = &book.account.ledger else {
            return Vec::new();
        };
        let limits = book.account.limits(&self.site, is_group, self.now);
        let verdict = judge(ledger, (&limits.0, &limits.1), charge, self.now);
        let used = ledger.used();
        let needed = verdict.ledger.used().beyond(&used);
        let needs = needed.iter().map(|(measure, requested)| Need {
            account: book.account.name.clone(),
            measure: measure.clone(),
            requested,
            used: used.of(measure),
            limit: limits.0.of(measure),
            excess: verdict
                .exceeded
                .iter()
                .find(|excess| excess.measure == *measure)
                .cloned(),
        });
        // Of a group only what it limits is of interest.
        needs
            .filter(|need| !is_group || need.limit.is_some())
            .collect()
    }

    /// What all objects of the stream need together, also those that were refused.
    pub(crate) fn sums(&self) -> Vec<Need> {
        let is_group = |book: &Book| !self.chains.contains_key(&book.account.name);
        let (groups, tenants): (Vec<_>, Vec<_>) =
            self.books.values().partition(|book| is_group(book));
        let of_groups = groups.into_iter().flat_map(|book| self.sums_of(book, true));
        let of_tenants = tenants
            .into_iter()
            .flat_map(|book| self.sums_of(book, false));
        of_groups.chain(of_tenants).collect()
    }

    fn sums_of(&self, book: &Book, is_group: bool) -> Vec<Need> {
        let (limits, _) = book.account.limits(&self.site, is_group, self.now);
        let needed = book.whole.used().beyond(&book.before);
        let needs = needed.iter().map(|(measure, requested)| Need {
            account: book.account.name.clone(),
            measure: measure.clone(),
            requested,
            used: book.before.of(measure),
            limit: limits.of(measure),
            excess: None,
        });
        // Of a group only what it limits is of interest.
        needs
            .filter(|need| !is_group || need.limit.is_some())
            .collect()
    }

    /// Takes note of an object as if it were stored; of one that is refused only in what all need.
    pub(crate) fn book(
        &mut self,
        tenant: &str,
        charge: Option<&Charge>,
        observed: Option<Observed>,
        is_allowed: bool,
    ) {
        self.sequence = self.sequence.saturating_add(1);
        // Newer than whatever a cluster has stored.
        let version = (u64::MAX / 2).saturating_add(self.sequence).to_string();
        let observed = observed.map(|observed| Observed {
            resource_version: version,
            ..observed
        });
        let names = self.chains.get(tenant).map(|chain| chain.names.clone());
        for name in names.into_iter().flatten() {
            let Some(book) = self.books.get_mut(&name) else {
                continue;
            };
            let ledger = book.account.ledger.as_mut().filter(|_| is_allowed);
            for ledger in ledger.into_iter().chain([&mut book.whole]) {
                if let Some(charge) = charge {
                    let none = Default::default();
                    *ledger = judge(ledger, (&none, &none), charge, self.now).ledger;
                }
                if let Some(observed) = &observed {
                    ledger.see(observed);
                }
            }
        }
    }

    /// Takes note of a Tenant of the stream.
    pub(super) fn write_tenant(&mut self, name: &str, tenant: &Value) {
        self.written.insert(name.to_owned(), tenant.clone());
        if let Some(book) = self.books.get_mut(name) {
            book.account.spec = Account::of(tenant).spec;
        }
    }

    /// What a tenant uses and may use; `None` while nothing is known of it.
    pub(crate) fn report(&self, tenant: &str) -> Option<Report> {
        let accounts = self.of(tenant)?;
        let is_counted = self.origin(tenant) == Some(Origin::Ledgers);
        Some(Report {
            counted: is_counted,
            ..quota::report(&self.site, &accounts, self.now)
        })
    }
}

/// All objects of a namespace that are charged. What cannot be read was said by whoever reads the rest.
fn observe(site: &Site, world: &World, namespace: &str) -> Vec<Observed> {
    let objects = quota::CHARGED.into_iter().flat_map(|kind| {
        let listed = world.list(namespace, kind).unwrap_or_default();
        listed.into_iter().map(move |object| (kind, object))
    });
    objects
        .filter_map(|(kind, object)| quota::observe(site, kind, &object))
        .collect()
}

/// Counts objects, of which some may be in the number already that is used besides.
fn count(ledger: &mut Ledger, namespace: &str, observed: &[Observed]) {
    let beside = std::mem::take(&mut ledger.beside);
    let before = ledger.used();
    observed.iter().for_each(|object| ledger.see(object));
    let counted = ledger.used().beyond(&before);
    ledger.beside = beside.beyond(&counted);
    ledger.namespaces.insert(namespace.to_owned());
}

/// An account as far as a TenantQuota tells of it.
fn account(limited: &Limited, report: &Report) -> Account {
    let lines = report.lines.iter();
    let own = lines.filter(|line| line.account == limited.account);
    let amount = |line: &Line| {
        let measure = Measure::read(&line.measure, line.which.as_deref())?;
        Some((measure, line.used))
    };
    Account {
        is_unreadable: false,
        name: limited.account.clone(),
        spec: TenantSpec {
            quotas: vec![Override {
                limits: limited.limits.clone(),
                soft: limited.soft.clone(),
                ..Override::default()
            }],
            ..TenantSpec::default()
        },
        ledger: Some(Ledger {
            beside: own.filter_map(amount).collect(),
            ..Ledger::default()
        }),
    }
}
