//! Goes through etcd's history, one revision after the other, and tells of each that breaks a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::Result;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::etcd::Change;
use crate::refusals::{Refusal, Truths, is_true};
use crate::site::{BLOCKS_PER_TENANT, NODES};
use crate::state::{Holder, LEASES, Lease, State};

/// The delays that the site and its pools were given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) grace: SignedDuration,
    pub(crate) reuse_after: SignedDuration,
}

/// What a history tells.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) revisions: usize,
    /// Leases of single addresses that were created, or taken over by another holder.
    pub(crate) allocations: usize,
    /// Of these, addresses that had been another's before.
    pub(crate) reused: usize,
    /// Every broken promise, with its revision.
    pub(crate) broken: Vec<String>,
}

/// The last holder of a lease that was deleted.
#[derive(Debug)]
struct Past {
    holder: Holder,
    state: String,
    since: Timestamp,
}

struct Replay<'a> {
    delays: Delays,
    state: State,
    past: BTreeMap<String, Past>,
    /// Who has ever carried what.
    ever: BTreeSet<(IpAddr, Holder)>,
    truths: Truths<'a, Refusal>,
    verdict: Verdict,
}

/// Judges a whole history, what was refused meanwhile, and that nothing was left over in its end.
pub(crate) fn judge(history: &[Change], refusals: &[Refusal], delays: Delays) -> Result<Verdict> {
    let mut replay = Replay {
        delays,
        state: State::default(),
        past: BTreeMap::new(),
        ever: BTreeSet::new(),
        truths: Truths::new(refusals),
        verdict: Verdict::default(),
    };
    for (index, change) in history.iter().enumerate() {
        replay.step(change)?;
        let next = history
            .get(index + 1)
            .map_or(i64::MAX, |next| next.revision);
        let state = &replay.state;
        replay.truths.look(next, |refusal| is_true(refusal, state));
    }
    replay.end();
    Ok(replay.verdict)
}

