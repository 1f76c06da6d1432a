//! Terms: their values, what matches them, and what references lead to.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use regorus::value::Object;

use super::world::Mock;
use super::{Each, EvaluationError, Flow, Frame, Machine, Step};
use crate::builtins::under;
use crate::plan::{Function, Kind, Root, Term};

impl Machine<'_> {
    /// The value of a term whose variables are bound; nothing where it is undefined.
    pub(super) fn value(
        &mut self,
        term: &Term,
        frame: &mut Frame,
    ) -> Result<Option<Value>, EvaluationError> {
        Ok(match term {
            Term::Constant(value) => Some(value.clone()),
            Term::Variable(slot) => frame.get(*slot).cloned(),
            Term::Array(items) => self.values(items, frame)?.map(Value::from),
            Term::Set(items) => {
                let items = self.values(items, frame)?;
                items.map(|items| Value::from(items.into_iter().collect::<BTreeSet<Value>>()))
            }
            Term::Object(fields) => {
                let mut object = BTreeMap::new();
                for (key, value) in fields {
                    let (key, value) = (self.value(key, frame)?, self.value(value, frame)?);
                    let (Some(key), Some(value)) = (key, value) else {
                        return Ok(None);
                    };
                    object.insert(key, value);
                }
                Some(Value::from(object))
            }
            Term::Comprehension(comprehension) => Some(self.comprehension(comprehension, frame)?),
            Term::Ref(root, path) if self.base(*root, frame).is_some() => {
                let base = self.base(*root, frame);
                match base.and_then(|base| descend(base, path, frame)) {
                    None => None,
                    Some((value, [])) => Some(value.clone()),
                    Some((value, rest)) => {
                        let value = value.clone();
                        let mut found = None;
                        self.walk(&value, rest, frame, &mut |_, _, value| {
                            found = Some(value);
                            Ok(Flow::Stop)
                        })?;
                        found
                    }
                }
            }
            Term::Ref(..) | Term::Call(..) => {
                let mut found = None;
                self.each(term, frame, &mut |_, _, value| {
                    found = Some(value);
                    Ok(Flow::Stop)
                })?;
                found
            }
        })
    }

    pub(super) fn values(
        &mut self,
        terms: &[Term],
        frame: &mut Frame,
    ) -> Result<Option<Vec<Value>>, EvaluationError> {
        let mut values = Vec::with_capacity(terms.len());
        for term in terms {
            match self.value(term, frame)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    /// Every value that a term has, with what it binds.
    pub(super) fn each(&mut self, term: &Term, frame: &mut Frame, each: Each<'_>) -> Step {
        match term {
            Term::Ref(Root::Rule(rule), path) => self.rule_at(*rule, path, frame, each),
            Term::Ref(Root::Node(node), path) => self.node(*node, path, frame, each),
            Term::Ref(root, path) => {
                let base = self.base(*root, frame);
                let found = base.and_then(|base| descend(base, path, frame));
                match found.map(|(value, rest)| (value.clone(), rest)) {
                    Some((value, [])) => each(self, frame, value),
                    Some((value, rest)) => self.walk(&value, rest, frame, each),
                    None => Ok(Flow::Continue),
                }
            }
            Term::Call(function, arguments) => self.call(*function, arguments, frame, each),
            term => match self.value(term, frame)? {
                Some(value) => each(self, frame, value),
                None => Ok(Flow::Continue),
            },
        }
    }

    /// What a reference begins with, if that is no rule.
    fn base<'v>(&'v self, root: Root, frame: &'v Frame) -> Option<&'v Value> {
        match root {
            Root::Input => Some(&self.world.input),
            Root::Inventory => Some(&self.world.inventory),
            Root::Variable(slot) => frame.get(slot),
            Root::Rule(_) | Root::Node(_) => None,
        }
    }

    /// What a path from a rule leads to.
    pub(super) fn rule_at(
        &mut self,
        index: usize,
        path: &[Term],
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let Some(rule) = self.plan.rules.get(index) else {
            return Ok(Flow::Continue);
        };
        let value = match self.world.in_place_of(&rule.path) {
            Some(value) => value,
            None if rule.kind == Kind::Object => {
                let lengths = rule
                    .definitions
                    .iter()
                    .map(|definition| definition.path.len());
                let deepest = lengths.max().unwrap_or_default();
                let keys = path.iter().take(deepest);
                let keys = keys.take_while(|part| is_ground(part, frame)).count();
                let keys = path.get(..keys).unwrap_or_default();
                match self.values(keys, frame)? {
                    Some(keys) if keys.is_empty() => self.rule(index)?,
                    Some(keys) => self.part(index, keys)?,
                    None => None,
                }
            }
            None => self.rule(index)?,
        };
        match value {
            Some(value) => self.walk(&value, path, frame, each),
            None => Ok(Flow::Continue),
        }
    }

    pub(super) fn walk(
        &mut self,
        value: &Value,
        path: &[Term],
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let Some((value, path)) = descend(value, path, frame) else {
            return Ok(Flow::Continue);
        };
        let Some((first, rest)) = path.split_first() else {
            return each(self, frame, value.clone());
        };
        if is_ground(first, frame) {
            let Some(key) = self.value(first, frame)? else {
                return Ok(Flow::Continue);
            };
            return match under(value, &key) {
                Some(value) => self.walk(value, rest, frame, each),
                None => Ok(Flow::Continue),
            };
        }
        items(value, &mut |key, item| {
            self.matches(first, &key, frame, &mut |machine, frame| {
                machine.walk(&item, rest, frame, each)
            })
        })
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Term],
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let arity = function.arity();
        let (inputs, output) = arguments.split_at(arity.min(arguments.len()));
        let Some(inputs) = self.values(inputs, frame)? else {
            return Ok(Flow::Continue);
        };
        let mut yielded =
            |machine: &mut Machine<'_>, frame: &mut Frame, value: Value| match output.first() {
                // What is put into the last argument is no condition.
                Some(output) => machine.matches(output, &value, frame, &mut |machine, frame| {
                    each(machine, frame, Value::from(true))
                }),
                None => each(machine, frame, value),
            };
        let (function, mock) = match self.world.mock(function) {
            None => (function, false),
            Some(Mock::Function(by)) => (by, true),
            Some(Mock::Value(value)) => return yielded(self, frame, value),
        };
        let value = match function {
            Function::Rule(rule, _) if mock => {
                self.without_mocks(|machine| machine.function(rule, &inputs))?
            }
            Function::Builtin(builtin) => {
                let value = builtin.call(&inputs);
                let value = value.map_err(|_| EvaluationError::Builtin)?;
                if value.as_ref().is_some_and(is_too_large) {
                    return Err(EvaluationError::TooLarge);
                }
                value
            }
            Function::Rule(rule, _) => self.function(rule, &inputs)?,
            Function::Walk => {
                let Some(root) = inputs.first() else {
                    return Ok(Flow::Continue);
                };
                return self.walked(root, &mut Vec::new(), frame, &mut yielded);
            }
        };
        match value {
            Some(value) => yielded(self, frame, value),
            None => Ok(Flow::Continue),
        }
    }

    /// Everything in a value, with the path to it.
    fn walked(
        &mut self,
        value: &Value,
        path: &mut Vec<Value>,
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let pair = Value::from(vec![Value::from(path.clone()), value.clone()]);
        if each(self, frame, pair)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        items(value, &mut |key, item| {
            path.push(key);
            let step = self.walked(&item, path, frame, each);
            path.pop();
            step
        })
    }
}

