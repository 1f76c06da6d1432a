//! The way of one review: read, judge, answer, record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use basphere_api::review::{self, Answer, Malformed, Plain, Review};
use basphere_core::{Code, Decision, Phase, Request};
use futures::FutureExt;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::desk::Desk;
use crate::judge::{Judge, refusal};
use crate::metrics::{About, Metrics};
use crate::reader::Reader;
use crate::till::Till;
use crate::world::World;

pub use crate::judge::Decide;

/// Shorter than the API server waits, so that the answer is ours and says why.
const PATIENCE: Duration = Duration::from_secs(4);

/// Answers reviews.
pub struct Gate {
    judge: Arc<Judge>,
    metrics: Arc<Metrics>,
}

/// What goes back to the API server.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A review with a response.
    Review(Box<Answer>),
    /// Words only, since no review can be addressed to a body without a uid: 400.
    BadRequest(String),
}

impl Reply {
    /// To a body that cannot be judged: a review where it has a uid.
    pub(crate) fn malformed(malformed: &Malformed, decision_id: &str) -> Self {
        match &malformed.uid {
            Some(uid) => Self::Review(Box::new(review::answer_malformed(
                uid,
                malformed,
                decision_id,
            ))),
            None => Self::BadRequest(malformed.to_string()),
        }
    }
}

/// Reads a review of any kind.
///
/// # Errors
/// What is answered where the body is none; the log says so.
pub(crate) fn read_plain(body: &[u8], decision_id: &str) -> Result<Plain, Reply> {
    review::parse_plain(body).map_err(|malformed| {
        warn!(
            decision = decision_id,
            uid = malformed.uid,
            "unreadable: {malformed}"
        );
        Reply::malformed(&malformed, decision_id)
    })
}

impl Gate {
    /// A gate that judges by core.
    #[must_use]
    pub fn new(
        world: Arc<World>,
        reader: Arc<dyn Reader>,
        desk: Arc<dyn Desk>,
        till: Arc<dyn Till>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::with_decide(world, reader, desk, till, metrics, basphere_core::decide)
    }

    /// A gate that judges by something else.
    #[must_use]
    pub fn with_decide(
        world: Arc<World>,
        reader: Arc<dyn Reader>,
        desk: Arc<dyn Desk>,
        till: Arc<dyn Till>,
        metrics: Arc<Metrics>,
        decide: Decide,
    ) -> Self {
        Self::of(Arc::new(Judge {
            world,
            reader,
            desk,
            till,
            metrics,
            decide,
        }))
    }

    /// A gate that judges by somebody else, too.
    #[must_use]
    pub fn of(judge: Arc<Judge>) -> Self {
        let metrics = Arc::clone(&judge.metrics);
        Self { judge, metrics }
    }

    /// Answers one review.
    pub async fn answer(&self, phase: Phase, body: &[u8]) -> Reply {
        let started = Instant::now();
        let id = Uuid::new_v4().to_string();
        match review::parse(phase, body) {
            Ok(review) => Reply::Review(Box::new(self.answer_review(&review, &id, started).await)),
            Err(malformed) => self.answer_malformed(phase, &malformed, &id, started),
        }
    }

    async fn answer_review(&self, review: &Review, id: &str, started: Instant) -> Answer {
        // A panic is our fault, not the caller's, and must still be answered; the request's own data
        // is all that it could leave half changed.
        let judged = AssertUnwindSafe(self.judge_in_time(&review.request))
            .catch_unwind()
            .await;
        let (answer, decision) = match judged {
            Ok(decision) => (review::answer(review, &decision, id), decision),
            Err(_) => {
                error!(decision = id, uid = review.uid, "a panic while judging");
                (review::answer_failure(&review.uid, id), Decision::default())
            }
        };
        self.record(review, &decision, &answer, id, started.elapsed());
        answer
    }

    fn answer_malformed(
        &self,
        phase: Phase,
        malformed: &Malformed,
        id: &str,
        started: Instant,
    ) -> Reply {
        let about = About::unknown(phase);
        self.metrics.answered(about, false, 400, started.elapsed());
        self.metrics.found(about, malformed.finding.code);
        warn!(
            decision = id,
            uid = malformed.uid,
            phase = about.phase(),
            "unreadable: {malformed}"
        );
        Reply::malformed(malformed, id)
    }

    async fn judge_in_time(&self, request: &Request) -> Decision {
        tokio::time::timeout(PATIENCE, self.judge.judge(request))
            .await
            .unwrap_or_else(|_| {
                refusal(
                    Code::ReadFailed,
                    format!(
                        "what is stored could not be read within {} s",
                        PATIENCE.as_secs()
                    ),
                )
            })
    }

    fn record(
        &self,
        review: &Review,
        decision: &Decision,
        answer: &Answer,
        id: &str,
        took: Duration,
    ) {
        let request = &review.request;
        let about = About::request(request);
        self.metrics
            .answered(about, answer.is_allowed(), answer.status(), took);
        let mut codes: Vec<&str> = Vec::new();
        for finding in decision.denials.iter().chain(&decision.warnings) {
            self.metrics.found(about, finding.code);
            codes.push(finding.code.as_str());
        }
        info!(
            decision = id,
            uid = review.uid,
            phase = about.phase(),
            operation = about.operation(),
            kind = %request.subject.kind,
            namespace = request.namespace,
            name = request.name,
            user = request.requester.username,
            dry_run = request.dry_run,
            allowed = answer.is_allowed(),
            status = answer.status(),
            codes = codes.join(","),
            patched = decision.patch.len(),
            ms = took.as_secs_f64() * 1000.0,
            "decided"
        );
    }
}
