//! Policies in Gatekeeper's format: which are in force, and what they say of a review.
//!
//! [`read`] makes them of files, [`directory`] keeps those of a directory in force, [`gate`] asks them, and
//! [`registered`] has the API server send what they want to see. [`waivers`] are the exceptions.

mod directory;
mod gate;
mod namespaces;
mod read;
mod registered;
mod waivers;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use basphere_rego::Policies;
use tokio::sync::watch;

pub(crate) use directory::collect;
pub use directory::{Directory, keep_directory};
pub use gate::PolicyGate;
pub(crate) use gate::is_controller;
pub use namespaces::{Namespaces, keep_policy_namespaces};
pub(crate) use read::holds_policies;
pub use read::{Files, Problem, read};
pub(crate) use registered::{keep_registered, unregister};
pub use waivers::{Excuses, InForce, Waivers};
pub(crate) use waivers::{keep_told, keep_waivers, settle};

/// The policies in force. All that share it see new ones at once.
#[derive(Debug)]
pub struct Shelf {
    current: ArcSwapOption<Policies>,
    changed: watch::Sender<()>,
    waivers: Arc<Waivers>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            current: ArcSwapOption::empty(),
            changed: watch::Sender::new(()),
            waivers: Arc::default(),
        }
    }
}

impl Shelf {
    /// The policies in force; nothing until some were loaded.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Policies>> {
        self.current.load_full()
    }

    /// Puts others in force.
    pub fn put(&self, policies: Policies) {
        self.current.store(Some(Arc::new(policies)));
        self.changed.send_replace(());
    }

    /// The exceptions from them.
    #[must_use]
    pub fn waivers(&self) -> &Arc<Waivers> {
        &self.waivers
    }

    /// Tells when others are in force.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
