//! From modules as they are written to a plan.

use std::collections::HashMap;

use regorus::Value;

use super::fixed::{constant, target_of};
use super::index::Index;
use super::order::{order, unsafe_variables, variables, within};
use super::{
    Collected, Comprehension, Definition, Function, Plan, Root, Slots, Statement, Term, What,
};
use crate::builtins;
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Module, Place};

/// A module's number among those that belong together, and what is wrong in it.
pub(crate) type BuildError = (usize, SourceError);

/// Makes a plan of modules, of which the first has the rule `violation`.
///
/// # Errors
/// Where a name stands for nothing, or a variable for nothing that could bind it.
pub(crate) fn build(modules: &[Module]) -> Result<Plan, BuildError> {
    let mut index = Index::default();
    let mut rules = Vec::new();
    for (number, module) in modules.iter().enumerate() {
        for rule in &module.rules {
            index
                .declare(number, module, rule, &mut rules)
                .map_err(|error| (number, error))?;
        }
    }
    for (number, module) in modules.iter().enumerate() {
        for rule in &module.rules {
            let mut builder = Builder {
                number,
                module,
                index: &index,
                slots: HashMap::new(),
                count: 0,
            };
            let error = |error| (number, error);
            let Some(of) = index.rule(number, &rule.head.name) else {
                continue;
            };
            if rule.is_default {
                let value = rule
                    .head
                    .value
                    .as_ref()
                    .map_or(Ok(Value::from(true)), constant);
                let value = value.map_err(|message| error(SourceError::new(rule.at, message)))?;
                if let Some(rule) = rules.get_mut(of) {
                    rule.default = Some(value);
                }
                continue;
            }
            let definition = builder.definition(rule).map_err(error)?;
            if let Some(rule) = rules.get_mut(of) {
                rule.definitions.push(definition);
            }
        }
    }
    let entry = index.rule(0, "violation");
    let entry = entry.ok_or_else(|| {
        let message = "missing required rules: [violation]";
        (0, SourceError::new(Place::default(), message))
    })?;
    Ok(Plan { rules, entry })
}

struct Builder<'a> {
    number: usize,
    module: &'a Module,
    index: &'a Index,
    slots: HashMap<String, usize>,
    count: usize,
}

