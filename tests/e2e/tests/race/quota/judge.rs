//! Goes through etcd's history, one revision after the other, and tells of each that breaks a promise.

use std::collections::BTreeSet;

use super::refusals::Claim;
use super::state::{Account, State, Touched};
use crate::etcd::Change;
use crate::refusals::Truths;

/// What a history tells.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) revisions: usize,
    /// Revisions at which a ledger has come to more.
    pub(super) charges: usize,
    /// Writes of ledgers.
    pub(super) writes: usize,
    /// Limits that were lowered below what was used.
    pub(super) lowered: usize,
    /// Every broken promise, with its revision.
    pub(super) broken: Vec<String>,
}

struct Judge<'a> {
    state: State,
    /// Accounts and measures of which more was used than the limit was lowered to.
    over: BTreeSet<(String, String)>,
    truths: Truths<'a, Claim>,
    verdict: Verdict,
}

/// Judges a whole history, what was refused meanwhile, and that every ledger is in the end what is stored.
pub(super) fn judge(history: &[Change], claims: &[Claim]) -> Verdict {
    let mut judge = Judge {
        state: State::default(),
        over: BTreeSet::new(),
        truths: Truths::new(claims),
        verdict: Verdict::default(),
    };
    for (index, change) in history.iter().enumerate() {
        judge.step(change);
        let next = history
            .get(index + 1)
            .map_or(i64::MAX, |next| next.revision);
        let state = &judge.state;
        judge.truths.look(next, |claim| claim.is_true(state));
    }
    let untrue = judge.truths.untrue();
    for what in judge.state.differences().into_iter().chain(untrue) {
        judge.verdict.broken.push(format!("in the end: {what}"));
    }
    judge.verdict
}

impl Judge<'_> {
    fn broken(&mut self, revision: i64, what: String) {
        self.verdict
            .broken
            .push(format!("revision {revision}: {what}"));
    }

    fn step(&mut self, change: &Change) {
        self.verdict.revisions += 1;
        let touched = self
            .state
            .apply(&change.resource, &change.key, change.object.as_ref());
        match touched {
            Touched::Tenant(name, before) => {
                self.judge_ledger(change.revision, &name, before.as_ref());
                self.judge_stored(change.revision, &name);
            }
            Touched::Object(tenant) => {
                for account in self.state.with_groups(&tenant) {
                    self.judge_stored(change.revision, &account);
                }
            }
        }
    }

    /// What is promised grows up to the limits that are in force, and not beyond.
    fn judge_ledger(&mut self, revision: i64, name: &str, before: Option<&Account>) {
        let Some(account) = self.state.accounts.get(name) else {
            return self.broken(revision, format!("Tenant {name} is gone"));
        };
        let had_ledger = before.is_some_and(|before| before.ledger.is_some());
        if had_ledger && account.ledger.is_none() {
            return self.broken(revision, format!("{name} has lost its ledger"));
        }
        let old = |measure: &str| before.map_or(0, |before| before.used(measure));
        let mut broken = Vec::new();
        let mut has_grown = false;
        let mut is_lowered = false;
        for (measure, used) in &account.used {
            let grows = *used > old(measure);
            has_grown |= grows;
            let key = (name.to_owned(), measure.clone());
            match account.limit(measure) {
                Some(limit) if *used > limit => {
                    if grows {
                        let old = old(measure);
                        broken.push(format!(
                            "{name} is charged {used} {measure} after {old}, its limit is {limit}"
                        ));
                    }
                    is_lowered |= self.over.insert(key);
                }
                _ => _ = self.over.remove(&key),
            }
        }
        let used = &account.used;
        self.over
            .retain(|(account, measure)| account != name || used.contains_key(measure));
        self.verdict.writes +=
            usize::from(before.map(|before| &before.ledger) != Some(&account.ledger));
        self.verdict.charges += usize::from(has_grown);
        self.verdict.lowered += usize::from(is_lowered);
        for what in broken {
            self.broken(revision, what);
        }
    }

    /// All that is stored was promised, and is within the limits unless those were lowered since.
    fn judge_stored(&mut self, revision: i64, name: &str) {
        let Some(account) = self.state.accounts.get(name) else {
            return;
        };
        let mut broken = Vec::new();
        for (measure, stored) in self.state.stored(name) {
            let used = account.used(&measure);
            if stored > used {
                broken.push(format!(
                    "{name} has {stored} {measure}, and is charged {used}"
                ));
            }
            let limit = account.limit(&measure);
            if let Some(limit) = limit.filter(|limit| stored > *limit)
                && !self.over.contains(&(name.to_owned(), measure.clone()))
            {
                broken.push(format!(
                    "{name} has {stored} {measure}, its limit is {limit}"
                ));
            }
        }
        for what in broken {
            self.broken(revision, what);
        }
    }
}
