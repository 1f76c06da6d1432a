//! What a model of the API server has whatever it stores: time, what arrives late, and what has happened.

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use basphere_core::Timestamp;

use crate::random::Random;
use crate::{Counts, Ended};

/// Milliseconds of simulated time.
pub(crate) type Millis = u64;

/// What is on its way to a model of the API server, and arrives when nobody waits for it any more.
pub(crate) type Late<W> = Box<dyn FnOnce(&mut W) + Send>;

pub(crate) fn lock<W>(world: &Mutex<W>) -> MutexGuard<'_, W> {
    world.lock().unwrap()
}

/// How far a schedule is.
pub(crate) struct Course<W> {
    pub(crate) random: Random,
    pub(crate) now: Millis,
    pub(crate) step: u64,
    /// Whether requests and answers get lost.
    pub(crate) has_faults: bool,
    late: Vec<Late<W>>,
    failure: Option<String>,
    pub(crate) counts: Counts,
    trace: bool,
}

impl<W> Course<W> {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        Self {
            random: Random::new(seed),
            now: 0,
            step: 0,
            has_faults: true,
            late: Vec::new(),
            failure: None,
            counts: Counts::new(),
            trace,
        }
    }

    pub(crate) fn say(&self, what: fmt::Arguments<'_>) {
        if self.trace {
            println!("{:>6} {:>6} ms  {what}", self.step, self.now);
        }
    }

    pub(crate) fn fail(&mut self, why: String) {
        self.say(format_args!("VIOLATED: {why}"));
        self.failure.get_or_insert(why);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.failure.is_some()
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.at(0)
    }

    /// So long from now.
    pub(crate) fn at(&self, delay: Millis) -> Timestamp {
        Timestamp::from_millisecond((self.now + delay) as i64).unwrap()
    }

    /// What becomes of a request, of a thousand cases; nothing while there are no faults.
    pub(crate) fn fate(&mut self) -> Option<usize> {
        let fate = self.random.below(1000);
        self.has_faults.then_some(fate)
    }

    pub(crate) fn postpone(&mut self, late: Late<W>) {
        self.late.push(late);
    }

    /// One of those that are late, chosen by chance.
    pub(crate) fn arrival(&mut self) -> Option<Late<W>> {
        if self.late.is_empty() {
            return None;
        }
        let at = self.random.below(self.late.len());
        Some(self.late.swap_remove(at))
    }

    /// What is still on its way, which may hold the model itself; it is to be dropped when nobody has it locked.
    pub(crate) fn take_late(&mut self) -> Vec<Late<W>> {
        std::mem::take(&mut self.late)
    }

    /// The first violation, if any, and what happened.
    pub(crate) fn end(&mut self) -> Ended {
        (self.failure.take(), std::mem::take(&mut self.counts))
    }
}
