//! Kinds that there are not, and versions that a kind does not have.

use basphere_core::{ApiVersion, Code, Finding, Kind, Subject};

use super::nearest::spelled_like;
use super::table::embedded;

/// So many edits away a name is still taken for a slip of the pen. Other providers have kinds in the
/// same groups, whose names must not be taken for one.
const SLIP: usize = 2;
/// The group that is Cluster API's alone.
const CORE_GROUP: &str = "cluster.x-k8s.io";

/// Whether the group of this `apiVersion` is one of Cluster API's, or a misspelled one.
#[must_use]
pub fn is_ours(api_version: &str) -> bool {
    group_like(group_of(api_version)).is_some_and(|(_, edits)| edits <= SLIP)
}

fn group_of(api_version: &str) -> &str {
    api_version.split('/').next().unwrap_or_default()
}

fn group_like(group: &str) -> Option<(&'static str, usize)> {
    // Kubernetes' own kinds have no group, and every short word would be taken for it.
    let groups = Kind::ALL.iter().map(|kind| kind.group());
    spelled_like(group, groups.filter(|group| !group.is_empty()))
}

/// Why there is no such kind, as far as that can be known without a cluster. A kind that may be
/// another provider's is no finding.
#[must_use]
pub fn unknown_kind(api_version: &str, kind: &str) -> Option<Finding> {
    let (group, edits) = group_like(group_of(api_version))?;
    if edits > SLIP {
        return None;
    }
    let exact = Kind::ALL
        .iter()
        .copied()
        .find(|known| known.as_str() == kind && !known.group().is_empty());
    match exact {
        Some(known) => wrong_version(api_version, known),
        None => {
            let in_group = Kind::ALL.iter().filter(|known| known.group() == group);
            let (nearest, edits) = spelled_like(kind, in_group.map(|known| known.as_str()))?;
            let is_certain = edits <= SLIP || group_of(api_version) == CORE_GROUP;
            is_certain.then(|| no_such_kind(api_version, kind, Some(nearest)))
        }
    }
}

fn wrong_version(api_version: &str, kind: Kind) -> Option<Finding> {
    let is_known = |version: &ApiVersion| embedded(*version).kind(kind.as_str()).is_some();
    // Of a kind whose schemas are not to be had, nothing but its versions is known.
    let is_any_known = kind.versions().iter().any(is_known);
    let versions = || {
        let all = kind.versions().iter().copied();
        all.filter(|version| !is_any_known || is_known(version))
    };
    let is_there = Subject::parse_manifest(api_version, kind.as_str()).is_some_and(|subject| {
        // An older name of a version stands for the one that has its fields.
        !api_version.ends_with(subject.version.as_str())
            || versions().any(|version| version == subject.version)
    });
    let nearest = versions().next_back().map(|version| {
        let (group, written) = api_version.split_once('/').unwrap_or_default();
        let is_misplaced = group != kind.group();
        let kept = versions().find(|version| is_misplaced && version.as_str() == written);
        let version = kept.unwrap_or(version);
        Subject { kind, version }.api_version()
    });
    (!is_there).then(|| not_served(api_version, kind.as_str(), nearest.as_deref()))
}

/// The finding that a kind's version is not there.
#[must_use]
pub fn not_served(api_version: &str, kind: &str, nearest: Option<&str>) -> Finding {
    let message = format!("there is no {kind} in this version");
    let finding = Finding::new(Code::UnknownKind, "apiVersion", api_version.into(), message);
    with_nearest(finding, nearest)
}

/// The finding that a group version has no such kind.
pub(super) fn no_such_kind(api_version: &str, kind: &str, nearest: Option<&str>) -> Finding {
    let message = format!("{api_version} has no such kind");
    let finding = Finding::new(Code::UnknownKind, "kind", kind.into(), message);
    with_nearest(finding, nearest)
}

fn with_nearest(finding: Finding, nearest: Option<&str>) -> Finding {
    match nearest {
        Some(nearest) => finding.hint(format!("nearest: {nearest}")),
        None => finding,
    }
}
