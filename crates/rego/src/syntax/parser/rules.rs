//! Rules: heads, bodies, and what stands behind `else`.

use super::{DEEPEST, Parser};
use crate::syntax::SourceError;
use crate::syntax::tree::{Body, Head, Place, Rule, Term, What};
use crate::template::Version;

impl Parser<'_> {
    /// One rule, or several where bodies are chained.
    pub(super) fn rule(&mut self, rules: &mut Vec<Rule>) -> Result<(), SourceError> {
        let at = self.place();
        let is_default = self.is_word("default") && !self.is_name_of_reference();
        if is_default {
            self.skip();
        }
        let (mut head, has_contains) = self.head()?;
        if is_default {
            return self.default_rule(at, head, rules);
        }
        let has_if = self.is_keyword("if") && !self.is_name_of_reference();
        let is_bracketed = head.arguments.is_none() && head.path.len() == 1;
        if is_bracketed
            && !has_if
            && !has_contains
            && head.value.is_none()
            && self.version == Version::V0
        {
            // `p[x] { … }` puts x into the set p.
            head.key = head.path.pop();
        }
        let body = if has_if {
            self.skip();
            self.body_after_if()?
        } else if self.is_mark("{") {
            if self.version == Version::V1 {
                return Err(self.error("`if` keyword is required before rule body"));
            }
            self.skip();
            self.body("}")?
        } else if head.value.is_some() || head.key.is_some() {
            Vec::new()
        } else {
            let message = "var cannot be used for rule name: a rule has a body or a value";
            return Err(SourceError::new(at, message));
        };
        let mut rule = Rule {
            at,
            is_default,
            head,
            body,
            otherwise: None,
        };
        if self.is_word("else") && !self.is_name_of_reference() {
            if rule.head.path.iter().any(|part| !part.is_scalar()) {
                return Err(
                    self.error("else keyword cannot be used on rules with variables in head")
                );
            }
            if rule.head.key.is_some() {
                return Err(self.error("else keyword cannot be used on multi-value rules"));
            }
            let head = rule.head.clone();
            let otherwise = self.nested(|parser| parser.otherwise(&head))?;
            rule.otherwise = Some(Box::new(otherwise));
        }
        self.chained(rule, rules)
    }

    /// The rule, and one for each further body that follows it at once.
    fn chained(&mut self, rule: Rule, rules: &mut Vec<Rule>) -> Result<(), SourceError> {
        let (head, has_else) = (rule.head.clone(), rule.otherwise.is_some());
        let may_chain = !rule.body.is_empty() && self.version == Version::V0;
        rules.push(rule);
        while may_chain && self.is_mark("{") {
            if has_else {
                return Err(self.error("expected else keyword"));
            }
            let at = self.place();
            self.skip();
            rules.push(Rule {
                at,
                is_default: false,
                head: head.clone(),
                body: self.body("}")?,
                otherwise: None,
            });
        }
        Ok(())
    }

    fn default_rule(
        &mut self,
        at: Place,
        head: Head,
        rules: &mut Vec<Rule>,
    ) -> Result<(), SourceError> {
        if head.value.is_none() {
            return Err(SourceError::new(
                at,
                "illegal default rule (must have a value)",
            ));
        }
        rules.push(Rule {
            at,
            is_default: true,
            head,
            body: Vec::new(),
            otherwise: None,
        });
        Ok(())
    }

    fn head(&mut self) -> Result<(Head, bool), SourceError> {
        let at = self.place();
        let name = match self.is_name_of_reference() {
            true => self.any_word()?,
            false => self.word()?,
        };
        let (mut path, mut arguments) = (Vec::new(), None);
        match self.finished(Term::Variable(name.clone()), at)? {
            Term::Variable(_) => {}
            Term::Ref(head, rest) if *head == Term::Variable(name.clone()) => path = rest,
            Term::Call(function, given) => {
                let rest = function.into_iter().skip(1);
                path = rest.map(Term::Text).collect();
                arguments = Some(given);
            }
            _ => return Err(SourceError::new(at, "expected rule head name")),
        }
        if path.len() > DEEPEST {
            return Err(SourceError::new(at, "nested too deep"));
        }
        let mut head = Head {
            name,
            path,
            arguments,
            key: None,
            value: None,
        };
        if self.is_keyword("contains") && !self.is_name_of_reference() {
            if head.arguments.is_some() {
                let message =
                    "the contains keyword can only be used with multi-value rule definitions";
                return Err(self.error(message));
            }
            self.skip();
            head.key = Some(self.infix(true)?);
            return Ok((head, true));
        }
        if self.is_mark("=") || self.is_mark(":=") {
            self.skip();
            head.value = Some(self.infix(true)?);
        }
        Ok((head, false))
    }

    /// A literal, or statements in braces.
    fn body_after_if(&mut self) -> Result<Body, SourceError> {
        let begun = self.next;
        if let Ok(statement) = self.statement() {
            let is_set = matches!(statement.what, What::Term(Term::Set(_)));
            if !is_set {
                return Ok(vec![statement]);
            }
        }
        self.next = begun;
        if self.is_mark("{") {
            self.skip();
            return self.body("}");
        }
        // What is wrong with it was told by the first attempt.
        self.statement().map(|statement| vec![statement])
    }

    fn otherwise(&mut self, head: &Head) -> Result<Rule, SourceError> {
        let at = self.place();
        self.chain()?;
        self.skip();
        let mut value = None;
        if self.is_mark("=") || self.is_mark(":=") {
            self.skip();
            value = Some(self.infix(true)?);
        }
        let has_value = value.is_some();
        let head = Head {
            value,
            ..head.clone()
        };
        let body = if self.is_keyword("if") {
            self.skip();
            self.body_after_if()?
        } else if self.is_mark("{") {
            self.skip();
            self.body("}")?
        } else if has_value {
            Vec::new()
        } else {
            return Err(self.error("expected else value term or rule body"));
        };
        let otherwise = if self.is_word("else") && !self.is_name_of_reference() {
            Some(Box::new(self.otherwise(&head)?))
        } else {
            None
        };
        Ok(Rule {
            at,
            is_default: false,
            head,
            body,
            otherwise,
        })
    }
}
