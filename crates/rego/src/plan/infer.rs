//! What types terms have, and what they must have.

use super::check::Checker;
use super::types::Type;
use super::{Comprehension, Kind, Root, Term, is_composite};

impl Checker<'_> {
    fn root(&self, root: Root) -> Option<Type> {
        match root {
            Root::Input | Root::Inventory => Some(Type::Any),
            Root::Node(node) => Some(self.node(node)),
            Root::Variable(slot) => self.variables.get(slot).cloned().flatten(),
            Root::Rule(rule) => {
                let known = self.rules.get(rule).and_then(Option::as_ref);
                let rule = self.plan.rules.get(rule)?;
                let is_function = matches!(rule.kind, Kind::Function(_));
                // What is known of an object of which some keys are written out depends on what else is in it.
                let is_mixed = rule
                    .definitions
                    .iter()
                    .any(|definition| matches!(definition.path.first(), Some(Term::Constant(_))));
                let known = known.filter(|_| !is_function && !is_mixed);
                Some(known.map_or(Type::Any, |known| known.result.clone()))
            }
        }
    }

    /// A node has the rules below it, and what nobody knows.
    fn node(&self, node: usize) -> Type {
        let Some(node) = self.plan.nodes.get(node) else {
            return Type::Any;
        };
        if let Some(rule) = node.rule {
            return self.root(Root::Rule(rule)).unwrap_or(Type::Any);
        }
        let children = node.children.iter();
        let children = children.map(|(key, child)| (key.clone(), self.node(*child)));
        Type::object(children.collect(), Some((Type::Text, Type::Any)))
    }

    /// The type of what a path leads to.
    pub(super) fn path(&mut self, root: Root, path: &[Term]) -> Result<Option<Type>, String> {
        if let (Root::Node(node), Some((first, rest))) = (root, path.split_first()) {
            // Only a variable is asked what it is: whatever else is written there may be in the data.
            let keys = self.node(node).keys().unwrap_or(Type::Any);
            let is_key = !matches!(first, Term::Variable(_)) || self.unify(first, &keys, false);
            for part in rest {
                self.unify(part, &Type::Any, false);
            }
            return match is_key {
                true => Ok(Some(Type::Any)),
                false => Err(format!(
                    "undefined ref: the keys are of type {}",
                    keys.shown()
                )),
            };
        }
        let Some(mut here) = self.root(root) else {
            return Ok(None);
        };
        for part in path {
            let undefined = |why: String| Err(format!("undefined ref: {why}"));
            let Some(keys) = here.keys() else {
                return undefined(format!("a {} has no fields", here.shown()));
            };
            here = match part {
                Term::Constant(key) if !is_composite(key) => match here.select(key) {
                    Some(next) => next,
                    None => return undefined(format!("there is no {key} in the {}", here.shown())),
                },
                part if self.unify(part, &keys, false) => here.values(),
                part => {
                    let part = self.of(part).map_or("any".to_owned(), |part| part.shown());
                    return undefined(format!(
                        "the keys are of type {}, and not {part}",
                        keys.shown()
                    ));
                }
            };
        }
        Ok(Some(here))
    }

    /// Has a term be of a type, as far as it is not known what it is.
    pub(super) fn unify(&mut self, term: &Term, wanted: &Type, is_one_of: bool) -> bool {
        match (term, wanted) {
            (Term::Variable(slot), wanted) => match self.variables.get_mut(*slot) {
                Some(place) => match place.take() {
                    Some(known) if is_one_of => {
                        *place = Some(known.or(wanted.clone()));
                        true
                    }
                    Some(known) => {
                        let unifies = known.unifies(wanted);
                        *place = Some(known);
                        unifies
                    }
                    None => {
                        *place = Some(wanted.clone());
                        true
                    }
                },
                None => true,
            },
            (Term::Array(_) | Term::Object(_) | Term::Set(_), Type::Union(all)) => {
                let mut unifies = false;
                for one in all {
                    unifies |= self.unify(term, one, true);
                }
                unifies
            }
            (Term::Array(items), Type::Array(known, rest)) => {
                let is_as_long = items.len() == known.len() || rest.is_some();
                is_as_long
                    && items.iter().enumerate().all(|(index, item)| {
                        let wanted = wanted.item(index);
                        wanted.is_some_and(|wanted| self.unify(item, wanted, is_one_of))
                    })
            }
            (Term::Object(fields), Type::Object(known, rest)) => {
                let is_as_long = fields.len() == known.len() || rest.is_some();
                is_as_long
                    && fields.iter().all(|(key, value)| match key {
                        Term::Constant(key) => {
                            let wanted = wanted.select(key);
                            wanted.is_some_and(|wanted| self.unify(value, &wanted, is_one_of))
                        }
                        _ => {
                            self.unify(value, &Type::Any, is_one_of);
                            true
                        }
                    })
            }
            (Term::Set(items), Type::Set(wanted)) => {
                items.iter().all(|item| self.unify(item, wanted, is_one_of))
            }
            (Term::Array(items) | Term::Set(items), Type::Any) => {
                for item in items {
                    self.unify(item, &Type::Any, true);
                }
                true
            }
            (Term::Object(fields), Type::Any) => {
                for (key, value) in fields {
                    self.unify(key, &Type::Any, true);
                    self.unify(value, &Type::Any, true);
                }
                true
            }
            (Term::Array(_) | Term::Object(_) | Term::Set(_), _) => false,
            (Term::Constant(value), wanted) => wanted.takes(value),
            (term, wanted) => self.of(term).is_none_or(|known| known.unifies(wanted)),
        }
    }

    pub(super) fn known(&mut self, term: &Term) -> Type {
        self.of(term).unwrap_or(Type::Any)
    }

    /// The type of a term; nothing where it has something in it that is not known.
    pub(super) fn of(&mut self, term: &Term) -> Option<Type> {
        match term {
            Term::Constant(value) => Some(Type::of_value(value)),
            Term::Variable(slot) => self.variables.get(*slot).cloned().flatten(),
            // What is wrong with it was told where it stands.
            Term::Ref(root, path) => self.path(*root, path).unwrap_or(Some(Type::Any)),
            Term::Call(function, _) => Some(self.result(*function)),
            Term::Array(items) => {
                let items = items.iter().map(|item| self.of(item));
                Some(Type::array(items.collect::<Option<_>>()?))
            }
            Term::Set(items) => {
                let mut all: Option<Type> = None;
                for item in items {
                    let item = self.of(item)?;
                    all = Some(match all {
                        None => item,
                        Some(all) => all.or(item),
                    });
                }
                Some(Type::Set(Box::new(all.unwrap_or(Type::Any))))
            }
            Term::Object(fields) => {
                let (mut known, mut rest) = (Vec::new(), None);
                for (key, value) in fields {
                    let value = self.of(value)?;
                    match key {
                        Term::Constant(key) => known.push((key.clone(), value)),
                        key => rest = Some((self.of(key)?, value)),
                    }
                }
                Some(Type::object(known, rest))
            }
            Term::Comprehension(comprehension) => {
                let place: *const Comprehension = &raw const **comprehension;
                self.comprehensions.get(&place).cloned()
            }
        }
    }
}
