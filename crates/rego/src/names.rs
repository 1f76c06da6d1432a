//! What Kubernetes takes for names and labels.

const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

/// Whether it is a DNS subdomain as RFC 1123 has it: what nearly all objects are called.
pub(crate) fn is_subdomain(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name
            .split('.')
            .all(|part| is_dns_label(part, lower_or_digit))
}

/// Whether it is a DNS label as RFC 1035 has it: it begins with a letter.
pub(crate) fn is_label_1035(name: &str) -> bool {
    name.len() <= LONGEST_LABEL && is_dns_label(name, |byte| byte.is_ascii_lowercase())
}

/// What is wrong with the key of a label; nothing if it is one.
pub(crate) fn label_key_problem(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
        return Some("its prefix must be a DNS subdomain");
    }
    if name.is_empty() || !is_label_text(name) {
        return Some(
            "must be 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at either end",
        );
    }
    None
}

/// What is wrong with the value of a label; nothing if it is one.
pub(crate) fn label_value_problem(value: &str) -> Option<&'static str> {
    (!is_label_text(value)).then_some(
        "must be at most 63 letters, digits, '-', '_' or '.', with a letter or digit at either end",
    )
}

fn is_label_text(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= LONGEST_LABEL
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| inner(*byte))
}

fn is_dns_label(label: &str, first: impl Fn(u8) -> bool) -> bool {
    let bytes = label.as_bytes();
    bytes.first().is_some_and(|byte| first(*byte))
        && bytes.last().is_some_and(|byte| lower_or_digit(*byte))
        && bytes
            .iter()
            .all(|byte| lower_or_digit(*byte) || *byte == b'-')
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::{is_label_1035, is_subdomain, label_key_problem, label_value_problem};

    #[test]
    fn names_are_dns_names() {
        for good in ["a", "a-b.c", "0a", &"a".repeat(253)] {
            assert!(is_subdomain(good), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".a", &"a".repeat(254)] {
            assert!(!is_subdomain(bad), "{bad}");
        }
        assert!(is_label_1035("k8sfoo"));
        for bad in ["", "8foo", "a.b", "foo-", &"a".repeat(64)] {
            assert!(!is_label_1035(bad), "{bad}");
        }
    }

    #[test]
    fn labels_have_keys_and_values() {
        for good in ["a", "A_b.c", "example.com/Name", &"a".repeat(63)] {
            assert_eq!(label_key_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a/b/c",
            "A.com/b",
            "-a",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(label_key_problem(bad).is_some(), "{bad}");
        }
        for good in ["", "a", "1.2_3-x"] {
            assert_eq!(label_value_problem(good), None, "{good}");
        }
        for bad in ["a b", "a-", "_", "a/b", &"a".repeat(64)] {
            assert!(label_value_problem(bad).is_some(), "{bad}");
        }
    }
}
