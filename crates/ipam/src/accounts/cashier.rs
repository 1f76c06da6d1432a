//! Settles what is to be charged to one account, many requests at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use basphere_core::Timestamp;
use basphere_core::ipam::Delay;
use basphere_core::quota::{Account, Charge, Excess, Ledger, Look, Observed, look};
use basphere_core::site::Site;

use super::records::{Record, Records, Tenants};
use crate::StoreError;

/// So often others may be faster. Each time one of them has written all that was waiting for it.
const ATTEMPTS: usize = 64;

/// Something to be written into one ledger.
#[derive(Clone, Debug)]
pub enum Order {
    /// A request that asks for something.
    Charge {
        /// What it asks for.
        charge: Box<Charge>,
        /// Whether the account is that of a group.
        is_group: bool,
    },
    /// What has become of objects.
    Book(Booking),
}

/// What has become of objects.
#[derive(Clone, Debug)]
pub struct Booking {
    /// Objects as they are stored.
    pub seen: Vec<Observed>,
    /// The UIDs of objects that a live read did not find any more.
    pub gone: BTreeSet<String>,
    /// Those of them that are templates of which no machine is left.
    pub replaced: BTreeSet<String>,
    /// Namespaces that are the tenant's no more.
    pub left: BTreeSet<String>,
    /// So old a request must be to be dead.
    pub grace: Delay,
    /// When the reading began: who was dead by then was read live.
    pub at: Timestamp,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the ledger, or need not.
    Done,
    /// It would exceed limits.
    Refused(Vec<Excess>),
    /// The ledger is not in force for that namespace.
    NotReady,
    /// The API server did not do it.
    Failed(StoreError),
}

/// Writes ledgers.
#[derive(Debug)]
pub struct Cashier<T> {
    pub(super) tenants: T,
    pub(super) records: Arc<Records>,
}

impl<T: Tenants> Cashier<T> {
    /// A cashier who writes there, and knows what stands in these records.
    #[must_use]
    pub fn new(tenants: T, records: Arc<Records>) -> Self {
        Self { tenants, records }
    }

    /// What is known.
    #[must_use]
    pub fn records(&self) -> &Arc<Records> {
        &self.records
    }

    /// Reads a Tenant past all caches, for the whole process.
    pub(super) async fn learn(&self, name: &str) -> Result<Option<Arc<Record>>, StoreError> {
        let Some(record) = self.tenants.get(name).await? else {
            if let Some(known) = self.records.get(name) {
                self.records.remove(name, &known.uid);
            }
            return Ok(None);
        };
        self.records.put(record.clone());
        Ok(Some(Arc::new(record)))
    }

