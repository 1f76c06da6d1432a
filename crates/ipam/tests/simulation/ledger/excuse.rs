//! When more may be stored than was charged: what an admin or a controller does past all limits is known
//! to a ledger only once it is booked. Each caller says why.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::World;
use crate::course::Millis;

/// Why more may be stored than was charged, and how long.
#[derive(Debug)]
pub(crate) struct Excuse {
    /// Not over before then.
    least: Millis,
    /// When it was over: requests that came later are not excused.
    end: Option<Millis>,
}

impl World {
    /// From now on what is stored may be more than what was charged, for so long at the least, and until
    /// everything is booked.
    pub(crate) fn excuse(&mut self, account: &str, least: Millis, why: &str) {
        self.course.say(format_args!("{account} is excused: {why}"));
        let until = self.course.now + least;
        let known = self.excuses.get(account).map_or(0, |known| known.least);
        let excuse = Excuse {
            least: until.max(known),
            end: None,
        };
        self.excuses.insert(account.to_owned(), excuse);
    }

    /// Whether a request that came at that moment is excused.
    pub(crate) fn is_excused(&self, account: &str, since: Millis) -> bool {
        let excuse = self.excuses.get(account);
        excuse.is_some_and(|excuse| excuse.end.is_none_or(|end| since <= end))
    }

    /// Ends the excuses of those whose ledgers have everything that is stored.
    pub(crate) fn end_excuses(&mut self) {
        if self.excuses.is_empty() {
            return;
        }
        let is_due = |excuse: &Excuse| excuse.end.is_none() && self.course.now > excuse.least;
        let open = self.excuses.iter().filter(|(_, excuse)| is_due(excuse));
        let over: Vec<String> = open
            .filter(|(name, _)| self.is_booked(name))
            .map(|(name, _)| name.clone())
            .collect();
        let now = self.course.now;
        for name in over {
            self.course
                .say(format_args!("{name} is not excused any more"));
            if let Some(excuse) = self.excuses.get_mut(&name) {
                excuse.end = Some(now);
            }
            let own = self.objects_of(&name).into_iter();
            let own = own.map(|it| it.observed.namespace.clone()).collect();
            self.forget_sizes(&own);
        }
    }

    /// Whether the ledger of an account says what is stored in the namespaces that it knows.
    fn is_booked(&self, account: &str) -> bool {
        let record = self.tenant(account);
        let account_of = record.map_or_else(Arc::default, |record| record.account);
        // One that is about to be opened may have been counted before.
        let ledger = account_of.ledger.as_ref();
        let Some(ledger) = ledger.filter(|ledger| !ledger.namespaces.is_empty()) else {
            return false;
        };
        let mut objects = self.objects_of(account).into_iter();
        objects.all(|object| {
            let observed = &object.observed;
            let entry = ledger.entries.get(&observed.uid);
            let stored = entry.and_then(|entry| entry.stored.as_ref());
            let is_known = stored == Some(&observed.ask) || observed.is_made;
            is_known || !ledger.covers(&observed.namespace)
        })
    }
}

/// The excuses that are known, by account.
pub(crate) type Excuses = BTreeMap<String, Excuse>;
