use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use basphere_core::quota::Observed;
use futures::pending;

use super::*;
use crate::accounts::Records;
use crate::table::poll;

/// One Tenant as the API server keeps it. Every call takes a step, so that others may come between.
#[derive(Clone)]
struct Stepped(Arc<Mutex<Record>>);

impl Stepped {
    fn new(record: Record) -> Self {
        Self(Arc::new(Mutex::new(record)))
    }

    fn stored(&self) -> Record {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes it, if it is still as it was seen.
    async fn replace(
        &self,
        seen: &Record,
        change: impl FnOnce(&mut Record) + Send,
    ) -> Result<Record, StoreError> {
        pending!();
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.resource_version != seen.resource_version {
            return Err(StoreError::Conflict);
        }
        change(&mut stored);
        let version: u64 = stored.resource_version.parse().unwrap();
        stored.resource_version = (version + 1).to_string();
        Ok(stored.clone())
    }
}

impl Tenants for Stepped {
    async fn get(&self, _name: &str) -> Result<Option<Record>, StoreError> {
        pending!();
        Ok(Some(self.stored()))
    }

    async fn create(&self, _name: &str) -> Result<Record, StoreError> {
        Err(StoreError::Conflict)
    }

    async fn mark(&self, record: &Record) -> Result<Record, StoreError> {
        let mark = |stored: &mut Record| stored.opened = Some(stored.uid.clone());
        self.replace(record, mark).await
    }

    async fn write(&self, record: &Record) -> Result<Record, StoreError> {
        let ledger = record.account.ledger.clone();
        let write = |stored: &mut Record| Arc::make_mut(&mut stored.account).ledger = ledger;
        self.replace(record, write).await
    }

    fn namespaces(&self, _account: &str) -> BTreeSet<String> {
        ["user-kim".to_owned()].into()
    }

    async fn objects(&self, _namespace: &str) -> Result<Vec<Observed>, StoreError> {
        pending!();
        Ok(Vec::new())
    }
}

fn kim(opened: Option<&str>) -> Record {
    Record {
        account: Arc::new(Account {
            name: "kim".to_owned(),
            ..Account::default()
        }),
        uid: "uid-of-kim".to_owned(),
        resource_version: "1".to_owned(),
        opened: opened.map(str::to_owned),
        ..Record::default()
    }
}

const GRACE: Delay = Delay::seconds(30);

/// Lets one process get so far, and another one open the ledger in that moment. What the other one then has,
/// and what the first one has in the end.
fn opened_twice(tenants: &Stepped, steps: usize) -> [Arc<Account>; 2] {
    let cashier = || Cashier::new(tenants.clone(), Arc::new(Records::default()));
    let (first, second) = (cashier(), cashier());
    let now = Timestamp::UNIX_EPOCH;
    let mut slow = pin!(first.accounts("kim", Some("user-kim"), false, now, GRACE));
    let early = poll(&mut slow, steps);
    let mut fast = pin!(second.accounts("kim", Some("user-kim"), false, now, GRACE));
    let fast = poll(&mut fast, 64).unwrap().unwrap();
    let slow = early.or_else(|| poll(&mut slow, 64)).unwrap().unwrap();
    [fast, slow].map(|accounts| Arc::clone(&accounts[0]))
}

fn covers(account: &Account) -> bool {
    let ledger = account.ledger.as_ref();
    ledger.is_some_and(|ledger| ledger.covers("user-kim"))
}

/// Two requests that are a tenant's first ones meet. Neither takes what the other has begun for a ledger that was
/// lost, which nobody may be charged to for the time of a grace.
#[test]
fn two_that_open_a_first_ledger_at_once_both_have_it() {
    for steps in 0..16 {
        let tenants = Stepped::new(kim(None));
        let [fast, slow] = opened_twice(&tenants, steps);
        assert!(covers(&fast), "after {steps} steps of the other: {fast:?}");
        assert!(covers(&slow), "after {steps} steps: {slow:?}");
        let stored = tenants.stored();
        assert_eq!(stored.opened.as_deref(), Some("uid-of-kim"));
        assert_eq!(stored.account.ledger.as_ref().unwrap().reopened, None);
    }
}

/// A process that dies while it opens a first ledger leaves nothing that others would wait for.
#[test]
fn a_first_ledger_that_was_half_opened_is_not_a_lost_one() {
    for steps in 0..16 {
        let tenants = Stepped::new(kim(None));
        let opener = Cashier::new(tenants.clone(), Arc::new(Records::default()));
        {
            let now = Timestamp::UNIX_EPOCH;
            let mut opening = pin!(opener.accounts("kim", Some("user-kim"), false, now, GRACE));
            let _ = poll(&mut opening, steps);
        }
        let [fast, _] = opened_twice(&tenants, 0);
        assert!(
            covers(&fast),
            "after {steps} steps of the dead one: {fast:?}"
        );
    }
}

/// Whoever finds the mark and no ledger cannot know who was charged to it.
#[test]
fn a_ledger_that_is_gone_is_opened_after_a_grace() {
    for opened in ["uid-of-kim", "uid-of-an-older-kim"] {
        for steps in 0..16 {
            let tenants = Stepped::new(kim(Some(opened)));
            for account in opened_twice(&tenants, steps) {
                assert!(!covers(&account), "after {steps} steps: {account:?}");
            }
            let ledger = tenants.stored().account.ledger.clone().unwrap();
            assert_eq!(ledger.reopened, Some(Timestamp::UNIX_EPOCH));
        }
    }
}
