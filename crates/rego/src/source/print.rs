//! A module as regorus reads it without doubt: one statement a line, each ended, every operand by itself.

use std::fmt::Write;

use super::tree::{
    Body, MEMBER, MEMBER_WITH_KEY, Module, OPERATORS, Place, Rule, Statement, Term, Version, What,
};

/// A module in print, and where each of its lines comes from.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    pub(crate) text: String,
    /// The place of each line, the first line first.
    pub(crate) places: Vec<Place>,
}

struct Printer {
    printed: Printed,
    version: Version,
}

/// Prints a module as a package of its own.
pub(crate) fn print(module: &Module, package: &[String]) -> Printed {
    let mut printer = Printer {
        printed: Printed {
            text: String::new(),
            places: Vec::new(),
        },
        version: module.version,
    };
    printer.line(Place::default(), &format!("package {}", path(package)));
    if module.version == Version::V1 {
        printer.line(Place::default(), "import rego.v1");
    }
    for import in &module.imports {
        let is_printed = !(module.version == Version::V1 && import.is_of_keywords());
        if is_printed {
            let alias = import.alias.as_ref().map(|alias| format!(" as {alias}"));
            let alias = alias.unwrap_or_default();
            printer.line(import.at, &format!("import {}{alias}", path(&import.path)));
        }
    }
    for rule in &module.rules {
        printer.rule(rule);
    }
    printer.printed
}

impl Printer {
    fn line(&mut self, at: Place, line: &str) {
        self.printed.text.push_str(line);
        self.printed.text.push('\n');
        // A string may have newlines in it, which JSON writes as escapes: a line is a line.
        self.printed.places.push(at);
    }

    fn rule(&mut self, rule: &Rule) {
        let head = self.head(rule);
        if rule.is_default {
            return self.line(rule.at, &format!("default {head}"));
        }
        if rule.body.is_empty() && rule.otherwise.is_none() {
            return self.line(rule.at, &head);
        }
        self.block(rule.at, &head, &rule.body);
        let mut next = &rule.otherwise;
        while let Some(otherwise) = next {
            let value = otherwise.head.value.as_ref();
            let value = value.map(|value| format!(" = {}", self.term(value)));
            let head = format!("else{}", value.unwrap_or_default());
            // It has to stand on the line of the brace before.
            self.printed.text.pop();
            self.printed.places.pop();
            self.printed.text.push(' ');
            self.block(otherwise.at, &head, &otherwise.body);
            next = &otherwise.otherwise;
        }
    }

    fn head(&self, rule: &Rule) -> String {
        let head = &rule.head;
        let mut text = head.name.clone();
        text.push_str(&self.path_of(&head.path));
        if let Some(arguments) = &head.arguments {
            let _ = write!(text, "({})", self.list(arguments));
        }
        if let Some(key) = &head.key {
            let key = self.term(key);
            return match self.version {
                Version::V0 if head.path.is_empty() => format!("{text}[{key}]"),
                _ => format!("{text} contains {key}"),
            };
        }
        let is_partial = !head.path.is_empty() && head.arguments.is_none();
        let value = head.value.as_ref().map(|value| self.term(value));
        match value.or_else(|| is_partial.then(|| "true".to_owned())) {
            Some(value) => format!("{text} = {value}"),
            None => text,
        }
    }

    fn block(&mut self, at: Place, head: &str, body: &Body) {
        let keyword = match self.version {
            Version::V0 => "",
            Version::V1 => " if",
        };
        self.line(at, &format!("{head}{keyword} {{"));
        if body.is_empty() {
            self.line(at, "true");
        }
        let last = body.len().saturating_sub(1);
        for (index, statement) in body.iter().enumerate() {
            let end = if index == last { "" } else { ";" };
            let line = format!("{}{end}", self.statement(statement));
            self.line(statement.at, &line);
        }
        self.line(at, "}");
    }

