//! An object on its way from what was written to what is stored.

use serde_json::{Map, Value};

use crate::json::{field_path, is_unset, key};
use crate::{Code, Finding};

/// So many findings an object has at the most; the last one says that there are more.
const MOST_FINDINGS: usize = 101;

/// How far a completion may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// What is missing comes from the stored object, else from the site.
    Defaults,
    /// What is missing comes from the stored object only: a default now could roll machines.
    PutBack,
}

/// An object that is being completed.
///
/// Completing puts in what is missing and never replaces what says something; what cannot be put in,
/// since something of another type is in the way, becomes a finding.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    object: Value,
    old: Option<&'a Value>,
    completion: Completion,
    findings: Vec<Finding>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(object: Value, old: Option<&'a Value>, completion: Completion) -> Self {
        Self {
            object,
            old,
            completion,
            findings: Vec::new(),
        }
    }

    pub(crate) fn object(&self) -> &Value {
        &self.object
    }

    pub(crate) fn old(&self) -> Option<&'a Value> {
        self.old
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<&Value> {
        self.object.pointer(pointer)
    }

    /// Whether something is said at this pointer.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.get(pointer).is_some_and(|value| !is_unset(value))
    }

    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.get(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// How many items a list has; none when there is no list.
    pub(crate) fn len_of(&self, pointer: &str) -> usize {
        self.get(pointer)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    }

    /// Whether defaults may still be put in.
    pub(crate) fn takes_defaults(&self) -> bool {
        self.completion == Completion::Defaults
    }

    /// From now on, only what the stored object had is put back.
    pub(crate) fn only_put_back(&mut self) {
        self.completion = Completion::PutBack;
    }

    /// Puts a value where nothing is said: the stored object's, else this default.
    pub(crate) fn fill(&mut self, pointer: &str, default: impl Into<Value>) {
        if !self.put_back(pointer) && self.takes_defaults() {
            self.set(pointer, default.into());
        }
    }

    /// Puts the stored object's value where nothing is said. True when nothing is missing any more.
    pub(crate) fn put_back(&mut self, pointer: &str) -> bool {
        if self.has(pointer) {
            return true;
        }
        match self
            .old
            .and_then(|old| old.pointer(pointer))
            .filter(|value| !is_unset(value))
        {
            Some(value) => {
                self.set(pointer, value.clone());
                true
            }
            None => false,
        }
    }

    /// Puts a value in, whatever stands there, with the objects above it.
    pub(crate) fn set(&mut self, pointer: &str, value: Value) {
        if let Err(obstacle) = set(&mut self.object, pointer, value) {
            let found = self
                .object
                .pointer(&obstacle)
                .cloned()
                .unwrap_or(Value::Null);
            self.wrong_type(&obstacle, found, "an object");
        }
    }

    /// Appends to a list, which is made when it is not there.
    pub(crate) fn push(&mut self, pointer: &str, item: Value) {
        if !self.has(pointer) {
            self.set(pointer, Value::Array(Vec::new()));
        }
        match self.object.pointer_mut(pointer) {
            Some(Value::Array(items)) => items.push(item),
            Some(other) => {
                let found = other.clone();
                self.wrong_type(pointer, found, "a list");
            }
            // `set` has already said what is in the way.
            None => {}
        }
    }

    /// Takes a field away.
    pub(crate) fn remove(&mut self, parent: &str, key: &str) {
        if let Some(Value::Object(fields)) = self.object.pointer_mut(parent) {
            fields.shift_remove(key);
        }
    }

    /// Takes away what stands at a pointer, and every object or list above it that is empty then, down
    /// to the floor, which stays.
    pub(crate) fn prune(&mut self, pointer: &str, floor: &str) {
        let mut pointer = pointer;
        while let Some((parent, last)) = pointer.rsplit_once('/').filter(|_| pointer != floor) {
            match self.object.pointer_mut(parent) {
                Some(Value::Object(fields)) => {
                    fields.shift_remove(&key(last));
                }
                Some(Value::Array(items)) => {
                    let index = last.parse().ok().filter(|index| *index < items.len());
                    index.map(|index: usize| items.remove(index));
                }
                _ => {}
            }
            if self.has(parent) {
                break;
            }
            pointer = parent;
        }
    }

    /// Notes a finding, once. Nobody reads hundreds, and to compare each with all others takes time
    /// that a hostile object would choose; so there is a most, and to reach it is a finding too.
    pub(crate) fn finding(&mut self, finding: Finding) {
        match self.findings.len() {
            MOST_FINDINGS.. => {}
            _ if self.findings.contains(&finding) => {}
            len if len + 1 == MOST_FINDINGS => {
                let message = format!("more than {len} problems; the rest is not listed");
                self.findings
                    .push(Finding::new(Code::TooMany, "", Value::Null, message));
            }
            _ => self.findings.push(finding),
        }
    }

    /// A finding at a pointer, with the value that stands there.
    pub(crate) fn found(
        &mut self,
        code: Code,
        pointer: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let value = self.get(pointer).cloned().unwrap_or(Value::Null);
        let mut finding = Finding::new(code, field_path(pointer), value, message);
        finding.hint = hint;
        self.finding(finding);
    }

    /// Notes that something of another type stands at a pointer.
    pub(crate) fn wrong_type(&mut self, pointer: &str, found: Value, wanted: &str) {
        let message = format!("the API wants {wanted} here");
        self.finding(Finding::new(
            Code::WrongType,
            field_path(pointer),
            found,
            message,
        ));
    }

    /// Demands text, a number, or whatever the test accepts, where something is said at all.
    pub(crate) fn expect(&mut self, pointer: &str, wanted: &str, accepts: fn(&Value) -> bool) {
        if let Some(value) = self
            .get(pointer)
            .filter(|value| !value.is_null() && !accepts(value))
            .cloned()
        {
            self.wrong_type(pointer, value, wanted);
        }
    }

    pub(crate) fn into_parts(self) -> (Value, Vec<Finding>) {
        (self.object, self.findings)
    }
}

/// Puts a value at a pointer. On failure, the pointer of what is in the way.
fn set(object: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let mut here = object;
    let mut walked = String::new();
    let (parents, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    for token in parents.split('/').skip(1) {
        let key = key(token);
        let parent = walked.clone();
        walked.push('/');
        walked.push_str(token);
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        here = match here {
            Value::Object(fields) => fields.entry(key).or_insert(Value::Null),
            Value::Array(items) => key
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
                .ok_or_else(|| parent.clone())?,
            _ => return Err(parent),
        };
    }
    if here.is_null() {
        *here = Value::Object(Map::new());
    }
    match here {
        Value::Object(fields) => {
            fields.insert(key(last), value);
            Ok(())
        }
        _ => Err(walked),
    }
}
