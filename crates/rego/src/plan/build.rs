//! From modules as they are written to a plan.

use std::collections::{BTreeSet, HashMap};

use regorus::Value;

use super::fixed::constant;
use super::index::{Index, LIB};
use super::lookup::looked_up_first;
use super::order::{direct, order, unsafe_variables, variables, within};
use super::{
    Collected, Comprehension, Definition, Plan, Slots, Statement, Target, Term, What, check,
    recursion,
};
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Module, Place};

/// A module's number among those that belong together, and what is wrong in it.
pub(crate) type BuildError = (usize, SourceError);

/// Makes a plan of modules, of which the first has the rule `violation`.
///
/// # Errors
/// Where a name stands for nothing, a variable for nothing that could bind it, or a rule for itself.
pub(crate) fn build(modules: &[Module]) -> Result<Plan, BuildError> {
    check_names(modules)?;
    let index = Index::new(modules)?;
    let names = modules.iter().map(|module| own_names(module, modules));
    let mut definitions = Vec::new();
    for ((number, module), names) in modules.iter().enumerate().zip(names) {
        for (own, rule) in module.rules.iter().enumerate() {
            let Some((of, skipped)) = index.of(number, own) else {
                continue;
            };
            let mut builder = Builder {
                number,
                module,
                index: &index,
                names: &names,
                slots: HashMap::new(),
                count: 0,
            };
            let definition = builder.definition(rule, skipped);
            definitions.push((of, rule, definition.map_err(|error| (number, error))?));
        }
    }
    let Index {
        mut rules, nodes, ..
    } = index;
    for (of, written, definition) in definitions {
        if let Some(rule) = rules.get_mut(of) {
            match written.is_default {
                true => rule.default = Some(definition),
                false => rule.definitions.push(definition),
            }
        }
    }
    let entry = rules
        .iter()
        .position(|rule| rule.at.0 == 0 && rule.name == "violation");
    let entry = entry.ok_or_else(|| {
        let message = "missing required rules: [violation]";
        (0, SourceError::new(Place::default(), message))
    })?;
    let plan = Plan {
        rules,
        nodes,
        entry,
    };
    let order = recursion::check(&plan)?;
    check::check(&plan, &order)?;
    Ok(plan)
}

/// The names of rules that a module can use as they are: those of its package, wherever they are written.
fn own_names(module: &Module, modules: &[Module]) -> BTreeSet<String> {
    let is_first = modules
        .first()
        .is_some_and(|first| std::ptr::eq(first, module));
    let same = modules
        .iter()
        .enumerate()
        .filter(|(number, other)| match is_first {
            true => *number == 0,
            false => *number > 0 && other.package == module.package,
        });
    let rules = same.flat_map(|(_, module)| module.rules.iter());
    rules.map(|rule| rule.head.name.clone()).collect()
}

/// Packages and imports that Gatekeeper lets pass.
fn check_names(modules: &[Module]) -> Result<(), BuildError> {
    for (number, module) in modules.iter().enumerate() {
        let is_lib =
            module.package.len() > 1 && module.package.first().is_some_and(|root| root == LIB);
        if number > 0 && !is_lib {
            let package = module.package.join(".");
            let message =
                format!("invalid package {package}: that of a library must be below {LIB}");
            return Err((number, SourceError::new(module.at, message)));
        }
        for import in &module.imports {
            let parts: Vec<&str> = import.path.iter().map(String::as_str).collect();
            if !matches!(parts.as_slice(), ["future", ..] | ["data", LIB, ..]) {
                let message = format!(
                    "bad import {}: only data.{LIB} and future.keywords can be imported",
                    parts.join(".")
                );
                return Err((number, SourceError::new(import.at, message)));
            }
        }
    }
    Ok(())
}

/// What names of variables have in them that nobody wrote.
const MADE: [&str; 3] = [tree::TEMPLATE_VARIABLE, "__call_", "__term_"];