    fn statement(&self, statement: &Statement) -> String {
        let mut text = match &statement.what {
            What::Term(term) => self.term(term),
            // An assignment of what is undefined would not fail in regorus' machine, a unification does; what is
            // declared has a name of its own.
            What::Unify(left, right) | What::Assign(left, right) => {
                format!("{} = {}", self.term(left), self.term(right))
            }
            What::Some(names) => format!("some {}", names.join(", ")),
            What::SomeIn { key, value, domain } => {
                let key = key.as_ref().map(|key| format!("{}, ", self.term(key)));
                let key = key.unwrap_or_default();
                format!("some {key}{} in {}", self.term(value), self.term(domain))
            }
            What::Every {
                key,
                value,
                domain,
                body,
            } => {
                let key = key.as_ref().map(|key| format!("{key}, "));
                let (key, domain) = (key.unwrap_or_default(), self.term(domain));
                format!("every {key}{value} in {domain} {{ {} }}", self.body(body))
            }
        };
        if statement.is_negated {
            text.insert_str(0, "not ");
        }
        for (target, value) in &statement.with {
            let _ = write!(text, " with {} as {}", self.term(target), self.term(value));
        }
        text
    }

    fn body(&self, body: &Body) -> String {
        let statements = body.iter().map(|statement| self.statement(statement));
        statements.collect::<Vec<_>>().join("; ")
    }

    fn term(&self, term: &Term) -> String {
        match term {
            Term::Null => "null".to_owned(),
            Term::Bool(value) => value.to_string(),
            Term::Number(number) => number.clone(),
            Term::Text(text) => quoted(text),
            Term::Variable(name) => name.clone(),
            Term::Ref(head, path) => format!("{}{}", self.term(head), self.path_of(path)),
            Term::Call(function, arguments) => self.call(function, arguments),
            Term::Array(items) => format!("[{}]", self.list(items)),
            Term::Set(items) if items.is_empty() => "set()".to_owned(),
            Term::Set(items) => format!("{{{}}}", self.list(items)),
            Term::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(key, value)| format!("{}: {}", self.term(key), self.term(value)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            Term::ArrayOf(item, body) => format!("[{} | {}]", self.term(item), self.body(body)),
            Term::SetOf(item, body) => format!("{{{} | {}}}", self.term(item), self.body(body)),
            Term::ObjectOf(field, body) => {
                let (key, value) = (self.term(&field.0), self.term(&field.1));
                format!("{{{key}: {value} | {}}}", self.body(body))
            }
        }
    }

    fn call(&self, function: &[String], arguments: &[Term]) -> String {
        if let ([name], [left, right]) = (function, arguments)
            && let Some((mark, _)) = OPERATORS.iter().find(|(_, operator)| name == operator)
        {
            return format!("{} {mark} {}", self.enclosed(left), self.enclosed(right));
        }
        match arguments {
            [value, domain] if function == MEMBER => {
                format!("{} in {}", self.term(value), self.term(domain))
            }
            [key, value, domain] if function == MEMBER_WITH_KEY => {
                format!(
                    "{}, {} in {}",
                    self.term(key),
                    self.term(value),
                    self.term(domain)
                )
            }
            _ => format!("{}({})", path(function), self.list(arguments)),
        }
    }

    /// An operand; a minus sign is no operator.
    fn enclosed(&self, term: &Term) -> String {
        match term {
            Term::Number(number) if number.starts_with('-') => format!("({number})"),
            term => self.term(term),
        }
    }

    fn list(&self, terms: &[Term]) -> String {
        let terms = terms.iter().map(|term| self.term(term));
        terms.collect::<Vec<_>>().join(", ")
    }

    fn path_of(&self, path: &[Term]) -> String {
        let parts = path.iter().map(|part| match part {
            Term::Text(text) => step(text),
            part => format!("[{}]", self.term(part)),
        });
        parts.collect()
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn step(part: &str) -> String {
    let is_name = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !part.starts_with(|c: char| c.is_ascii_digit())
        && !part.is_empty();
    match is_name {
        true => format!(".{part}"),
        false => format!("[{}]", quoted(part)),
    }
}

fn path(parts: &[String]) -> String {
    let mut parts = parts.iter();
    let mut text = parts.next().cloned().unwrap_or_default();
    text.extend(parts.map(|part| step(part)));
    text
}