impl Builder<'_> {
    fn definition(&mut self, rule: &tree::Rule) -> Result<Definition, SourceError> {
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
        let key = head.key.as_ref().or(head.path.first());
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
            .chain([&value])
            .for_each(|term| variables(term, &mut yielded));
        let body = order(body, &mut safe, &yielded, &names)?;
        for term in key.iter_mut().chain([&mut value]) {
            within(term, &safe, &safe, &names)?;
        }
        yielded.retain(|slot| !safe.contains(slot));
        if !yielded.is_empty() {
            return Err(unsafe_variables(at, &yielded, &names));
        }
        let slots = self.count;
        let otherwise = rule.otherwise.as_ref();
        let otherwise = otherwise.map(|rule| self.definition(rule).map(Box::new));
        Ok(Definition {
            slots,
            arguments,
            key,
            value,
            body,
            otherwise: otherwise.transpose()?,
        })
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

    fn slot(&mut self, name: &str) -> usize {
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
            tree::What::Some(_) => What::Term(Term::Constant(Value::from(true))),
        };
        let mut with = Vec::new();
        for (target, value) in &statement.with {
            with.push((target_of(target, at)?, self.term(value, at)?));
        }
        Ok(Statement {
            at,
            is_negated: statement.is_negated,
            what,
            with,
        })
    }

    fn terms(&mut self, terms: &[tree::Term], at: Place) -> Result<Vec<Term>, SourceError> {
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
                let arguments = self.terms(arguments, at)?;
                let function = self.function(function, arguments.len(), at)?;
                Term::Call(function, arguments)
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
                comprehension(Collected::Set(self.term(item, at)?), body)
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

    fn reference(
        &mut self,
        head: &tree::Term,
        path: &[tree::Term],
        at: Place,
    ) -> Result<Term, SourceError> {
        let tree::Term::Variable(name) = head else {
            return Err(SourceError::new(
                at,
                "a reference into something that is no variable",
            ));
        };
        if name == "input" {
            return Ok(Term::Ref(Root::Input, self.terms(path, at)?));
        }
        if let Some(rule) = self
            .index
            .rule(self.number, name)
            .filter(|_| !self.slots.contains_key(name))
        {
            return Ok(Term::Ref(Root::Rule(rule), self.terms(path, at)?));
        }
        let import = self.import(name).filter(|_| !self.slots.contains_key(name));
        let whole: Vec<tree::Term> = match import {
            Some(import) => import
                .path
                .iter()
                .skip(1)
                .cloned()
                .map(tree::Term::Text)
                .chain(path.iter().cloned())
                .collect(),
            None => path.to_vec(),
        };
        let root = import.and_then(|import| import.path.first());
        match root.map_or(name.as_str(), String::as_str) {
            "input" => Ok(Term::Ref(Root::Input, self.terms(&whole, at)?)),
            "data" => self.below_data(&whole, at),
            _ => {
                let slot = self.slot(name);
                Ok(Term::Ref(Root::Variable(slot), self.terms(path, at)?))
            }
        }
    }

    fn below_data(&mut self, path: &[tree::Term], at: Place) -> Result<Term, SourceError> {
        let texts = path.iter().map_while(|part| match part {
            tree::Term::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let texts: Vec<&str> = texts.collect();
        if texts.first() == Some(&"inventory") {
            let rest = path.get(1..).unwrap_or_default();
            return Ok(Term::Ref(Root::Inventory, self.terms(rest, at)?));
        }
        match self.index.below_data(&texts) {
            Some((rule, length)) if texts.first() == Some(&"lib") => {
                let rest = path.get(length..).unwrap_or_default();
                Ok(Term::Ref(Root::Rule(rule), self.terms(rest, at)?))
            }
            _ => Err(SourceError::new(
                at,
                format!("disallowed ref data.{}", texts.join(".")),
            )),
        }
    }

    fn function(&self, path: &[String], given: usize, at: Place) -> Result<Function, SourceError> {
        let undefined = || SourceError::new(at, format!("undefined function {}", path.join(".")));
        let function = self.found(path).ok_or_else(undefined)?;
        let arity = function.arity();
        if given == arity || given == arity + 1 {
            return Ok(function);
        }
        let message = format!(
            "{}: arity mismatch: it takes {arity} arguments, and {given} are given",
            path.join(".")
        );
        Err(SourceError::new(at, message))
    }

    fn found(&self, path: &[String]) -> Option<Function> {
        let rule = match (path, self.import(path.first()?)) {
            ([name], None) => self.index.rule(self.number, name),
            ([root, rest @ ..], None) if root == "data" => self.far(rest),
            ([_, rest @ ..], Some(import)) => {
                let whole: Vec<String> = import.path.iter().skip(1).chain(rest).cloned().collect();
                self.far(&whole)
            }
            _ => None,
        };
        if let Some(rule) = rule {
            let arity = *self.index.arities.get(&rule)?;
            return Some(Function::Rule(rule, arity));
        }
        match path.join(".").as_str() {
            "walk" => Some(Function::Walk),
            name => builtins::find(name).map(Function::Builtin),
        }
    }

    /// What the module imports under a name.
    fn import(&self, name: &str) -> Option<&tree::Import> {
        let mut imports = self.module.imports.iter();
        imports.find(|import| !import.is_of_keywords() && import.name() == Some(name))
    }

    fn far(&self, path: &[String]) -> Option<usize> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (rule, length) = self.index.below_data(&path)?;
        (length == path.len()).then_some(rule)
    }
}

fn comprehension(of: Collected, body: Vec<Statement>) -> Term {
    Term::Comprehension(Box::new(Comprehension { of, body }))
}
