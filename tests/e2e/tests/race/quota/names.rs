//! What the clients of one tenant know of each other: they write the same few objects.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use crate::objects::Kind;

const CLUSTERS: usize = 4;
const DEPLOYMENTS_PER_CLUSTER: usize = 3;
const TEMPLATES: usize = 5;

/// The names that objects of one tenant may have, and which of them are stored, as far as anybody knows.
#[derive(Debug, Default)]
pub(super) struct Names {
    stored: Mutex<BTreeSet<(Kind, String)>>,
}

impl Names {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Kind, String)>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name of a kind, most often of an object that is stored, or that is not.
    pub(super) fn pick(&self, kind: Kind, is_stored: bool, random: &mut Rng) -> String {
        let all = all(kind);
        let stored = self.lock();
        let is_wanted = |name: &&String| stored.contains(&(kind, String::clone(name))) == is_stored;
        let wanted: Vec<_> = all.iter().filter(is_wanted).collect();
        let name = match random.choice(&wanted) {
            Some(name) if random.u8(0..20) > 0 => Some(*name),
            _ => random.choice(&all),
        };
        name.cloned().unwrap_or_default()
    }

    /// Whether an object of that kind is stored.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.lock().iter().any(|(stored, _)| *stored == kind)
    }

    pub(super) fn note(&self, kind: Kind, name: &str, is_stored: bool) {
        let key = (kind, name.to_owned());
        if is_stored {
            self.lock().insert(key);
        } else {
            self.lock().remove(&key);
        }
    }
}

/// The cluster that an object of this name is of.
pub(super) fn cluster_of(name: &str) -> &str {
    name.split('-').next().unwrap_or_default()
}

fn all(kind: Kind) -> Vec<String> {
    let clusters = (0..CLUSTERS).map(|number| format!("c{number}"));
    match kind {
        Kind::Template => (0..TEMPLATES).map(|number| format!("t{number}")).collect(),
        Kind::MachineDeployment => clusters
            .flat_map(|cluster| {
                (0..DEPLOYMENTS_PER_CLUSTER)
                    .map(move |number| format!("{cluster}-workers-{number}"))
            })
            .collect(),
        kind => clusters.map(|cluster| kind.name_of(&cluster)).collect(),
    }
}
