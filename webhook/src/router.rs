//! The HTTP surface.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use basphere_api::registration::{IMAGES_PATH, MUTATE_PATH, POLICIES_PATH, VALIDATE_PATH};
use basphere_api::review::Answer;
use basphere_core::Phase;
use jiff::Timestamp;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::gate::{Gate, Reply};
use crate::images::ImageGate;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::policies::PolicyGate;
use crate::readiness::Readiness;

/// The API server stores at most 1.5 MiB, but a review may hold it twice, and JSON needs more room
/// than etcd's form.
pub const BODY_LIMIT: usize = 7 * 1024 * 1024;
/// For the body to arrive and the answer to be made; the gate's own patience ends before.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(4500);

/// Who answers reviews; whoever is not there does not have a path.
#[derive(Clone, Default)]
pub struct Gates {
    /// Completes and judges what tenants apply.
    pub tenants: Option<Arc<Gate>>,
    /// Asks policies.
    pub policies: Option<Arc<PolicyGate>>,
    /// Rewrites images of Pods.
    pub images: Option<Arc<ImageGate>>,
}

/// What is served over TLS: reviews and health. With `verified_only`, reviews are refused to
/// clients that showed no certificate.
pub fn reviews(gates: Gates, readiness: Arc<Readiness>, verified_only: bool) -> Router {
    let mut reviews = Router::new();
    if let Some(gate) = gates.tenants {
        let paths = Router::new()
            .route(MUTATE_PATH, post(mutate))
            .route(VALIDATE_PATH, post(validate));
        reviews = reviews.merge(paths.with_state(gate));
    }
    if let Some(gate) = gates.policies {
        let paths = Router::new().route(POLICIES_PATH, post(policies));
        reviews = reviews.merge(paths.with_state(gate));
    }
    if let Some(gate) = gates.images {
        let paths = Router::new().route(IMAGES_PATH, post(images));
        reviews = reviews.merge(paths.with_state(gate));
    }
    reviews = reviews.layer(DefaultBodyLimit::max(BODY_LIMIT));
    if verified_only {
        reviews = reviews.layer(middleware::from_fn(only_verified));
    }
    guarded(reviews.merge(health(readiness)))
}

/// What is served in the clear: metrics and health.
pub fn observation(metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Router {
    guarded(
        Router::new()
            .route("/metrics", get(render))
            .with_state(metrics)
            .merge(health(readiness)),
    )
}

fn health(readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

/// The last resorts: a panic outside of a decision, a body that never ends.
fn guarded(router: Router) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                REQUEST_TIMEOUT,
            )),
    )
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Basphere failed while answering the request\n",
    )
        .into_response()
}

async fn mutate(State(gate): State<Arc<Gate>>, body: Result<Bytes, BytesRejection>) -> Response {
    review(&gate, Phase::Mutate, body).await
}

async fn validate(State(gate): State<Arc<Gate>>, body: Result<Bytes, BytesRejection>) -> Response {
    review(&gate, Phase::Validate, body).await
}

async fn policies(
    State(gate): State<Arc<PolicyGate>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    respond(body, async |body: &[u8]| gate.answer(body).await).await
}

async fn images(
    State(gate): State<Arc<ImageGate>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    respond(body, async |body: &[u8]| gate.answer(body)).await
}

async fn review(gate: &Gate, phase: Phase, body: Result<Bytes, BytesRejection>) -> Response {
    respond(body, async |body: &[u8]| gate.answer(phase, body).await).await
}

async fn respond(
    body: Result<Bytes, BytesRejection>,
    answer: impl AsyncFnOnce(&[u8]) -> Reply,
) -> Response {
    match body {
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let words = format!(
                "the review is larger than {} MiB\n",
                BODY_LIMIT / 1024 / 1024
            );
            (StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
        }
        Err(rejection) => (rejection.status(), format!("{rejection}\n")).into_response(),
        Ok(body) => match answer(&body).await {
            Reply::Review(answer) => json(&answer),
            Reply::BadRequest(words) => {
                (StatusCode::BAD_REQUEST, format!("{words}\n")).into_response()
            }
        },
    }
}

fn json(answer: &Answer) -> Response {
    match serde_json::to_vec(answer) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// A request without [`Peer`] came by a way that verifies nobody.
async fn only_verified(request: Request, next: Next) -> Response {
    if request
        .extensions()
        .get::<Peer>()
        .is_some_and(|peer| peer.is_verified)
    {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "reviews are taken only from clients with a certificate of the API server's CA\n",
    )
        .into_response()
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let missing = readiness.missing(Timestamp::now());
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{}\n", missing.join("\n")),
    )
        .into_response()
}

async fn render(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.render() {
        Ok(text) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
