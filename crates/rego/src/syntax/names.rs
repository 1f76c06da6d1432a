//! What names stand for. Each variable that is declared gets a name that nothing else has within its rule, so that a
//! declaration can be written as a unification; names of rules and imports become references.

use std::collections::{BTreeMap, BTreeSet};

use super::SourceError;
use super::tree::{Body, Module, Place, Rule, Statement, Term, What};

/// Resolves all names of a module, in whose package there are rules of these names.
///
/// # Errors
/// When a variable is declared twice, or for nothing.
pub(crate) fn resolve(module: &mut Module, rules: &BTreeSet<String>) -> Result<(), SourceError> {
    let rules = rules.iter().cloned();
    let imports = module
        .imports
        .iter()
        .filter(|import| !import.is_of_keywords());
    let imports = imports.filter_map(|import| import.name().map(str::to_owned));
    let mut resolver = Resolver {
        global: rules.chain(imports).collect(),
        scopes: Vec::new(),
        last: 0,
    };
    module
        .rules
        .iter_mut()
        .try_for_each(|rule| resolver.rule(rule))
}

/// A body, or the arguments of a function.
#[derive(Default)]
struct Scope {
    /// Declared names, and what they are called from now on.
    own: BTreeMap<String, String>,
    /// Names that were used.
    used: BTreeSet<String>,
    /// Names that comprehensions used before they were declared: there they are others.
    used_within: BTreeSet<String>,
    /// Names whose declaration has been read.
    read: BTreeSet<String>,
    /// Names that were declared by `some`, and where.
    some: BTreeMap<String, Place>,
}

impl Scope {
    /// What is declared and stands nowhere.
    fn unused(&self) -> Vec<String> {
        let names = self.own.keys().filter(|name| !self.used.contains(*name));
        names.cloned().collect()
    }

    /// What was declared by `some` has to stand somewhere.
    fn check(&self) -> Result<(), SourceError> {
        let unused = self
            .some
            .iter()
            .find(|(name, _)| !self.used.contains(*name));
        unused.map_or(Ok(()), |(name, at)| {
            Err(SourceError::new(*at, format!("declared var {name} unused")))
        })
    }
}

struct Resolver {
    global: BTreeSet<String>,
    scopes: Vec<Scope>,
    last: usize,
}

impl Resolver {
    fn rule(&mut self, rule: &mut Rule) -> Result<(), SourceError> {
        self.last = 0;
        let mut arguments = BTreeSet::new();
        for argument in rule.head.arguments.iter().flatten() {
            variables(argument, &mut arguments);
        }
        self.enter(&arguments, false);
        self.read(&arguments);
        for argument in rule.head.arguments.iter_mut().flatten() {
            self.term(argument)?;
        }
        let declared = declared(&rule.body)?;
        self.enter(&declared, false);
        self.statements(&mut rule.body)?;
        let head = &mut rule.head;
        for part in head
            .path
            .iter_mut()
            .chain(&mut head.key)
            .chain(&mut head.value)
        {
            self.term(part)?;
        }
        self.leave()?;
        self.scopes.pop();
        if let Some(otherwise) = &mut rule.otherwise {
            self.rule(otherwise)?;
        }
        Ok(())
    }

    /// Names that are declared from here on; those of a rule's own body may stay as they are.
    fn enter(&mut self, names: &BTreeSet<String>, is_nested: bool) {
        let mut scope = Scope::default();
        for name in names.iter().filter(|name| *name != "_") {
            let is_taken = self.global.contains(name)
                || self.scopes.iter().any(|scope| scope.own.contains_key(name));
            let own = match is_nested || is_taken {
                true => self.fresh(name),
                false => name.clone(),
            };
            scope.own.insert(name.clone(), own);
        }
        self.scopes.push(scope);
    }

