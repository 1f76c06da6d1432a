//! The way of one review for policies: read, ask every policy, answer, record.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use basphere_api::review::{self, Plain};
use basphere_core::{Code, Finding};
use basphere_rego::constraint::{Action, Point};
use basphere_rego::policies::Cause;
use basphere_rego::{Need, Policies, Review};
use jiff::Timestamp;
use serde_json::Value;
use tracing::{error, info};
use uuid::Uuid;

use super::stock::{Look, Stock};
use super::waivers::Excuses;
use super::{Namespaces, Shelf};
use crate::gate::{Reply, read_plain};
use crate::metrics::{Metrics, PolicyReview};

/// How long one policy may take for one review.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);
/// Shorter than the API server waits, so that the answer is ours and says why.
const PATIENCE: Duration = Duration::from_secs(4);
/// What follows of a denial that a waiver excuses.
const WAIVED: &str = "waived";

/// Answers reviews by policies.
pub struct PolicyGate {
    shelf: Arc<Shelf>,
    namespaces: Arc<Namespaces>,
    stock: Arc<Stock>,
    metrics: Arc<Metrics>,
}

/// What policies say of one review.
#[derive(Debug, Default)]
struct Verdict {
    denials: Vec<Finding>,
    warnings: Vec<Finding>,
    /// Each constraint that has found something, and what follows.
    results: Vec<(String, &'static str)>,
    /// What waivers excuse of it.
    excuses: Excuses,
}

impl Verdict {
    fn denied(code: Code, words: String) -> Self {
        Self {
            denials: vec![Finding::new(code, "", Value::Null, words)],
            ..Self::default()
        }
    }
}

impl PolicyGate {
    /// A gate that asks the policies of a shelf, which may ask for what is in a stock.
    #[must_use]
    pub fn new(
        shelf: Arc<Shelf>,
        namespaces: Arc<Namespaces>,
        stock: Arc<Stock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            shelf,
            namespaces,
            stock,
            metrics,
        }
    }

    /// Answers one review.
    pub async fn answer(&self, body: &[u8]) -> Reply {
        let started = Instant::now();
        let id = Uuid::new_v4().to_string();
        let plain = match read_plain(body, &id) {
            Ok(plain) => plain,
            Err(reply) => return reply,
        };
        let judged = tokio::time::timeout(PATIENCE, self.judge(&plain)).await;
        let verdict = match judged {
            Ok(Some(verdict)) => verdict,
            Ok(None) => {
                error!(
                    decision = id,
                    uid = plain.uid,
                    "a panic while asking policies"
                );
                let answer = review::answer_failure(&plain.uid, &id);
                return Reply::Review(Box::new(answer));
            }
            Err(_) => Verdict::denied(
                Code::PolicyViolated,
                format!("the policies took more than {} s", PATIENCE.as_secs()),
            ),
        };
        let mut answer = review::answer_plain(&plain, &verdict.denials, &verdict.warnings, &id);
        if !verdict.excuses.is_empty() {
            answer = answer.annotated("waivers", verdict.excuses.to_string());
        }
        self.record(&plain, &verdict, &id, started.elapsed());
        Reply::Review(Box::new(answer))
    }

    /// What the policies say; nothing when they panic.
    async fn judge(&self, plain: &Plain) -> Option<Verdict> {
        let Some(policies) = self.shelf.current() else {
            let words = "no policies have been loaded yet".to_owned();
            return Some(Verdict::denied(Code::PoliciesMissing, words));
        };
        let mut review = match Review::of_request(&plain.request) {
            Ok(review) => review,
            Err(error) => {
                return Some(Verdict::denied(Code::RequestMalformed, error.to_string()));
            }
        };
        match self.namespaces.get(review.namespace_name()).await {
            Ok(namespace) => review.namespace = namespace.map(|it| Value::clone(&it)),
            Err(error) => {
                let words = format!("the Namespace could not be read: {error}");
                return Some(Verdict::denied(Code::ReadFailed, words));
            }
        }
        let is_controller = is_controller(&plain.request);
        let look = self.stock.look();
        let excuses = Excuses::by(self.shelf.waivers().in_force(), Timestamp::now());
        // It computes, and others wait for this thread.
        let judging = tokio::task::spawn_blocking(move || {
            judge(&policies, &review, &look, is_controller, excuses)
        });
        judging.await.ok()
    }

