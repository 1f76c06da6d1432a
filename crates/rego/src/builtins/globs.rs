//! Globs as OPA's library reads them, as regular expressions.

use std::iter::Peekable;
use std::str::Chars;

/// What has a meaning in globs, and is escaped where it shall have none.
const SPECIAL: [char; 7] = ['*', '?', '\\', '[', ']', '{', '}'];

/// A text as a glob that is only that text.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// The regular expression that a glob is; nothing where it is none. `*` and `?` do not reach over delimiters.
pub(super) fn translated(glob: &str, delimiters: &str) -> Option<String> {
    let one = match delimiters {
        "" => "(?s:.)".to_owned(),
        delimiters => format!("[^{}]", within(delimiters)),
    };
    let mut rest = glob.chars().peekable();
    let mut expression = String::from("^(?:");
    let mut open = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => expression.push_str("(?s:.)*"),
            '*' => {
                expression.push_str(&one);
                expression.push('*');
            }
            '?' => expression.push_str(&one),
            '[' => expression.push_str(&class(&mut rest)?),
            '{' => {
                open += 1;
                expression.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                expression.push(')');
            }
            ',' if open > 0 => expression.push('|'),
            // A backslash at the end is nothing.
            '\\' => rest
                .next()
                .into_iter()
                .for_each(|c| literal(c, &mut expression)),
            c => literal(c, &mut expression),
        }
    }
    // What is not closed ends with the glob.
    expression.push_str(&")".repeat(open));
    expression.push_str(")$");
    Some(expression)
}

fn literal(c: char, expression: &mut String) {
    let mut buffer = [0; 4];
    expression.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

/// Characters as they stand in the brackets of a regular expression.
fn within(characters: &str) -> String {
    let mut text = String::new();
    for c in characters.chars() {
        text.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
    text
}

/// One character of a range such as `[a-z]`, or of a list such as `[abc]`; the bracket has been taken.
fn class(rest: &mut Peekable<Chars>) -> Option<String> {
    let not = match rest.next_if_eq(&'!') {
        Some(_) => "^",
        None => "",
    };
    let first = rest.next()?;
    if rest.next_if_eq(&'-').is_some() {
        let last = rest.next()?;
        rest.next_if_eq(&']')?;
        let is_range = first != '\0' && first <= last;
        let [first, last] = [first, last].map(|c| within(&c.to_string()));
        return is_range.then(|| format!("[{not}{first}-{last}]"));
    }
    let mut list = String::new();
    let mut next = Some(first);
    loop {
        match next? {
            ']' => break,
            '\\' => list.push(rest.next()?),
            c => list.push(c),
        }
        next = rest.next();
    }
    (!list.is_empty()).then(|| format!("[{not}{}]", within(&list)))
}
