//! Terms of which the types exclude each other are refused before anything is evaluated, as OPA refuses them: a function
//! that is called with something else than it takes, a comparison of what cannot be the same, a reference into what has
//! no fields. What is not known is taken for whatever it has to be.

use std::collections::HashMap;

use super::build::BuildError;
use super::recursion::One;
use super::types::Type;
use super::{Collected, Comprehension, Definition, Function, Plan, Statement, Term, What};
use crate::syntax::{Place, SourceError};

/// What is known of a rule: its type, and of a function those of its arguments.
#[derive(Clone)]
pub(super) struct Known {
    arguments: Vec<Type>,
    pub(super) result: Type,
}

pub(super) struct Checker<'p> {
    pub(super) plan: &'p Plan,
    pub(super) rules: Vec<Option<Known>>,
    /// Of the definition that is being checked.
    pub(super) variables: Vec<Option<Type>>,
    /// Of comprehensions that were checked, by where they stand.
    pub(super) comprehensions: HashMap<*const Comprehension, Type>,
}

/// Checks all definitions, each after those that it needs.
pub(super) fn check(plan: &Plan, order: &[One]) -> Result<(), BuildError> {
    let mut checker = Checker {
        plan,
        rules: vec![None; plan.rules.len()],
        variables: Vec::new(),
        comprehensions: HashMap::new(),
    };
    for one in order {
        let mut next = Some(one.definition);
        while let Some(definition) = next {
            let known = checker.definition(definition);
            let known = known.map_err(|error| (definition.module, error))?;
            if let Some(place) = checker.rules.get_mut(one.rule) {
                *place = Some(match place.take() {
                    None => known,
                    Some(found) => found.or(known),
                });
            }
            next = definition.otherwise.as_deref();
        }
    }
    Ok(())
}

impl Known {
    fn or(self, other: Self) -> Self {
        let arguments = self.arguments.into_iter().zip(other.arguments);
        Self {
            arguments: arguments.map(|(one, other)| one.or(other)).collect(),
            result: self.result.or(other.result),
        }
    }
}

