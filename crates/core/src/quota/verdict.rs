//! Whether what is asked for may be had: the newest ledger, the limits, and one request.

use jiff::Timestamp;

use super::ledger::Suspect;
use super::{Amounts, Ask, Ledger, Limits, Measure, Observed};
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

    /// What is asked for, over what is known; nothing when a number alone is written of what nothing is
    /// known.
    fn resolve(&self, wants: &Wants, known: Option<&Ask>) -> Option<Ask> {
        match wants {
            Wants::All(ask) => Some(Ask {
                // A topology's machines are so by their first maker.
                group: known.map_or_else(|| ask.group.clone(), |known| known.group.clone()),
                ..Ask::clone(ask)
            }),
            Wants::Replicas(replicas) => Some(Ask {
                replicas: *replicas,
                ..known?.clone()
            }),
        }
    }

    /// Takes note of what the request shows of the stored object.
    fn see(&self, ledger: &mut Ledger) {
        let Some((version, wants)) = &self.stored else {
            return;
        };
        let known = ledger
            .entries
            .get(&self.uid)
            .and_then(|entry| entry.newest());
        let Some(ask) = self.resolve(wants, known.cloned().as_ref()) else {
            return;
        };
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
    let entry = next.entries.get(&charge.uid);
    let known = entry.and_then(|entry| entry.newest());
    let Some(ask) = charge.resolve(&charge.wants, known) else {
        return Verdict {
            ledger: next,
            ..Verdict::default()
        };
    };
    let stored = entry.and_then(|entry| entry.stored.as_ref());
    // What only shrinks is booked once it is stored.
    if stored.is_some_and(|stored| ask.is_within(stored)) {
        return Verdict {
            ledger: next,
            ..Verdict::default()
        };
    }
    let before = next.used();
    let over = charge.stored.as_ref().map_or("", |(version, _)| version);
    let mut after = next.clone();
    after.promise(&charge.object(), over, ask.clone(), now);
    let grown = after.used().beyond(&before);
    let own = next.of_entry(&charge.uid);
    let each = each_machine(&after, charge, &ask);
    let excess = |limits: &Limits| excess(limits, &grown, &before, &own, each.as_ref());
    Verdict {
        exceeded: excess(limits.0),
        warned: excess(limits.1),
        grows: !grown.is_empty(),
        ledger: after,
    }
}

/// What one machine of the object comes to; nothing when the object has no number of machines.
fn each_machine(ledger: &Ledger, charge: &Charge, ask: &Ask) -> Option<Amounts> {
    let has_number = matches!(
        charge.kind,
        Kind::KubeadmControlPlane | Kind::MachineDeployment | Kind::MachinePool | Kind::MachineSet
    );
    if !has_number {
        return None;
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
    Some(with(1).beyond(&with(0)))
}

fn excess(
    limits: &Limits,
    grown: &Amounts,
    before: &Amounts,
    own: &Amounts,
    each: Option<&Amounts>,
) -> Vec<Excess> {
    let over = grown.iter().filter_map(|(measure, requested)| {
        let limit = limits.of(measure)?;
        let used = before.of(measure);
        (used.saturating_add(requested) > limit).then(|| {
            let each = each.map_or(0, |each| each.of(measure));
            let fits = match each {
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
