//! What a statement sees: the input and the data, and what `with` puts in their place.

use std::collections::BTreeMap;

use regorus::Value;

use super::{Each, EvaluationError, Flow, Frame, Known, Machine, Step, Then, terms};
use crate::builtins::under;
use crate::plan::{Function, Plan, Statement, Target, Term};

/// What `with` replaces, and what was found out by it.
pub(super) struct World {
    pub(super) input: Value,
    pub(super) inventory: Value,
    pub(super) known: Vec<Known>,
    /// Of objects that are defined by rules, what is known of single keys.
    pub(super) members: BTreeMap<(usize, Vec<Value>), Value>,
    /// What stands below `data` in place of rules.
    data: Value,
    /// Where it stands.
    replaced: Vec<Vec<Value>>,
    /// What is called in place of functions, or what they return.
    mocks: Vec<(Function, Mock)>,
}

#[derive(Clone)]
pub(super) enum Mock {
    Value(Value),
    Function(Function),
}

impl World {
    /// One of which nothing is known yet.
    pub(super) fn new(plan: &Plan, input: Value, inventory: Value) -> Self {
        Self {
            input,
            inventory,
            known: vec![None; plan.rules.len()],
            members: BTreeMap::new(),
            data: Value::new_object(),
            replaced: Vec::new(),
            mocks: Vec::new(),
        }
    }

    /// What stands in place of a rule.
    pub(super) fn in_place_of(&self, path: &[Value]) -> Option<Option<Value>> {
        let mut all = self.replaced.iter();
        all.any(|replaced| path.starts_with(replaced))
            .then(|| self.at(path))
    }

    fn at(&self, path: &[Value]) -> Option<Value> {
        let mut value = &self.data;
        for key in path {
            value = under(value, key)?;
        }
        Some(value.clone())
    }

    pub(super) fn mock(&self, function: Function) -> Option<Mock> {
        let mut all = self.mocks.iter().rev();
        all.find(|(of, _)| *of == function)
            .map(|(_, mock)| mock.clone())
    }
}

impl Machine<'_> {
    pub(super) fn in_its_world(
        &mut self,
        statement: &Statement,
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        if statement.with.is_empty() && statement.calls.is_empty() {
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
        let world = &self.world;
        let mut other = World {
            data: world.data.clone(),
            replaced: world.replaced.clone(),
            mocks: world.mocks.clone(),
            ..World::new(self.plan, world.input.clone(), world.inventory.clone())
        };
        for (target, term) in &statement.with {
            let Some(value) = self.value(term, frame)? else {
                return Ok(None);
            };
            match target {
                Target::Input(path) => terms::put(&mut other.input, &keys(path), value),
                Target::Inventory(path) => terms::put(&mut other.inventory, &keys(path), value),
                Target::Data(path) => {
                    terms::put(&mut other.data, path, value);
                    other.replaced.push(path.clone());
                }
                Target::Function(function) => other.mocks.push((*function, Mock::Value(value))),
            }
        }
        let calls = statement.calls.iter();
        other
            .mocks
            .extend(calls.map(|(function, by)| (*function, Mock::Function(*by))));
        Ok(Some(other))
    }

    /// Evaluates something in which functions are what they are.
    pub(super) fn without_mocks<T>(&mut self, evaluate: impl FnOnce(&mut Self) -> T) -> T {
        let mocks = std::mem::take(&mut self.world.mocks);
        let result = evaluate(self);
        self.world.mocks = mocks;
        result
    }

    /// What a path from a node leads to.
    pub(super) fn node(
        &mut self,
        node: usize,
        path: &[Term],
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let Some(here) = self.plan.nodes.get(node) else {
            return Ok(Flow::Continue);
        };
        let mut all = self.world.replaced.iter();
        let is_replaced = all.any(|replaced| here.path.starts_with(replaced));
        let base = match self.world.replaced.is_empty() {
            true => None,
            false => self.world.at(&here.path),
        };
        if is_replaced {
            return match base {
                Some(value) => self.walk(&value, path, frame, each),
                None => Ok(Flow::Continue),
            };
        }
        if let Some(rule) = here.rule {
            return self.rule_at(rule, path, frame, each);
        }
        let Some((first, rest)) = path.split_first() else {
            let value = self.extent(node, base)?;
            return each(self, frame, value);
        };
        if terms::is_ground(first, frame) {
            let Some(key) = self.value(first, frame)? else {
                return Ok(Flow::Continue);
            };
            return self.child(node, base.as_ref(), &key, rest, frame, each);
        }
        let mut keys: Vec<Value> = here.children.keys().cloned().collect();
        if let Some(Value::Object(fields)) = &base {
            let others = fields.iter_sorted().map(|(key, _)| key.clone());
            keys.extend(others.filter(|key| !here.children.contains_key(key)));
        }
        for key in keys {
            let step = self.matches(first, &key, frame, &mut |machine, frame| {
                machine.child(node, base.as_ref(), &key, rest, frame, each)
            })?;
            if step == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn child(
        &mut self,
        node: usize,
        base: Option<&Value>,
        key: &Value,
        rest: &[Term],
        frame: &mut Frame,
        each: Each<'_>,
    ) -> Step {
        let child = self
            .plan
            .nodes
            .get(node)
            .and_then(|node| node.children.get(key));
        if let Some(child) = child {
            return self.node(*child, rest, frame, each);
        }
        match base.and_then(|base| under(base, key)) {
            Some(value) => self.walk(value, rest, frame, each),
            None => Ok(Flow::Continue),
        }
    }

    /// All that is at a node and below it, as one object.
    fn extent(&mut self, node: usize, base: Option<Value>) -> Result<Value, EvaluationError> {
        let mut whole = match base {
            Some(Value::Object(fields)) => Value::Object(fields),
            _ => Value::new_object(),
        };
        let children = self.plan.nodes.get(node).map(|node| &node.children);
        for (key, child) in children.into_iter().flatten() {
            let mut found = None;
            self.node(*child, &[], &mut Frame::new(0), &mut |_, _, value| {
                found = Some(value);
                Ok(Flow::Stop)
            })?;
            if let Some(found) = found {
                terms::put(&mut whole, std::slice::from_ref(key), found);
            }
        }
        Ok(whole)
    }
}

fn keys(path: &[String]) -> Vec<Value> {
    path.iter().map(|part| Value::from(part.as_str())).collect()
}
