//! Whether what is asked for may be had: the newest ledger, the limits, and one request.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::ledger::Suspect;
use super::{Account, Amounts, Ask, Entry, Ledger, Limits, Measure, Observed};
use crate::Kind;

/// One request that is to be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The tenant that it is charged to.
    pub tenant: String,
    /// The object's kind.
    pub kind: Kind,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The object's UID; empty while it has none.
    pub uid: String,
    /// What is stored and at which resource version; nothing for an object that is created.
    pub stored: Option<(String, Wants)>,
    /// What the object will ask for.
    pub wants: Wants,
    /// Where in the object it stands that asks for more, in kubectl's notation.
    pub path: String,
    /// Whether it is let in in any case, since what asks was counted where a person wrote it.
    pub is_forced: bool,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// A whole object's.
    All(Box<Ask>),
    /// A number of machines by itself; the rest is as it is known.
    Replicas(u64),
}

/// More than may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Of what.
    pub measure: Measure,
    /// So much more is asked for.
    pub requested: u64,
    /// So much is used, requests under way included.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// What would fit.
    pub fits: Fits,
}

/// What would fit instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fits {
    /// So many machines of the same object.
    Machines(u64),
    /// So much more of what is measured.
    More(u64),
}

impl Excess {
    /// By how much the limit would be exceeded.
    #[must_use]
    pub const fn by(&self) -> u64 {
        self.used
            .saturating_add(self.requested)
            .saturating_sub(self.limit)
    }
}

/// What came of a charge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The ledger with the charge in it.
    pub ledger: Ledger,
    /// Hard limits that it would exceed; empty when it may be let in.
    pub exceeded: Vec<Excess>,
    /// Limits that warn.
    pub warned: Vec<Excess>,
    /// Whether more is asked for than before.
    pub grows: bool,
}

impl Charge {
    /// Whether more may be asked for than is stored. What does not is never held up, whatever is known of
    /// the tenant.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        match (&self.stored, &self.wants) {
            (Some((_, Wants::All(stored))), Wants::All(wants)) => !wants.is_within(stored),
            (Some((_, Wants::Replicas(stored))), Wants::Replicas(wants)) => wants > stored,
            _ => true,
        }
    }

    fn object(&self) -> Suspect {
        Suspect {
            kind: self.kind,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }

    /// What is asked for, over what is known. A number alone may be written over any of what the object
    /// may be by now; nothing, when nothing is known of it.
    fn asks(&self, known: Option<&Entry>) -> Vec<Ask> {
        let replicas = match &self.wants {
            Wants::All(ask) => return vec![with_group(ask, known)],
            Wants::Replicas(replicas) => *replicas,
        };
        let is_exact = |entry: &Entry| {
            let over = self.stored.as_ref().map(|(version, _)| version);
            entry.stored.is_some() && over == Some(&entry.seen)
        };
        let bases = known.into_iter().flat_map(|entry| {
            let most = if is_exact(entry) { 1 } else { usize::MAX };
            entry.asks().take(most)
        });
        let mut asks: Vec<Ask> = Vec::new();
        for base in bases {
            let ask = Ask {
                replicas,
                ..base.clone()
            };
            if !asks.contains(&ask) {
                asks.push(ask);
            }
        }
        asks
    }

    /// Takes note of what the request shows of the stored object. A number alone does not show the rest.
    fn see(&self, ledger: &mut Ledger) {
        let Some((version, Wants::All(ask))) = &self.stored else {
            return;
        };
        let ask = with_group(ask, ledger.entries.get(&self.uid));
        ledger.see(&Observed {
            kind: self.kind,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            resource_version: version.clone(),
            ask,
            is_made: false,
        });
    }
}

/// A topology's machines are so by their first maker, and not by what is written later.
fn with_group(ask: &Ask, known: Option<&Entry>) -> Ask {
    let known = known.and_then(Entry::newest);
    Ask {
        group: known.map_or_else(|| ask.group.clone(), |known| known.group.clone()),
        ..ask.clone()
    }
}

/// What an account says to a charge, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// No ledger in force knows the object's namespace, or the object that a number alone is written of.
    Unknown,
    /// A controller made the object of another one, which is charged instead.
    OfMaker,
    /// What the ledger that is known says.
    Judged(Verdict),
}

/// Looks at a charge over what is known of an account. Whether the stored object was made of another one
/// is asked for what the ledger does not know; one that it knows was charged by itself before it was made
/// somebody's.
pub fn look(
    account: &Account,
    limits: (&Limits, &Limits),
    charge: &Charge,
    now: Timestamp,
    is_of_maker: impl FnOnce() -> bool,
) -> Look {
    let ledger = account.ledger.as_ref();
    let Some(ledger) = ledger.filter(|ledger| ledger.covers(&charge.namespace)) else {
        return Look::Unknown;
    };
    if !ledger.entries.contains_key(&charge.uid) {
        if is_of_maker() {
            return Look::OfMaker;
        }
        if matches!(charge.wants, Wants::Replicas(_)) {
            return Look::Unknown;
        }
    }
    Look::Judged(judge(ledger, limits, charge, now))
}

