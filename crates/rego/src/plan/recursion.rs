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

/// All rules, each after those that it needs.
///
/// # Errors
/// Where one needs itself.
pub(super) fn check(plan: &Plan) -> Result<Vec<usize>, BuildError> {
    let needed: Vec<Vec<usize>> = plan
        .rules
        .iter()
        .map(|rule| {
            let mut search = Search {
                plan,
                found: BTreeSet::new(),
            };
            let definitions = rule.definitions.iter().chain(&rule.default);
            definitions.for_each(|definition| search.definition(definition));
            search.found.into_iter().collect()
        })
        .collect();
    let mut order = Vec::with_capacity(plan.rules.len());
    let mut states = vec![State::New; plan.rules.len()];
    for start in 0..plan.rules.len() {
        let mut path = vec![(start, 0)];
        if states.get(start) != Some(&State::New) {
            continue;
        }
        while let Some((rule, next)) = path.last_mut() {
            let rule = *rule;
            let needed = needed
                .get(rule)
                .and_then(|needed| needed.get(*next))
                .copied();
            *next += 1;
            let mut set = |rule: usize, state| {
                if let Some(place) = states.get_mut(rule) {
                    *place = state;
                }
            };
            set(rule, State::Open);
            let Some(needed) = needed else {
                set(rule, State::Done);
                order.push(rule);
                path.pop();
                continue;
            };
            match states.get(needed) {
                Some(State::New) => path.push((needed, 0)),
                Some(State::Open) => return Err(recursive(plan, &path, needed)),
                _ => {}
            }
        }
    }
    Ok(order)
}

fn recursive(plan: &Plan, path: &[(usize, usize)], needed: usize) -> BuildError {
    let from = path
        .iter()
        .position(|(rule, _)| *rule == needed)
        .unwrap_or_default();
    let cycle = path
        .iter()
        .skip(from)
        .map(|(rule, _)| *rule)
        .chain([needed]);
    let names = cycle
        .filter_map(|rule| plan.rules.get(rule))
        .map(|rule| rule.name.as_str());
    let names: Vec<&str> = names.collect();
    let first = plan.rules.get(needed);
    let (number, at) = first.map(|rule| rule.at).unwrap_or_default();
    let name = first.map(|rule| rule.name.as_str()).unwrap_or_default();
    let message = format!("rule {name} is recursive: {}", names.join(" -> "));
    (number, SourceError::new(at, message))
}

/// What rules are referred to.
struct Search<'p> {
    plan: &'p Plan,
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
            self.found.insert(rule);
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Constant(_) | Term::Variable(_) => {}
            Term::Ref(root, path) => {
                self.terms(path);
                match root {
                    Root::Rule(rule) => {
                        self.found.insert(*rule);
                    }
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
        self.found.extend(node.rule);
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
