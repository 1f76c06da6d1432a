//! Where rules are: a tree below `data`, in which each rule stands where the written-out part of its name leads to.

use std::collections::{BTreeMap, HashMap};

use regorus::Value;

use super::fixed::constant;
use super::{Kind, Node, Rule};
use crate::plan::build::BuildError;
use crate::syntax::SourceError;
use crate::syntax::tree::{self, Module, Place};

/// What the first module's package is called, whatever it calls itself: nothing can refer to it from outside.
const TEMPLATE: &str = "template";
/// Below this are the packages of libraries.
pub(super) const LIB: &str = "lib";

/// A rule as it is written, by the number of its module and its own number in it.
type Written = (usize, usize);

#[derive(Default)]
pub(super) struct Index {
    pub(super) nodes: Vec<Node>,
    pub(super) rules: Vec<Rule>,
    /// The node of each module's package.
    packages: Vec<usize>,
    /// What belongs to which rule, and how many parts of its path lead to the rule.
    of: HashMap<Written, (usize, usize)>,
}

impl Index {
    pub(super) fn new(modules: &[Module]) -> Result<Self, BuildError> {
        let mut index = Self {
            nodes: vec![Node::default()],
            ..Self::default()
        };
        let mut written: BTreeMap<usize, Vec<Written>> = BTreeMap::new();
        for (number, module) in modules.iter().enumerate() {
            let mut package = 0;
            let first = (number == 0).then(|| TEMPLATE.to_owned());
            let rest = module.package.iter().filter(|_| number > 0).cloned();
            for part in first.into_iter().chain(rest) {
                package = index.child(package, Value::from(part));
            }
            index.packages.push(package);
            for (own, rule) in module.rules.iter().enumerate() {
                let mut node = index.child(package, Value::from(rule.head.name.as_str()));
                for part in rule.head.path.iter().map_while(|part| constant(part).ok()) {
                    node = index.child(node, part);
                }
                written.entry(node).or_default().push((number, own));
            }
        }
        index.group(0, &written, modules)?;
        Ok(index)
    }

    fn child(&mut self, node: usize, key: Value) -> usize {
        let next = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(node) else {
            return node;
        };
        let mut path = parent.path.clone();
        let child = *parent.children.entry(key.clone()).or_insert(next);
        if child == next {
            path.push(key);
            self.nodes.push(Node {
                path,
                ..Node::default()
            });
        }
        child
    }

    /// Makes one rule of what is written at a node, and of what is below it if the rule is an object.
    fn group(
        &mut self,
        node: usize,
        written: &BTreeMap<usize, Vec<Written>>,
        modules: &[Module],
    ) -> Result<(), BuildError> {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            let Some(here) = self.nodes.get(node) else {
                continue;
            };
            let Some(own) = written.get(&node) else {
                waiting.extend(here.children.values().rev());
                continue;
            };
            let own = own.iter().filter_map(|one| {
                let rule = modules.get(one.0)?.rules.get(one.1)?;
                Some((*one, rule))
            });
            let own: Vec<(Written, &tree::Rule)> = own.collect();
            let mut below = here.children.values().copied().collect::<Vec<usize>>();
            let mut all = own.clone();
            while let Some(child) = below.pop() {
                let rules = written.get(&child).into_iter().flatten();
                all.extend(rules.filter_map(|one| {
                    let rule = modules.get(one.0)?.rules.get(one.1)?;
                    Some((*one, rule))
                }));
                let children = self.nodes.get(child).map(|node| node.children.values());
                below.extend(children.into_iter().flatten().copied());
            }
            self.declare(node, &own, all, modules)?;
        }
        Ok(())
    }

    fn declare(
        &mut self,
        node: usize,
        own: &[(Written, &tree::Rule)],
        all: Vec<(Written, &tree::Rule)>,
        modules: &[Module],
    ) -> Result<(), BuildError> {
        let Some(((number, _), first)) = own.first() else {
            return Ok(());
        };
        let at = (*number, first.at);
        let error = |message: String| Err((at.0, SourceError::new(at.1, message)));
        let Some(here) = self.nodes.get_mut(node) else {
            return Ok(());
        };
        let name = name(&first.head);
        let has_children = !here.children.is_empty();
        let is_ground =
            |rule: &tree::Rule| rule.head.path.iter().all(|part| constant(part).is_ok());
        let is_object = own.iter().any(|(_, rule)| !is_ground(rule));
        let is_function = |(_, rule): &(Written, &tree::Rule)| rule.head.arguments.is_some();
        if has_children && (!is_object || all.iter().skip(own.len()).any(is_function)) {
            return error(format!(
                "rule {name} conflicts with what is defined below it"
            ));
        }
        let kind = |rule: &tree::Rule| match (&rule.head.arguments, &rule.head.key) {
            _ if !is_ground(rule) => Kind::Object,
            (Some(arguments), _) => Kind::Function(arguments.len()),
            (None, Some(_)) => Kind::Set,
            (None, None) => Kind::Complete,
        };
        let (own_kind, is_set) = (kind(first), first.head.key.is_some());
        let differs = |(_, rule): &(Written, &tree::Rule)| {
            kind(rule) != own_kind || rule.head.key.is_some() != is_set
        };
        if own.iter().any(differs) {
            return error(format!("conflicting rules {name} found"));
        }
        let mut defaults = own.iter().filter(|(_, rule)| rule.is_default);
        if let (Some(_), Some(((_, _), second))) = (defaults.next(), defaults.next()) {
            let Place { line, column } = second.at;
            return error(format!(
                "multiple default rules {name} found, another at {line}:{column}"
            ));
        }
        here.children.clear();
        here.rule = Some(self.rules.len());
        let depth = here.path.len();
        self.rules.push(Rule {
            name,
            at,
            path: here.path.clone(),
            kind: own_kind,
            definitions: Vec::new(),
            default: None,
        });
        for (one, _) in all {
            let package = if one.0 == 0 {
                1
            } else {
                modules.get(one.0).map_or(0, |module| module.package.len())
            };
            self.of.insert(
                one,
                (self.rules.len() - 1, depth.saturating_sub(package + 1)),
            );
        }
        Ok(())
    }

    /// The rule that a written one belongs to, and how many parts of its path lead there.
    pub(super) fn of(&self, module: usize, own: usize) -> Option<(usize, usize)> {
        self.of.get(&(module, own)).copied()
    }

    pub(super) fn package(&self, module: usize) -> usize {
        self.packages.get(module).copied().unwrap_or_default()
    }

    /// The rule or the last node that a path leads to, and how many of its parts lead there.
    pub(super) fn descend(
        &self,
        from: usize,
        path: &[tree::Term],
    ) -> (usize, Option<usize>, usize) {
        let (mut node, mut used) = (from, 0);
        loop {
            let here = self.nodes.get(node);
            let rule = here.and_then(|here| here.rule);
            let next = path.get(used).filter(|_| rule.is_none());
            let child = next
                .and_then(|part| constant(part).ok())
                .and_then(|key| here?.children.get(&key).copied());
            match child {
                Some(child) => (node, used) = (child, used + 1),
                None => return (node, rule, used),
            }
        }
    }
}

/// How a rule is called: what is written out of its name.
fn name(head: &tree::Head) -> String {
    let mut name = head.name.clone();
    for part in &head.path {
        match part {
            tree::Term::Text(text) => name.push_str(&format!(".{text}")),
            tree::Term::Number(number) => name.push_str(&format!("[{number}]")),
            _ => break,
        }
    }
    name
}
