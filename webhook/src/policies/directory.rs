//! The policies of a directory, taken again whenever a file changes.
//!
//! The directory is looked at and not watched: what is mounted of a ConfigMap changes by a link that is turned over,
//! which file events do not tell reliably.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use basphere_rego::{Policies, Waiver};
use tracing::warn;

use super::{Files, Problem, Sources, read, waivers};
use crate::readiness::Flag;

/// How often a directory is looked at.
const POLL: Duration = Duration::from_secs(2);
/// A directory that is deeper is a loop of links, or none of policies.
const DEEPEST: usize = 16;
/// So much is read of a directory at the most.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// What policy files end with.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
/// Objects that show what policies refuse, and constraints with other parameters, as Gatekeeper's library keeps them.
const SAMPLES: &str = "samples";

/// A directory of policies: all YAML and JSON files in it and below, but hidden ones and those in folders named
/// `samples`.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    seen: Option<Files>,
    complaint: Vec<String>,
}

impl Directory {
    /// A directory that was not read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: None,
            complaint: Vec::new(),
        }
    }

    /// Reads it once, and puts its policies in force if they are others than before. When any of them is wrong, those
    /// that were in force stay, and the log says what is wrong, once.
    pub fn refresh(&mut self, sources: &Sources) {
        let files = match collect(&self.path) {
            Ok(files) => files,
            Err(error) => return self.complain(vec![format!("{error:#}")], sources),
        };
        if self.seen.as_ref() == Some(&files) {
            return;
        }
        match taken(&files) {
            Ok((policies, waivers)) => {
                self.complaint.clear();
                sources.put_directory(policies, waivers);
            }
            Err(problems) => {
                let problems = problems.iter().map(ToString::to_string).collect();
                self.complain(problems, sources);
            }
        }
        self.seen = Some(files);
    }

    fn complain(&mut self, problems: Vec<String>, sources: &Sources) {
        sources.refuse_directory();
        if self.complaint != problems {
            for problem in &problems {
                warn!(problem, "the policies in force stay");
            }
        }
        self.complaint = problems;
        self.seen = None;
    }
}

/// Keeps the policies of a directory in force, for ever.
pub async fn keep_directory(path: PathBuf, sources: Arc<Sources>, loaded: Flag) {
    let mut directory = Directory::new(path);
    loop {
        let sources = Arc::clone(&sources);
        let refreshed = tokio::task::spawn_blocking(move || {
            directory.refresh(&sources);
            (directory, sources.has_directory())
        });
        // It ends early only when the process does.
        let Ok((returned, is_loaded)) = refreshed.await else {
            return;
        };
        directory = returned;
        loaded.set(is_loaded);
        tokio::time::sleep(POLL).await;
    }
}

/// The policies and the waivers of some files: both are good, or neither is taken.
fn taken(files: &Files) -> Result<(Policies, Vec<Waiver>), Vec<Problem>> {
    match (read(files), waivers::of_files(files)) {
        (Ok(policies), Ok(waivers)) => Ok((policies, waivers)),
        (policies, waivers) => Err([policies.err(), waivers.err()]
            .into_iter()
            .flatten()
            .flatten()
            .collect()),
    }
}

/// The files of a directory of policies.
///
/// # Errors
/// When something in it cannot be read, or is too much.
pub(crate) fn collect(path: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut room = MOST_BYTES;
    walk(path, DEEPEST, &mut room, &mut files)?;
    Ok(files)
}

fn walk(folder: &Path, depth: usize, room: &mut u64, files: &mut Files) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be read", folder.display());
    ensure!(depth > 0, "{} is too deep", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        // It follows links, as those of a mounted ConfigMap.
        let about = std::fs::metadata(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if about.is_dir() {
            if name != SAMPLES {
                walk(&path, depth.saturating_sub(1), room, files)?;
            }
        } else if is_policy_file(&path) {
            *room = room
                .checked_sub(about.len())
                .with_context(|| format!("there are more than {MOST_BYTES} bytes of policies"))?;
            let text = std::fs::read_to_string(&path);
            let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

fn is_policy_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests;
