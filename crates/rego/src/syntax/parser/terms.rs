//! Terms, and the operators between them.

use super::Parser;
use crate::syntax::SourceError;
use crate::syntax::lexer::Kind;
use crate::syntax::tree::{MEMBER, MEMBER_WITH_KEY, OPERATORS, Place, TEMPLATE, Term};

/// Operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 5] = [
    &["==", "!=", "<", "<=", ">", ">="],
    &["|"],
    &["&"],
    &["+", "-"],
    &["*", "/", "%"],
];

fn called(path: &[&str], arguments: Vec<Term>) -> Term {
    Term::Call(
        path.iter().map(|part| (*part).to_owned()).collect(),
        arguments,
    )
}

impl Parser<'_> {
    /// A term with operators; where no list could be meant, also `key, value in collection`.
    pub(super) fn infix(&mut self, may_have_key: bool) -> Result<Term, SourceError> {
        self.nested(|parser| {
            let mut left = parser.level(0)?;
            if may_have_key && parser.is_mark(",") {
                let begun = parser.next;
                parser.skip();
                match parser.level(0) {
                    Ok(value) if parser.is_keyword("in") && !parser.is_name_of_reference() => {
                        parser.skip();
                        let domain = parser.level(0)?;
                        left = called(&MEMBER_WITH_KEY, vec![left, value, domain]);
                    }
                    _ => parser.next = begun,
                }
            }
            while parser.is_keyword("in") && !parser.is_name_of_reference() {
                parser.chain()?;
                parser.skip();
                let domain = parser.level(0)?;
                left = called(&MEMBER, vec![left, domain]);
            }
            Ok(left)
        })
    }

    fn level(&mut self, level: usize) -> Result<Term, SourceError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.term();
        };
        let mut left = self.level(level + 1)?;
        loop {
            let token = self.peek();
            let is_one = token.kind == Kind::Mark && operators.contains(&token.text);
            let found = OPERATORS
                .iter()
                .find(|(mark, _)| is_one && token.text == *mark);
            let Some((_, name)) = found else {
                return Ok(left);
            };
            self.chain()?;
            self.skip();
            let right = self.level(level + 1)?;
            left = called(&[name], vec![left, right]);
        }
    }

    pub(super) fn term(&mut self) -> Result<Term, SourceError> {
        if let Some((term, end)) = self.known.get(&self.next) {
            let (term, end) = (term.clone(), *end);
            self.next = end;
            return Ok(term);
        }
        self.nested(Self::new_term)
    }

    fn new_term(&mut self) -> Result<Term, SourceError> {
        let at = self.place();
        if self.is_mark("-") {
            return self.negative(at);
        }
        let head = match (self.peek().kind.clone(), self.peek().text) {
            (Kind::Text(text), _) => {
                self.skip();
                Term::Text(text)
            }
            (Kind::Template { text, is_last }, _) => self.template(text, is_last)?,
            (Kind::Number, _) => self.number("")?,
            (Kind::Mark, "[") => self.array()?,
            (Kind::Mark, "{") => self.set_or_object()?,
            (Kind::Mark, "(") => {
                self.skip();
                let inner = self.infix(true)?;
                self.expect(")")?;
                inner
            }
            (Kind::Word, word) if self.begun != self.next || !self.is_name_of_reference() => {
                self.scalar_or_variable(word)?
            }
            (Kind::Word, _) => Term::Variable(self.any_word()?),
            _ => return Err(self.error("expected a term")),
        };
        self.finished(head, at)
    }

    /// A template string, of which the first part is next.
    fn template(&mut self, text: String, is_last: bool) -> Result<Term, SourceError> {
        if !self.has_templates {
            let message = "template strings are not supported by this version of Rego";
            return Err(SourceError::new(self.place(), message));
        }
        let mut parts = Vec::new();
        let (mut text, mut is_last) = (text, is_last);
        loop {
            self.skip();
            if !text.is_empty() {
                parts.push(Term::Text(text));
            }
            if is_last {
                return Ok(called(&TEMPLATE, vec![Term::Array(parts)]));
            }
            parts.push(self.templated()?);
            (text, is_last) = match self.peek().kind.clone() {
                Kind::Template { text, is_last } => (text, is_last),
                _ => return Err(self.error("expected } to end template string expression")),
            };
        }
    }

    fn scalar_or_variable(&mut self, word: &str) -> Result<Term, SourceError> {
        let term = match word {
            "null" => Term::Null,
            "true" => Term::Bool(true),
            "false" => Term::Bool(false),
            _ => return self.word().map(Term::Variable),
        };
        self.skip();
        Ok(term)
    }

    fn number(&mut self, sign: &str) -> Result<Term, SourceError> {
        let text = self.peek().text;
        let bytes = text.as_bytes();
        let leads = bytes.first() == Some(&b'0') && bytes.get(1).is_some_and(u8::is_ascii_digit);
        if leads {
            return Err(self.error("expected number without leading zero"));
        }
        self.skip();
        Ok(Term::Number(format!("{sign}{text}")))
    }

    /// A negative number, or what a reference is subtracted from nothing.
    fn negative(&mut self, at: Place) -> Result<Term, SourceError> {
        self.skip();
        if self.peek().kind == Kind::Number {
            let number = self.number("-")?;
            return self.finished(number, at);
        }
        let at = self.place();
        let head = Term::Variable(self.word()?);
        let subtracted = self.finished(head, at)?;
        Ok(called(
            &["minus"],
            vec![Term::Number("0".to_owned()), subtracted],
        ))
    }

    /// What stands at once behind a term belongs to it: `.name`, `[…]`, `(…)`.
    pub(super) fn finished(&mut self, head: Term, at: Place) -> Result<Term, SourceError> {
        let mut term = head;
        loop {
            let token = self.peek();
            if token.is_after_space || token.kind != Kind::Mark {
                break;
            }
            term = match token.text {
                "." => {
                    self.skip();
                    let field = self.any_word()?;
                    self.extended(term, Term::Text(field), at)?
                }
                "[" => {
                    self.skip();
                    let index = self.infix(true)?;
                    self.expect("]")?;
                    self.extended(term, index, at)?
                }
                "(" => {
                    self.skip();
                    let arguments = self.terms(")", Vec::new())?;
                    self.call(term, arguments, at)?
                }
                _ => break,
            };
        }
        match term {
            Term::Variable(name) if name == "input" || name == "data" => {
                Ok(Term::Ref(Box::new(Term::Variable(name)), Vec::new()))
            }
            term => Ok(term),
        }
    }

    fn extended(&self, term: Term, index: Term, at: Place) -> Result<Term, SourceError> {
        match term {
            Term::Ref(head, mut path) => {
                path.push(index);
                Ok(Term::Ref(head, path))
            }
            term if term.is_scalar() => Err(SourceError::new(
                at,
                "illegal ref (head cannot be a scalar)",
            )),
            term => Ok(Term::Ref(Box::new(term), vec![index])),
        }
    }

    fn call(&self, function: Term, arguments: Vec<Term>, at: Place) -> Result<Term, SourceError> {
        let illegal = || SourceError::new(at, "only a function can be called");
        let (head, path) = match function {
            Term::Variable(name) => (name, Vec::new()),
            Term::Ref(head, path) => match *head {
                Term::Variable(name) => (name, path),
                _ => return Err(illegal()),
            },
            _ => return Err(illegal()),
        };
        if head == "set" && path.is_empty() && arguments.is_empty() {
            return Ok(Term::Set(Vec::new()));
        }
        let mut function = vec![head];
        for part in path {
            let Term::Text(part) = part else {
                return Err(illegal());
            };
            function.push(part);
        }
        Ok(Term::Call(function, arguments))
    }

    /// Terms between commas up to a closing mark, which is taken; a comma may stand before it.
    fn terms(&mut self, end: &str, mut terms: Vec<Term>) -> Result<Vec<Term>, SourceError> {
        while !self.is_mark(end) {
            terms.push(self.infix(false)?);
            if !self.is_mark(end) {
                self.expect(",")?;
            }
        }
        self.skip();
        Ok(terms)
    }

    /// Remembers what begins here, since it is read again.
    fn return_to(&mut self, begun: usize, term: Term) {
        self.known.insert(begun, (term, self.next));
        self.next = begun;
    }

    fn array(&mut self) -> Result<Term, SourceError> {
        self.skip();
        if self.is_mark("]") {
            self.skip();
            return Ok(Term::Array(Vec::new()));
        }
        let begun = self.next;
        // No operator is read: `|` may be that of a comprehension, which goes first.
        let head = self.term()?;
        if self.is_mark("|") {
            self.skip();
            let body = self.body("]")?;
            return Ok(Term::ArrayOf(Box::new(head), body));
        }
        self.return_to(begun, head);
        Ok(Term::Array(self.terms("]", Vec::new())?))
    }

    fn set_or_object(&mut self) -> Result<Term, SourceError> {
        self.skip();
        if self.is_mark("}") {
            self.skip();
            return Ok(Term::Object(Vec::new()));
        }
        let begun = self.next;
        let head = self.term()?;
        if self.is_mark("|") {
            self.skip();
            let body = self.body("}")?;
            return Ok(Term::SetOf(Box::new(head), body));
        }
        if self.is_mark(":") {
            return self.object(head);
        }
        self.return_to(begun, head);
        let first = self.infix(false)?;
        if self.is_mark(":") {
            return self.object(first);
        }
        if !self.is_mark("}") {
            self.expect(",")?;
        }
        Ok(Term::Set(self.terms("}", vec![first])?))
    }

    /// An object, of which the first key has been read.
    fn object(&mut self, first: Term) -> Result<Term, SourceError> {
        self.skip();
        let begun = self.next;
        let value = self.term()?;
        if self.is_mark("|") {
            self.skip();
            let body = self.body("}")?;
            return Ok(Term::ObjectOf(Box::new((first, value)), body));
        }
        self.return_to(begun, value);
        let mut fields = vec![(first, self.infix(false)?)];
        while !self.is_mark("}") {
            self.expect(",")?;
            if self.is_mark("}") {
                break;
            }
            let key = self.infix(false)?;
            self.expect(":")?;
            fields.push((key, self.infix(false)?));
        }
        self.skip();
        Ok(Term::Object(fields))
    }
}
