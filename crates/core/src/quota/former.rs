//! Templates that are gone, or were made smaller: machines that were made of them keep their size, which stays in the
//! ledger as an entry of its own for as long as anything refers to the name, and machines have it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::entry::is_newer;
use super::read::{machine_size, size};
use super::{Ask, Entry, Ledger, Observed, Size, Suspect, Template};
use crate::json::text_at;
use crate::site::Site;
use crate::{Kind, keys};

/// A template by its namespace, kind and name.
type Key = (String, Template);

impl Ledger {
    /// Takes note that objects are gone. Of templates that are still referred to the size is kept, since machines
    /// have it: also of one that nobody saw stored, which may have been there for a moment. Of those in `replaced` no
    /// machine is left: [`is_replaced`] tells.
    pub fn forget(&mut self, gone: &BTreeSet<String>, replaced: &BTreeSet<String>) {
        let in_use = self.templates_in_use(gone);
        let is_kept = |uid: &String, key: &Key| !replaced.contains(uid) && in_use.contains(key);
        // One entry for all that have gone under a name.
        let mut sizes: BTreeMap<Key, Option<Size>> = BTreeMap::new();
        for (uid, entry) in self.entries.iter().filter(|(uid, _)| gone.contains(*uid)) {
            let key = key_of(entry);
            if is_kept(uid, &key) {
                let known = sizes.entry(key).or_default();
                *known = entry.largest().into_iter().chain(*known).reduce(Size::max);
            }
        }
        self.entries.retain(|uid, entry| {
            if !gone.contains(uid) {
                return true;
            }
            let key = key_of(entry);
            let size = if is_kept(uid, &key) {
                sizes.remove(&key)
            } else {
                None
            };
            if let Some(size) = size {
                entry.settle(size);
            }
            size.is_some()
        });
    }

    /// Whether anything refers to the name of a template.
    #[must_use]
    pub fn refers_to(&self, template: &Suspect) -> bool {
        let named = |ask: &Ask| {
            let referred = ask.template.as_ref();
            referred.is_some_and(|it| it.kind == template.kind.as_str() && it.name == template.name)
        };
        let mut entries = self.entries.values();
        entries.any(|entry| entry.namespace == template.namespace && entry.asks().any(named))
    }

    fn templates_in_use(&self, gone: &BTreeSet<String>) -> BTreeSet<Key> {
        let entries = self.entries.iter();
        let there = entries.filter(|(uid, _)| !gone.contains(*uid));
        let named = there.flat_map(|(_, entry)| {
            let templates = entry.asks().filter_map(|ask| ask.template.clone());
            templates.map(|template| (entry.namespace.clone(), template))
        });
        named.collect()
    }

    /// Keeps the size that a template had, or may have had for a moment, when it is seen to be smaller: nothing makes its
    /// machines smaller. The entry has a UID that no object has, and therefore goes the way of what is gone.
    pub(super) fn keep_larger(&mut self, observed: &Observed) {
        let Some(known) = self.entries.get(&observed.uid) else {
            return;
        };
        let before = known.largest();
        let is_smaller = match (before, observed.ask.size) {
            (Some(before), Some(now)) => !before.fits(now),
            _ => false,
        };
        if is_smaller && is_newer(&observed.resource_version, &known.seen) {
            let uid = format!("{}@{}", observed.uid, known.seen);
            let mut former = known.clone();
            former.settle(before);
            self.entries.insert(uid, former);
        }
    }
}

fn key_of(entry: &Entry) -> Key {
    let template = Template {
        kind: entry.kind.as_str().to_owned(),
        name: entry.name.clone(),
    };
    (entry.namespace.clone(), template)
}

/// The kind of the machines that are made of a kind of templates.
#[must_use]
pub const fn machines_of(template: Kind) -> Option<Kind> {
    match template {
        Kind::VSphereMachineTemplate => Some(Kind::VSphereMachine),
        Kind::OpenStackMachineTemplate => Some(Kind::OpenStackMachine),
        Kind::Metal3MachineTemplate => Some(Kind::Metal3Machine),
        _ => None,
    }
}

/// Whether no machine is left that is larger than those of a template, which has taken the name of a former one or was
/// made smaller: `machines` are all of its kind in its namespace, read after the template. Until the grace is over a
/// controller may still be making one of what it has read before.
#[must_use]
pub fn is_replaced(
    site: &Site,
    (kind, template): (Kind, &Value),
    machines: &[Value],
    (now, grace): (Timestamp, SignedDuration),
) -> bool {
    let (Some(of), Some(now_made)) = (machines_of(kind), size(site, kind, template)) else {
        return false;
    };
    let is_settled = changed(template).is_some_and(|at| now.duration_since(at) >= grace);
    let name = text_at(template, "/metadata/name");
    // Without the mark it may be of any template.
    let is_of = |machine: &&Value| {
        let annotations = machine.pointer("/metadata/annotations");
        let source = annotations.and_then(|all| text_at(all.get(keys::CLONED_FROM)?, ""));
        source.is_none() || source == name
    };
    let mut machines = machines.iter().filter(is_of);
    let fits = |machine: &Value| {
        machine_size(site, of, machine).is_some_and(|size: Size| size.fits(now_made))
    };
    is_settled && machines.all(fits)
}

/// When an object was written last, as the API server says.
fn changed(object: &Value) -> Option<Timestamp> {
    let created = text_at(object, "/metadata/creationTimestamp");
    let fields = object.pointer("/metadata/managedFields");
    let fields = fields.and_then(Value::as_array).into_iter().flatten();
    let times = fields.filter_map(|entry| text_at(entry, "/time"));
    let times = created.into_iter().chain(times);
    times.filter_map(|time| time.parse().ok()).max()
}
