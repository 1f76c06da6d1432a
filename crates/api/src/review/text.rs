//! Findings as the API server's clients print them.

use basphere_core::Finding;

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

/// A warning of at most 120 characters that still ends with its code: the hint goes first, then
/// the end of the message.
pub(super) fn warning(finding: &Finding) -> String {
    let whole = one_line(&finding.to_string());
    if length(&whole) <= WARNING_MAX {
        return whole;
    }
    let code = format!(" [{}]", finding.code);
    let mut without_hint = finding.clone();
    without_hint.hint = None;
    let text = one_line(&without_hint.to_string());
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
