//! Exceptions from policies: a `PolicyWaiver` says for which constraints, objects and people, why, and until when.
//!
//! Whether a finding is excused is a function of the finding, the waivers, the review and the time, and of nothing else.
//! `spec.match` is a constraint's, read by [`Match::covers`]: in doubt a waiver does not hold.

mod read;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::decode::WrongType;
use crate::matching::{Glob, Match, SelectorError};
use crate::review::Review;
use crate::template::group_version_kind;

/// The API group of waivers.
pub const GROUP: &str = "basphere.dev";
/// Their version.
pub const VERSION: &str = "v1alpha1";
/// Their kind.
pub const KIND: &str = "PolicyWaiver";

/// A waiver that holds for something.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Its name.
    pub name: String,
    /// Why it was granted.
    pub reason: String,
    /// Who answers for it.
    pub granted_by: String,
    /// Who asked for it, where that is said.
    pub requested_by: Option<String>,
    /// From then on it holds no more.
    pub expires: Timestamp,
    constraints: Vec<Constraints>,
    matches: Match,
    /// Whoever writes, where there are none.
    subjects: Vec<Subject>,
}

/// Constraints by kind and name.
#[derive(Debug, Clone)]
struct Constraints {
    kind: Glob,
    name: Glob,
}

/// Somebody who writes.
#[derive(Debug, Clone)]
enum Subject {
    User(Glob),
    Group(Glob),
    ServiceAccount { namespace: Glob, name: Glob },
}

/// Why a document is no waiver that can be used: it waives nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {detail}")]
pub struct WaiverError {
    /// Where it stands.
    pub path: String,
    /// What is wrong.
    pub detail: String,
}

impl WaiverError {
    fn new(path: &str, detail: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }
}

impl From<WrongType> for WaiverError {
    fn from(wrong: WrongType) -> Self {
        let detail = format!("must be {}, and is {}", wrong.expected, wrong.found);
        Self::new(&wrong.path, detail)
    }
}

impl From<SelectorError> for WaiverError {
    fn from(error: SelectorError) -> Self {
        match error {
            SelectorError::WrongType(wrong) => wrong.into(),
            SelectorError::Invalid { path, detail } => Self { path, detail },
        }
    }
}

impl Waiver {
    /// Whether a document is of the kind, whatever its version.
    #[must_use]
    pub fn is_waiver(document: &Value) -> bool {
        let (group, _, kind) = group_version_kind(document);
        (group, kind) == (GROUP, KIND)
    }

    /// Whether it holds at that time.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// Whether it excuses at that time what a constraint says of a review.
    #[must_use]
    pub fn covers(&self, kind: &str, name: &str, review: &Review, now: Timestamp) -> bool {
        self.is_live(now)
            && self.constraints.iter().any(|it| it.are(kind, name))
            && self.is_for(review)
            && self.matches.covers(review)
    }

    fn is_for(&self, review: &Review) -> bool {
        let user = review.request.get("userInfo").unwrap_or(&Value::Null);
        self.subjects.is_empty() || self.subjects.iter().any(|subject| subject.is(user))
    }

    /// What is said of a violation that it excuses, in at most so many characters: of the violation and of the reason
    /// as much as there is room for, since neither may push out who excuses it until when.
    #[must_use]
    pub fn excuse(&self, violation: &str, room: usize) -> String {
        let end = format!(" (waived until {} by {}", self.until(), self.name);
        let room = room.saturating_sub(end.chars().count() + ": )".len());
        let length = |text: &str| text.chars().count();
        // Two thirds are the violation's, and what the other does not need.
        let most = (room * 2 / 3).max(room.saturating_sub(length(&self.reason)));
        let violation = shortened(violation, most);
        let reason = shortened(&self.reason, room.saturating_sub(length(&violation)));
        format!("{violation}{end}: {reason})")
    }

    /// The day on which it ends, with the time where that is not midnight.
    #[must_use]
    pub fn until(&self) -> String {
        let text = self.expires.to_string();
        match text.strip_suffix("T00:00:00Z") {
            Some(day) => day.to_owned(),
            None => text,
        }
    }
}

/// Whichever of some waivers excuses at that time what a constraint says of a review: the one that holds longest.
pub fn covering<'a, T: AsRef<Waiver>>(
    waivers: &'a [T],
    (kind, name): (&str, &str),
    review: &Review,
    now: Timestamp,
) -> Option<&'a T> {
    let covering = waivers.iter();
    let covering = covering.filter(|it| it.as_ref().covers(kind, name, review, now));
    covering.max_by(|one, other| {
        let (one, other) = (one.as_ref(), other.as_ref());
        let by_end = one.expires.cmp(&other.expires);
        by_end.then_with(|| other.name.cmp(&one.name))
    })
}

impl AsRef<Self> for Waiver {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Constraints {
    fn are(&self, kind: &str, name: &str) -> bool {
        self.kind.matches(kind) && self.name.matches(name)
    }
}

impl Subject {
    /// Whether a review's `userInfo` is of them.
    fn is(&self, user: &Value) -> bool {
        let name = user.get("username").and_then(Value::as_str);
        match self {
            Self::User(glob) => name.is_some_and(|name| glob.matches(name)),
            Self::Group(glob) => {
                let groups = user.get("groups").and_then(Value::as_array);
                let mut groups = groups.into_iter().flatten().filter_map(Value::as_str);
                groups.any(|group| glob.matches(group))
            }
            Self::ServiceAccount {
                namespace: in_namespace,
                name: named,
            } => {
                let account = name.and_then(|name| name.strip_prefix("system:serviceaccount:"));
                account
                    .and_then(|account| account.split_once(':'))
                    .is_some_and(|(namespace, name)| {
                        in_namespace.matches(namespace) && named.matches(name)
                    })
            }
        }
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