impl Checker<'_> {
    fn definition(&mut self, definition: &Definition) -> Result<Known, SourceError> {
        self.variables = vec![None; definition.slots];
        self.body(&definition.body)?;
        for slot in &mut self.variables {
            slot.get_or_insert(Type::Any);
        }
        let arguments = definition.arguments.iter().map(|term| self.known(term));
        let arguments = arguments.collect();
        let mut result = match &definition.key {
            Some(key) => Type::Set(Box::new(self.known(key))),
            None => self.known(&definition.value),
        };
        for key in definition.path.iter().rev() {
            result = Type::object(Vec::new(), Some((self.known(key), result)));
        }
        Ok(Known { arguments, result })
    }

    fn body(&mut self, body: &[Statement]) -> Result<(), SourceError> {
        body.iter()
            .try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), SourceError> {
        let at = statement.at;
        for (_, value) in &statement.with {
            self.inside(value, at)?;
        }
        match &statement.what {
            What::Term(Term::Call(function, arguments)) => self.call(*function, arguments, at),
            What::Term(term) => self.inside(term, at),
            What::Unify(left, right) | What::Equal(left, right) => self.equal(left, right, at),
            What::SomeIn { key, value, domain } => {
                self.inside(domain, at)?;
                let Some(domain) = self.of(domain) else {
                    return Ok(());
                };
                let Some(keys) = domain.keys() else {
                    let message = format!("undefined ref: a {} has no items", domain.shown());
                    return Err(SourceError::new(at, message));
                };
                let is_key = key.as_ref().is_none_or(|key| self.unify(key, &keys, false));
                match is_key && self.unify(value, &domain.values(), false) {
                    true => Ok(()),
                    false => Err(SourceError::new(at, "match error")),
                }
            }
            // As in OPA, only references are looked at in their bodies.
            What::Every { domain, body, .. } => {
                self.inside(domain, at)?;
                body.iter()
                    .try_for_each(|statement| self.references_of(statement))
            }
            What::Not(body) => body
                .iter()
                .try_for_each(|statement| self.references_of(statement)),
        }
    }

    fn references_of(&mut self, statement: &Statement) -> Result<(), SourceError> {
        match &statement.what {
            What::Term(term) => self.references(term, statement.at),
            What::Unify(left, right) | What::Equal(left, right) => {
                self.references(left, statement.at)?;
                self.references(right, statement.at)
            }
            What::SomeIn { domain, .. } => self.references(domain, statement.at),
            What::Every { domain, body, .. } => {
                self.references(domain, statement.at)?;
                body.iter()
                    .try_for_each(|statement| self.references_of(statement))
            }
            What::Not(body) => body
                .iter()
                .try_for_each(|statement| self.references_of(statement)),
        }
    }

    fn references(&mut self, term: &Term, at: Place) -> Result<(), SourceError> {
        match term {
            Term::Ref(root, path) => {
                let found = self.path(*root, path).map(|_| ());
                found.map_err(|message| SourceError::new(at, message))
            }
            Term::Call(_, items) | Term::Array(items) | Term::Set(items) => {
                items.iter().try_for_each(|item| self.references(item, at))
            }
            Term::Object(fields) => fields.iter().try_for_each(|(key, value)| {
                self.references(key, at)?;
                self.references(value, at)
            }),
            Term::Constant(_) | Term::Variable(_) | Term::Comprehension(_) => Ok(()),
        }
    }

    fn equal(&mut self, left: &Term, right: &Term, at: Place) -> Result<(), SourceError> {
        for (one, other) in [(left, right), (right, left)] {
            if let Term::Call(function, arguments) = one {
                self.inside(other, at)?;
                self.call(*function, arguments, at)?;
                let result = match arguments.len() > function.arity() {
                    true => Type::Bool,
                    false => self.result(*function),
                };
                return match self.unify(other, &result, false) {
                    true => Ok(()),
                    false => Err(self.mismatch(other, &result, at)),
                };
            }
        }
        self.inside(left, at)?;
        self.inside(right, at)?;
        match self.same(left, right) {
            true => Ok(()),
            false => {
                let right = self.of(right).unwrap_or(Type::Any);
                Err(self.mismatch(left, &right, at))
            }
        }
    }

    fn mismatch(&mut self, left: &Term, right: &Type, at: Place) -> SourceError {
        let left = self.of(left).map_or("any".to_owned(), |left| left.shown());
        SourceError::new(
            at,
            format!("match error: a {left} is never a {}", right.shown()),
        )
    }

    fn same(&mut self, left: &Term, right: &Term) -> bool {
        match (self.of(left), self.of(right)) {
            (None, Some(right)) => self.unify(left, &right, false),
            (Some(left), None) => self.unify(right, &left, false),
            (Some(left), Some(right)) => left.unifies(&right),
            (None, None) => match (left, right) {
                (Term::Array(left), Term::Array(right)) => {
                    let is_as_long = left.len() == right.len();
                    is_as_long
                        && left
                            .iter()
                            .zip(right)
                            .all(|(left, right)| self.same(left, right))
                }
                (Term::Variable(_), _) => self.of_parts(right, left),
                _ => self.of_parts(left, right),
            },
        }
    }

    /// Nothing is known of either: what the one consists of is whatever, and the other is what the one is.
    fn of_parts(&mut self, one: &Term, other: &Term) -> bool {
        self.unify(one, &Type::Any, false);
        let known = self.known(one);
        self.unify(other, &known, false)
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Term],
        at: Place,
    ) -> Result<(), SourceError> {
        for argument in arguments {
            self.inside(argument, at)?;
        }
        let (name, mut wanted) = match function {
            Function::Builtin(builtin) => {
                let letters = builtin.arguments.split(',').filter(|it| !it.is_empty());
                (builtin.name, letters.map(Type::of_letters).collect())
            }
            Function::Walk => ("walk", vec![Type::Any]),
            Function::Rule(rule, arity) => {
                let known = self.rules.get(rule).and_then(Option::as_ref);
                let arguments = known.map(|known| known.arguments.clone());
                let arguments = arguments.unwrap_or_else(|| vec![Type::Any; arity]);
                let rule = self.plan.rules.get(rule);
                (rule.map_or("", |rule| rule.name.as_str()), arguments)
            }
        };
        wanted.push(self.result(function));
        for (index, (argument, wanted)) in arguments.iter().zip(&wanted).enumerate() {
            if !self.unify(argument, wanted, false) {
                let found = self
                    .of(argument)
                    .map_or("any".to_owned(), |found| found.shown());
                let message = format!(
                    "{name}: invalid argument(s): argument {} is a {found}, and has to be a {}",
                    index + 1,
                    wanted.shown()
                );
                return Err(SourceError::new(at, message));
            }
        }
        Ok(())
    }

    pub(super) fn result(&self, function: Function) -> Type {
        match function {
            Function::Builtin(builtin) => Type::of_letters(builtin.result),
            Function::Walk => Type::of_letters("A"),
            Function::Rule(rule, _) => {
                let known = self.rules.get(rule).and_then(Option::as_ref);
                known.map_or(Type::Any, |known| known.result.clone())
            }
        }
    }

    /// Checks what stands within a term: comprehensions, and where references lead.
    fn inside(&mut self, term: &Term, at: Place) -> Result<(), SourceError> {
        match term {
            Term::Constant(_) | Term::Variable(_) => Ok(()),
            Term::Ref(root, path) => {
                path.iter().try_for_each(|part| self.inside(part, at))?;
                self.path(*root, path)
                    .map(|_| ())
                    .map_err(|message| SourceError::new(at, message))
            }
            Term::Call(function, arguments) => self.call(*function, arguments, at),
            Term::Array(items) | Term::Set(items) => {
                items.iter().try_for_each(|item| self.inside(item, at))
            }
            Term::Object(fields) => fields.iter().try_for_each(|(key, value)| {
                self.inside(key, at)?;
                self.inside(value, at)
            }),
            Term::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    /// Checks a comprehension's body, and finds out the comprehension's type by it.
    fn comprehension(&mut self, comprehension: &Comprehension) -> Result<(), SourceError> {
        let before = self.variables.clone();
        self.body(&comprehension.body)?;
        let found = match &comprehension.of {
            Collected::Array(item) => {
                let item = self.known(item);
                Type::Array(Vec::new(), Some(Box::new(item)))
            }
            Collected::Set(item) => Type::Set(Box::new(self.known(item))),
            Collected::Object(key, value) => {
                let (key, value) = (self.known(key), self.known(value));
                Type::object(Vec::new(), Some((key, value)))
            }
        };
        self.variables = before;
        for slot in &comprehension.free {
            // What a template string shows can be whatever.
            if let Some(variable) = self.variables.get_mut(*slot) {
                *variable = Some(Type::Any);
            }
        }
        self.comprehensions.insert(comprehension, found);
        Ok(())
    }
}
