//! Regular expressions as Go reads them: the same language as the `regex` crate's, but for some details.
//!
//! Go's `\d`, `\s`, `\w` and `\b` know ASCII only, any punctuation may be escaped, `\Q…\E` quotes, a brace that counts
//! nothing is text, and within brackets nothing is an operator but `-` and `^`.

use regex::Regex;

/// Compiles a pattern of Go's.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&translated(pattern))
}

fn translated(pattern: &str) -> String {
    let mut writer = Writer {
        rest: pattern,
        out: String::with_capacity(pattern.len()),
    };
    while let Some(next) = writer.take() {
        match next {
            '\\' => writer.escape(),
            '[' => writer.class(),
            '{' if !writer.counts() => writer.out.push_str("\\{"),
            other => writer.out.push(other),
        }
    }
    writer.out
}

struct Writer<'a> {
    rest: &'a str,
    out: String,
}

impl Writer<'_> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        Some(next)
    }

    fn take_text(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) {
        match self.take() {
            None => self.out.push('\\'),
            Some('Q') => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(quoted));
                self.rest = rest;
            }
            Some('d') => self.out.push_str("[0-9]"),
            Some('D') => self.out.push_str("[^0-9]"),
            Some('s') => self.out.push_str("[\\t\\n\\f\\r ]"),
            Some('S') => self.out.push_str("[^\\t\\n\\f\\r ]"),
            Some('w') => self.out.push_str("[0-9A-Za-z_]"),
            Some('W') => self.out.push_str("[^0-9A-Za-z_]"),
            Some('b') => self.out.push_str("(?-u:\\b)"),
            Some('B') => self.out.push_str("(?-u:\\B)"),
            Some(other) if other.is_ascii_punctuation() => self.literal(other),
            Some(other) => {
                self.out.push('\\');
                self.out.push(other);
            }
        }
    }

    fn literal(&mut self, character: char) {
        let mut buffer = [0; 4];
        let text = character.encode_utf8(&mut buffer);
        self.out.push_str(&regex::escape(text));
    }

    /// Brackets, of which the first is taken.
    fn class(&mut self) {
        self.out.push('[');
        if self.take_text("^") {
            self.out.push('^');
        }
        let mut first = true;
        let mut after_dash = false;
        while let Some(next) = self.take() {
            let is_dash = next == '-' && !first && !after_dash;
            match next {
                ']' if !first => {
                    self.out.push(']');
                    return;
                }
                '\\' => self.escape(),
                '[' if self.named_class() => {}
                '-' if is_dash => self.out.push('-'),
                other => self.literal(other),
            }
            first = false;
            after_dash = is_dash;
        }
    }

    /// `[:alpha:]` and its like, of which the first bracket is taken.
    fn named_class(&mut self) -> bool {
        let end = self.rest.find(":]");
        let Some(name) = self
            .rest
            .strip_prefix(':')
            .and_then(|_| self.rest.get(..end?))
        else {
            return false;
        };
        self.out.push('[');
        self.out.push_str(name);
        self.out.push_str(":]");
        self.rest = self.rest.get(name.len() + 2..).unwrap_or_default();
        true
    }

    /// Whether the brace that was taken begins a count, as `{2}` and `{2,}`.
    fn counts(&self) -> bool {
        let Some((inside, _)) = self.rest.split_once('}') else {
            return false;
        };
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !least.is_empty() && digits(least) && digits(most)
    }
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, text, expected) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^[\d.]+$", "1.2", true),
            (r"^[\d.]+$", "١", false),
            (r"^\w+$", "é", false),
            (r"\bé", "é", false),
            (r"^{{.*}}$", "{{ x }}", true),
            (r"^a{2,3}$", "aaa", true),
            (r"^a{2,3}$", "aaaa", false),
            (r"^a{2}$", "aa", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^\Qa.b", "a.bc", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[[]+$", "[[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "b", true),
            (r"^[[:alpha:]-]+$", "a-b", true),
            (r"^[--/]$", ".", true),
            (r"^[+--]$", ",", true),
            (r"^[a-]+$", "a-", true),
            (r"^[\-_]+$", "-_", true),
            (r"^\<\/\_$", "</_", true),
            (r"^(?i)abc$", "ABC", true),
        ] {
            assert_eq!(
                compile(pattern).unwrap().is_match(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in ["(", "[a", "a{2,1}", "*a", r"\", r"(?=a)"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
