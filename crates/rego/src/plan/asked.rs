//! What of `data.inventory` the rules refer to: whoever keeps it for them keeps that and no more.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use super::{Collected, Definition, Plan, Root, Statement, Term, What};
use crate::syntax::Place;

/// One reference to `data.inventory`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The number of its module.
    pub(crate) module: usize,
    /// Where the statement begins in which it stands.
    pub(crate) at: Place,
    /// The versions, such as `apps/v1`; nothing where they cannot be told.
    pub(crate) group_versions: Option<BTreeSet<String>>,
    /// The kinds; nothing where they cannot be told.
    pub(crate) kinds: Option<BTreeSet<String>>,
}

/// All references, in the order of the rules.
pub(crate) fn asked(plan: &Plan) -> Vec<Asked> {
    let mut search = Search {
        at: (0, Place::default()),
        asked: Vec::new(),
    };
    for rule in &plan.rules {
        for definition in rule.definitions.iter().chain(&rule.default) {
            search.definition(definition, rule.at.1);
        }
    }
    search.asked
}

/// What variables can be where that is written out.
type Known = BTreeMap<usize, BTreeSet<Value>>;

struct Search {
    /// The statement that is looked at.
    at: (usize, Place),
    asked: Vec<Asked>,
}

impl Search {
    fn definition(&mut self, definition: &Definition, at: Place) {
        self.at = (definition.module, at);
        let known = self.body(&definition.body, &Known::new());
        let head = definition.arguments.iter().chain(&definition.path);
        let head = head.chain(&definition.key).chain([&definition.value]);
        head.for_each(|term| self.term(term, &known));
        if let Some(otherwise) = &definition.otherwise {
            self.definition(otherwise, at);
        }
    }

    /// Looks at a body, of which all statements hold together, and returns what its variables can be.
    fn body(&mut self, body: &[Statement], outside: &Known) -> Known {
        let mut known = outside.clone();
        body.iter()
            .for_each(|statement| learn(statement, &mut known));
        let before = self.at;
        for statement in body {
            self.at = (before.0, statement.at);
            self.statement(statement, &known);
        }
        self.at = before;
        known
    }

    fn statement(&mut self, statement: &Statement, known: &Known) {
        for (_, term) in &statement.with {
            self.term(term, known);
        }
        match &statement.what {
            What::Term(term) => self.term(term, known),
            What::Unify(left, right) | What::Equal(left, right) => {
                self.term(left, known);
                self.term(right, known);
            }
            What::SomeIn { key, value, domain } => {
                let terms = key.iter().chain([value, domain]);
                terms.for_each(|term| self.term(term, known));
            }
            What::Every { domain, body, .. } => {
                self.term(domain, known);
                self.body(body, known);
            }
            What::Not(body) => drop(self.body(body, known)),
        }
    }

    fn term(&mut self, term: &Term, known: &Known) {
        match term {
            Term::Constant(_) | Term::Variable(_) => {}
            Term::Ref(root, path) => {
                if *root == Root::Inventory {
                    self.reference(path, known);
                }
                path.iter().for_each(|part| self.term(part, known));
            }
            Term::Call(_, terms) | Term::Array(terms) | Term::Set(terms) => {
                terms.iter().for_each(|term| self.term(term, known));
            }
            Term::Object(fields) => fields.iter().for_each(|(key, value)| {
                self.term(key, known);
                self.term(value, known);
            }),
            Term::Comprehension(comprehension) => {
                let known = self.body(&comprehension.body, known);
                match &comprehension.of {
                    Collected::Array(term) | Collected::Set(term) => self.term(term, &known),
                    Collected::Object(key, value) => {
                        self.term(key, &known);
                        self.term(value, &known);
                    }
                }
            }
        }
    }

    fn reference(&mut self, path: &[Term], known: &Known) {
        let texts = |index: usize| path.get(index).and_then(|part| texts(part, known));
        // `cluster[version][kind]`, and `namespace[name][version][kind]`.
        let (group_versions, kinds) = match path.first() {
            Some(Term::Constant(scope)) if *scope == Value::from("cluster") => (texts(1), texts(2)),
            Some(Term::Constant(scope)) if *scope == Value::from("namespace") => {
                (texts(2), texts(3))
            }
            // There is nothing else.
            Some(Term::Constant(_)) => return,
            _ => (None, None),
        };
        let (module, at) = self.at;
        self.asked.push(Asked {
            module,
            at,
            group_versions,
            kinds,
        });
    }
}

/// The texts that a part of a reference can be. What is no text is no name.
fn texts(part: &Term, known: &Known) -> Option<BTreeSet<String>> {
    let text = |value: &Value| value.as_string().ok().map(ToString::to_string);
    match part {
        Term::Constant(value) => Some(text(value).into_iter().collect()),
        Term::Variable(slot) => known
            .get(slot)
            .map(|values| values.iter().filter_map(text).collect()),
        _ => None,
    }
}

/// Takes note of a variable that a statement compares to what is written out, or looks for in it.
fn learn(statement: &Statement, known: &mut Known) {
    if statement.is_negated {
        return;
    }
    let (slot, values) = match &statement.what {
        What::Unify(Term::Variable(slot), Term::Constant(value))
        | What::Unify(Term::Constant(value), Term::Variable(slot))
        | What::Equal(Term::Variable(slot), Term::Constant(value))
        | What::Equal(Term::Constant(value), Term::Variable(slot)) => {
            (*slot, BTreeSet::from([value.clone()]))
        }
        What::SomeIn {
            value: Term::Variable(slot),
            domain: Term::Constant(domain),
            ..
        } => match domain {
            Value::Array(items) => (*slot, items.iter().cloned().collect()),
            Value::Set(items) => (*slot, items.iter().cloned().collect()),
            _ => return,
        },
        _ => return,
    };
    // Two comparisons of one variable both hold, or neither matters.
    known.entry(slot).or_insert(values);
}