    fn record(&self, plain: &Plain, verdict: &Verdict, id: &str, took: Duration) {
        let text = |pointer: &str| {
            let found = plain.request.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default()
        };
        let allowed = verdict.denials.is_empty();
        let operation = text("/operation");
        self.metrics.policies.reviewed(PolicyReview {
            operation,
            allowed,
            results: &verdict.results,
            took,
        });
        let is_dry = plain.request.get("dryRun") == Some(&Value::Bool(true));
        if allowed && !is_dry {
            self.shelf.waivers().count(&verdict.excuses);
            for (waiver, constraint) in verdict.excuses.given() {
                self.metrics.policies.waived(waiver, constraint);
            }
        }
        let results = verdict.results.iter();
        let results: Vec<_> = results
            .map(|(name, action)| format!("{name}={action}"))
            .collect();
        info!(
            decision = id,
            uid = plain.uid,
            operation,
            kind = text("/kind/kind"),
            namespace = text("/namespace"),
            name = text("/name"),
            user = text("/userInfo/username"),
            allowed,
            results = results.join(","),
            waivers = %verdict.excuses,
            ms = took.as_secs_f64() * 1000.0,
            "reviewed"
        );
    }
}

/// Whether the cluster itself writes: the webhook configuration tells it by the same.
pub(crate) fn is_controller(request: &Value) -> bool {
    let user = request
        .pointer("/userInfo/username")
        .and_then(Value::as_str);
    user.is_some_and(|user| user.starts_with("system:") && user != "system:anonymous")
}

/// What one constraint says.
struct Said {
    /// `Kind/name`.
    constraint: String,
    /// As Gatekeeper words it.
    words: String,
    actions: Vec<Action>,
    /// It could not be asked, since not all that it looks for is known yet.
    waits: bool,
}

fn ask(policies: &Policies, review: &Review, look: &Look) -> Vec<Said> {
    let missing = |need: &Need| look.missing(need);
    let found = policies.review_with(review, Point::Webhook, &look.inventory, LIMIT, missing);
    let said = found.into_iter().map(|finding| Said {
        constraint: format!("{}/{}", finding.kind, finding.name),
        words: match &finding.violation.message {
            Value::String(text) => format!("[{}] {text}", finding.name),
            other => format!("[{}] {other}", finding.name),
        },
        waits: finding.cause == Cause::Inventory,
        actions: finding.actions,
    });
    said.collect()
}

fn judge(
    policies: &Policies,
    review: &Review,
    look: &Look,
    is_controller: bool,
    mut excuses: Excuses,
) -> Verdict {
    let found = ask(policies, review, look);
    let is_denied = found
        .iter()
        .any(|said| said.actions.contains(&Action::Deny));
    let before = match is_controller && is_denied {
        true => broken_before(policies, review, look),
        false => HashSet::new(),
    };
    let mut verdict = Verdict::default();
    for said in found {
        let says = |code| Finding::new(code, "", Value::Null, said.words.clone());
        let is_old = before.contains(&(said.constraint.clone(), said.words.clone()));
        for action in &said.actions {
            let mut follows = action.as_str();
            match action {
                Action::Deny if said.waits => verdict.denials.push(says(Code::InventoryMissing)),
                Action::Deny if is_old => verdict.warnings.push(says(Code::PolicyTolerated)),
                Action::Deny => match excuses.of(&said.constraint, &said.words, review) {
                    Some(words) => {
                        follows = WAIVED;
                        let finding = Finding::new(Code::PolicyWaived, "", Value::Null, words);
                        verdict.warnings.push(finding);
                    }
                    None => verdict.denials.push(says(Code::PolicyViolated)),
                },
                Action::Warn => verdict.warnings.push(says(Code::PolicyWarns)),
                Action::Dryrun | Action::Unrecognized => {}
            }
            verdict.results.push((said.constraint.clone(), follows));
        }
    }
    verdict.excuses = excuses;
    verdict
}

/// What the object broke already as it is stored: it is not held against a controller, which only goes on with what
/// it was given.
fn broken_before(policies: &Policies, review: &Review, look: &Look) -> HashSet<(String, String)> {
    let Some(old) = review.old_object().cloned() else {
        return HashSet::new();
    };
    let mut before = review.clone();
    before.request.insert("object".to_owned(), old);
    let said = ask(policies, &before, look).into_iter();
    said.map(|said| (said.constraint, said.words)).collect()
}

#[cfg(test)]
mod tests;
