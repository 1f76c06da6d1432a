//! The evaluation of a plan, as OPA's top-down evaluation has it: each statement calls what comes after it once for
//! each way in which it holds, with its variables bound, and unbinds them when that is done.

mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use regorus::Value;

use crate::plan::{Collected, Comprehension, Definition, Kind, Plan, Rule, Statement, Term, What};

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
/// Rules that call each other deeper than this are recursive: OPA refuses those.
const DEEPEST: usize = 64;

pub(crate) struct Machine<'p> {
    plan: &'p Plan,
    world: World,
    deadline: Instant,
    steps: u32,
    depth: usize,
}

/// What `with` replaces, and what was found out by it.
struct World {
    input: Value,
    inventory: Value,
    known: Vec<Known>,
    /// Of objects that are defined by rules, what is known of single keys.
    members: BTreeMap<(usize, Value), Option<Value>>,
}

impl<'p> Machine<'p> {
    pub(crate) fn new(plan: &'p Plan, input: Value, inventory: Value, deadline: Instant) -> Self {
        let known = vec![None; plan.rules.len()];
        Self {
            plan,
            world: World {
                input,
                inventory,
                known,
                members: BTreeMap::new(),
            },
            deadline,
            steps: 0,
            depth: 0,
        }
    }

    /// The value of a rule that takes no arguments.
    pub(crate) fn rule(&mut self, index: usize) -> Result<Option<Value>, EvaluationError> {
        if let Some(Some(known)) = self.world.known.get(index) {
            return Ok(known.clone());
        }
        let Some(rule) = self.plan.rules.get(index) else {
            return Ok(None);
        };
        let value = self.deeper(rule, |machine| match rule.kind {
            Kind::Complete => machine.complete(rule, &[]),
            Kind::Set => machine.set(rule).map(Some),
            Kind::Object => machine.object(rule).map(Some),
            Kind::Function(_) => Ok(None),
        })?;
        if let Some(known) = self.world.known.get_mut(index) {
            *known = Some(value.clone());
        }
        Ok(value)
    }

    /// What an object that is defined by rules has under a key: no other key is looked at, so that what is wrong with
    /// others is not found out.
    fn member(&mut self, index: usize, key: &Value) -> Result<Option<Value>, EvaluationError> {
        if let Some(Some(known)) = self.world.known.get(index) {
            let object = known.as_ref().and_then(|known| known.as_object().ok());
            return Ok(object.and_then(|object| object.get(key)).cloned());
        }
        let Some(rule) = self.plan.rules.get(index) else {
            return Ok(None);
        };
        let place = (index, key.clone());
        if let Some(known) = self.world.members.get(&place) {
            return Ok(known.clone());
        }
        let value = self.deeper(rule, |machine| machine.one_member(rule, key))?;
        self.world.members.insert(place, value.clone());
        Ok(value)
    }

    fn one_member(&mut self, rule: &Rule, key: &Value) -> Result<Option<Value>, EvaluationError> {
        let mut found = None;
        for definition in &rule.definitions {
            let mut frame = Frame::new(definition.slots);
            let Some(own) = &definition.key else {
                continue;
            };
            self.matches(own, key, &mut frame, &mut |machine, frame| {
                machine.body(&definition.body, frame, &mut |machine, frame| {
                    let value = machine.value(&definition.value, frame)?;
                    join(rule, &mut found, value)?;
                    Ok(Flow::Continue)
                })
            })?;
        }
        Ok(found)
    }

    fn function(
        &mut self,
        index: usize,
        arguments: &[Value],
    ) -> Result<Option<Value>, EvaluationError> {
        let Some(rule) = self.plan.rules.get(index) else {
            return Ok(None);
        };
        self.deeper(rule, |machine| machine.complete(rule, arguments))
    }

    fn deeper<T>(
        &mut self,
        rule: &Rule,
        evaluate: impl FnOnce(&mut Self) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        if self.depth >= DEEPEST {
            return Err(EvaluationError::Recursive(rule.name.clone()));
        }
        self.depth += 1;
        let result = evaluate(self);
        self.depth -= 1;
        result
    }

    fn complete(
        &mut self,
        rule: &Rule,
        arguments: &[Value],
    ) -> Result<Option<Value>, EvaluationError> {
        let mut found = None;
        for definition in &rule.definitions {
            let value = self.definition(rule, definition, arguments)?;
            join(rule, &mut found, value)?;
        }
        Ok(found.or_else(|| rule.default.clone()))
    }

    fn definition(
        &mut self,
        rule: &Rule,
        definition: &Definition,
        arguments: &[Value],
    ) -> Result<Option<Value>, EvaluationError> {
        let mut found = None;
        let mut frame = Frame::new(definition.slots);
        let is_constant = matches!(definition.value, Term::Constant(_));
        self.list(
            &definition.arguments,
            arguments,
            &mut frame,
            &mut |machine, frame| {
                machine.body(&definition.body, frame, &mut |machine, frame| {
                    let value = machine.value(&definition.value, frame)?;
                    join(rule, &mut found, value)?;
                    // Every further solution gives the same.
                    Ok(match is_constant {
                        true => Flow::Stop,
                        false => Flow::Continue,
                    })
                })
            },
        )?;
        match &definition.otherwise {
            Some(otherwise) if found.is_none() => self.definition(rule, otherwise, arguments),
            _ => Ok(found),
        }
    }