impl Replay<'_> {
    fn broken(&mut self, revision: i64, what: String) {
        self.verdict
            .broken
            .push(format!("revision {revision}: {what}"));
    }

    fn step(&mut self, change: &Change) -> Result<()> {
        self.verdict.revisions += 1;
        let (touched, before) = self.state.apply(change)?;
        if change.resource == LEASES {
            self.judge_lease(change, before);
        }
        for address in touched {
            self.judge_address(change.revision, address);
        }
        Ok(())
    }

    /// One holder, whose lease it is.
    fn judge_address(&mut self, revision: i64, address: IpAddr) {
        let holders: Vec<Holder> = self.state.holders(address).cloned().collect();
        if holders.len() > 1 {
            let holders = holders.join(" and ");
            self.broken(revision, format!("{address} is carried by {holders}"));
        }
        let lease = self.state.of_address(address).cloned();
        for holder in holders {
            self.ever.insert((address, holder.clone()));
            match &lease {
                Some(lease) if lease.holder == holder && lease.keeps_others_out() => {}
                Some(lease) => {
                    let (by, state) = (&lease.holder, &lease.state);
                    let what =
                        format!("{address} is carried by {holder}, its lease is {by}'s, {state}");
                    self.broken(revision, what);
                }
                None => self.broken(
                    revision,
                    format!("{address} is carried by {holder} without a lease"),
                ),
            }
            let own: Vec<_> = self.state.addresses(&holder).collect();
            if own.len() > 1 {
                let what = format!("objects of {holder} carry {own:?}");
                self.broken(revision, what);
            }
        }
    }

    fn judge_lease(&mut self, change: &Change, before: Option<Lease>) {
        let revision = change.revision;
        let after = self.state.leases.get(&change.key).cloned();
        if let Some(before) = before.as_ref().filter(|_| after.is_none()) {
            self.judge_deleted(revision, before);
        }
        let Some(after) = after else {
            return;
        };
        match after.kind.as_str() {
            "Address" | "Range" => self.judge_holder(revision, before.as_ref(), &after),
            "Block" => self.judge_blocks(revision, &after),
            _ => {}
        }
        if after.kind == "Address" && after.pool == NODES {
            self.judge_block_of(revision, &after);
        }
    }

    fn judge_deleted(&mut self, revision: i64, lease: &Lease) {
        if lease.kind == "Block" {
            let block = lease.address.parse::<IpNet>().ok();
            let within = |lease: &&Lease| {
                let address = lease.address.parse::<IpAddr>();
                address.is_ok_and(|address| block.is_some_and(|block| block.contains(&address)))
            };
            let used = self.state.leases.values().find(within);
            if let Some(used) = used.map(|used| used.name.clone()) {
                self.broken(
                    revision,
                    format!("{} was deleted with {used} in it", lease.name),
                );
            }
            return;
        }
        let was_carried = self.was_carried(lease);
        if lease.state != "Releasing" && (was_carried || lease.state != "Reserved") {
            let what = format!(
                "{} of {} was deleted, {}",
                lease.name, lease.holder, lease.state
            );
            self.broken(revision, what);
        }
        let past = Past {
            holder: lease.holder.clone(),
            state: lease.state.clone(),
            since: lease.since,
        };
        self.past.insert(lease.name.clone(), past);
    }

    fn was_carried(&self, lease: &Lease) -> bool {
        let address = lease.address.parse::<IpAddr>();
        address.is_ok_and(|address| self.ever.contains(&(address, lease.holder.clone())))
    }

    /// Another holder comes only after what the last one left behind has cooled.
    fn judge_holder(&mut self, revision: i64, before: Option<&Lease>, after: &Lease) {
        let is_new = before.is_none_or(|before| before.holder != after.holder);
        if !is_new {
            return;
        }
        if after.kind == "Address" {
            self.verdict.allocations += 1;
        }
        let name = &after.name;
        if let Some(before) = before {
            // A reservation that nobody can carry any more goes to the next of the same owner, at once also
            // while it cools: who was never bound, by a controller or by a later write, had no VM.
            let age = after.since.duration_since(before.since);
            let is_old = age >= self.delays.grace && before.owner == after.owner;
            let is_open = ["Reserved", "Releasing"].contains(&before.state.as_str());
            if !is_open || before.was_bound || !is_old || self.state.is_carried(before) {
                let what = format!(
                    "{name} went from {} ({}, {age:#} old) to {}",
                    before.holder, before.state, after.holder
                );
                self.broken(revision, what);
            }
            self.verdict.reused += 1;
            return;
        }
        let Some(past) = self
            .past
            .remove(name)
            .filter(|past| past.holder != after.holder)
        else {
            return;
        };
        self.verdict.reused += 1;
        let cooled = after.since.duration_since(past.since);
        if past.state == "Releasing" && cooled < self.delays.reuse_after {
            let what = format!(
                "{name} was {}'s and is {}'s after {cooled:#}",
                past.holder, after.holder
            );
            self.broken(revision, what);
        }
    }

    fn judge_blocks(&mut self, revision: i64, block: &Lease) {
        let count = self.state.blocks(NODES, &block.tenant).count();
        if block.pool == NODES && count > BLOCKS_PER_TENANT {
            self.broken(revision, format!("{} has {count} blocks", block.tenant));
        }
    }

    fn judge_block_of(&mut self, revision: i64, lease: &Lease) {
        let Ok(address) = lease.address.parse::<IpAddr>() else {
            self.broken(revision, format!("{} is no address", lease.address));
            return;
        };
        let is_in = |block: IpNet| block.contains(&address);
        let is_in_own = self.state.blocks(NODES, &lease.tenant).any(is_in);
        if !is_in_own {
            let what = format!("{address} is in no block of {}", lease.tenant);
            self.broken(revision, what);
        }
    }

    /// In the end every lease is carried, and every machine has an address.
    fn end(&mut self) {
        let is_left = |lease: &&Lease| {
            lease.kind != "Block" && (lease.state != "Bound" || !self.state.is_carried(lease))
        };
        let left: Vec<_> = self
            .state
            .leases
            .values()
            .filter(is_left)
            .map(|lease| {
                format!(
                    "{} of {} is left over, {}",
                    lease.name, lease.holder, lease.state
                )
            })
            .collect();
        let bare = self.state.without_address();
        let bare: Vec<_> = bare
            .map(|name| format!("machine {name} has no address"))
            .collect();
        let untrue = self.truths.untrue();
        for what in left.into_iter().chain(bare).chain(untrue) {
            self.verdict.broken.push(format!("in the end: {what}"));
        }
    }
}