/// Judges one request over a ledger. What does not grow is never refused.
#[must_use]
pub fn judge(
    ledger: &Ledger,
    limits: (&Limits, &Limits),
    charge: &Charge,
    now: Timestamp,
) -> Verdict {
    let mut next = ledger.clone();
    charge.see(&mut next);
    let asks = charge.asks(next.entries.get(&charge.uid));
    // What a late request shows of an object that the ledger does not know may be gone already: it counts
    // as asked for now, and the controller books what is there.
    let base = match ledger.entries.contains_key(&charge.uid) {
        true => &next,
        false => ledger,
    };
    // What only shrinks is booked once it is stored.
    if asks.is_empty() || !charge.may_grow() {
        return Verdict {
            ledger: base.clone(),
            ..Verdict::default()
        };
    }
    let over = charge.stored.as_ref().map_or("", |(version, _)| version);
    let mut after = next.clone();
    let mut each = Amounts::default();
    for ask in &asks {
        after.promise(&charge.object(), over, ask.clone(), now);
        each.raise_to(&each_machine(&after, charge, ask));
    }
    let used = after.used();
    let namesakes = namesakes(ledger, charge);
    let grown = match namesakes.is_empty() {
        true => used.beyond(&base.used()),
        false => without(&after, &namesakes).beyond(&without(base, &namesakes)),
    };
    let own = base.of_entry(&charge.uid);
    let excess = |limits: &Limits| {
        let found = excess(limits, &grown, &used, &own, &each);
        found
            .into_iter()
            .map(|excess| possible(charge.kind, excess))
    };
    let full = full(ledger, charge);
    Verdict {
        exceeded: excess(limits.0).chain(full).collect(),
        warned: excess(limits.1).collect(),
        grows: !grown.is_empty(),
        ledger: after,
    }
}

/// The Clusters that a new one takes the name of: they are gone, and the ledger does not know it yet. What a
/// topology wants is counted under its Cluster's name, and beside them a successor would seem to ask for nothing.
fn namesakes<'a>(ledger: &'a Ledger, charge: &Charge) -> BTreeSet<&'a str> {
    let is_namesake = |uid: &str, entry: &Entry| {
        charge.stored.is_none()
            && charge.kind == Kind::Cluster
            && entry.kind == charge.kind
            && entry.namespace == charge.namespace
            && entry.name == charge.name
            && uid != charge.uid
    };
    let entries = ledger.entries.iter();
    let found = entries.filter(|(uid, entry)| is_namesake(uid, entry));
    found.map(|(uid, _)| uid.as_str()).collect()
}

/// What is used without some objects.
fn without(ledger: &Ledger, uids: &BTreeSet<&str>) -> Amounts {
    let mut ledger = ledger.clone();
    ledger.entries.retain(|uid, _| !uids.contains(uid.as_str()));
    ledger.used()
}

/// Names no number of machines that would be refused for another reason: a control plane has an odd one.
fn possible(kind: Kind, excess: Excess) -> Excess {
    let fits = match excess.fits {
        Fits::Machines(most) if kind == Kind::KubeadmControlPlane && most % 2 == 0 => {
            Fits::Machines(most.saturating_sub(1))
        }
        fits => fits,
    };
    Excess { fits, ..excess }
}

/// So many objects of one namespace a ledger may know of, templates included: a Tenant is stored as one
/// object, and one namespace must not fill the ledger of a whole group.
const MOST_OBJECTS: usize = 1000;
/// So many of all namespaces.
const MOST_OBJECTS_IN_ALL: usize = 3000;

/// Whether there is no room for one more object.
fn full(ledger: &Ledger, charge: &Charge) -> Option<Excess> {
    if ledger.entries.contains_key(&charge.uid) {
        return None;
    }
    let all = ledger.entries.len();
    let is_here = |entry: &&Entry| entry.namespace == charge.namespace;
    let here = ledger.entries.values().filter(is_here).count();
    let (used, limit) = match all >= MOST_OBJECTS_IN_ALL {
        true => (all, MOST_OBJECTS_IN_ALL),
        false => (here, MOST_OBJECTS),
    };
    (used >= limit).then_some(Excess {
        measure: Measure::Objects,
        requested: 1,
        used: used as u64,
        limit: limit as u64,
        fits: Fits::More(0),
    })
}

/// What one machine of the object comes to; nothing when the object has no number of machines.
fn each_machine(ledger: &Ledger, charge: &Charge, ask: &Ask) -> Amounts {
    let has_number = matches!(
        charge.kind,
        Kind::KubeadmControlPlane | Kind::MachineDeployment | Kind::MachinePool | Kind::MachineSet
    );
    if !has_number {
        return Amounts::default();
    }
    let with = |replicas: u64| {
        let mut ledger = ledger.clone();
        ledger.entries.remove(&charge.uid);
        let one = Ask {
            replicas,
            most: None,
            ..ask.clone()
        };
        ledger.promise(&charge.object(), "", one, Timestamp::UNIX_EPOCH);
        ledger.of_entry(&charge.uid)
    };
    with(1).beyond(&with(0))
}

fn excess(
    limits: &Limits,
    grown: &Amounts,
    used: &Amounts,
    own: &Amounts,
    each: &Amounts,
) -> Vec<Excess> {
    let over = grown.iter().filter_map(|(measure, requested)| {
        let limit = limits.of(measure)?;
        let all = used.of(measure);
        let used = all.saturating_sub(requested);
        (all > limit).then(|| {
            let fits = match each.of(measure) {
                0 => Fits::More(limit.saturating_sub(used)),
                each => {
                    let others = used.saturating_sub(own.of(measure));
                    Fits::Machines(limit.saturating_sub(others) / each)
                }
            };
            Excess {
                measure: measure.clone(),
                requested,
                used,
                limit,
                fits,
            }
        })
    });
    over.collect()
}
