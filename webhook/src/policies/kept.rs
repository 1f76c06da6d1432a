//! The policies of a cluster, object by object: of each its newest version, and the last one that was good.
//!
//! A template whose newest version is no good stays what it was, and so does a constraint. A template's newest version is
//! also no good while a constraint that is in force would not hold by it: it would go out of force without anybody
//! having said so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use basphere_rego::policies::LoadError;
use basphere_rego::{Compiled, Policies};
use serde_json::Value;

/// Names what a complaint is about: the kind, and the name.
type Key = (String, String);

const TEMPLATE: &str = "ConstraintTemplate";

/// What is to be said of an object of which the newest version is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The newest version is no good.
    Refused {
        /// Why.
        why: String,
        /// Whether an older version is in force.
        has_older: bool,
    },
    /// The directory has one of this kind and name.
    InDirectory,
    /// A constraint whose template is not there, or no good.
    Waits,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { why, has_older } => match has_older {
                true => write!(f, "{why}; the version before stays in force"),
                false => write!(f, "{why}"),
            },
            Self::InDirectory => f.write_str("the directory of policies has one of this name"),
            Self::Waits => f.write_str("its ConstraintTemplate is not in force"),
        }
    }
}

/// A ConstraintTemplate as the controllers need it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The object, without its status.
    pub document: Value,
    /// What its status said when it was seen last.
    pub status: Value,
    /// The version that is in force, or would be if the directory had none of this name.
    pub compiled: Option<Compiled>,
    /// Why the newest version is not in force.
    pub complaint: Option<Complaint>,
}

#[derive(Debug)]
struct Template {
    document: Value,
    status: Value,
    newest: Result<Compiled, String>,
    in_force: Option<Compiled>,
    is_newest: bool,
    complaint: Option<Complaint>,
}

#[derive(Debug)]
struct Constraint {
    newest: Value,
    good: Option<Value>,
    complaint: Option<Complaint>,
}

/// All that a cluster has.
#[derive(Debug, Default)]
pub struct Kept {
    templates: BTreeMap<String, Template>,
    constraints: BTreeMap<Key, Constraint>,
}

impl Kept {
    /// Takes note of a ConstraintTemplate as it is stored; whether it says anything new.
    pub fn put_template(&mut self, mut object: Value) -> bool {
        let status = object.get_mut("status").map(Value::take);
        let status = status.unwrap_or_default();
        let document = what_is_said(object);
        let name = text(&document, "/metadata/name").to_owned();
        let before = self.templates.remove(&name);
        let in_force = match before {
            Some(before) if before.document == document => {
                self.templates.insert(name, Template { status, ..before });
                return false;
            }
            before => before.and_then(|before| before.in_force),
        };
        let compiled = Compiled::new(&document).and_then(|compiled| {
            compiled.needs()?;
            Ok(compiled)
        });
        let template = Template {
            newest: compiled.map_err(|error| error.to_string()),
            document,
            status,
            in_force,
            is_newest: false,
            complaint: None,
        };
        self.templates.insert(name, template);
        true
    }

    /// Forgets a template; whether there was one.
    pub fn remove_template(&mut self, name: &str) -> bool {
        self.templates.remove(name).is_some()
    }

    /// Takes note of a constraint as it is stored; whether it says anything new.
    pub fn put_constraint(&mut self, object: Value) -> bool {
        let newest = what_is_said(object);
        let key = key(&newest);
        let before = self.constraints.get(&key);
        if before.is_some_and(|before| before.newest == newest) {
            return false;
        }
        let good = before.and_then(|before| before.good.clone());
        let constraint = Constraint {
            newest,
            good,
            complaint: None,
        };
        self.constraints.insert(key, constraint);
        true
    }

    /// Forgets a constraint; whether there was one.
    pub fn remove_constraint(&mut self, kind: &str, name: &str) -> bool {
        let key = (kind.to_owned(), name.to_owned());
        self.constraints.remove(&key).is_some()
    }

    /// Forgets all constraints of a kind; whether there was any.
    pub fn remove_kind(&mut self, kind: &str) -> bool {
        let before = self.constraints.len();
        self.constraints.retain(|(own, _), _| own != kind);
        self.constraints.len() < before
    }

