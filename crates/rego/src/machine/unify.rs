//! What makes two terms the same, and what a value matches.

use std::borrow::Borrow;

use regorus::Value;
use regorus::value::Object;

use super::terms::is_ground;
use super::{Flow, Frame, Machine, Step, Then};
use crate::plan::Term;

impl Machine<'_> {
    pub(super) fn unify(
        &mut self,
        left: &Term,
        right: &Term,
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        let is_each = |term: &Term| matches!(term, Term::Ref(..) | Term::Call(..));
        match (left, right) {
            (Term::Array(left), Term::Array(right)) => match left.len() == right.len() {
                true => self.pairs(left, right, frame, then),
                false => Ok(Flow::Continue),
            },
            // What is called with the left side's operands is compared to what the right side is already.
            (left, right) if is_each(right) && !matches!(left, Term::Ref(..)) => {
                self.each(right, frame, &mut |machine, frame, value| {
                    machine.matches(left, &value, frame, then)
                })
            }
            (left, right) if is_each(left) => {
                self.each(left, frame, &mut |machine, frame, value| {
                    machine.matches(right, &value, frame, then)
                })
            }
            (left, right) => {
                let (known, pattern) = match is_ground(left, frame) {
                    true => (left, right),
                    false => (right, left),
                };
                if !is_ground(known, frame) {
                    return self.fields(left, right, frame, then);
                }
                match self.value(known, frame)? {
                    Some(value) => self.matches(pattern, &value, frame, then),
                    None => Ok(Flow::Continue),
                }
            }
        }
    }

    fn pairs<T: Borrow<Term>>(
        &mut self,
        left: &[T],
        right: &[T],
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        match (left.split_first(), right.split_first()) {
            (Some((left, lefts)), Some((right, rights))) => self.unify(
                left.borrow(),
                right.borrow(),
                frame,
                &mut |machine, frame| machine.pairs(lefts, rights, frame, then),
            ),
            _ => then(self, frame),
        }
    }

    /// Two objects each of which has variables in it.
    fn fields(&mut self, left: &Term, right: &Term, frame: &mut Frame, then: Then<'_>) -> Step {
        let (Term::Object(left), Term::Object(right)) = (left, right) else {
            return Ok(Flow::Continue);
        };
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (key, value) in left {
            let key = self.value(key, frame)?;
            for (other, other_value) in right {
                if key.is_some() && self.value(other, frame)? == key {
                    lefts.push(value);
                    rights.push(other_value);
                }
            }
        }
        let is_same = lefts.len() == left.len() && left.len() == right.len();
        match is_same {
            true => self.pairs(&lefts, &rights, frame, then),
            false => Ok(Flow::Continue),
        }
    }

    /// Goes on where a term is a value, or can be by what it binds.
    pub(super) fn matches(
        &mut self,
        pattern: &Term,
        value: &Value,
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        match pattern {
            Term::Variable(slot) => match frame.get(*slot) {
                Some(bound) if bound == value => then(self, frame),
                Some(_) => Ok(Flow::Continue),
                None => {
                    frame.set(*slot, Some(value.clone()));
                    let step = then(self, frame);
                    frame.set(*slot, None);
                    step
                }
            },
            Term::Array(items) => match value {
                Value::Array(values) if values.len() == items.len() => {
                    let values = values.clone();
                    self.list(items, values.as_slice(), frame, then)
                }
                _ => Ok(Flow::Continue),
            },
            Term::Object(fields) => match value {
                Value::Object(values) if values.len() == fields.len() => {
                    let values = values.clone();
                    self.members(fields, &values, frame, then)
                }
                _ => Ok(Flow::Continue),
            },
            term => self.each(
                term,
                frame,
                &mut |machine, frame, own| match own == *value {
                    true => then(machine, frame),
                    false => Ok(Flow::Continue),
                },
            ),
        }
    }

    pub(super) fn list(
        &mut self,
        patterns: &[Term],
        values: &[Value],
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        match (patterns.split_first(), values.split_first()) {
            (Some((pattern, patterns)), Some((value, values))) => {
                self.matches(pattern, value, frame, &mut |machine, frame| {
                    machine.list(patterns, values, frame, then)
                })
            }
            _ => then(self, frame),
        }
    }

    fn members(
        &mut self,
        fields: &[(Term, Term)],
        values: &Object,
        frame: &mut Frame,
        then: Then<'_>,
    ) -> Step {
        let Some(((key, pattern), fields)) = fields.split_first() else {
            return then(self, frame);
        };
        let key = self.value(key, frame)?;
        match key.and_then(|key| values.get(&key)) {
            Some(value) => self.matches(pattern, value, frame, &mut |machine, frame| {
                machine.members(fields, values, frame, then)
            }),
            None => Ok(Flow::Continue),
        }
    }
}
