//! Images of Pods, rewritten on an application cluster to what the site keeps.
//!
//! [`file`] keeps the rules of a file in force, [`gate`] rewrites by them, and [`registered`] has the API server send the
//! Pods that name an image from elsewhere. What is rewritten to what, core says.

mod file;
mod gate;
mod registered;

use std::path::PathBuf;
use std::sync::Arc;

use basphere_core::images::Rules;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

pub use file::RulesFile;
pub(crate) use file::read_rules;
pub use gate::ImageGate;
pub(crate) use registered::{keep_registered, unregister};

/// The rules in force. All that share them see new ones at once.
#[derive(Debug)]
pub struct Rulebook(watch::Sender<Option<Arc<Rules>>>);

impl Default for Rulebook {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Rulebook {
    /// The rules in force; nothing until some were read.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Rules>> {
        self.0.borrow().clone()
    }

    /// Puts others in force.
    pub fn put(&self, rules: Rules) {
        self.0.send_replace(Some(Arc::new(rules)));
    }

    /// Tells when others are in force.
    pub(crate) fn changes(&self) -> watch::Receiver<Option<Arc<Rules>>> {
        self.0.subscribe()
    }
}

/// The parts of `serve` that rewrite images.
pub(crate) struct Rewriting {
    rules: Arc<Rulebook>,
    gate: Arc<ImageGate>,
}

impl Rewriting {
    /// Starts what keeps the rules up to date; some must be there before reviews can be answered.
    pub(crate) fn start(
        tasks: &mut JoinSet<()>,
        file: PathBuf,
        metrics: &Arc<Metrics>,
        readiness: &mut Readiness,
    ) -> Self {
        let rules = Arc::new(Rulebook::default());
        let read = readiness.part(format!(
            "no valid rules on images in {} yet",
            file.display()
        ));
        let (own, of_metrics) = (Arc::clone(&rules), Arc::clone(metrics));
        tasks.spawn(file::keep_file(file, own, of_metrics, read));
        let gate = ImageGate::new(Arc::clone(&rules), Arc::clone(metrics));
        Self {
            rules,
            gate: Arc::new(gate),
        }
    }

    /// Who answers reviews.
    pub(crate) fn gate(&self) -> Arc<ImageGate> {
        Arc::clone(&self.gate)
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> Arc<Rulebook> {
        Arc::clone(&self.rules)
    }
}
