//! Where policies come from, a directory and a cluster's objects, and how they become one set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basphere_rego::{Policies, Waiver};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shelf;
use super::kept::{Complaint, Kept, Stored};
use crate::metrics::Metrics;

/// Something that is not asked for, waited for, or there.
#[derive(Debug)]
enum Source<T> {
    None,
    Awaited,
    There(T),
}

impl<T> Source<T> {
    fn new(is_asked: bool) -> Self {
        match is_asked {
            true => Self::Awaited,
            false => Self::None,
        }
    }
}

/// All sources of policies. What they say together goes to the shelf as soon as each of them has said something.
#[derive(Debug)]
pub struct Sources {
    shelf: Arc<Shelf>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    directory: Source<Policies>,
    /// The newest version of the directory is no good.
    is_directory_refused: bool,
    cluster: Source<Kept>,
    /// What was said of the cluster's objects last.
    complaints: BTreeMap<(String, String), Complaint>,
}

impl Sources {
    /// The sources that are asked for.
    #[must_use]
    pub fn new(
        shelf: Arc<Shelf>,
        metrics: Arc<Metrics>,
        has_directory: bool,
        has_cluster: bool,
    ) -> Self {
        Self {
            shelf,
            metrics,
            state: Mutex::new(State {
                directory: Source::new(has_directory),
                is_directory_refused: false,
                cluster: Source::new(has_cluster),
                complaints: BTreeMap::new(),
            }),
            changed: watch::Sender::new(()),
        }
    }

    /// Takes the policies of the directory, and its exceptions from all policies.
    pub fn put_directory(&self, policies: Policies, waivers: Vec<Waiver>) {
        let mut state = self.state();
        self.shelf.waivers().put_files(waivers);
        state.directory = Source::There(policies);
        state.is_directory_refused = false;
        self.settle(&mut state);
    }

    /// The directory's newest policies are no good: what it said before goes on.
    pub fn refuse_directory(&self) {
        let mut state = self.state();
        state.is_directory_refused = true;
        self.metrics.policies.set_valid(false);
    }

    /// Whether the directory has said anything.
    #[must_use]
    pub fn has_directory(&self) -> bool {
        matches!(self.state().directory, Source::There(_))
    }

    /// Takes note of what the cluster has, for the first time or once more; `change` says whether that is anything new.
    pub fn change_cluster(&self, change: impl FnOnce(&mut Kept) -> bool) {
        let mut state = self.state();
        let is_first = !matches!(state.cluster, Source::There(_));
        if is_first {
            state.cluster = Source::There(Kept::default());
        }
        let is_new = match &mut state.cluster {
            Source::There(kept) => change(kept),
            Source::None | Source::Awaited => false,
        };
        if is_new || is_first {
            self.settle(&mut state);
        }
        self.changed.send_replace(());
    }

    /// The cluster's templates; nothing until they are known.
    pub(crate) fn templates(&self) -> Option<Vec<Stored>> {
        match &self.state().cluster {
            Source::There(kept) => Some(kept.templates()),
            _ => None,
        }
    }

    /// Tells when the cluster's templates may be others.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves nothing half done that the next settlement would not do again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, state: &mut State) {
        let nothing = Policies::default();
        let directory = match &state.directory {
            Source::None => &nothing,
            Source::There(policies) => policies,
            Source::Awaited => return,
        };
        let (policies, complaints) = match &mut state.cluster {
            Source::None => (directory.clone(), BTreeMap::new()),
            Source::There(kept) => (kept.settle(directory), kept.complaints()),
            Source::Awaited => return,
        };
        say(&state.complaints, &complaints);
        let is_refused = |it: &&Complaint| matches!(it, Complaint::Refused { .. });
        let refused = complaints.values().filter(is_refused).count();
        state.complaints = complaints;
        let (templates, constraints) =
            (policies.templates().count(), policies.constraints().count());
        info!(templates, constraints, refused, "policies are in force");
        let metrics = &self.metrics.policies;
        metrics.loaded(templates, constraints, refused);
        metrics.set_valid(refused == 0 && !state.is_directory_refused);
        self.shelf.put(policies);
    }
}

/// Tells what was not told before.
fn say(
    before: &BTreeMap<(String, String), Complaint>,
    now: &BTreeMap<(String, String), Complaint>,
) {
    for (key, complaint) in now {
        if before.get(key) == Some(complaint) {
            continue;
        }
        let (kind, name) = key;
        let problem = complaint.to_string();
        match complaint {
            Complaint::Refused { .. } => {
                warn!(
                    kind,
                    name, problem, "a policy's newest version is not in force"
                );
            }
            Complaint::InDirectory | Complaint::Waits => {
                info!(
                    kind,
                    name, problem, "a policy of the cluster is not in force"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
