//! What references, calls and `with` refer to.

use regorus::Value;

use super::build::Builder;
use super::fixed::constant;
use super::index::LIB;
use super::{Function, Kind, Root, Target, Term};
use crate::builtins;
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Place};

const INVENTORY: &str = "inventory";

impl Builder<'_> {
    pub(super) fn reference(
        &mut self,
        head: &tree::Term,
        path: &[tree::Term],
        at: Place,
    ) -> Result<Term, SourceError> {
        let tree::Term::Variable(name) = head else {
            let message = "a reference into something that is no variable";
            return Err(SourceError::new(at, message));
        };
        if name == "input" {
            return Ok(Term::Ref(Root::Input, self.terms(path, at)?));
        }
        match self.place(name, path, at)? {
            Some((from, whole)) => self.below(from, &whole, at),
            None => {
                let slot = self.slot(name);
                Ok(Term::Ref(Root::Variable(slot), self.terms(path, at)?))
            }
        }
    }

    /// The node at which a name begins, and the path from there; nothing where it is a variable.
    fn place(
        &self,
        name: &str,
        path: &[tree::Term],
        at: Place,
    ) -> Result<Option<(usize, Vec<tree::Term>)>, SourceError> {
        if self.slots.contains_key(name) {
            return Ok(None);
        }
        if self.names.contains(name) {
            let own = tree::Term::Text(name.to_owned());
            let whole = std::iter::once(own).chain(path.iter().cloned());
            return Ok(Some((self.index.package(self.number), whole.collect())));
        }
        let import = self.import(name);
        let parts = import
            .into_iter()
            .flat_map(|import| import.path.iter().skip(1));
        let whole = parts
            .cloned()
            .map(tree::Term::Text)
            .chain(path.iter().cloned());
        if import.is_none() && name != "data" {
            return Ok(None);
        }
        let whole: Vec<tree::Term> = whole.collect();
        let is_first =
            |name: &str| matches!(whole.first(), Some(tree::Term::Text(text)) if text == name);
        if is_first(INVENTORY) || is_first(LIB) {
            return Ok(Some((0, whole)));
        }
        let texts = whole.iter().map_while(|part| match part {
            tree::Term::Text(text) => Some(format!(".{text}")),
            _ => None,
        });
        let message = format!(
            "disallowed ref data{}: only data.inventory and data.lib can be referred to",
            texts.collect::<String>()
        );
        Err(SourceError::new(at, message))
    }

    fn below(&mut self, from: usize, path: &[tree::Term], at: Place) -> Result<Term, SourceError> {
        let is_data = from == 0;
        if let Some((tree::Term::Text(first), rest)) = path.split_first()
            && is_data
            && first == INVENTORY
        {
            return Ok(Term::Ref(Root::Inventory, self.terms(rest, at)?));
        }
        let (node, rule, used) = self.index.descend(from, path);
        let rest = self.terms(path.get(used..).unwrap_or_default(), at)?;
        let root = rule.map_or(Root::Node(node), Root::Rule);
        Ok(Term::Ref(root, rest))
    }

    pub(super) fn function(
        &self,
        path: &[String],
        given: usize,
        is_statement: bool,
        at: Place,
    ) -> Result<Function, SourceError> {
        let name = path.join(".");
        let Some(function) = self.found(path) else {
            let message = match builtins::why_not(&name) {
                Some(why) => format!("{name} cannot be used: {why}"),
                None => format!("undefined function {name}"),
            };
            return Err(SourceError::new(at, message));
        };
        if matches!(function, Function::Builtin(_))
            && builtins::is_deprecated(&name, self.module.version)
        {
            let message = format!("deprecated built-in function calls in expression: {name}");
            return Err(SourceError::new(at, message));
        }
        let arity = function.arity();
        if given == arity || (is_statement && given == arity + 1) {
            return Ok(function);
        }
        let message =
            format!("{name}: arity mismatch: it takes {arity} arguments, and {given} are given");
        Err(SourceError::new(at, message))
    }

    fn found(&self, path: &[String]) -> Option<Function> {
        let (first, rest) = path.split_first()?;
        let rest: Vec<tree::Term> = rest.iter().cloned().map(tree::Term::Text).collect();
        if let Ok(Some((from, whole))) = self.place(first, &rest, Place::default()) {
            let (_, rule, used) = self.index.descend(from, &whole);
            let rule = rule.filter(|_| used == whole.len())?;
            return match self.index.rules.get(rule)?.kind {
                Kind::Function(arity) => Some(Function::Rule(rule, arity)),
                _ => None,
            };
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

    /// The function that a term names.
    fn named(&self, term: &tree::Term) -> Option<Function> {
        match term {
            tree::Term::Variable(name) if !self.slots.contains_key(name) => {
                self.found(std::slice::from_ref(name))
            }
            tree::Term::Ref(head, path) if term.is_path() => {
                let tree::Term::Variable(name) = &**head else {
                    return None;
                };
                let texts = path.iter().filter_map(|part| match part {
                    tree::Term::Text(text) => Some(text.clone()),
                    _ => None,
                });
                let path: Vec<String> = std::iter::once(name.clone()).chain(texts).collect();
                self.found(&path)
            }
            _ => None,
        }
    }

    /// What a `with` replaces, and the function that it is replaced by, if it is one.
    pub(super) fn replaced(
        &self,
        target: &tree::Term,
        value: &tree::Term,
        at: Place,
    ) -> Result<(Target, Option<Function>), SourceError> {
        let error = |message: &str| Err(SourceError::new(at, message));
        if let Some(function) = self.named(target) {
            if function == Function::Walk {
                return error(
                    "with keyword replacing built-in function: target must not be a relation",
                );
            }
            let by = self.named(value);
            if by.is_some_and(|by| by.arity() != function.arity()) {
                return error(
                    "with keyword replacing a function: the other takes another number of arguments",
                );
            }
            return Ok((Target::Function(function), by));
        }
        const UNKNOWN: &str =
            "with keyword target must reference existing input, data, or a function";
        let (name, path) = match target {
            tree::Term::Variable(name) => (name, [].as_slice()),
            tree::Term::Ref(head, path) => match &**head {
                tree::Term::Variable(name) => (name, path.as_slice()),
                _ => return error(UNKNOWN),
            },
            _ => return error(UNKNOWN),
        };
        let texts = |path: &[tree::Term]| -> Option<Vec<String>> {
            let texts = path.iter().map(|part| match part {
                tree::Term::Text(text) => Some(text.clone()),
                _ => None,
            });
            texts.collect()
        };
        if name == "input" {
            return match texts(path) {
                Some(path) => Ok((Target::Input(path), None)),
                None => error("with keyword target: only names can stand in it"),
            };
        }
        let Some((from, whole)) = self.place(name, path, at)? else {
            return error(UNKNOWN);
        };
        if let Some((tree::Term::Text(first), rest)) = whole.split_first()
            && from == 0
            && first == INVENTORY
        {
            return match texts(rest) {
                Some(path) => Ok((Target::Inventory(path), None)),
                None => error("with keyword target: only names can stand in it"),
            };
        }
        let (_, rule, used) = self.index.descend(from, &whole);
        if rule.is_some() && used < whole.len() {
            return error("with keyword cannot partially replace virtual document(s)");
        }
        let mut all: Vec<Value> = match self.index.nodes.get(from) {
            Some(node) => node.path.clone(),
            None => Vec::new(),
        };
        for part in &whole {
            all.push(constant(part).map_err(|message| SourceError::new(at, message))?);
        }
        Ok((Target::Data(all), None))
    }
}
