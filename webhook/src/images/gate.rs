//! The way of one Pod: read, rewrite, answer, record. Nothing is ever refused here: which images may run is for the
//! policies to say, which see what is stored.

use std::sync::Arc;

use basphere_api::review::{self, Plain};
use basphere_core::images::{Rewritten, patch_of, rewrite_pod};
use serde_json::Value;
use tracing::info;
use uuid::Uuid;

use super::Rulebook;
use crate::gate::{Reply, read_plain};
use crate::metrics::Metrics;
use crate::policies::is_controller;

/// The audit log names so many images of one Pod.
const MOST_TOLD: usize = 32;

/// Answers reviews of Pods.
pub struct ImageGate {
    rules: Arc<Rulebook>,
    metrics: Arc<Metrics>,
}

impl ImageGate {
    /// A gate that rewrites by the rules of a book.
    #[must_use]
    pub fn new(rules: Arc<Rulebook>, metrics: Arc<Metrics>) -> Self {
        Self { rules, metrics }
    }

    /// Answers one review.
    #[must_use]
    pub fn answer(&self, body: &[u8]) -> Reply {
        let id = Uuid::new_v4().to_string();
        let plain = match read_plain(body, &id) {
            Ok(plain) => plain,
            Err(reply) => return reply,
        };
        let rewritten = self.rewrite(&plain.request);
        // Who makes Pods out of something else reads no warnings.
        let warnings: Vec<_> = match is_controller(&plain.request) {
            true => Vec::new(),
            false => rewritten.iter().map(Rewritten::finding).collect(),
        };
        let told = (!rewritten.is_empty()).then(|| told(&rewritten));
        if let Some(told) = &told {
            self.metrics.images.rewritten(rewritten.len());
            record(&plain, told, &id);
        }
        let audit = told.map(|told| ("rewritten", told));
        let patch = patch_of(&rewritten);
        let answer = review::answer_changed(&plain, &patch, &warnings, audit, &id);
        Reply::Review(Box::new(answer))
    }

    fn rewrite(&self, request: &Value) -> Vec<Rewritten> {
        let kind = |field: &str| request.get("kind").and_then(|kind| kind.get(field));
        let is_pod = kind("group").and_then(Value::as_str) == Some("")
            && kind("kind").and_then(Value::as_str) == Some("Pod");
        let object = request.get("object").filter(|_| is_pod);
        match (self.rules.current(), object) {
            (Some(rules), Some(pod)) => {
                let stored = request.get("oldObject").filter(|old| old.is_object());
                rewrite_pod(&rules, pod, stored)
            }
            _ => Vec::new(),
        }
    }
}

/// `nginx -> harbor.corp.example:8443/docker.io/library/nginx`, each image once.
fn told(rewritten: &[Rewritten]) -> String {
    let mut told: Vec<_> = rewritten
        .iter()
        .map(|one| format!("{} -> {}", one.written, one.instead))
        .collect();
    told.sort_unstable();
    told.dedup();
    let more = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}

fn record(plain: &Plain, rewritten: &str, id: &str) {
    let text = |pointer: &str| {
        let found = plain.request.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    };
    let name = match text("/name") {
        "" => text("/object/metadata/generateName"),
        name => name,
    };
    info!(
        decision = id,
        uid = plain.uid,
        operation = text("/operation"),
        namespace = text("/namespace"),
        name,
        user = text("/userInfo/username"),
        rewritten,
        "images were rewritten"
    );
}

#[cfg(test)]
mod tests;
