//! Bodies, and the statements that they consist of.

use super::Parser;
use crate::syntax::SourceError;
use crate::syntax::tree::{Body, MEMBER, MEMBER_WITH_KEY, Statement, Term, What};

/// More statements are never evaluated together, and to bring them into order would take too long.
const LONGEST_BODY: usize = 3_000;

impl Parser<'_> {
    /// Statements up to a closing mark, which is taken.
    pub(super) fn body(&mut self, end: &str) -> Result<Body, SourceError> {
        self.nested(|parser| {
            if parser.is_mark(end) {
                return Err(parser.error("found empty body"));
            }
            let mut body = Body::new();
            loop {
                body.push(parser.statement()?);
                if body.len() > LONGEST_BODY {
                    return Err(parser.error("too many statements in a body"));
                }
                if parser.is_mark(";") {
                    parser.skip();
                } else if parser.is_mark(end) {
                    parser.skip();
                    return Ok(body);
                } else if !parser.peek().is_after_newline {
                    return Err(parser.error(format!("expected a newline, `;` or `{end}`")));
                }
            }
        })
    }

    pub(super) fn statement(&mut self) -> Result<Statement, SourceError> {
        let at = self.place();
        self.begun = self.next;
        let is_name = self.is_name_of_reference();
        let is_negated = self.is_word("not") && !is_name;
        if is_negated {
            self.skip();
        }
        if is_negated && self.has_not_bodies && self.is_mark("{") {
            self.skip();
            let what = What::Not(self.body("}")?);
            let with = self.modifiers()?;
            return Ok(Statement {
                with,
                ..Statement::new(at, what)
            });
        }
        let is_some = self.is_word("some") && !is_name;
        let is_every = self.is_keyword("every") && !is_name;
        if is_negated && (is_some || is_every) {
            return Err(self.error("illegal negation"));
        }
        let what = if is_some {
            self.some()?
        } else if is_every {
            self.every()?
        } else {
            self.expression()?
        };
        let with = self.modifiers()?;
        if is_negated && self.has_not_bodies {
            let what = What::Not(vec![Statement::new(at, what)]);
            return Ok(Statement {
                with,
                ..Statement::new(at, what)
            });
        }
        Ok(Statement {
            at,
            is_negated,
            what,
            with,
        })
    }

    fn expression(&mut self) -> Result<What, SourceError> {
        let left = self.infix(true)?;
        if self.is_mark(":=") {
            self.skip();
            return Ok(What::Assign(left, self.infix(true)?));
        }
        if self.is_mark("=") {
            self.skip();
            return Ok(What::Unify(left, self.infix(true)?));
        }
        Ok(What::Term(left))
    }

    /// An expression within a template string: the set of its values, or a value that is written out.
    pub(super) fn templated(&mut self) -> Result<Term, SourceError> {
        let statement = self.statement()?;
        let refused = |what| {
            let message = format!("unexpected {what} in template-string expression");
            Err(SourceError::new(statement.at, message))
        };
        if statement.is_negated {
            return refused("negation ('not')");
        }
        let term = match statement.what {
            What::Term(term) => term,
            What::Unify(..) | What::Equal(..) => return refused("unification ('=')"),
            What::Assign(..) => return refused("assignment (':=')"),
            What::Every { .. } => return refused("'every'"),
            What::Some(_) | What::SomeIn { .. } => return refused("'some'"),
            What::Not(_) => return refused("negation ('not')"),
        };
        match term {
            // It is shown as it was written.
            Term::Number(text) if statement.with.is_empty() => return Ok(Term::Text(text)),
            term if term.is_scalar() && statement.with.is_empty() => return Ok(term),
            _ => {}
        }
        let variable = Term::Variable(self.made());
        let assigned = Statement {
            what: What::Assign(variable.clone(), term),
            ..statement
        };
        Ok(Term::SetOf(Box::new(variable), vec![assigned]))
    }

    fn modifiers(&mut self) -> Result<Vec<(Term, Term)>, SourceError> {
        let mut all = Vec::new();
        while self.is_word("with") && !self.is_name_of_reference() {
            self.skip();
            let target = self.term()?;
            if !matches!(target, Term::Ref(..) | Term::Variable(_)) {
                return Err(self.error("expected with target path"));
            }
            if !self.is_word("as") {
                return Err(self.error("expected as keyword"));
            }
            self.skip();
            all.push((target, self.infix(true)?));
        }
        Ok(all)
    }

    fn some(&mut self) -> Result<What, SourceError> {
        self.skip();
        let begun = self.next;
        if let Ok(Term::Call(function, arguments)) = self.infix(true) {
            return member(&function, arguments)
                .map(|(key, value, domain)| What::SomeIn { key, value, domain })
                .ok_or_else(|| self.error("expected `x in xs` or `x, y in xs` expression"));
        }
        self.next = begun;
        let mut names = vec![self.word()?];
        while self.is_mark(",") {
            self.skip();
            names.push(self.word()?);
        }
        Ok(What::Some(names))
    }

    fn every(&mut self) -> Result<What, SourceError> {
        const FORM: &str = "expected `x[, y] in xs { ... }` expression";
        self.skip();
        let Term::Call(function, arguments) = self.infix(true)? else {
            return Err(self.error(FORM));
        };
        let found = member(&function, arguments);
        let (key, value, domain) = found.ok_or_else(|| self.error(FORM))?;
        let name = |term| match term {
            Term::Variable(name) => Ok(name),
            _ => Err(self.error("expected a variable")),
        };
        let (key, value) = (key.map(name).transpose()?, name(value)?);
        if !self.is_mark("{") {
            return Err(self.error("missing body"));
        }
        self.skip();
        Ok(What::Every {
            key,
            value,
            domain,
            body: self.body("}")?,
        })
    }
}

/// Key, value and collection of an expression with `in`.
fn member(function: &[String], arguments: Vec<Term>) -> Option<(Option<Term>, Term, Term)> {
    let mut arguments = arguments.into_iter();
    if function == MEMBER {
        return Some((None, arguments.next()?, arguments.next()?));
    }
    if function == MEMBER_WITH_KEY {
        return Some((
            Some(arguments.next()?),
            arguments.next()?,
            arguments.next()?,
        ));
    }
    None
}
