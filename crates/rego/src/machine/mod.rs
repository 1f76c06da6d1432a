//! The evaluation of a plan, as OPA's top-down evaluation has it: each statement calls what comes after it once for
//! each way in which it holds, with its variables bound, and unbinds them when that is done.

mod nested;
mod rules;
mod terms;
#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may fail loudly")]
mod tests;
mod unify;
mod world;

use std::time::Instant;

use regorus::Value;

use crate::plan::{Plan, Statement, What};
use world::World;

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// Definitions contradict each other.
    #[error("{rule}: {message}")]
    Conflict {
        /// The rule's name.
        rule: String,
        /// What contradicts what, in OPA's words.
        message: &'static str,
    },
    /// It took longer than it may.
    #[error("the evaluation did not end in time")]
    TooLong,
    /// A builtin function ended where it should not have.
    #[error("a builtin function failed")]
    Builtin,
    /// A builtin function returned more than a memory should hold several of.
    #[error("a value is too large")]
    TooLarge,
    /// More statements wait for each other than a stack holds.
    #[error("the evaluation is nested too deep")]
    TooDeep,
    /// Rules call each other without an end.
    #[error("rule {0} is recursive")]
    Recursive(String),
}

/// Whether to look for further solutions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}

pub(crate) type Step = Result<Flow, EvaluationError>;
/// What comes after a statement.
type Then<'t> = &'t mut dyn FnMut(&mut Machine<'_>, &mut Frame) -> Step;
/// What comes of a value.
type Each<'t> = &'t mut dyn FnMut(&mut Machine<'_>, &mut Frame, Value) -> Step;
/// A rule that has been evaluated; it may be undefined.
type Known = Option<Option<Value>>;

/// The variables of a rule that is being evaluated.
pub(crate) struct Frame {
    slots: Vec<Option<Value>>,
}

impl Frame {
    fn new(slots: usize) -> Self {
        Self {
            slots: vec![None; slots],
        }
    }

    fn get(&self, slot: usize) -> Option<&Value> {
        self.slots.get(slot)?.as_ref()
    }

    fn set(&mut self, slot: usize, value: Option<Value>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }
}

/// The clock is looked at once in so many statements.
const CHECK_EVERY: u32 = 256;
/// So many statements may be under way, each of which waits for what comes after it on the stack.
const MOST_ACTIVE: usize = 2_000;
/// When less than this is left of the stack, which is more than a statement and a builtin take, it grows by this much.
const STACK: [usize; 2] = [128 * 1024, 1024 * 1024];
/// Rules that call each other deeper than this are recursive: OPA refuses those.
const DEEPEST: usize = 64;

pub(crate) struct Machine<'p> {
    plan: &'p Plan,
    world: World,
    deadline: Instant,
    steps: u32,
    depth: usize,
    active: usize,
}

impl<'p> Machine<'p> {
    pub(crate) fn new(plan: &'p Plan, input: Value, inventory: Value, deadline: Instant) -> Self {
        Self {
            plan,
            world: World::new(plan, input, inventory),
            deadline,
            steps: 0,
            depth: 0,
            active: 0,
        }
    }

    fn body(&mut self, body: &[Statement], frame: &mut Frame, then: Then<'_>) -> Step {
        match body.split_first() {
            None => then(self, frame),
            Some((statement, rest)) => self.statement(statement, frame, &mut |machine, frame| {
                machine.body(rest, frame, then)
            }),
        }
    }

    fn statement(&mut self, statement: &Statement, frame: &mut Frame, then: Then<'_>) -> Step {
        self.tick()?;
        if self.active >= MOST_ACTIVE {
            return Err(EvaluationError::TooDeep);
        }
        self.active += 1;
        let step = stacker::maybe_grow(STACK[0], STACK[1], || {
            self.in_its_world(statement, frame, then)
        });
        self.active -= 1;
        step
    }

    fn signed(&mut self, statement: &Statement, frame: &mut Frame, then: Then<'_>) -> Step {
        if !statement.is_negated {
            return self.what(&statement.what, frame, then);
        }
        match self.holds(|machine, found| machine.what(&statement.what, frame, found))? {
            true => Ok(Flow::Continue),
            false => then(self, frame),
        }
    }

    /// Whether there is a solution.
    fn holds(
        &mut self,
        solve: impl FnOnce(&mut Self, Then<'_>) -> Step,
    ) -> Result<bool, EvaluationError> {
        let mut is_found = false;
        solve(self, &mut |_, _| {
            is_found = true;
            Ok(Flow::Stop)
        })?;
        Ok(is_found)
    }

    fn what(&mut self, what: &What, frame: &mut Frame, then: Then<'_>) -> Step {
        match what {
            What::Term(term) => self.each(term, frame, &mut |machine, frame, value| match value {
                Value::Bool(false) => Ok(Flow::Continue),
                _ => then(machine, frame),
            }),
            What::Unify(left, right) | What::Equal(left, right) => {
                self.unify(left, right, frame, then)
            }
            What::SomeIn { key, value, domain } => {
                self.each(domain, frame, &mut |machine, frame, domain| {
                    terms::items(&domain, &mut |index, item| {
                        let Some(key) = key else {
                            return machine.matches(value, &item, frame, then);
                        };
                        machine.matches(key, &index, frame, &mut |machine, frame| {
                            machine.matches(value, &item, frame, then)
                        })
                    })
                })
            }
            What::Every {
                key,
                value,
                domain,
                body,
            } => {
                let Some(domain) = self.value(domain, frame)? else {
                    return Ok(Flow::Continue);
                };
                let mut is_every = terms::is_collection(&domain);
                terms::items(&domain, &mut |index, item| {
                    if let Some(key) = key {
                        frame.set(*key, Some(index));
                    }
                    frame.set(*value, Some(item));
                    is_every = self.holds(|machine, found| machine.body(body, frame, found))?;
                    Ok(match is_every {
                        true => Flow::Continue,
                        false => Flow::Stop,
                    })
                })?;
                key.iter()
                    .chain([value])
                    .for_each(|slot| frame.set(*slot, None));
                match is_every {
                    true => then(self, frame),
                    false => Ok(Flow::Continue),
                }
            }
            What::Not(body) => {
                match self.holds(|machine, found| machine.body(body, frame, found))? {
                    true => Ok(Flow::Continue),
                    false => then(self, frame),
                }
            }
        }
    }

    fn tick(&mut self) -> Result<(), EvaluationError> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(CHECK_EVERY) && Instant::now() > self.deadline {
            return Err(EvaluationError::TooLong);
        }
        Ok(())
    }
}
