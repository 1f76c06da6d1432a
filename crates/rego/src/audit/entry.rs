//! One line of a report: which constraint says what of which object, and how bad that is.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::constraint::{Action, Constraint, Point};
use crate::policies::{Cause, Finding};

/// Where a constraint says how bad it is to break it: one of [`Severity`]'s words.
const SEVERITY: &str = "basphere.dev/severity";
/// Where a constraint says what it is about, in words of its site.
const CATEGORY: &str = "basphere.dev/category";

/// What becomes of a finding, the worst first. The words are those of PolicyReports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Its constraint denies.
    Fail,
    /// It could not be decided.
    Error,
    /// Its constraint warns, or is on trial (`dryrun`).
    Warn,
    /// It is waived.
    Skip,
}

impl Outcome {
    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Error, Self::Warn, Self::Skip];

    pub(super) fn of(finding: &Finding<'_>, is_waived: bool) -> Self {
        match finding.cause {
            _ if is_waived => Self::Skip,
            Cause::Rule if finding.actions.contains(&Action::Deny) => Self::Fail,
            Cause::Rule => Self::Warn,
            _ => Self::Error,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Skip => "skip",
        }
    }
}

/// How bad it is to break a constraint, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words say it")]
pub enum Severity {
    Critical,
    High,
    Medium,
    Low,
    Info,
}

impl Severity {
    const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What a report says of a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The constraint's kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `spec.enforcementAction` as Gatekeeper counts it: `deny`, `warn`, `dryrun`, `scoped` or `unrecognized`.
    pub action: &'static str,
    /// The actions of a scoped constraint at [`Point::Audit`], as they are written.
    pub scoped: Vec<String>,
    /// Its annotation `basphere.dev/severity`.
    pub severity: Option<Severity>,
    /// Its annotation `basphere.dev/category`.
    pub category: Option<String>,
}

impl Rule {
    pub(super) fn of(constraint: &Constraint) -> Self {
        let annotations = constraint.document.pointer("/metadata/annotations");
        let annotation = |name: &str| annotations?.get(name)?.as_str();
        let scoped = constraint.scoped_actions(Point::Audit).into_iter();
        Self {
            kind: constraint.kind.clone(),
            name: constraint.name.clone(),
            action: match constraint.is_scoped() {
                true => "scoped",
                false => Action::read(constraint.enforcement_action()).as_str(),
            },
            scoped: scoped.map(str::to_owned).collect(),
            severity: annotation(SEVERITY).and_then(Severity::read),
            category: annotation(CATEGORY).map(str::to_owned),
        }
    }
}

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Its API group, empty for the core group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, empty for an object of the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID, empty where it stands in a file.
    pub uid: String,
}

impl Subject {
    pub(super) fn of(object: &Value) -> Self {
        let (group, version, kind) = crate::template::group_version_kind(object);
        let metadata = |name: &str| {
            let text = object.get("metadata").and_then(|it| it.get(name));
            text.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: metadata("namespace"),
            name: metadata("name"),
            uid: metadata("uid"),
        }
    }

    /// Group and version as objects have them.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// One finding. The smallest is the worst: by outcome, severity, constraint, object and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub rule: Arc<Rule>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What it is about.
    pub subject: Arc<Subject>,
    /// What is said, cut to [`super::Bounds::message`].
    pub message: Arc<str>,
    /// By which waiver it is waived.
    pub waiver: Option<Arc<str>>,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // Whose severity is not known comes last.
        let badness = |entry: &Self| {
            let severity = entry.rule.severity;
            (entry.outcome, severity.is_none(), severity)
        };
        let (one, two) = (&self.rule, &other.rule);
        badness(self)
            .cmp(&badness(other))
            .then_with(|| (&one.kind, &one.name).cmp(&(&two.kind, &two.name)))
            .then_with(|| self.subject.cmp(&other.subject))
            .then_with(|| self.message.cmp(&other.message))
            .then_with(|| self.waiver.cmp(&other.waiver))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An entry in the order in which Gatekeeper keeps the violations of a constraint: by object, then by message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ByObject(pub(super) Entry);

impl Ord for ByObject {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (&self.0, &other.0);
        let by_object = one.subject.cmp(&other.subject);
        by_object.then_with(|| one.message.cmp(&other.message))
    }
}

impl PartialOrd for ByObject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A text of so many bytes at the most, as Gatekeeper cuts it: with three dots that are part of these.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(3);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}...", text.get(..end).unwrap_or_default())
}
