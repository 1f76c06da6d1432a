//! Tokens, as OPA's scanner has them. Whitespace matters: what stands behind it belongs to no reference and no call.

use super::SourceError;
use super::tree::Place;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword.
    Word,
    /// Without a sign.
    Number,
    /// The value of a string.
    Text(String),
    /// What a template string has before its next expression, or after its last one.
    Template {
        text: String,
        is_last: bool,
    },
    /// An operator or a delimiter.
    Mark,
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// As it is written.
    pub(crate) text: &'a str,
    pub(crate) at: Place,
    pub(crate) is_after_space: bool,
    pub(crate) is_after_newline: bool,
}

const MARKS: [&str; 23] = [
    ":=", "==", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", ".", ",", ";",
    ":", "(", ")", "[", "]",
];

struct Lexer<'a> {
    source: &'a str,
    offset: usize,
    line: u32,
    line_begins: usize,
    /// The template strings that are open here: whether each is raw, and how many braces are open in its expression.
    templates: Vec<(bool, usize)>,
}

/// All tokens of a source; the last one is its end.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token<'_>>, SourceError> {
    let mut lexer = Lexer {
        source,
        offset: 0,
        line: 1,
        line_begins: 0,
        templates: Vec::new(),
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_end = token.kind == Kind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.offset..).unwrap_or_default()
    }

    fn place(&self) -> Place {
        let column = self.offset.saturating_sub(self.line_begins) + 1;
        Place {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    fn error(&self, message: impl Into<String>) -> SourceError {
        SourceError::new(self.place(), message)
    }

    fn next(&mut self) -> Result<Token<'a>, SourceError> {
        let (begun, line) = (self.offset, self.line);
        self.skip_space();
        let at = self.place();
        let is_after_space = self.offset > begun;
        let is_after_newline = self.line > line;
        let rest = self.rest();
        let (kind, length) = self.scan(rest)?;
        let text = rest.get(..length).unwrap_or_default();
        self.advance(length);
        Ok(Token {
            kind,
            text,
            at,
            is_after_space,
            is_after_newline,
        })
    }

    fn advance(&mut self, length: usize) {
        let begun = self.offset;
        let passed = self.rest().get(..length).unwrap_or_default();
        for (index, _) in passed.match_indices('\n') {
            self.line += 1;
            self.line_begins = begun + index + 1;
        }
        self.offset += length;
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let comment = if rest.get(spaces..).is_some_and(|rest| rest.starts_with('#')) {
                let rest = rest.get(spaces..).unwrap_or_default();
                rest.find('\n').unwrap_or(rest.len())
            } else {
                0
            };
            if spaces + comment == 0 {
                return;
            }
            self.advance(spaces + comment);
        }
    }

    /// The kind of what stands first, and its length in bytes.
    fn scan(&mut self, rest: &str) -> Result<(Kind, usize), SourceError> {
        let Some(first) = rest.chars().next() else {
            return Ok((Kind::End, 0));
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_of = |c: char| c.is_ascii_alphanumeric() || c == '_';
                Ok((Kind::Word, rest.find(|c| !is_of(c)).unwrap_or(rest.len())))
            }
            '0'..='9' => Ok((Kind::Number, number(rest))),
            '"' => self.text(rest),
            '`' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find('`');
                let end = end.ok_or_else(|| self.error("non-terminated string"))?;
                let value = inner.get(..end).unwrap_or_default();
                Ok((Kind::Text(value.to_owned()), end + 2))
            }
            '{' => {
                if let Some((_, open)) = self.templates.last_mut() {
                    *open += 1;
                }
                Ok((Kind::Mark, 1))
            }
            '}' => match self.templates.last_mut() {
                Some((is_raw, 0)) => {
                    let is_raw = *is_raw;
                    self.templates.pop();
                    self.template(rest, 1, is_raw)
                }
                Some((_, open)) => {
                    *open -= 1;
                    Ok((Kind::Mark, 1))
                }
                None => Ok((Kind::Mark, 1)),
            },
            '$' if rest.starts_with("$\"") => self.template(rest, 2, false),
            '$' if rest.starts_with("$`") => self.template(rest, 2, true),
            _ => {
                let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
                let mark =
                    mark.ok_or_else(|| self.error(format!("illegal character {first:?}")))?;
                Ok((Kind::Mark, mark.len()))
            }
        }
    }

    /// A string in quotes, which are JSON's.
    fn text(&self, rest: &str) -> Result<(Kind, usize), SourceError> {
        let mut is_escaped = false;
        let end = rest.char_indices().skip(1).find_map(|(index, c)| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            (is_end || c == '\n').then_some((index, c))
        });
        let Some((end, '"')) = end else {
            return Err(self.error("non-terminated string"));
        };
        let written = rest.get(..=end).unwrap_or_default();
        let value = serde_json::from_str(written);
        let value = value.map_err(|_| self.error(format!("illegal string literal: {written}")))?;
        Ok((Kind::Text(value), end + 1))
    }
}

/// Template strings.
impl Lexer<'_> {
    /// The text of a template string up to its next expression or its end.
    fn template(
        &mut self,
        rest: &str,
        begun: usize,
        is_raw: bool,
    ) -> Result<(Kind, usize), SourceError> {
        let end = if is_raw { '`' } else { '"' };
        let mut inner = String::new();
        let mut characters = rest.char_indices().skip(begun).peekable();
        while let Some((index, c)) = characters.next() {
            let length = index + c.len_utf8();
            match c {
                '\\' if characters.peek().is_some_and(|(_, next)| *next == '{') => {
                    characters.next();
                    inner.push('{');
                }
                '\\' if !is_raw => {
                    inner.push(c);
                    inner.extend(characters.next().map(|(_, next)| next));
                }
                '\n' if !is_raw => break,
                '{' => {
                    self.templates.push((is_raw, 0));
                    return self.template_part(inner, is_raw, false, length);
                }
                _ if c == end => return self.template_part(inner, is_raw, true, length),
                _ => inner.push(c),
            }
        }
        Err(self.error("non-terminated string"))
    }

    fn template_part(
        &self,
        inner: String,
        is_raw: bool,
        is_last: bool,
        length: usize,
    ) -> Result<(Kind, usize), SourceError> {
        let text = match is_raw {
            true => inner,
            false => serde_json::from_str(&format!("\"{inner}\""))
                .map_err(|_| self.error(format!("illegal template-string part: {inner}")))?,
        };
        Ok((Kind::Template { text, is_last }, length))
    }
}

/// The length of a number in bytes.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction > 0 {
            end += 1 + fraction;
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}