    fn set(&mut self, rule: &Rule) -> Result<Value, EvaluationError> {
        let mut items = BTreeSet::new();
        for definition in &rule.definitions {
            let mut frame = Frame::new(definition.slots);
            self.body(&definition.body, &mut frame, &mut |machine, frame| {
                if let Some(key) = &definition.key {
                    items.extend(machine.value(key, frame)?);
                }
                Ok(Flow::Continue)
            })?;
        }
        Ok(Value::from(items))
    }

    fn object(&mut self, rule: &Rule) -> Result<Value, EvaluationError> {
        let mut fields = BTreeMap::new();
        for definition in &rule.definitions {
            let mut frame = Frame::new(definition.slots);
            self.body(&definition.body, &mut frame, &mut |machine, frame| {
                let Some(key) = &definition.key else {
                    return Ok(Flow::Continue);
                };
                let (key, value) = (
                    machine.value(key, frame)?,
                    machine.value(&definition.value, frame)?,
                );
                if let (Some(key), Some(value)) = (key, value) {
                    insert(&rule.name, &mut fields, key, value)?;
                }
                Ok(Flow::Continue)
            })?;
        }
        Ok(Value::from(fields))
    }

    fn comprehension(
        &mut self,
        comprehension: &Comprehension,
        frame: &mut Frame,
    ) -> Result<Value, EvaluationError> {
        let Comprehension { of, body } = comprehension;
        match of {
            Collected::Array(term) => {
                let mut items = Vec::new();
                self.body(body, frame, &mut |machine, frame| {
                    items.extend(machine.value(term, frame)?);
                    Ok(Flow::Continue)
                })?;
                Ok(Value::from(items))
            }
            Collected::Set(term) => {
                let mut items = BTreeSet::new();
                self.body(body, frame, &mut |machine, frame| {
                    items.extend(machine.value(term, frame)?);
                    Ok(Flow::Continue)
                })?;
                Ok(Value::from(items))
            }
            Collected::Object(key, value) => {
                let mut fields = BTreeMap::new();
                self.body(body, frame, &mut |machine, frame| {
                    let (key, value) = (machine.value(key, frame)?, machine.value(value, frame)?);
                    if let (Some(key), Some(value)) = (key, value) {
                        insert("object comprehension", &mut fields, key, value)?;
                    }
                    Ok(Flow::Continue)
                })?;
                Ok(Value::from(fields))
            }
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
        if statement.with.is_empty() {
            return self.signed(statement, frame, then);
        }
        let Some(mut other) = self.replaced(statement, frame)? else {
            return Ok(Flow::Continue);
        };
        std::mem::swap(&mut self.world, &mut other);
        let step = self.signed(statement, frame, &mut |machine, frame| {
            // What comes after sees the world as it is.
            std::mem::swap(&mut machine.world, &mut other);
            let step = then(machine, frame);
            std::mem::swap(&mut machine.world, &mut other);
            step
        });
        std::mem::swap(&mut self.world, &mut other);
        step
    }

    /// The world that a statement wants; nothing where a replacement is undefined.
    fn replaced(
        &mut self,
        statement: &Statement,
        frame: &mut Frame,
    ) -> Result<Option<World>, EvaluationError> {
        let mut other = World {
            input: self.world.input.clone(),
            inventory: self.world.inventory.clone(),
            known: vec![None; self.plan.rules.len()],
            members: BTreeMap::new(),
        };
        for (target, term) in &statement.with {
            let Some(value) = self.value(term, frame)? else {
                return Ok(None);
            };
            let root = match target.is_input {
                true => &mut other.input,
                false => &mut other.inventory,
            };
            terms::put(root, &target.path, value);
        }
        Ok(Some(other))
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
            What::Term(term) => self.each(term, frame, &mut |machine, frame, value| match value
                == Value::from(false)
            {
                true => Ok(Flow::Continue),
                false => then(machine, frame),
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

/// Two solutions of one rule have to agree.
fn join(
    rule: &Rule,
    found: &mut Option<Value>,
    value: Option<Value>,
) -> Result<(), EvaluationError> {
    let message = match rule.kind {
        Kind::Function(_) => "functions must not produce multiple outputs for same inputs",
        Kind::Object => "object keys must be unique",
        _ => "complete rules must not produce multiple outputs",
    };
    match (&*found, value) {
        (_, None) => Ok(()),
        (None, value) => {
            *found = value;
            Ok(())
        }
        (Some(one), Some(other)) if *one == other => Ok(()),
        _ => Err(EvaluationError::Conflict {
            rule: rule.name.clone(),
            message,
        }),
    }
}

fn insert(
    of: &str,
    fields: &mut BTreeMap<Value, Value>,
    key: Value,
    value: Value,
) -> Result<(), EvaluationError> {
    if fields.get(&key).is_some_and(|known| *known != value) {
        return Err(EvaluationError::Conflict {
            rule: of.to_owned(),
            message: "object keys must be unique",
        });
    }
    fields.insert(key, value);
    Ok(())
}
