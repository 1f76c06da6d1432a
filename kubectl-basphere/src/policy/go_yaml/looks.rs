//! How a text is written, by what it looks like to libyaml.

use basphere_api::manifest::gator::is_text;

/// Whether a text means itself when it stands there without quotes.
pub(super) fn is_bare(text: &str) -> bool {
    const OLD_BOOLEANS: [&str; 16] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF",
    ];
    is_text(text) && text != "<<" && !OLD_BOOLEANS.contains(&text) && !is_base_60(text)
}

/// Whether YAML 1.1 took a text for a number to the base of 60: `12:30`.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_counted = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let is_digit = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sixtieth = |part: &str| match part.len() {
        1 => is_digit(part),
        2 => is_digit(part) && part < "60",
        _ => false,
    };
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|first: char| first.is_ascii_digit())
        && is_counted(first)
        && !rest.is_empty()
        && rest.iter().all(|part| is_sixtieth(part))
        && is_counted(fraction)
}

/// How a text is written.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text looks like to libyaml.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(super) struct Looks {
    /// Whether it may stand without quotes within braces.
    pub(super) in_flow: bool,
    /// The same outside of them.
    pub(super) in_block: bool,
    is_single_allowed: bool,
    pub(super) is_block_allowed: bool,
    has_breaks: bool,
}

impl Looks {
    pub(super) fn of(text: &str) -> Self {
        let mut looks = Self {
            in_flow: !text.is_empty(),
            in_block: true,
            is_single_allowed: true,
            is_block_allowed: !text.is_empty(),
            has_breaks: text.contains(is_break),
        };
        let mut before = ' ';
        let mut characters = text.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let is_end = characters
                .peek()
                .is_none_or(|(_, next)| is_blank(*next) || is_break(*next));
            let (flow, block) = indicates(index, character, before, is_end);
            looks.in_flow &= !flow;
            looks.in_block &= !block;
            if !is_printable(character) {
                looks.quoted();
                looks.is_block_allowed &= character == '\t';
            }
            match (before, character) {
                (' ', next) if index > 0 && is_break(next) => {
                    looks.quoted();
                    looks.is_block_allowed = false;
                }
                (last, ' ') if index > 0 && is_break(last) => looks.quoted(),
                _ => {}
            }
            before = character;
        }
        let is_space =
            |character: Option<char>| character.is_some_and(|it| it == ' ' || is_break(it));
        if text.starts_with("---") || text.starts_with("...") {
            (looks.in_flow, looks.in_block) = (false, false);
        }
        if is_space(text.chars().next()) || is_space(text.chars().next_back()) || looks.has_breaks {
            (looks.in_flow, looks.in_block) = (false, false);
        }
        looks.is_block_allowed &= !text.ends_with(' ');
        looks
    }

    /// Nothing but double quotes, or a block, will do.
    fn quoted(&mut self) {
        (self.in_flow, self.in_block, self.is_single_allowed) = (false, false, false);
    }

    pub(super) fn style(&self, is_bare: bool, is_plain_allowed: bool) -> Style {
        match () {
            () if self.has_breaks => Style::Literal,
            () if !is_bare => Style::Double,
            () if is_plain_allowed => Style::Plain,
            () if self.is_single_allowed => Style::Single,
            () => Style::Double,
        }
    }
}

/// Whether a character has a meaning to YAML where it stands: within braces, and outside of them.
fn indicates(index: usize, character: char, before: char, is_end: bool) -> (bool, bool) {
    match character {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`'
            if index == 0 =>
        {
            (true, true)
        }
        '?' if index == 0 => (true, is_end),
        '-' if index == 0 => (is_end, is_end),
        ':' => (true, is_end),
        ',' | '?' | '[' | ']' | '{' | '}' => (true, false),
        '#' if is_blank(before) || is_break(before) => (true, true),
        _ => (false, false),
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What is shown as it is. libyaml knows nothing beyond 16 bits.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && character != '\u{feff}'
}

pub(super) fn escape(character: char) -> Option<String> {
    let code = u32::from(character);
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other if is_printable(other) => return None,
        _ if code <= 0xff => return Some(format!("\\x{code:02X}")),
        _ if code <= 0xffff => return Some(format!("\\u{code:04X}")),
        _ => return Some(format!("\\U{code:08X}")),
    };
    Some(format!("\\{short}"))
}
