//! Lines that contradict each other. Which of them is right cannot be known, so none is taken.

use std::collections::BTreeMap;

use basphere_core::ipam::Slot;

use super::{Entry, Remarks};

/// Takes lines out that stand in the file a second time.
pub(super) fn without_repeated(entries: Vec<Entry>, remarks: &mut Remarks) -> Vec<Entry> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let is_new = |entry: &Entry| match seen.get(&entry.text) {
        Some(line) => {
            remarks.fault(entry.line, format!("repeats line {line}"));
            false
        }
        None => {
            seen.insert(entry.text.clone(), entry.line);
            true
        }
    };
    entries.into_iter().filter(is_new).collect()
}

/// Takes all lines out that claim a slot which another line claims as well.
pub(super) fn without_contested(entries: Vec<Entry>, remarks: &mut Remarks) -> Vec<Entry> {
    let mut claims: BTreeMap<Slot, Vec<(usize, String)>> = BTreeMap::new();
    for entry in &entries {
        let claim = (entry.line, entry.lease.spec.holder.to_string());
        let slot = entry.lease.slot.clone();
        claims.entry(slot).or_default().push(claim);
    }
    let is_alone = |entry: &Entry| {
        let slot = &entry.lease.slot;
        let mut others = claims.get(slot).into_iter().flatten();
        match others.find(|(line, _)| *line != entry.line) {
            Some((line, holder)) => {
                let slot = slot.text();
                remarks.fault(
                    entry.line,
                    format!("{slot} is leased on line {line} as well, to {holder}"),
                );
                false
            }
            None => true,
        }
    };
    entries.into_iter().filter(is_alone).collect()
}