pub(super) struct Builder<'a> {
    pub(super) number: usize,
    pub(super) module: &'a Module,
    pub(super) index: &'a Index,
    /// The rules of its package.
    pub(super) names: &'a BTreeSet<String>,
    pub(super) slots: HashMap<String, usize>,
    count: usize,
}

impl Builder<'_> {
    fn definition(&mut self, rule: &tree::Rule, skipped: usize) -> Result<Definition, SourceError> {
        self.slots.clear();
        self.count = 0;
        let at = rule.at;
        let head = &rule.head;
        let arguments = head.arguments.iter().flatten();
        let arguments = arguments
            .map(|term| self.term(term, at))
            .collect::<Result<Vec<_>, _>>()?;
        let mut safe = Slots::new();
        arguments.iter().for_each(|term| variables(term, &mut safe));
        let body = self.body(&rule.body)?;
        let body = looked_up_first(body, &mut self.count);
        let path = head.path.get(skipped..).unwrap_or_default();
        let mut path = self.terms(path, at)?;
        let key = head.key.as_ref();
        let mut key = key.map(|key| self.term(key, at)).transpose()?;
        let value = head
            .value
            .as_ref()
            .map(|value| self.term(value, at))
            .transpose()?;
        let mut value = value.unwrap_or(Term::Constant(Value::from(true)));
        let names = self.names();
        let mut yielded = Slots::new();
        key.iter()
            .chain(&path)
            .chain([&value])
            .for_each(|term| variables(term, &mut yielded));
        let body = order(body, &mut safe, &yielded, &names)?;
        for term in key.iter_mut().chain(&mut path).chain([&mut value]) {
            within(term, &safe, &safe, &names)?;
        }
        yielded.retain(|slot| !safe.contains(slot));
        if !yielded.is_empty() {
            return Err(unsafe_variables(at, &yielded, &names));
        }
        let slots = self.count;
        let otherwise = rule.otherwise.as_ref();
        let otherwise = otherwise.map(|rule| self.definition(rule, skipped).map(Box::new));
        Ok(Definition {
            module: self.number,
            slots,
            arguments,
            path,
            key,
            value,
            body,
            otherwise: otherwise.transpose()?,
        })
    }

    /// The variables of an expression in a template string, which is the set of its values: those that are written.
    fn free(&self, item: &tree::Term, body: &[Statement]) -> Slots {
        let mut slots = Slots::new();
        if matches!(item, tree::Term::Variable(name) if name.contains(tree::TEMPLATE_VARIABLE)) {
            body.iter()
                .for_each(|statement| direct(statement, &mut slots));
        }
        for (name, slot) in &self.slots {
            if MADE.iter().any(|made| name.contains(made)) {
                slots.remove(slot);
            }
        }
        slots
    }

    fn names(&self) -> impl Fn(usize) -> String + use<> {
        let names: HashMap<usize, String> = self
            .slots
            .iter()
            .map(|(name, slot)| (*slot, name.clone()))
            .collect();
        move |slot| {
            let name = names.get(&slot).map_or("_", String::as_str);
            // A name that was made of a written one.
            let written = name
                .strip_prefix("__local_")
                .and_then(|name| name.rsplit_once('_'));
            written.map_or(name, |(written, _)| written).to_owned()
        }
    }

    pub(super) fn slot(&mut self, name: &str) -> usize {
        if name != "_"
            && let Some(slot) = self.slots.get(name)
        {
            return *slot;
        }
        let slot = self.count;
        self.count += 1;
        if name != "_" {
            self.slots.insert(name.to_owned(), slot);
        }
        slot
    }

    fn body(&mut self, body: &tree::Body) -> Result<Vec<Statement>, SourceError> {
        let mut statements = Vec::new();
        for statement in body {
            if !matches!(statement.what, tree::What::Some(_)) {
                statements.push(self.statement(statement)?);
            }
        }
        Ok(statements)
    }

    fn statement(&mut self, statement: &tree::Statement) -> Result<Statement, SourceError> {
        let at = statement.at;
        let what = match &statement.what {
            tree::What::Term(tree::Term::Call(function, arguments)) => {
                What::Term(self.call(function, arguments, true, at)?)
            }
            tree::What::Term(term) => What::Term(self.term(term, at)?),
            tree::What::Equal(left, right) => {
                What::Equal(self.term(left, at)?, self.term(right, at)?)
            }
            tree::What::Unify(left, right) | tree::What::Assign(left, right) => {
                What::Unify(self.term(left, at)?, self.term(right, at)?)
            }
            tree::What::SomeIn { key, value, domain } => What::SomeIn {
                key: key.as_ref().map(|key| self.term(key, at)).transpose()?,
                value: self.term(value, at)?,
                domain: self.term(domain, at)?,
            },
            tree::What::Every {
                key,
                value,
                domain,
                body,
            } => What::Every {
                key: key.as_ref().map(|key| self.slot(key)),
                value: self.slot(value),
                domain: self.term(domain, at)?,
                body: self.body(body)?,
            },
            tree::What::Not(body) => What::Not(self.body(body)?),
            tree::What::Some(_) => What::Term(Term::Constant(Value::from(true))),
        };
        let (mut with, mut calls) = (Vec::new(), Vec::new());
        for (target, value) in &statement.with {
            match self.replaced(target, value, at)? {
                (Target::Function(function), Some(by)) => calls.push((function, by)),
                (target, _) => with.push((target, self.term(value, at)?)),
            }
        }
        Ok(Statement {
            at,
            is_negated: statement.is_negated,
            what,
            with,
            calls,
        })
    }

    /// A call, which as a statement may have one argument more than the function: what it returns.
    fn call(
        &mut self,
        function: &[String],
        arguments: &[tree::Term],
        is_statement: bool,
        at: Place,
    ) -> Result<Term, SourceError> {
        let arguments = self.terms(arguments, at)?;
        let function = self.function(function, arguments.len(), is_statement, at)?;
        Ok(Term::Call(function, arguments))
    }

    pub(super) fn terms(
        &mut self,
        terms: &[tree::Term],
        at: Place,
    ) -> Result<Vec<Term>, SourceError> {
        terms.iter().map(|term| self.term(term, at)).collect()
    }

    fn term(&mut self, term: &tree::Term, at: Place) -> Result<Term, SourceError> {
        if let Ok(value) = constant(term) {
            return Ok(Term::Constant(value));
        }
        Ok(match term {
            tree::Term::Variable(name) => Term::Variable(self.slot(name)),
            tree::Term::Ref(head, path) => return self.reference(head, path, at),
            tree::Term::Call(function, arguments) => {
                return self.call(function, arguments, false, at);
            }
            tree::Term::Array(items) => Term::Array(self.terms(items, at)?),
            tree::Term::Set(items) => Term::Set(self.terms(items, at)?),
            tree::Term::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(key, value)| Ok((self.term(key, at)?, self.term(value, at)?)));
                Term::Object(fields.collect::<Result<_, SourceError>>()?)
            }
            tree::Term::ArrayOf(item, body) => {
                let body = self.body(body)?;
                comprehension(Collected::Array(self.term(item, at)?), body)
            }
            tree::Term::SetOf(item, body) => {
                let body = self.body(body)?;
                let free = self.free(item, &body);
                let of = Collected::Set(self.term(item, at)?);
                Term::Comprehension(Box::new(Comprehension { of, body, free }))
            }
            tree::Term::ObjectOf(field, body) => {
                let body = self.body(body)?;
                comprehension(
                    Collected::Object(self.term(&field.0, at)?, self.term(&field.1, at)?),
                    body,
                )
            }
            scalar => {
                Term::Constant(constant(scalar).map_err(|message| SourceError::new(at, message))?)
            }
        })
    }
}

fn comprehension(of: Collected, body: Vec<Statement>) -> Term {
    Term::Comprehension(Box::new(Comprehension {
        of,
        body,
        free: Slots::new(),
    }))
}
