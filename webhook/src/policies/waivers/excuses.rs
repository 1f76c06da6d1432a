//! What waivers excuse of one review.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use basphere_rego::{Review, waiver};
use jiff::Timestamp;

use super::InForce;

/// So long may an excuse be: a warning has 120 characters, and ends with its code.
const ROOM: usize = 120 - " [BSP-G005]".len();

/// The waivers that may excuse at a moment, and what they do excuse. Shown, each waiver has what it excuses beside it:
/// `legacy=HostNetwork/no-ports`.
#[derive(Debug, Default)]
pub struct Excuses {
    waivers: Arc<Vec<InForce>>,
    now: Timestamp,
    /// By the names of the waiver and of the constraint.
    given: BTreeMap<(String, String), InForce>,
}

impl Excuses {
    /// Excuses by these waivers, at that time.
    #[must_use]
    pub fn by(waivers: Arc<Vec<InForce>>, now: Timestamp) -> Self {
        Self {
            waivers,
            now,
            given: BTreeMap::new(),
        }
    }

    /// What is said instead where a waiver excuses what a constraint (`Kind/name`) says of a review.
    pub fn of(&mut self, constraint: &str, words: &str, review: &Review) -> Option<String> {
        let named = constraint.split_once('/')?;
        let found = waiver::covering(&self.waivers, named, review, self.now)?;
        let key = (found.waiver.name.clone(), constraint.to_owned());
        let said = found.waiver.excuse(words, ROOM);
        self.given.insert(key, found.clone());
        Some(said)
    }

    /// Whether nothing is excused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Each waiver that excuses something, with a constraint that it excuses.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.given.keys();
        given.map(|(waiver, constraint)| (waiver.as_str(), constraint.as_str()))
    }

    /// Each waiver that excuses something, once.
    pub(super) fn waivers(&self) -> impl Iterator<Item = &InForce> {
        let given = self.given.iter();
        let once: BTreeMap<_, _> = given.map(|((name, _), waiver)| (name, waiver)).collect();
        once.into_values()
    }

    pub(super) fn at(&self) -> Timestamp {
        self.now
    }
}

impl fmt::Display for Excuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (waiver, constraint)) in self.given().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{waiver}={constraint}")?;
        }
        Ok(())
    }
}
