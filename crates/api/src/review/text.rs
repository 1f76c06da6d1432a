//! Findings as the API server's clients print them.

use basphere_core::Finding;
use serde_json::Value;

/// The API server passes on longer ones too, but asks for no more.
const WARNING_MAX: usize = 120;
const ELLIPSIS: char = '…';

/// One finding on one line; several as kubectl itself lists several.
pub(super) fn message(findings: &[Finding]) -> String {
    match findings {
        [one] => one.to_string(),
        several => {
            let mut text = format!("{} problems:", several.len());
            for finding in several {
                text.push_str("\n* ");
                text.push_str(&finding.to_string());
            }
            text
        }
    }
}

/// A warning of at most 120 characters that still ends with its code: the value goes first, because
/// the path says where it stands, then the hint, then the end of the message.
pub(super) fn warning(finding: &Finding) -> String {
    let mut finding = finding.clone();
    let mut text = one_line(&finding.to_string());
    if length(&text) > WARNING_MAX {
        finding.value = Value::Null;
        text = one_line(&finding.to_string());
    }
    if length(&text) > WARNING_MAX {
        finding.hint = None;
        text = one_line(&finding.to_string());
    }
    if length(&text) <= WARNING_MAX {
        return text;
    }
    let code = format!(" [{}]", finding.code);
    let text = text.strip_suffix(&code).unwrap_or(&text);
    format!(
        "{}{code}",
        cut(text, WARNING_MAX.saturating_sub(length(&code)))
    )
}

/// Shortens to `max` characters, between words where that costs no more than a third of the room.
fn cut(text: &str, max: usize) -> String {
    if length(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(1);
    let head: String = text.chars().take(room).collect();
    let at_word = head
        .rfind(' ')
        .and_then(|end| head.get(..end))
        .filter(|words| length(words) * 3 >= room * 2);
    let mut shortened = at_word
        .unwrap_or(&head)
        .trim_end_matches([' ', ',', ';', ':'])
        .to_owned();
    shortened.push(ELLIPSIS);
    shortened
}

/// A Warning header holds no line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use basphere_core::{Code, Finding};
    use serde_json::json;

    use super::{WARNING_MAX, length, warning};

    fn finding(message: &str) -> Finding {
        Finding::new(
            Code::ImageVersionDiffers,
            "spec.template.spec.template",
            json!("ubuntu-2204-kube-v1.28.0"),
            message,
        )
        .hint("write v1.34.4")
    }

    #[test]
    fn a_warning_loses_its_value_before_anything_else() {
        assert_eq!(
            warning(&finding("short")),
            "spec.template.spec.template: \"ubuntu-2204-kube-v1.28.0\": short; write v1.34.4 [BSP-W005]"
        );
        assert_eq!(
            warning(&finding("the machines are to run v1.34.4, not this")),
            "spec.template.spec.template: the machines are to run v1.34.4, not this; write v1.34.4 [BSP-W005]"
        );
        assert_eq!(
            warning(&finding(
                "the machines are to run v1.34.4, which is in some other VM template"
            )),
            "spec.template.spec.template: the machines are to run v1.34.4, which is in some other VM template [BSP-W005]"
        );
        let cut = warning(&finding(&"many words ".repeat(20)));
        assert!(length(&cut) <= WARNING_MAX, "{cut}");
        assert!(
            cut.starts_with("spec.template.spec.template: many") && cut.ends_with("… [BSP-W005]"),
            "{cut}"
        );
    }
}
