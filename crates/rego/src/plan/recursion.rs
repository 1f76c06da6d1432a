//! Rules that need themselves, which OPA refuses: a reference counts wherever it stands.

use std::collections::BTreeSet;

use super::build::BuildError;
use super::{Collected, Definition, Function, Plan, Root, Statement, Term, What};
use crate::syntax::SourceError;

/// How far the search for a rule that needs itself has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// One definition of a rule.
#[derive(Clone, Copy)]
pub(super) struct One<'p> {
    /// The rule's number.
    pub(super) rule: usize,
    pub(super) definition: &'p Definition,
}

/// All definitions, each after those that it needs.
///
/// # Errors
/// Where one needs itself.
pub(super) fn check(plan: &Plan) -> Result<Vec<One<'_>>, BuildError> {
    let all: Vec<One> = plan
        .rules
        .iter()
        .enumerate()
        .flat_map(|(rule, own)| {
            let definitions = own.definitions.iter().chain(&own.default);
            definitions.map(move |definition| One { rule, definition })
        })
        .collect();
    let needed: Vec<Vec<usize>> = all
        .iter()
        .map(|one| {
            let mut search = Search {
                plan,
                all: &all,
                found: BTreeSet::new(),
            };
            search.definition(one.definition);
            search.found.into_iter().collect()
        })
        .collect();
    let mut order = Vec::with_capacity(all.len());
    let mut states = vec![State::New; all.len()];
    for start in 0..all.len() {
        if states.get(start) != Some(&State::New) {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((one, next)) = path.last_mut() {
            let one = *one;
            let needed = needed
                .get(one)
                .and_then(|needed| needed.get(*next))
                .copied();
            *next += 1;
            let state = match needed {
                Some(_) => State::Open,
                None => State::Done,
            };
            if let Some(place) = states.get_mut(one) {
                *place = state;
            }
            let Some(needed) = needed else {
                order.extend(all.get(one));
                path.pop();
                continue;
            };
            match states.get(needed) {
                Some(State::New) => path.push((needed, 0)),
                Some(State::Open) => return Err(recursive(plan, &all, &path, needed)),
                _ => {}
            }
        }
    }
    Ok(order)
}

fn recursive(plan: &Plan, all: &[One], path: &[(usize, usize)], needed: usize) -> BuildError {
    let from = path.iter().position(|(one, _)| *one == needed);
    let cycle = path
        .iter()
        .skip(from.unwrap_or_default())
        .map(|(one, _)| *one);
    let rules = cycle
        .chain([needed])
        .filter_map(|one| plan.rules.get(all.get(one)?.rule));
    let names: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
    let first = all.get(needed).and_then(|one| plan.rules.get(one.rule));
    let (number, at) = first.map(|rule| rule.at).unwrap_or_default();
    let name = first.map(|rule| rule.name.as_str()).unwrap_or_default();
    let message = format!("rule {name} is recursive: {}", names.join(" -> "));
    (number, SourceError::new(at, message))
}

/// What rules are referred to.
struct Search<'p> {
    plan: &'p Plan,
    all: &'p [One<'p>],
    found: BTreeSet<usize>,
}

impl Search<'_> {
    fn definition(&mut self, definition: &Definition) {
        self.terms(&definition.arguments);
        self.terms(&definition.path);
        definition.key.iter().for_each(|key| self.term(key));
        self.term(&definition.value);
        self.body(&definition.body);
        if let Some(otherwise) = &definition.otherwise {
            self.definition(otherwise);
        }
    }

    fn body(&mut self, body: &[Statement]) {
        for statement in body {
            statement.with.iter().for_each(|(_, term)| self.term(term));
            statement
                .calls
                .iter()
                .for_each(|(_, by)| self.function(*by));
            match &statement.what {
                What::Term(term) => self.term(term),
                What::Unify(left, right) | What::Equal(left, right) => {
                    self.term(left);
                    self.term(right);
                }
                What::SomeIn { key, value, domain } => {
                    key.iter()
                        .chain([value, domain])
                        .for_each(|term| self.term(term));
                }
                What::Every { domain, body, .. } => {
                    self.term(domain);
                    self.body(body);
                }
                What::Not(body) => self.body(body),
            }
        }
    }

    fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn function(&mut self, function: Function) {
        if let Function::Rule(rule, _) = function {
            self.rule(rule, &[]);
        }
    }

    /// The definitions of a rule that a path from it can lead to.
    fn rule(&mut self, rule: usize, path: &[Term]) {
        let from = self.all.partition_point(|one| one.rule < rule);
        let own = self.all.iter().enumerate().skip(from);
        for (index, one) in own.take_while(|(_, one)| one.rule == rule) {
            let mut parts = one.definition.path.iter().zip(path);
            let can_lead = parts.all(|parts| match parts {
                (Term::Constant(one), Term::Constant(other)) => one == other,
                _ => true,
            });
            if can_lead {
                self.found.insert(index);
            }
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Constant(_) | Term::Variable(_) => {}
            Term::Ref(root, path) => {
                self.terms(path);
                match root {
                    Root::Rule(rule) => self.rule(*rule, path),
                    Root::Node(node) => self.node(*node, path),
                    Root::Input | Root::Inventory | Root::Variable(_) => {}
                }
            }
            Term::Call(function, arguments) => {
                self.function(*function);
                self.terms(arguments);
            }
            Term::Array(items) | Term::Set(items) => self.terms(items),
            Term::Object(fields) => fields.iter().for_each(|(key, value)| {
                self.term(key);
                self.term(value);
            }),
            Term::Comprehension(comprehension) => {
                self.body(&comprehension.body);
                match &comprehension.of {
                    Collected::Array(term) | Collected::Set(term) => self.term(term),
                    Collected::Object(key, value) => {
                        self.term(key);
                        self.term(value);
                    }
                }
            }
        }
    }

    /// All rules that a path from a node can lead to.
    fn node(&mut self, node: usize, path: &[Term]) {
        let Some(node) = self.plan.nodes.get(node) else {
            return;
        };
        if let Some(rule) = node.rule {
            self.rule(rule, path);
        }
        let (first, rest) = match path.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => (None, path),
        };
        match first {
            Some(Term::Constant(key)) => {
                node.children
                    .get(key)
                    .into_iter()
                    .for_each(|child| self.node(*child, rest));
            }
            _ => node
                .children
                .values()
                .for_each(|child| self.node(*child, rest)),
        }
    }
}