    /// The templates, with what became of them.
    #[must_use]
    pub fn templates(&self) -> Vec<Stored> {
        let templates = self.templates.values();
        let templates = templates.map(|template| Stored {
            document: template.document.clone(),
            status: template.status.clone(),
            compiled: template.in_force.clone(),
            complaint: template.complaint.clone(),
        });
        templates.collect()
    }

    /// What is to be said, by kind and name.
    #[must_use]
    pub fn complaints(&self) -> BTreeMap<Key, Complaint> {
        let templates = self.templates.iter().filter_map(|(name, template)| {
            let complaint = template.complaint.clone()?;
            Some(((TEMPLATE.to_owned(), name.clone()), complaint))
        });
        let constraints = self.constraints.iter();
        let constraints =
            constraints.filter_map(|(key, it)| Some((key.clone(), it.complaint.clone()?)));
        templates.chain(constraints).collect()
    }

    /// The policies of a directory and these, as far as they are good.
    pub fn settle(&mut self, directory: &Policies) -> Policies {
        let mut all = directory.clone();
        let names: Vec<String> = self.templates.keys().cloned().collect();
        for name in names {
            self.settle_template(&name);
            let Some(template) = self.templates.get_mut(&name) else {
                continue;
            };
            if directory.template(&name).is_some() {
                template.complaint = Some(Complaint::InDirectory);
            } else if let Some(compiled) = &template.in_force {
                all.put_template(compiled);
            }
        }
        let own = directory.constraints();
        let own: BTreeSet<Key> = own.map(|it| (it.kind.clone(), it.name.clone())).collect();
        for (key, constraint) in &mut self.constraints {
            match own.contains(key) {
                true => constraint.complaint = Some(Complaint::InDirectory),
                false => constraint.settle(&mut all),
            }
        }
        all
    }

    fn settle_template(&mut self, name: &str) {
        let Some(template) = self.templates.get_mut(name) else {
            return;
        };
        template.complaint = None;
        if template.is_newest {
            return;
        }
        let newest = template.newest.clone();
        let why = newest.map_or_else(Some, |compiled| self.lost_by(&compiled));
        let Some(template) = self.templates.get_mut(name) else {
            return;
        };
        template.complaint = why.map(|why| Complaint::Refused {
            why,
            has_older: template.in_force.is_some(),
        });
        if template.complaint.is_none() {
            template.in_force = template.newest.as_ref().ok().cloned();
            template.is_newest = true;
        }
    }

    /// Which constraint in force would go out of force by a template, if there is one.
    fn lost_by(&self, compiled: &Compiled) -> Option<String> {
        let mut trial = Policies::default();
        trial.put_template(compiled);
        let name = &compiled.template().name;
        let own = self.constraints.iter();
        let own = own.filter(|((kind, _), _)| kind.to_lowercase() == *name);
        own.filter_map(|((kind, name), constraint)| {
            let good = constraint.good.as_ref()?;
            let newest = trial.add_constraint(&constraint.newest);
            let error = newest.or_else(|_| trial.add_constraint(good)).err()?;
            Some(format!(
                "{kind} {name}, which is in force, would not hold by it: {error}"
            ))
        })
        .next()
    }
}

impl Constraint {
    fn settle(&mut self, all: &mut Policies) {
        self.complaint = match all.add_constraint(&self.newest) {
            Ok(()) => {
                self.good = Some(self.newest.clone());
                None
            }
            Err(LoadError::NoTemplate(_)) => {
                self.good = None;
                Some(Complaint::Waits)
            }
            Err(error) => {
                let older = self.good.take();
                self.good = older.filter(|older| all.add_constraint(older).is_ok());
                Some(Complaint::Refused {
                    why: error.to_string(),
                    has_older: self.good.is_some(),
                })
            }
        };
    }
}

/// An object without what changes while nobody says anything else.
fn what_is_said(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for name in ["managedFields", "resourceVersion"] {
            metadata.remove(name);
        }
    }
    object
}

fn key(object: &Value) -> Key {
    let text = |pointer| text(object, pointer).to_owned();
    (text("/kind"), text("/metadata/name"))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests;
