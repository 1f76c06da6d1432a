//! Rules: their values, once for each world, and what their definitions agree on.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use super::nested::Nested;
use super::{DEEPEST, EvaluationError, Flow, Frame, Machine};
use crate::plan::{Collected, Comprehension, Definition, Kind, Rule, Term};

impl Machine<'_> {
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
            Kind::Object => machine.object(rule, &[]).map(Some),
            Kind::Function(_) => Ok(None),
        })?;
        if let Some(known) = self.world.known.get_mut(index) {
            *known = Some(value.clone());
        }
        Ok(value)
    }

    /// An object that is defined by rules, of which only what is below these keys counts: no other is looked at, so that
    /// what is wrong with others is not found out.
    pub(super) fn part(
        &mut self,
        index: usize,
        keys: Vec<Value>,
    ) -> Result<Option<Value>, EvaluationError> {
        if let Some(Some(known)) = self.world.known.get(index) {
            return Ok(known.clone());
        }
        let Some(rule) = self.plan.rules.get(index) else {
            return Ok(None);
        };
        let place = (index, keys);
        if let Some(known) = self.world.members.get(&place) {
            return Ok(Some(known.clone()));
        }
        let value = self.deeper(rule, |machine| machine.object(rule, &place.1))?;
        self.world.members.insert(place, value.clone());
        Ok(Some(value))
    }

    pub(super) fn function(
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
        match (&rule.default, found) {
            (Some(default), None) => self.definition(rule, default, arguments),
            (_, found) => Ok(found),
        }
    }

    /// What a definition says, or else the one behind it.
    fn definition(
        &mut self,
        rule: &Rule,
        definition: &Definition,
        arguments: &[Value],
    ) -> Result<Option<Value>, EvaluationError> {
        let mut next = Some(definition);
        while let Some(definition) = next {
            let found = self.alone(rule, definition, arguments)?;
            if found.is_some() {
                return Ok(found);
            }
            next = definition.otherwise.as_deref();
        }
        Ok(None)
    }

    fn alone(
        &mut self,
        rule: &Rule,
        definition: &Definition,
        arguments: &[Value],
    ) -> Result<Option<Value>, EvaluationError> {
        let mut given = definition.arguments.iter().zip(arguments);
        if given.any(|(term, given)| matches!(term, Term::Constant(value) if value != given)) {
            return Ok(None);
        }
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
        Ok(found)
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

    fn object(&mut self, rule: &Rule, keys: &[Value]) -> Result<Value, EvaluationError> {
        let mut object = Nested::new();
        for definition in &rule.definitions {
            let mut frame = Frame::new(definition.slots);
            let length = keys.len().min(definition.path.len());
            let (own, keys) = (definition.path.get(..length), keys.get(..length));
            let (own, keys) = (own.unwrap_or_default(), keys.unwrap_or_default());
            self.list(own, keys, &mut frame, &mut |machine, frame| {
                machine.body(&definition.body, frame, &mut |machine, frame| {
                    let Some(path) = machine.values(&definition.path, frame)? else {
                        return Ok(Flow::Continue);
                    };
                    let value = definition.key.as_ref().unwrap_or(&definition.value);
                    if let Some(value) = machine.value(value, frame)? {
                        object
                            .put(&path, value, definition.key.is_some())
                            .map_err(|_| EvaluationError::Conflict {
                                rule: rule.name.clone(),
                                message: "object keys must be unique",
                            })?;
                    }
                    Ok(Flow::Continue)
                })
            })?;
        }
        Ok(object.finished())
    }

    pub(super) fn comprehension(
        &mut self,
        comprehension: &Comprehension,
        frame: &mut Frame,
    ) -> Result<Value, EvaluationError> {
        let Comprehension { of, body, .. } = comprehension;
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
}

/// Two solutions of one rule have to agree.
fn join(
    rule: &Rule,
    found: &mut Option<Value>,
    value: Option<Value>,
) -> Result<(), EvaluationError> {
    let message = match rule.kind {
        Kind::Function(_) => "functions must not produce multiple outputs for same inputs",
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
