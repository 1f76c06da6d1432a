//! The form that OPA evaluates: operands of calls, and what stands in arrays, sets and objects, are statements of their
//! own before the one that needs them.
//!
//! It decides verdicts: `not startswith(input.name, "a")` is not true where there is no name, since the operand is
//! looked up before, outside of the `not`; `sprintf("%v", [input.name])` is undefined then.

use super::tree::{Body, Head, Module, Place, Rule, Statement, Term, What};

/// Brings a module into that form. As in OPA, calls go first and references after them, so that of two operands that
/// are wrong the same one is found.
pub(crate) fn expand(module: &mut Module) {
    for moved in [Moved::Calls, Moved::References] {
        let rules = module.rules.iter_mut().filter(|rule| !rule.is_default);
        rules.for_each(|rule| Expander { moved, last: 0 }.rule(rule));
    }
}

/// What becomes a statement of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    Calls,
    /// And comprehensions.
    References,
}

struct Expander {
    moved: Moved,
    /// The number of the last variable that was made.
    last: usize,
}

impl Expander {
    fn rule(&mut self, rule: &mut Rule) {
        let body = std::mem::take(&mut rule.body);
        let mut expanded = self.statements(body);
        self.head(&mut rule.head, rule.at, &mut expanded);
        rule.body = expanded;
        if let Some(otherwise) = &mut rule.otherwise {
            self.rule(otherwise);
        }
    }

    fn head(&mut self, head: &mut Head, at: Place, body: &mut Body) {
        // It stands for the statement that the head's operands are beside.
        let head_itself = Statement::new(at, What::Term(Term::Null));
        let parts = head
            .path
            .iter_mut()
            .chain(&mut head.key)
            .chain(&mut head.value);
        for part in parts {
            let term = std::mem::replace(part, Term::Null);
            *part = self.operand(term, &head_itself, body);
        }
    }

    fn statements(&mut self, body: Body) -> Body {
        let mut expanded = Body::new();
        for statement in body {
            self.statement(statement, &mut expanded);
        }
        expanded
    }

    fn statement(&mut self, mut statement: Statement, out: &mut Body) {
        let is_print =
            matches!(&statement.what, What::Term(Term::Call(name, _)) if name == &["print"]);
        if is_print {
            // Gatekeeper prints nothing, and looks up nothing for it.
            return;
        }
        let plain = Statement::new(statement.at, What::Term(Term::Null));
        for (target, value) in &mut statement.with {
            // What replaces something else than the input may be the name of a function.
            let is_input = target.is_below("input") || value.is_below("input");
            let is_name = value.is_path() && !is_input;
            if !is_name {
                let term = std::mem::replace(value, Term::Null);
                *value = self.operand(term, &plain, out);
            }
        }
        let what = std::mem::replace(&mut statement.what, What::Term(Term::Null));
        statement.what = match what {
            What::Term(Term::Call(function, operands))
                if function == ["equal"] && operands.len() == 2 =>
            {
                let mut operands = operands.into_iter();
                let mut side =
                    || self.side(operands.next().unwrap_or(Term::Null), &statement, true, out);
                What::Equal(side(), side())
            }
            What::Term(term) => What::Term(self.whole(term, &statement, out)),
            What::Unify(left, right) => {
                let left = self.side(left, &statement, statement.is_negated, out);
                let is_call = matches!(left, Term::Call(..));
                let right = self.side(right, &statement, statement.is_negated || is_call, out);
                What::Unify(left, right)
            }
            What::Assign(pattern, value) => {
                let value = self.side(value, &statement, false, out);
                What::Assign(self.side(pattern, &statement, true, out), value)
            }
            What::SomeIn { key, value, domain } => What::SomeIn {
                key,
                value,
                domain: self.side(domain, &statement, true, out),
            },
            What::Every {
                key,
                value,
                domain,
                body,
            } => {
                let domain = self.operand(domain, &statement, out);
                let body = self.statements(body);
                What::Every {
                    key,
                    value,
                    domain,
                    body,
                }
            }
            What::Some(names) => What::Some(names),
            What::Not(body) => What::Not(self.statements(body)),
            What::Equal(left, right) => {
                let left = self.side(left, &statement, true, out);
                What::Equal(left, self.side(right, &statement, true, out))
            }
        };
        out.push(statement);
    }

