//! The rules on images of a Site's manifest, taken again whenever the file changes.
//!
//! An application cluster has no Site; what a file says of one beside its images is nobody's business there, and may
//! be left out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use basphere_core::images::Rules;
use basphere_core::site::ImageRules;
use serde_json::Value;
use tracing::{info, warn};

use super::Rulebook;
use crate::metrics::Metrics;
use crate::readiness::Flag;

/// How often the file is looked at. It is not watched: what is mounted of a ConfigMap changes by a link that is turned
/// over, which file events do not tell reliably.
const POLL: Duration = Duration::from_secs(2);
/// More than any Site is.
const MOST_BYTES: u64 = 1024 * 1024;

/// A file with a Site's manifest.
#[derive(Debug)]
pub struct RulesFile {
    path: PathBuf,
    seen: Option<String>,
    complaint: String,
}

impl RulesFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: None,
            complaint: String::new(),
        }
    }

    /// Reads it once, and puts its rules in force if they are others than before. When they are wrong, those that were
    /// in force stay, and the log says what is wrong, once.
    pub fn refresh(&mut self, rules: &Rulebook, metrics: &Metrics) {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) => return self.complain(format!("{error:#}"), metrics),
        };
        if self.seen.as_ref() == Some(&text) {
            return;
        }
        match parse(&text) {
            Ok((_, read)) => {
                info!(rewrites = read.rewrites(), "rules on images are in force");
                metrics.images.loaded();
                self.complaint.clear();
                self.seen = Some(text);
                rules.put(read);
            }
            Err(error) => self.complain(format!("{}: {error:#}", self.path.display()), metrics),
        }
    }

    fn complain(&mut self, problem: String, metrics: &Metrics) {
        metrics.images.rejected();
        if self.complaint != problem {
            warn!(problem, "the rules on images in force stay");
        }
        self.complaint = problem;
        self.seen = None;
    }
}

/// The rules of a file, as they are written and as they were checked.
pub(crate) fn read_rules(path: &Path) -> anyhow::Result<(ImageRules, Rules)> {
    let text = read(path)?;
    parse(&text).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("{} cannot be read", path.display());
    let size = std::fs::metadata(path).with_context(cannot)?.len();
    ensure!(
        size <= MOST_BYTES,
        "{} is larger than 1 MiB",
        path.display()
    );
    std::fs::read_to_string(path).with_context(cannot)
}

/// The rules of a Site's manifest, which may stand among other documents.
pub(super) fn parse(text: &str) -> anyhow::Result<(ImageRules, Rules)> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("no YAML")?;
    let mut sites = documents.into_iter().filter(|document| {
        let field = |name: &str| document.get(name).and_then(Value::as_str);
        let group = field("apiVersion").and_then(|version| version.split('/').next());
        field("kind") == Some("Site") && group == Some("basphere.dev")
    });
    let (site, more) = (sites.next(), sites.next());
    ensure!(more.is_none(), "there are several Sites in it");
    let mut site = site.context("there is no Site in it")?;
    let images = site.pointer_mut("/spec/images").map(Value::take);
    let images = images.context("the Site has no spec.images")?;
    let images: ImageRules = serde_json::from_value(images).context("spec.images")?;
    match Rules::check(&images) {
        Ok(rules) => Ok((images, rules)),
        Err(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            bail!(errors.join("; "))
        }
    }
}

/// Keeps the rules of a file in force, for ever.
pub(super) async fn keep_file(
    path: PathBuf,
    rules: Arc<Rulebook>,
    metrics: Arc<Metrics>,
    read: Flag,
) {
    let mut file = RulesFile::new(path);
    loop {
        let (own, of_metrics) = (Arc::clone(&rules), Arc::clone(&metrics));
        let refreshed = tokio::task::spawn_blocking(move || {
            file.refresh(&own, &of_metrics);
            file
        });
        // It ends early only when the process does.
        let Ok(returned) = refreshed.await else {
            return;
        };
        file = returned;
        read.set(rules.current().is_some());
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
pub(super) mod tests;
