//! What somebody may have meant who wrote a field that there is not.

use std::sync::Arc;

use basphere_core::{ApiVersion, Subject};

use super::node::{Node, Step, written};
use super::table::embedded;

/// How many levels up and down together a field of the same name is looked for.
const REACH: usize = 2;
/// More fields than these are not listed.
const MOST_LISTED: usize = 8;

/// What would have been known: a field beside it that is spelled alike, one of the same name close
/// by, or else whatever there is.
pub(super) fn hint(root: &Node, subject: Subject, path: &[Step<'_>]) -> Option<String> {
    let (Step::Field(name), above) = path.split_last()? else {
        return None;
    };
    let parent = at(root, above)?;
    let siblings: Vec<_> = parent.fields.keys().map(String::as_str).collect();
    let spelled = spelled_like(name, siblings.iter().copied());
    let nearest = match spelled {
        Some((found, edits)) if edits <= (name.len() / 3).max(1) => format!("nearest: {found}"),
        _ => match (elsewhere(root, above, name), spelled) {
            (Some(found), _) => format!("nearest: {found}"),
            (None, Some((found, _))) => nearest_of(found, name, &siblings),
            (None, None) if above.is_empty() => return None,
            (None, None) if parent.items.is_some() => format!("{} is a list", written(above)),
            (None, None) => format!("{} has no fields", written(above)),
        },
    };
    Some(match other_version(subject, path) {
        Some(version) => format!("{version} has it, {} not; {nearest}", subject.version),
        None => nearest,
    })
}

/// The candidate that is spelled most like `name`, and how many edits it is away.
pub(super) fn spelled_like<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, usize)> {
    candidates
        .into_iter()
        .map(|candidate| (candidate, edits(name, candidate)))
        .min_by_key(|(_, edits)| *edits)
}

fn edits(one: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
}

/// Where nothing is spelled alike, the other fields help more, the most alike first.
fn nearest_of(nearest: &str, name: &str, siblings: &[&str]) -> String {
    let mut others: Vec<_> = siblings.iter().filter(|field| **field != nearest).collect();
    if others.is_empty() || others.len() > MOST_LISTED {
        return format!("nearest: {nearest}");
    }
    others.sort_by_key(|field| edits(name, field));
    let others: Vec<_> = others.into_iter().copied().collect();
    format!("nearest: {nearest}; also known: {}", others.join(", "))
}

/// The node at a path; `None` where the path leaves what is known.
fn at<'a>(root: &'a Node, path: &[Step<'_>]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Field(name) => node.child(name),
        Step::Index(_) => node.items.as_deref(),
    })
}

/// The version, other than the object's own, that has the field in this place.
fn other_version(subject: Subject, path: &[Step<'_>]) -> Option<ApiVersion> {
    subject.kind.versions().iter().copied().find(|version| {
        *version != subject.version
            && embedded(*version)
                .kind(subject.kind.as_str())
                .is_some_and(|fields| at(&fields.0, path).is_some())
    })
}

/// A field of this very name within reach, the fewest levels away. Metadata and status are no place
/// for what was meant for the spec.
fn elsewhere(root: &Node, above: &[Step<'_>], name: &str) -> Option<String> {
    let is_level = |step: &&Step<'_>| matches!(step, Step::Field(_));
    for distance in 1..=REACH {
        for up in 0..=distance {
            // Elements of lists are no levels of their own.
            let levels = above.iter().filter(is_level).count();
            if up > levels {
                continue;
            }
            let kept = keep_levels(above, levels - up);
            let Some(node) = at(root, kept) else { continue };
            if let Some(below) = below(node, name, distance - up, kept.is_empty()) {
                let prefix = written(kept);
                return Some(if prefix.is_empty() {
                    below
                } else {
                    format!("{prefix}.{below}")
                });
            }
        }
    }
    None
}

/// The beginning of a path that has so many fields, with the index behind the last.
fn keep_levels<'a, 'b>(path: &'a [Step<'b>], levels: usize) -> &'a [Step<'b>] {
    let mut seen = 0;
    let end = path
        .iter()
        .position(|step| {
            seen += usize::from(matches!(step, Step::Field(_)));
            seen > levels
        })
        .unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}

/// The path to a field of this name exactly `levels` below.
fn below(node: &Node, name: &str, levels: usize, is_root: bool) -> Option<String> {
    if levels == 0 {
        return node.fields.contains_key(name).then(|| name.to_owned());
    }
    node.fields.iter().find_map(|(field, child)| {
        if is_root && field != "spec" {
            return None;
        }
        let (child, mark) = element(child);
        below(child, name, levels - 1, false).map(|below| format!("{field}{mark}.{below}"))
    })
}

/// What a field holds, or what each element of its list holds.
fn element(node: &Arc<Node>) -> (&Node, &'static str) {
    match &node.items {
        Some(items) => (items, "[]"),
        None => (node, ""),
    }
}