/// As far down a path as its keys are at hand, and what is left of it; nothing where one leads nowhere. It copies nothing.
fn descend<'v, 't>(
    value: &'v Value,
    path: &'t [Term],
    frame: &Frame,
) -> Option<(&'v Value, &'t [Term])> {
    let (mut value, mut path) = (value, path);
    while let Some((first, rest)) = path.split_first() {
        let key = match first {
            Term::Constant(key) => Some(key),
            Term::Variable(slot) => frame.get(*slot),
            _ => None,
        };
        let Some(key) = key else { break };
        (value, path) = (under(value, key)?, rest);
    }
    Some((value, path))
}

/// Whether all variables of a term are bound; those of a comprehension are its own.
pub(super) fn is_ground(term: &Term, frame: &Frame) -> bool {
    match term {
        Term::Constant(_) | Term::Comprehension(_) => true,
        Term::Variable(slot) => frame.get(*slot).is_some(),
        Term::Ref(root, path) => {
            let is_known = match root {
                Root::Variable(slot) => frame.get(*slot).is_some(),
                _ => true,
            };
            is_known && path.iter().all(|term| is_ground(term, frame))
        }
        Term::Call(_, terms) | Term::Array(terms) | Term::Set(terms) => {
            terms.iter().all(|term| is_ground(term, frame))
        }
        Term::Object(fields) => fields
            .iter()
            .all(|(key, value)| is_ground(key, frame) && is_ground(value, frame)),
    }
}

/// Whether a text has more bytes, a collection more items, or a number more digits than a policy needs.
fn is_too_large(value: &Value) -> bool {
    const BYTES: usize = 32 << 20;
    const ITEMS: usize = 1 << 21;
    const BITS: u64 = 1 << 16;
    match value {
        Value::Number(number) => {
            let is_big = number.as_u64().is_none() && number.as_i64().is_none();
            is_big && number.as_big().is_some_and(|number| number.bits() > BITS)
        }
        Value::String(text) => text.len() > BYTES,
        Value::Array(items) => items.len() > ITEMS,
        Value::Set(items) => items.len() > ITEMS,
        Value::Object(fields) => fields.len() > ITEMS,
        _ => false,
    }
}

pub(super) fn is_collection(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_) | Value::Set(_))
}

/// Every key of a collection with what is under it; nothing of what is none.
pub(super) fn items(value: &Value, each: &mut dyn FnMut(Value, Value) -> Step) -> Step {
    let mut go = |key: Value, item: &Value| each(key, item.clone());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if go(Value::from(index as u64), item)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields.iter_sorted() {
                if go(key.clone(), item)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
        }
        Value::Set(items) => {
            for item in items.iter() {
                if go(item.clone(), item)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
        }
        _ => {}
    }
    Ok(Flow::Continue)
}

/// Puts a value at a path of objects, which are made where there are none.
pub(super) fn put(root: &mut Value, path: &[Value], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    let mut fields = match root {
        Value::Object(fields) => (**fields).clone(),
        _ => Object::new(),
    };
    let mut place = fields.get(first).cloned().unwrap_or_else(Value::new_object);
    put(&mut place, rest, value);
    fields.insert(first.clone(), place);
    *root = Value::from(fields);
}
