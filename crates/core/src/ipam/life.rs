//! The life of a lease: what comes next, as a function of what is known of its holder.

use jiff::Timestamp;

use super::delay::Delay;
use super::lease::{Lease, Purpose, State};

/// What is known of the holder of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It is stored and has the address, under this UID.
    Carries {
        /// The holder's UID.
        uid: String,
    },
    /// It has the address, and is on its way to another management cluster.
    Moving,
    /// It is stored and has another address, or none. Read live.
    HasNot,
    /// The API server holds no such object. Read live.
    Gone,
    /// Nothing is known for certain; a cache does not show it.
    Unseen,
}

/// What to do with a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until something changes or time passes.
    Wait,
    /// Read the holder live, and ask again.
    Look,
    /// Its holder is stored, under this UID.
    Bind {
        /// The holder's UID.
        uid: String,
    },
    /// Let it cool.
    Release,
    /// Keep it for what was moved.
    MoveAway,
    /// It has cooled; delete it.
    Delete,
}

/// The delays of a lease's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// How old a reservation must be before no request can carry it any more.
    pub grace: Delay,
    /// How long an address cools.
    pub reuse_after: Delay,
}

impl Delays {
    /// How long an address cools. A request that was let in just before its holder was gone may still
    /// bring the holder back with it, so that a pool's `reuseAfter` can only make it longer.
    fn cooling(self) -> Delay {
        self.reuse_after.max(self.grace)
    }
}

/// The next step of a lease.
#[must_use]
pub fn next(lease: &Lease, holding: &Holding, now: Timestamp, delays: Delays) -> Step {
    // What stands outside of Kubernetes has no holder that could be looked at.
    if lease.spec.purpose == Purpose::Import && lease.spec.state != State::Releasing {
        return Step::Wait;
    }
    let age = now.duration_since(lease.spec.since);
    // Nothing is in a block before it is bound, so that nobody carries it and it need not cool.
    if lease.spec.purpose == Purpose::Block && lease.spec.state == State::Reserved {
        let is_over = age >= delays.grace.duration();
        return if is_over { Step::Delete } else { Step::Wait };
    }
    match (lease.spec.state, holding) {
        (State::Bound, Holding::Carries { uid }) if lease.spec.holder.uid.as_ref() == Some(uid) => {
            Step::Wait
        }
        (_, Holding::Carries { uid }) => Step::Bind { uid: uid.clone() },
        (State::MovedAway, _) => Step::Wait,
        (State::Reserved | State::Bound, Holding::Moving) => Step::MoveAway,
        // A request that is under way may still carry it.
        (State::Reserved, _) if age < delays.grace.duration() => Step::Wait,
        (State::Reserved | State::Bound, Holding::Gone | Holding::HasNot) => Step::Release,
        (State::Reserved | State::Bound, Holding::Unseen) => Step::Look,
        (State::Releasing, _) if age < delays.cooling().duration() => Step::Wait,
        (State::Releasing, Holding::Unseen) => Step::Look,
        (State::Releasing, Holding::Moving) => Step::Wait,
        (State::Releasing, Holding::Gone | Holding::HasNot) => Step::Delete,
    }
}

/// When a lease must be looked at again although nothing has changed; `None` when time changes
/// nothing.
#[must_use]
pub fn due(lease: &Lease, delays: Delays) -> Option<Timestamp> {
    let delay = match lease.spec.state {
        State::Reserved => delays.grace,
        State::Releasing => delays.cooling(),
        State::Bound | State::MovedAway => return None,
    };
    lease.spec.since.checked_add(delay.duration()).ok()
}

#[cfg(test)]
mod tests;