    /// A term that is a statement.
    fn whole(&mut self, term: Term, of: &Statement, out: &mut Body) -> Term {
        match term {
            Term::Call(function, arguments) => {
                let arguments = arguments.into_iter();
                let arguments = arguments.map(|term| self.operand(term, of, out));
                Term::Call(function, arguments.collect())
            }
            term => self.side(term, of, false, out),
        }
    }

    /// One side of a unification: what it is itself stays, and what it consists of does not.
    fn side(&mut self, term: Term, of: &Statement, is_call_hoisted: bool, out: &mut Body) -> Term {
        match term {
            Term::Ref(head, path) => self.reference(*head, path, of, out),
            Term::Call(function, arguments) if !is_call_hoisted => {
                let arguments = arguments.into_iter();
                let arguments = arguments.map(|term| self.operand(term, of, out));
                Term::Call(function, arguments.collect())
            }
            term if term.is_comprehension() => self.comprehension(term),
            term => self.operand(term, of, out),
        }
    }

    /// Something that is evaluated before the statement it stands in.
    fn operand(&mut self, term: Term, of: &Statement, out: &mut Body) -> Term {
        match term {
            Term::Ref(head, path) => {
                let reference = self.reference(*head, path, of, out);
                self.moved(Moved::References, reference, of, out)
            }
            Term::Call(..) => {
                let call = self.side(term, of, false, out);
                self.moved(Moved::Calls, call, of, out)
            }
            Term::Array(items) => Term::Array(self.operands(items, of, out)),
            Term::Set(items) => Term::Set(self.operands(items, of, out)),
            Term::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let key = self.operand(key, of, out);
                    (key, self.operand(value, of, out))
                });
                Term::Object(fields.collect())
            }
            Term::ArrayOf(..) | Term::SetOf(..) | Term::ObjectOf(..) => {
                let term = self.comprehension(term);
                self.moved(Moved::References, term, of, out)
            }
            term => term,
        }
    }

    fn operands(&mut self, terms: Vec<Term>, of: &Statement, out: &mut Body) -> Vec<Term> {
        let terms = terms.into_iter();
        terms.map(|term| self.operand(term, of, out)).collect()
    }

    fn reference(&mut self, head: Term, path: Vec<Term>, of: &Statement, out: &mut Body) -> Term {
        let head = match head {
            Term::Variable(name) => Term::Variable(name),
            head => {
                let head = self.operand(head, of, out);
                match head {
                    Term::Variable(_) => head,
                    head => self.hoisted(head, of, out),
                }
            }
        };
        Term::Ref(Box::new(head), self.operands(path, of, out))
    }

    fn comprehension(&mut self, term: Term) -> Term {
        match term {
            Term::ArrayOf(item, body) => {
                let (item, body) = self.yielded(*item, body);
                Term::ArrayOf(Box::new(item), body)
            }
            Term::SetOf(item, body) => {
                let (item, body) = self.yielded(*item, body);
                Term::SetOf(Box::new(item), body)
            }
            Term::ObjectOf(field, body) => {
                let (key, value) = *field;
                // As one term, so that both are looked up in the same scope.
                let (pair, body) = self.yielded(Term::Array(vec![key, value]), body);
                let mut pair = match pair {
                    Term::Array(pair) => pair.into_iter(),
                    _ => Vec::new().into_iter(),
                };
                let field = (
                    pair.next().unwrap_or(Term::Null),
                    pair.next().unwrap_or(Term::Null),
                );
                Term::ObjectOf(Box::new(field), body)
            }
            term => term,
        }
    }

    /// What a comprehension collects; its operands belong to its body.
    fn yielded(&mut self, item: Term, body: Body) -> (Term, Body) {
        let at = body
            .first()
            .map_or_else(Place::default, |statement| statement.at);
        let mut body = self.statements(body);
        let item = self.operand(item, &Statement::new(at, What::Term(Term::Null)), &mut body);
        (item, body)
    }

    fn moved(&mut self, now: Moved, term: Term, of: &Statement, out: &mut Body) -> Term {
        match self.moved == now {
            true => self.hoisted(term, of, out),
            false => term,
        }
    }

    fn hoisted(&mut self, term: Term, of: &Statement, out: &mut Body) -> Term {
        self.last += 1;
        let kind = match self.moved {
            Moved::Calls => "call",
            Moved::References => "term",
        };
        let variable = Term::Variable(format!("__{kind}_{}", self.last));
        out.push(of.beside(What::Assign(variable.clone(), term)));
        variable
    }
}
