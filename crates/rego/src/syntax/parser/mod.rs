//! Modules, imports and rules, by OPA's grammar.

mod rules;
mod statements;
mod terms;

use std::collections::{BTreeSet, HashMap};

use super::SourceError;
use super::lexer::{Kind, Token, tokens};
use super::tree::{Import, Module, Place, Statement, TEMPLATE_VARIABLE, Term, What};
use crate::template::Version;

/// Terms nested deeper than this are refused, which no policy needs and a stack would not survive.
const DEEPEST: usize = 100;
/// So many operators and `else` may stand one in another, each being part of the one behind it.
const LONGEST_CHAIN: usize = 1_000;
/// What is a keyword in every version.
const KEYWORDS: [&str; 11] = [
    "as", "default", "else", "false", "import", "package", "not", "null", "true", "with", "some",
];
/// What is a keyword in the new version, or where it is imported.
const FUTURE: [&str; 4] = ["contains", "every", "if", "in"];
/// What is a keyword already, and means something else where it is imported.
const NOT: &str = "not";

pub(crate) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    version: Version,
    future: BTreeSet<&'static str>,
    /// Where the statement begins that is being read: a keyword can begin a reference there.
    begun: usize,
    /// Whether template strings may be used: not where the new version is only imported.
    has_templates: bool,
    /// Whether what is negated is looked up inside of the negation.
    has_not_bodies: bool,
    /// The number of the last variable that was made.
    last: usize,
    depth: usize,
    /// How many operators or `else` stand around what is read.
    chained: usize,
    /// Terms that were read and may have to be read again as the beginning of something else, by their first token.
    known: HashMap<usize, (Term, usize)>,
}

/// Reads a module.
///
/// # Errors
/// When it is none.
pub(crate) fn parse(source: &str, version: Version) -> Result<Module, SourceError> {
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        version,
        future: BTreeSet::new(),
        begun: usize::MAX,
        has_templates: version == Version::V1,
        has_not_bodies: false,
        last: 0,
        depth: 0,
        chained: 0,
        known: HashMap::new(),
    };
    if version == Version::V1 {
        parser.future.extend(FUTURE);
    }
    parser.module()
}

impl<'a> Parser<'a> {
    fn module(&mut self) -> Result<Module, SourceError> {
        if !self.is_word("package") {
            return Err(self.error("package expected"));
        }
        self.skip();
        let at = self.place();
        let package = self.path()?;
        let (mut imports, mut rules) = (Vec::new(), Vec::new());
        while self.peek().kind != Kind::End {
            if self.is_word("import") && !self.is_name_of_reference() {
                imports.push(self.import()?);
            } else {
                self.rule(&mut rules)?;
            }
        }
        Ok(Module {
            version: self.version,
            at,
            package,
            imports,
            rules,
        })
    }

    fn path(&mut self) -> Result<Vec<String>, SourceError> {
        let mut path = vec![self.any_word()?];
        loop {
            if path.len() > DEEPEST {
                return Err(self.error("nested too deep"));
            }
            if self.is_mark(".") {
                self.skip();
                path.push(self.any_word()?);
            } else if self.is_mark("[") && !self.peek().is_after_space {
                self.skip();
                let Kind::Text(text) = self.peek().kind.clone() else {
                    return Err(self.error("expected a string"));
                };
                self.skip();
                self.expect("]")?;
                path.push(text);
            } else {
                return Ok(path);
            }
        }
    }

