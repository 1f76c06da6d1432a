//! Policies in Gatekeeper's format: which are in force, and what they say of a review.
//!
//! [`read`] makes them of files, [`directory`] keeps those of a directory and [`cluster`] those of a cluster up to date,
//! and [`sources`] puts both in force. [`gate`] asks them, about what [`supply`] brings into the [`stock`] as well, and
//! [`registered`] has the API server send what they want to see. Where no Gatekeeper does it, [`definitions`] has the
//! API server take their constraints. [`waivers`] are the exceptions.

mod cluster;
mod definitions;
mod directory;
mod gate;
mod kept;
mod namespaces;
mod read;
mod registered;
mod sources;
mod stock;
mod supply;
mod waivers;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use basphere_rego::Policies;
use tokio::sync::watch;

pub use cluster::keep_cluster;
pub(crate) use definitions::Definitions;
pub(crate) use directory::collect;
pub use directory::{Directory, keep_directory};
pub(crate) use gate::LIMIT;
pub use gate::PolicyGate;
pub(crate) use gate::is_controller;
pub use namespaces::{Namespaces, keep_policy_namespaces};
pub(crate) use read::holds_policies;
pub use read::{Files, Problem, read};
pub(crate) use registered::{keep_registered, unregister};
pub use sources::Sources;
pub use stock::Stock;
pub use supply::keep_stock;
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
