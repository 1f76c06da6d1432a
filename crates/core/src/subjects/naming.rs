//! What a Cluster may be called: other names are made of it, down to host names.

use crate::change::Draft;
use crate::context::Context;
use crate::json::text_at;
use crate::{Code, Finding};

/// The longest label of a host name.
const NAME_MAX: usize = 63;

/// Refuses a new Cluster's name that does not begin with a letter, ends otherwise than with a letter
/// or digit, holds anything but lower-case letters, digits and single hyphens, or is too long.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let name = text_at(draft.object(), "/metadata/name").unwrap_or(&context.request.name);
    if !context.is_create() || name.is_empty() || is_good(name) {
        return;
    }
    let message = format!(
        "a Cluster's name is a lower-case letter, then letters, digits and single hyphens, {NAME_MAX} at the most"
    );
    let finding = Finding::new(Code::NameNotAllowed, "metadata.name", name.into(), message);
    let finding = finding.hint(format!("nearest: {}", nearest(name)));
    draft.finding(finding);
}

fn is_good(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(is_inner)
}

/// A good name that looks like this one.
fn nearest(name: &str) -> String {
    let mut nearest = String::new();
    for c in name.to_lowercase().chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if c != '-' || !(nearest.is_empty() || nearest.ends_with('-')) {
            nearest.push(c);
        }
    }
    if !nearest.starts_with(|c: char| c.is_ascii_lowercase()) {
        nearest.insert_str(0, if nearest.is_empty() { "c" } else { "c-" });
    }
    nearest.truncate(NAME_MAX);
    nearest.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_good, nearest};

    #[test]
    fn what_is_suggested_is_good() {
        for (written, suggested) in [
            ("7up", "c-7up"),
            ("My_Cluster", "my-cluster"),
            ("a--b", "a-b"),
            ("-a-", "a"),
            ("---", "c"),
            ("쿠버", "c"),
        ] {
            assert!(!is_good(written), "{written}");
            assert_eq!(nearest(written), suggested);
            assert!(is_good(suggested), "{suggested}");
        }
        assert!(is_good(&nearest(&"ab-".repeat(30))));
        assert!(is_good("a") && is_good("a1-b2"));
    }
}