    fn import(&mut self) -> Result<Import, SourceError> {
        self.skip();
        let at = self.place();
        let path = self.path()?;
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["future", "keywords"] => self.future.extend(FUTURE),
            ["future", "keywords", NOT] => self.has_not_bodies = true,
            ["future", "keywords", word] => {
                let known = FUTURE.iter().find(|known| *known == word);
                let known = known.ok_or_else(|| {
                    let all = FUTURE.join(" ");
                    let message = format!("unexpected keyword, must be one of [{all} {NOT}]");
                    SourceError::new(at, message)
                })?;
                self.future.insert(known);
                // It cannot be written without the other.
                if *known == "every" {
                    self.future.insert("in");
                }
            }
            ["future", ..] => {
                let message = "invalid import, must be `future.keywords`";
                return Err(SourceError::new(at, message));
            }
            ["rego", "v1"] => {
                self.version = Version::V1;
                self.future.extend(FUTURE);
            }
            ["data" | "input", ..] => {}
            [root, ..] => {
                let message = format!(
                    "unexpected import path, must begin with one of: {{data, future, input, rego}}, got: {root}"
                );
                return Err(SourceError::new(at, message));
            }
            [] => {}
        }
        let mut alias = None;
        if self.is_word("as") {
            self.skip();
            alias = Some(self.word()?);
        }
        let last = path.last().map(String::as_str).unwrap_or_default();
        let is_future = path.first().is_some_and(|root| root == "future");
        if alias.is_none() && !is_future && self.is_reserved(last) {
            let message =
                format!("unexpected import path, must not end with a keyword, got: {last}");
            return Err(SourceError::new(at, message));
        }
        Ok(Import { at, path, alias })
    }
}

/// What is next.
impl<'a> Parser<'a> {
    fn peek(&self) -> &Token<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token<'a> {
        const END: Token<'static> = Token {
            kind: Kind::End,
            text: "",
            at: Place { line: 0, column: 0 },
            is_after_space: false,
            is_after_newline: false,
        };
        let last = self.tokens.last().unwrap_or(&END);
        self.tokens.get(self.next + ahead).unwrap_or(last)
    }

    fn peek_is(&self, ahead: usize, mark: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Mark && token.text == mark
    }

    /// Whether a word that is a keyword is a name here, since something belongs to it: `not.x`.
    fn is_name_of_reference(&self) -> bool {
        let is_continued = self.peek_is(1, ".") || self.peek_is(1, "[");
        is_continued && !self.peek_at(1).is_after_space
    }

    fn place(&self) -> Place {
        self.peek().at
    }

    fn skip(&mut self) {
        self.next += 1;
    }

    fn is_mark(&self, mark: &str) -> bool {
        self.peek_is(0, mark)
    }

    fn is_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Word && token.text == word
    }

    /// Whether it is this word, and the word is a keyword here.
    fn is_keyword(&self, word: &str) -> bool {
        self.is_word(word) && self.is_reserved(word)
    }

    /// A name that nothing written has.
    fn made(&mut self) -> String {
        self.last += 1;
        format!("{TEMPLATE_VARIABLE}{}", self.last)
    }

    fn is_reserved(&self, word: &str) -> bool {
        KEYWORDS.contains(&word) || self.future.contains(word)
    }

    fn expect(&mut self, mark: &str) -> Result<(), SourceError> {
        if self.is_mark(mark) {
            self.skip();
            return Ok(());
        }
        Err(self.error(format!("expected `{mark}`")))
    }

    /// A name that is no keyword.
    fn word(&mut self) -> Result<String, SourceError> {
        let text = self.peek().text;
        // There is a builtin that is called contains.
        if self.is_reserved(text) && text != "contains" {
            return Err(self.error(format!("unexpected {text} keyword")));
        }
        self.any_word()
    }

    fn any_word(&mut self) -> Result<String, SourceError> {
        if self.peek().kind != Kind::Word {
            return Err(self.error("expected a name"));
        }
        let word = self.peek().text.to_owned();
        self.skip();
        Ok(word)
    }

    fn error(&self, message: impl Into<String>) -> SourceError {
        let token = self.peek();
        let found = match token.kind {
            Kind::End => "the end".to_owned(),
            _ => format!("`{}`", token.text),
        };
        SourceError::new(token.at, format!("{}, found {found}", message.into()))
    }

    /// Goes one level deeper.
    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        if self.depth >= DEEPEST {
            return Err(self.error("nested too deep"));
        }
        let chained = self.chained;
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        self.chained = chained;
        read
    }

    /// What has been read becomes part of something that goes on; what that is may stand within one level only.
    fn chain(&mut self) -> Result<(), SourceError> {
        if self.chained >= LONGEST_CHAIN {
            return Err(self.error("nested too deep"));
        }
        self.chained += 1;
        Ok(())
    }
}

impl Statement {
    /// What a generated statement has of the one that it is for.
    pub(crate) fn beside(&self, what: What) -> Self {
        Self {
            at: self.at,
            is_negated: false,
            what,
            with: self.with.clone(),
        }
    }
}
