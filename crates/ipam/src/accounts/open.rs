//! Opens ledgers: a namespace whose objects are not all in the ledger is counted before anything in it
//! may grow.

use std::collections::BTreeSet;
use std::sync::Arc;

use basphere_core::Timestamp;
use basphere_core::ipam::Delay;
use basphere_core::quota::{Account, Ledger};

use super::cashier::Cashier;
use super::records::{Record, Tenants, above};
use crate::StoreError;

/// So often others may be faster.
const ATTEMPTS: usize = 8;
/// So many groups stand one above the other at the most.
const LEVELS: usize = 16;

impl<T: Tenants> Cashier<T> {
    /// The accounts that a tenant's requests are charged to, read live, the root first. With a namespace,
    /// there is a Tenant afterwards, and the namespace is counted, unless requests that were charged to a
    /// lost ledger may still be alive; a dry-run writes nothing of that. Without one, they are as they are,
    /// and none when there is no such Tenant.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub async fn accounts(
        &self,
        tenant: &str,
        namespace: Option<&str>,
        is_dry: bool,
        now: Timestamp,
        grace: Delay,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let own = match namespace {
            Some(_) => self.own(tenant, is_dry).await?,
            None => self.learn(tenant).await?,
        };
        let Some(own) = own else {
            // Somebody made it, and somebody removed it: what has no account must not pass.
            return match namespace {
                Some(_) => Err(StoreError::Conflict),
                None => Ok(Vec::new()),
            };
        };
        let mut chain = vec![own];
        while let Some(parent) = above(&chain)
            && chain.len() < LEVELS
        {
            match self.learn(&parent).await? {
                Some(record) => chain.push(record),
                // Who removed it is told by the status; the others hold.
                None => break,
            }
        }
        let mut accounts = Vec::new();
        for (level, mut record) in chain.into_iter().enumerate() {
            let (hard, soft) = record.account.spec.limits(now);
            let is_asked = level == 0 || !hard.is_empty() || !soft.is_empty();
            if let Some(namespace) = namespace.filter(|_| is_asked) {
                record = self.cover(record, namespace, is_dry, now, grace).await?;
            }
            accounts.push(Arc::clone(&record.account));
        }
        accounts.reverse();
        Ok(accounts)
    }

    /// The Tenant itself, which is made when there is none.
    async fn own(&self, tenant: &str, is_dry: bool) -> Result<Option<Arc<Record>>, StoreError> {
        if let Some(record) = self.learn(tenant).await? {
            return Ok(Some(record));
        }
        if is_dry {
            let account = Account {
                name: tenant.to_owned(),
                ..Account::default()
            };
            return Ok(Some(Arc::new(Record {
                account: Arc::new(account),
                ..Record::default()
            })));
        }
        match self.tenants.create(tenant).await {
            Ok(record) => {
                self.records.put(record.clone());
                Ok(Some(Arc::new(record)))
            }
            Err(StoreError::Conflict) => self.learn(tenant).await,
            Err(error) => Err(error),
        }
    }

    /// The account with a ledger that covers the namespace, if it may have one yet.
    async fn cover(
        &self,
        mut record: Arc<Record>,
        namespace: &str,
        is_dry: bool,
        now: Timestamp,
        grace: Delay,
    ) -> Result<Arc<Record>, StoreError> {
        for _ in 0..ATTEMPTS {
            if record.account.is_unreadable {
                return Ok(record);
            }
            if !is_dry && record.account.ledger.is_none() && record.opened.is_none() {
                record = self.begin(record).await?;
                continue;
            }
            let ledger = ledger(&record, now);
            if ledger.covers(namespace) {
                return Ok(record);
            }
            let mut next = Record::clone(&record);
            let waits = ledger
                .reopened
                .is_some_and(|since| now.duration_since(since) < grace.duration());
            let ledger = match waits {
                true => ledger,
                false => {
                    let name = &record.account.name;
                    self.counted(name, ledger, namespace).await?
                }
            };
            Arc::make_mut(&mut next.account).ledger = Some(ledger);
            if is_dry || next.account.ledger == record.account.ledger {
                return Ok(Arc::new(next));
            }
            match self.put(next).await {
                Ok(written) => return Ok(written),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            let name = record.account.name.clone();
            let Some(newer) = self.learn(&name).await? else {
                return Ok(record);
            };
            record = newer;
        }
        Err(StoreError::Conflict)
    }

    /// Writes the first ledger of a Tenant, with no namespace in it, so that nothing can be charged to it yet. It
    /// is there before the mark that there is one: who finds the mark alone takes the ledger for lost, and
    /// two that open the first one at once would lock each other out.
    async fn begin(&self, record: Arc<Record>) -> Result<Arc<Record>, StoreError> {
        let mut first = Record::clone(&record);
        Arc::make_mut(&mut first.account).ledger = Some(Ledger {
            of: first.uid.clone(),
            ..Ledger::default()
        });
        match self.tenants.write(&first).await {
            Ok(written) => {
                self.records.put(written.clone());
                Ok(Arc::new(written))
            }
            Err(StoreError::Conflict) => {
                let newer = self.learn(&record.account.name).await?;
                Ok(newer.unwrap_or(record))
            }
            Err(error) => Err(error),
        }
    }

    /// The ledger with all objects of a namespace. The first time these are those of all namespaces of the
    /// account: in one of them something could grow beside what is in another and not counted yet.
    async fn counted(
        &self,
        account: &str,
        mut ledger: Ledger,
        namespace: &str,
    ) -> Result<Ledger, StoreError> {
        let mut namespaces = BTreeSet::from([namespace.to_owned()]);
        if ledger.namespaces.is_empty() {
            namespaces.extend(self.tenants.namespaces(account));
        }
        for namespace in namespaces {
            for observed in self.tenants.objects(&namespace).await? {
                ledger.see(&observed);
            }
            ledger.namespaces.insert(namespace);
        }
        Ok(ledger)
    }

    /// Writes a ledger; before the first one that anything is charged to, it is written down that there is one, so
    /// that its loss is seen.
    async fn put(&self, mut next: Record) -> Result<Arc<Record>, StoreError> {
        if next.opened.as_ref() != Some(&next.uid) {
            let marked = self.tenants.mark(&next).await?;
            self.records.put(marked.clone());
            next.resource_version = marked.resource_version;
            next.opened = marked.opened;
        }
        let written = self.tenants.write(&next).await?;
        self.records.put(written.clone());
        Ok(Arc::new(written))
    }
}

/// The ledger of a Tenant, or a new one. Requests that were charged to one that is lost may still be alive.
fn ledger(record: &Record, now: Timestamp) -> Ledger {
    record.account.ledger.clone().unwrap_or_else(|| Ledger {
        of: record.uid.clone(),
        reopened: record.opened.as_ref().map(|_| now),
        ..Ledger::default()
    })
}

#[cfg(test)]
mod tests;