    /// Writes a Tenant with the ledger that is known, so that what its status says in short is of today.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub async fn refresh(&self, name: &str) -> Result<(), StoreError> {
        let Some(record) = self.records.get(name) else {
            return Ok(());
        };
        match self.tenants.write(&record).await {
            Ok(written) => {
                self.records.put(written);
                Ok(())
            }
            // Whoever was faster has written that, too.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Settles orders of one account in their order, with one write for all that may be had.
    ///
    /// Who was refused over nothing but what was read live stays refused when the write fails. All others are
    /// decided again over the newest ledger, until the write succeeds or others were faster too often: also
    /// who was refused for what those before would have been given.
    pub async fn settle(
        &self,
        site: &Site,
        name: &str,
        orders: &[Order],
        now: Timestamp,
    ) -> Vec<Outcome> {
        let mut round = Round {
            outcomes: vec![None; orders.len()],
            provisional: Vec::new(),
        };
        let mut known = self.records.get(name);
        let mut is_live = false;
        for _ in 0..ATTEMPTS {
            let record = match known.take() {
                Some(record) => record,
                None => match self.learn(name).await {
                    Ok(Some(record)) => {
                        is_live = true;
                        record
                    }
                    Ok(None) => {
                        round.let_in_what_must_pass(orders);
                        return round.end(Outcome::NotReady);
                    }
                    Err(error) => return round.end(Outcome::Failed(error)),
                },
            };
            let mut changed = Record::clone(&record);
            let account = Arc::make_mut(&mut changed.account);
            if !round.decide(site, account, orders, is_live, now) {
                // Nobody is refused for what only a cache says.
                continue;
            }
            if changed.account.ledger == record.account.ledger {
                return round.end(Outcome::Done);
            }
            match self.tenants.write(&changed).await {
                Ok(written) => {
                    self.records.put(written);
                    return round.end(Outcome::Done);
                }
                // It may have been done: what stands in the ledger already is not charged again.
                Err(StoreError::Conflict | StoreError::Unanswered(_)) => round.reopen(),
                Err(error) => {
                    round.reopen();
                    return round.end(Outcome::Failed(error));
                }
            }
        }
        round.end(Outcome::Failed(StoreError::Conflict))
    }
}

/// Who is decided so far.
struct Round {
    outcomes: Vec<Option<Outcome>>,
    /// Those that were refused over a ledger that is not written yet.
    provisional: Vec<usize>,
}

impl Round {
    /// Writes all orders that may be had into the account; false when somebody would be refused and the
    /// account was not read live.
    fn decide(
        &mut self,
        site: &Site,
        account: &mut Account,
        orders: &[Order],
        is_live: bool,
        now: Timestamp,
    ) -> bool {
        let stored = account.ledger.clone();
        for (index, (order, outcome)) in orders.iter().zip(&mut self.outcomes).enumerate() {
            if outcome.is_some() {
                continue;
            }
            let refused = match order {
                Order::Book(booking) => match &mut account.ledger {
                    Some(ledger) => {
                        book(ledger, booking);
                        None
                    }
                    None => Some(Outcome::NotReady),
                },
                Order::Charge { charge, is_group } => {
                    charge_one(site, account, charge, *is_group, now).err()
                }
            };
            if refused.is_some() && !is_live {
                return false;
            }
            if refused.is_some() && account.ledger != stored {
                self.provisional.push(index);
            }
            *outcome = refused;
        }
        true
    }

    /// What is let in in any case is booked once it is stored, also when there is no Tenant now.
    fn let_in_what_must_pass(&mut self, orders: &[Order]) {
        for (order, outcome) in orders.iter().zip(&mut self.outcomes) {
            if matches!(order, Order::Charge { charge, .. } if charge.is_forced) {
                outcome.get_or_insert(Outcome::Done);
            }
        }
    }

    /// What was decided over a ledger that was not written is open again.
    fn reopen(&mut self) {
        for index in self.provisional.drain(..) {
            if let Some(outcome) = self.outcomes.get_mut(index) {
                *outcome = None;
            }
        }
    }

    fn end(self, otherwise: Outcome) -> Vec<Outcome> {
        let outcomes = self.outcomes.into_iter();
        outcomes
            .map(|outcome| outcome.unwrap_or_else(|| otherwise.clone()))
            .collect()
    }
}

/// Writes a charge into the ledger, or tells why not.
fn charge_one(
    site: &Site,
    account: &mut Account,
    charge: &Charge,
    is_group: bool,
    now: Timestamp,
) -> Result<(), Outcome> {
    let (hard, soft) = account.limits(site, is_group, now);
    // What another object is charged for was never sent here.
    match look(account, (&hard, &soft), charge, now, || false) {
        Look::Judged(verdict) if verdict.exceeded.is_empty() || charge.is_forced => {
            account.ledger = Some(verdict.ledger);
            Ok(())
        }
        Look::Judged(verdict) => Err(Outcome::Refused(verdict.exceeded)),
        Look::OfMaker => Ok(()),
        // What is let in in any case is booked once it is stored.
        Look::Unknown if charge.is_forced => Ok(()),
        Look::Unknown => Err(Outcome::NotReady),
    }
}

fn book(ledger: &mut Ledger, booking: &Booking) {
    for seen in &booking.seen {
        ledger.see(seen);
    }
    ledger.forget(&booking.gone, &booking.replaced);
    ledger.expire(booking.at, booking.grace.duration());
    for namespace in &booking.left {
        ledger.namespaces.remove(namespace);
    }
    ledger
        .entries
        .retain(|_, entry| !booking.left.contains(&entry.namespace));
}

#[cfg(test)]
mod tests;
