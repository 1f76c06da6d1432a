//! From user names and namespaces to owners.

use super::Site;

/// The longest value that a Kubernetes label may have.
const LABEL_VALUE_MAX: usize = 63;

impl Site {
    /// The tenant that a namespace belongs to: its owner label, else the rest of its name behind
    /// the site's prefix; `None` when neither is there.
    #[must_use]
    pub fn namespace_owner(&self, name: &str, owner_label: Option<&str>) -> Option<String> {
        owner_label
            .filter(|label| !label.is_empty())
            .or_else(|| {
                name.strip_prefix(&self.spec.tenancy.namespace_prefix)
                    // What starts otherwise is no label value, and names nobody.
                    .filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            })
            .map(str::to_owned)
    }

    /// A user name as a label value: the site's first fitting rule takes prefix and suffix off, then
    /// whatever a label value cannot hold becomes `-`. Empty only when nothing usable is left.
    #[must_use]
    pub fn label_value_of(&self, username: &str) -> String {
        let bare = self
            .spec
            .tenancy
            .usernames
            .iter()
            .find_map(|rule| {
                username
                    .strip_prefix(&rule.strip_prefix)?
                    .strip_suffix(&rule.strip_suffix)
            })
            .filter(|bare| !bare.is_empty())
            .unwrap_or(username);
        label_value(bare)
    }
}

fn label_value(text: &str) -> String {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut value: String = text
        .chars()
        .map(|c| if is_inner(c) { c } else { '-' })
        .collect();
    let is_edge = |c: char| !c.is_ascii_alphanumeric();
    value = value
        .trim_start_matches(is_edge)
        .chars()
        .take(LABEL_VALUE_MAX)
        .collect();
    value.truncate(value.trim_end_matches(is_edge).len());
    value
}

#[cfg(test)]
mod tests {
    use super::label_value;

    #[test]
    fn what_a_label_cannot_hold_becomes_a_hyphen() {
        assert_eq!(label_value("kim@corp.example"), "kim-corp.example");
        assert_eq!(
            label_value("system:serviceaccount:ci:bot"),
            "system-serviceaccount-ci-bot"
        );
        assert_eq!(label_value("@@"), "");
        assert_eq!(label_value("김 kim 김"), "kim");
        assert_eq!(label_value(&"x-".repeat(40)).len(), 63);
    }
}
