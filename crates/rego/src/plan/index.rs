//! Where rules are: by the module that refers to them, and below `data`.

use std::collections::{BTreeMap, HashMap};

use super::{Kind, Rule};
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Module};

/// Where rules are, by module and by package.
#[derive(Default)]
pub(super) struct Index {
    rules: HashMap<(usize, String), usize>,
    packages: BTreeMap<Vec<String>, BTreeMap<String, usize>>,
    /// How many arguments functions take.
    pub(super) arities: HashMap<usize, usize>,
}

impl Index {
    pub(super) fn declare(
        &mut self,
        number: usize,
        module: &Module,
        rule: &tree::Rule,
        rules: &mut Vec<Rule>,
    ) -> Result<(), SourceError> {
        let head = &rule.head;
        let kind = match (&head.arguments, &head.key, head.path.len()) {
            (Some(arguments), _, 0) => Kind::Function(arguments.len()),
            (None, Some(_), 0) => Kind::Set,
            (None, None, 0) => Kind::Complete,
            (None, None, 1) => Kind::Object,
            _ => {
                let message = format!(
                    "rule {}: references as names of rules are not supported",
                    head.name
                );
                return Err(SourceError::new(rule.at, message));
            }
        };
        let package = self.packages.entry(module.package.clone()).or_default();
        let of = *package.entry(head.name.clone()).or_insert_with(|| {
            rules.push(Rule {
                name: head.name.clone(),
                kind,
                definitions: Vec::new(),
                default: None,
            });
            rules.len() - 1
        });
        self.rules.insert((number, head.name.clone()), of);
        if let Kind::Function(arity) = kind {
            self.arities.insert(of, arity);
        }
        match rules.get(of) {
            Some(known) if known.kind != kind && !rule.is_default => {
                let message = format!(
                    "conflicting rules data.{}.{} found",
                    module.package.join("."),
                    head.name
                );
                Err(SourceError::new(rule.at, message))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn rule(&self, module: usize, name: &str) -> Option<usize> {
        self.rules.get(&(module, name.to_owned())).copied()
    }

    /// The rule that a path below `data` begins with, and how much of the path names it.
    pub(super) fn below_data(&self, path: &[&str]) -> Option<(usize, usize)> {
        (1..path.len()).rev().find_map(|length| {
            let package: Vec<String> = path
                .iter()
                .take(length)
                .map(|part| (*part).to_owned())
                .collect();
            let rule = self.packages.get(&package)?.get(*path.get(length)?)?;
            Some((*rule, length + 1))
        })
    }
}
