//! Who wrote what: the API server's audit log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::wait;

/// Reading the log costs nothing, but what would be seen earlier would change nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// A write, as the API server noted it when it had answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who asked: the user that was impersonated, when one was.
    pub user: String,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`; a server-side apply is a `patch`.
    pub verb: String,
    /// Such as `cluster.x-k8s.io`; empty for the core group.
    pub group: String,
    /// The plural, such as `machines`.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    /// Empty when the API server chose it.
    pub name: String,
    /// The HTTP status that was answered.
    pub code: u16,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// The field manager that the request named; empty when it named none.
    pub field_manager: String,
    /// When the answer was complete, in RFC 3339.
    pub at: String,
    /// The whole event, with the request's object for the kinds of Cluster API and Basphere.
    pub raw: Value,
}

impl Event {
    /// Whether it may have changed an object: admitted, and no dry run.
    #[must_use]
    pub fn wrote(&self) -> bool {
        !self.dry_run && self.code < 400
    }
}

/// A moment in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// The log, read while the API server writes it.
#[derive(Debug)]
pub(crate) struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The present moment.
    pub(crate) fn mark(&self) -> Result<Mark> {
        let found = std::fs::metadata(&self.path).with_context(|| show(&self.path))?;
        Ok(Mark(found.len()))
    }

    /// What came since a moment, in order.
    pub(crate) fn since(&self, mark: Mark) -> Result<Vec<Event>> {
        let mut file = File::open(&self.path).with_context(|| show(&self.path))?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        // The line that is being written has no end yet, and the one that was then, no beginning.
        let whole = text.rfind('\n').and_then(|end| text.get(..end));
        let lines = whole.unwrap_or_default().lines();
        Ok(lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(event)
            .collect())
    }

    /// Waits until nothing has been written for so long.
    pub(crate) fn settled(&self, quiet: Duration, patience: Duration) -> Result<()> {
        let mut mark = self.mark()?;
        let mut since = Instant::now();
        let what = format!("nobody has written anything for {quiet:?}");
        let settled = wait::every(PAUSE, &what, patience, || {
            let next = self.mark()?;
            if self.since(mark)?.iter().any(Event::wrote) {
                since = Instant::now();
            }
            mark = next;
            Ok((since.elapsed() >= quiet).then_some(()))
        });
        settled.with_context(|| self.last_writes())
    }

    /// For whoever waited in vain.
    fn last_writes(&self) -> String {
        let events = self.since(Mark(0)).unwrap_or_default();
        let writes: Vec<&Event> = events.iter().filter(|event| event.wrote()).collect();
        let from = writes.len().saturating_sub(10);
        let shown = writes.get(from..).unwrap_or_default().iter().map(|event| {
            let Event {
                at,
                user,
                verb,
                resource,
                subresource,
                namespace,
                name,
                ..
            } = event;
            format!("{at} {user} {verb} {resource}/{subresource} {namespace}/{name}")
        });
        format!("the last writes:\n{}", shown.collect::<Vec<_>>().join("\n"))
    }
}

fn event(raw: Value) -> Event {
    let text = |pointer: &str| {
        let found = raw.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let uri = text("/requestURI");
    let user = text("/impersonatedUser/username");
    let code = raw.pointer("/responseStatus/code").and_then(Value::as_u64);
    Event {
        user: if user.is_empty() {
            text("/user/username")
        } else {
            user
        },
        verb: text("/verb"),
        group: text("/objectRef/apiGroup"),
        resource: text("/objectRef/resource"),
        subresource: text("/objectRef/subresource"),
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        code: code
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or_default(),
        dry_run: parameter(&uri, "dryRun").is_some(),
        field_manager: parameter(&uri, "fieldManager").unwrap_or_default(),
        at: text("/stageTimestamp"),
        raw,
    }
}

/// A parameter of a request.
fn parameter(uri: &str, name: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

fn show(path: &Path) -> String {
    format!("reading {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn line(name: &str, query: &str, code: u16) -> String {
        let event = json!({
            "verb": "patch", "requestURI": format!("/apis/x/{name}?{query}"),
            "user": {"username": "impersonator"}, "impersonatedUser": {"username": "kim"},
            "objectRef": {"resource": "machines", "apiGroup": "cluster.x-k8s.io", "name": name},
            "responseStatus": {"code": code}, "stageTimestamp": "2026-01-01T00:00:00.000000Z",
        });
        format!("{event}\n")
    }

    #[test]
    fn what_came_since_a_mark_is_read_and_half_a_line_is_not() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let log = AuditLog::new(file.path().to_owned());
        file.write_all(line("before", "", 200).as_bytes())
            .expect("a write");
        let mark = log.mark().expect("a mark");
        let mut text = line("after", "fieldManager=m&dryRun=All", 200);
        text += &line("refused", "", 403);
        text += r#"{"verb": "pat"#;
        file.write_all(text.as_bytes()).expect("a write");
        let events = log.since(mark).expect("events");
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["after", "refused"]);
        let after = &events[0];
        assert_eq!(
            (after.user.as_str(), after.field_manager.as_str()),
            ("kim", "m")
        );
        assert!(after.dry_run && !after.wrote());
        assert!(!events[1].wrote());
    }
}