    /// From here on the names of the innermost scope are declared.
    fn read(&mut self, names: &BTreeSet<String>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.read.extend(names.iter().cloned());
        }
    }

    /// The names that a statement declares must not have been used before.
    fn declare(&mut self, statement: &Statement) -> Result<(), SourceError> {
        let names = declared_by(statement);
        let Some(scope) = self.scopes.last_mut() else {
            return Ok(());
        };
        let used = names
            .iter()
            .find(|name| scope.used.contains(*name) && !scope.read.contains(*name));
        if let Some(name) = used {
            let message = format!("var {name} referenced above");
            return Err(SourceError::new(statement.at, message));
        }
        let others: Vec<String> = names.intersection(&scope.used_within).cloned().collect();
        scope.read.extend(names);
        for name in others {
            let own = self.fresh(&name);
            if let Some(scope) = self.scopes.last_mut() {
                scope.own.insert(name, own);
            }
        }
        Ok(())
    }

    fn fresh(&mut self, name: &str) -> String {
        self.last += 1;
        format!("__local_{name}_{}", self.last)
    }

    fn nested(&mut self, body: &mut Body, yielded: &mut [&mut Term]) -> Result<(), SourceError> {
        let declared = declared(body)?;
        self.enter(&declared, true);
        self.statements(body)?;
        yielded.iter_mut().try_for_each(|term| self.term(term))?;
        self.leave()
    }

    fn leave(&mut self) -> Result<(), SourceError> {
        self.scopes.pop().map_or(Ok(()), |scope| scope.check())
    }

    fn statements(&mut self, body: &mut Body) -> Result<(), SourceError> {
        body.iter_mut()
            .try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &mut Statement) -> Result<(), SourceError> {
        for (_, value) in &mut statement.with {
            self.term(value)?;
        }
        let at = statement.at;
        match &mut statement.what {
            What::Term(term) => self.term(term),
            What::Unify(left, right) | What::Equal(left, right) => {
                self.term(left)?;
                self.term(right)
            }
            What::Assign(..) => self.assignment(statement),
            What::Not(body) => self.nested(body, &mut []),
            What::Some(names) => {
                let declared: Vec<String> = names.clone();
                if let Some(scope) = self.scopes.last_mut() {
                    scope
                        .some
                        .extend(declared.into_iter().map(|name| (name, at)));
                }
                self.declare(statement)?;
                let What::Some(names) = &mut statement.what else {
                    return Ok(());
                };
                for name in names {
                    *name = self.found(name).cloned().unwrap_or_else(|| name.clone());
                }
                Ok(())
            }
            What::SomeIn { domain, .. } => {
                self.term(domain)?;
                self.declare(statement)?;
                let What::SomeIn { key, value, .. } = &mut statement.what else {
                    return Ok(());
                };
                key.iter_mut().try_for_each(|key| self.term(key))?;
                self.term(value)
            }
            What::Every {
                key,
                value,
                domain,
                body,
            } => {
                self.term(domain)?;
                let names = key.iter().chain([&*value]).cloned().collect();
                self.enter(&names, true);
                self.read(&names);
                for name in key.iter_mut().chain([value]) {
                    *name = self.found(name).cloned().unwrap_or_else(|| name.clone());
                }
                self.nested(body, &mut [])?;
                let names: Vec<String> = self.scopes.last().map(Scope::unused).unwrap_or_default();
                self.scopes.pop();
                match names.first() {
                    Some(name) => {
                        let message = format!("declared var {name} unused");
                        Err(SourceError::new(at, message))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// The value is read before what it is assigned to is declared.
    fn assignment(&mut self, statement: &mut Statement) -> Result<(), SourceError> {
        if let What::Assign(_, value) = &mut statement.what {
            self.term(value)?;
        }
        self.declare(statement)?;
        match &mut statement.what {
            What::Assign(pattern, _) => self.term(pattern),
            _ => Ok(()),
        }
    }

    fn term(&mut self, term: &mut Term) -> Result<(), SourceError> {
        match term {
            Term::Variable(name) => {
                if let Some(own) = self.used(name) {
                    name.clone_from(own);
                } else if self.global.contains(name) {
                    let name = std::mem::take(name);
                    *term = Term::Ref(Box::new(Term::Variable(name)), Vec::new());
                }
                Ok(())
            }
            Term::Ref(head, path) => {
                match &mut **head {
                    Term::Variable(name) => {
                        if let Some(own) = self.used(name) {
                            name.clone_from(own);
                        }
                    }
                    head => self.term(head)?,
                }
                path.iter_mut().try_for_each(|part| self.term(part))
            }
            Term::Call(_, items) | Term::Array(items) | Term::Set(items) => {
                items.iter_mut().try_for_each(|item| self.term(item))
            }
            Term::Object(fields) => fields.iter_mut().try_for_each(|(key, value)| {
                self.term(key)?;
                self.term(value)
            }),
            Term::ArrayOf(item, body) | Term::SetOf(item, body) => self.nested(body, &mut [item]),
            Term::ObjectOf(field, body) => {
                let (key, value) = &mut **field;
                self.nested(body, &mut [key, value])
            }
            Term::Null | Term::Bool(_) | Term::Number(_) | Term::Text(_) => Ok(()),
        }
    }

    fn found(&self, name: &str) -> Option<&String> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.own.get(name))
    }

    /// What a name that is used is called: as the innermost scope says that has declared it by now.
    fn used(&mut self, name: &str) -> Option<&String> {
        let mut found = None;
        for (depth, scope) in self.scopes.iter_mut().rev().enumerate() {
            if !scope.own.contains_key(name) {
                continue;
            }
            let is_read = scope.read.contains(name);
            match is_read || depth == 0 {
                true => scope.used.insert(name.to_owned()),
                false => scope.used_within.insert(name.to_owned()),
            };
            if is_read {
                found = Some(depth);
                break;
            }
        }
        self.scopes.iter().rev().nth(found?)?.own.get(name)
    }
}

/// The variables that a body declares.
fn declared(body: &Body) -> Result<BTreeSet<String>, SourceError> {
    let mut all = BTreeSet::new();
    for statement in body {
        let mut names = declared_by(statement);
        let is_assignment = matches!(statement.what, What::Assign(..));
        let twice = names
            .iter()
            .find(|name| *name != "_" && all.contains(*name));
        if let Some(name) = twice.filter(|_| is_assignment) {
            return Err(SourceError::new(
                statement.at,
                format!("var {name} assigned above"),
            ));
        }
        all.append(&mut names);
    }
    Ok(all)
}

fn declared_by(statement: &Statement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match &statement.what {
        What::Assign(pattern, _) => variables(pattern, &mut names),
        What::Some(declared) => names.extend(declared.iter().cloned()),
        What::SomeIn { key, value, .. } => {
            key.iter().for_each(|key| variables(key, &mut names));
            variables(value, &mut names);
        }
        What::Term(_) | What::Unify(..) | What::Equal(..) | What::Every { .. } | What::Not(_) => {}
    }
    names
}

/// The variables of a pattern.
fn variables(pattern: &Term, names: &mut BTreeSet<String>) {
    match pattern {
        Term::Variable(name) => {
            names.insert(name.clone());
        }
        Term::Array(items) | Term::Set(items) => {
            items.iter().for_each(|item| variables(item, names));
        }
        Term::Object(fields) => fields.iter().for_each(|(_, value)| variables(value, names)),
        _ => {}
    }
}
