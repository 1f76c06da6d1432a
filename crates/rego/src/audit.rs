//! What policies say of what is stored: objects in, bounded tallies out.
//!
//! The webhook's background scan and `kubectl basphere policy audit` judge by this alone, so that what is said before a
//! policy is enforced is what is reported afterwards. It counts everything that it finds, and keeps no more of it than
//! its [`Bounds`] say, whatever is stored.

mod entry;
mod kept;
mod report;
mod tally;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::constraint::Point;
use crate::inventory::Need;
use crate::policies::{Finding, Policies};
use crate::review::{Review, ReviewError, Source};

pub use entry::{Entry, Outcome, Rule, Severity, Subject};
pub use report::{Flavour, LEFT_OUT, MANAGED_BY, MANAGER, REPORT_NAME};
pub use tally::{Bounds, Counts, ReportTally, RuleTally, Tally};

/// Says by which waiver a finding is waived, if by any. The review is the one that the finding is about.
pub type Waives<'a> = dyn Fn(&Review, &Finding<'_>) -> Option<String> + Send + Sync + 'a;

/// Nothing is waived.
#[must_use]
pub fn waives_nothing(_: &Review, _: &Finding<'_>) -> Option<String> {
    None
}

/// Says why what a template asks `data.inventory` for is not known; nothing if it is.
pub type Missing<'a> = dyn Fn(&Need) -> Option<String> + Send + Sync + 'a;

/// Nothing is missing.
#[must_use]
pub fn misses_nothing(_: &Need) -> Option<String> {
    None
}

/// Judges objects as they are stored.
#[derive(Clone, Copy)]
pub struct Auditor<'a> {
    /// Whose constraints are asked: all that have an action at [`Point::Audit`].
    pub policies: &'a Policies,
    /// What Rego sees as `data.inventory`.
    pub inventory: &'a regorus::Value,
    /// What of that is not known: constraints that ask for it are undecided.
    pub missing: &'a Missing<'a>,
    /// How long one constraint may take for one object. Who takes longer has an error, as in admission.
    pub limit: Duration,
    /// Who may waive what is found.
    pub waives: &'a Waives<'a>,
}

impl Auditor<'_> {
    /// Judges one object, which has its `apiVersion` and `kind`, and puts what is found into a tally of these policies.
    /// `namespace` is the Namespace that it is in, whole; nothing for an object of the cluster.
    ///
    /// `input.review` is as Gatekeeper's audit makes it: no operation, nobody who asks, and `namespaceObject`.
    ///
    /// # Errors
    /// When it has no kind.
    pub fn judge(
        &self,
        object: Value,
        namespace: Option<Value>,
        tally: &mut Tally,
    ) -> Result<(), ReviewError> {
        let subject = Arc::new(Subject::of(&object));
        let mut review = Review::of_object(object, None, Source::Original)?;
        review.shows_namespace = true;
        review.namespace = namespace;
        let findings = self.policies.review_with(
            &review,
            Point::Audit,
            self.inventory,
            self.limit,
            self.missing,
        );
        let mut worst: BTreeMap<(&str, &str), Outcome> = BTreeMap::new();
        for finding in &findings {
            let waiver = (self.waives)(&review, finding);
            let outcome = Outcome::of(finding, waiver.is_some());
            tally.note(&subject, finding, outcome, waiver);
            let of_rule = worst.entry((finding.kind, finding.name)).or_insert(outcome);
            *of_rule = outcome.min(*of_rule);
        }
        tally.note_object(&worst);
        Ok(())
    }
}
