//! Commands of a shell, taken apart: enough of its language to tell which words a command is called with.
//!
//! Nothing is run and nothing is refused here: what a word comes to on the machine only may be anything,
//! and is marked as that.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Stands in a word where the shell would put a value in. No text that a person writes has it.
const UNKNOWN: char = '\u{e000}';
/// What a variable may be at the most: one that is made of itself twice, again and again, would have no end.
const LONGEST_VALUE: usize = 1024;

/// One word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    text: String,
    /// The commands whose output becomes a part of the word.
    pub(super) within: Vec<String>,
}

impl Word {
    /// The word, when it is known before the command runs.
    pub(super) fn known(&self) -> Option<&str> {
        (!self.text.contains(UNKNOWN)).then_some(self.text.as_str())
    }

    /// The word as people write it.
    pub(super) fn shown(&self) -> String {
        self.text.replace(UNKNOWN, "$")
    }

    /// The word up to what is not known.
    pub(super) fn beginning(&self) -> &str {
        self.text.split(UNKNOWN).next().unwrap_or_default()
    }

    /// Puts in the values of variables that are known.
    fn expand(&mut self, variables: &BTreeMap<String, String>) {
        if !self.text.contains(UNKNOWN) {
            return;
        }
        let mut expanded = String::new();
        for (index, part) in self.text.split(UNKNOWN).enumerate() {
            if expanded.len() > LONGEST_VALUE {
                return;
            }
            if index == 0 {
                expanded.push_str(part);
                continue;
            }
            let (name, rest) = variable(part);
            match variables.get(name) {
                Some(value) => {
                    expanded.push_str(value);
                    expanded.push_str(rest);
                }
                None => {
                    expanded.push(UNKNOWN);
                    expanded.push_str(part);
                }
            }
        }
        self.text = expanded;
    }
}

/// The name of a variable behind its `$`, in braces or without, and what follows.
fn variable(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix('{') {
        return inner.split_once('}').unwrap_or((text, ""));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// One command with its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) words: Vec<Word>,
    /// The files that its output goes to.
    pub(super) into: Vec<Word>,
    /// What it is given to read: the text of a here-document.
    pub(super) given: Vec<String>,
}

/// Commands of which each reads what the one before it writes.
pub(super) type Pipeline = Vec<Simple>;

/// Takes a text apart into pipelines, and puts in the variables that it sets itself.
pub(super) fn parse(text: &str) -> Vec<Pipeline> {
    let mut lexer = Lexer {
        rest: text.chars().peekable(),
        pipelines: Vec::new(),
        pipeline: Vec::new(),
        simple: Simple::default(),
        word: None,
        target: Target::Words,
        awaited: Vec::new(),
    };
    lexer.run();
    let mut pipelines = lexer.pipelines;
    let mut variables = BTreeMap::new();
    for pipeline in &mut pipelines {
        for simple in pipeline {
            let words = simple.words.iter_mut().chain(&mut simple.into);
            words.for_each(|word| word.expand(&variables));
            assign(simple, &mut variables);
        }
    }
    pipelines
}

/// Remembers what `NAME=value` sets, also behind `export` and the like.
fn assign(simple: &Simple, variables: &mut BTreeMap<String, String>) {
    const SETTERS: [&str; 5] = ["export", "local", "readonly", "declare", "env"];
    for word in &simple.words {
        let (name, value) = match word.text.split_once('=') {
            Some(assignment) => assignment,
            None if SETTERS.contains(&word.text.as_str()) => continue,
            None => return,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return;
        }
        if value.contains(UNKNOWN) || value.len() > LONGEST_VALUE {
            variables.remove(name);
        } else {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Where the next word goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Words,
    Output,
    Input,
    /// The next word ends a here-document; with `<<-`, tabs before it are nothing.
    Here {
        is_indented: bool,
    },
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    pipelines: Vec<Pipeline>,
    pipeline: Pipeline,
    simple: Simple,
    word: Option<Word>,
    target: Target,
    /// The here-documents whose texts begin at the next line.
    awaited: Vec<(String, bool)>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '\'' => self.literal(),
                '"' => self.quoted(),
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(escaped) => self.push(escaped),
                },
                '$' => self.dollar(),
                '`' => self.substitution('`'),
                '#' if self.word.is_none() => self.comment(),
                '\n' => {
                    self.read_awaited();
                    self.end_pipeline();
                }
                ';' | '(' | ')' => self.end_pipeline(),
                '&' if self.rest.peek() == Some(&'>') => self.end_word(),
                '&' if self.target == Target::Output && self.word.is_none() => self.push('&'),
                '&' => {
                    self.eat('&');
                    self.end_pipeline();
                }
                '|' if self.eat('|') => self.end_pipeline(),
                '|' => {
                    self.eat('&');
                    self.end_simple();
                }
                '<' | '>' => self.redirection(c),
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_pipeline();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().text.push(c);
    }

    fn literal(&mut self) {
        self.word.get_or_insert_default();
        for c in self.rest.by_ref() {
            if c == '\'' {
                return;
            }
            self.word.get_or_insert_default().text.push(c);
        }
    }

    fn quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => self.push(escaped),
                    Some(other) => {
                        self.push('\\');
                        self.push(other);
                    }
                },
                '$' => self.dollar(),
                '`' => self.substitution('`'),
                c => self.push(c),
            }
        }
    }

    fn dollar(&mut self) {
        if self.eat('(') {
            self.substitution(')');
        } else if self
            .rest
            .peek()
            .is_some_and(|c| c.is_alphanumeric() || "_{@*?#!$".contains(*c))
        {
            self.push(UNKNOWN);
            // The name in braces may hold anything, quotes included.
            if self.rest.peek() == Some(&'{') {
                while let Some(c) = self.rest.next() {
                    self.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
        } else {
            self.push('$');
        }
    }

    /// The text of a command within a word, up to its end.
    fn substitution(&mut self, end: char) {
        let mut text = String::new();
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(c) = self.rest.next() {
            match (c, quote) {
                ('\\', Some('"') | None) => {
                    text.push(c);
                    text.extend(self.rest.next());
                    continue;
                }
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) => quote = Some(c),
                (c, None) if c == end && depth == 0 => break,
                ('(', None) => depth += 1,
                (')', None) => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(c);
        }
        let word = self.word.get_or_insert_default();
        word.text.push(UNKNOWN);
        word.text.push_str("(…)");
        word.within.push(text);
    }

    fn comment(&mut self) {
        while self.rest.next_if(|c| *c != '\n').is_some() {}
    }

    fn redirection(&mut self, c: char) {
        if c == '<' && self.eat('(') {
            return self.substitution(')');
        }
        // A number before it is that of a stream, and no word.
        if self
            .word
            .as_ref()
            .is_some_and(|word| word.text.bytes().all(|b| b.is_ascii_digit()))
        {
            self.word = None;
        }
        self.end_word();
        self.target = match c {
            '<' if self.eat('<') => {
                if self.eat('<') {
                    Target::Input
                } else {
                    Target::Here {
                        is_indented: self.eat('-'),
                    }
                }
            }
            '<' => Target::Input,
            _ => {
                self.eat('>');
                self.eat('|');
                Target::Output
            }
        };
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        match std::mem::replace(&mut self.target, Target::Words) {
            Target::Words => self.simple.words.push(word),
            Target::Output => self.simple.into.push(word),
            Target::Input => self.simple.given.push(word.shown()),
            Target::Here { is_indented } => self.awaited.push((word.text, is_indented)),
        }
    }

    fn end_simple(&mut self) {
        self.end_word();
        let simple = std::mem::take(&mut self.simple);
        if simple != Simple::default() {
            self.pipeline.push(simple);
        }
    }

    fn end_pipeline(&mut self) {
        self.end_simple();
        let pipeline = std::mem::take(&mut self.pipeline);
        if !pipeline.is_empty() {
            self.pipelines.push(pipeline);
        }
    }

    /// Reads the here-documents of the line that has just ended. They belong to its last command, or to
    /// one of the same pipeline, which is all the same to who reads them.
    fn read_awaited(&mut self) {
        self.end_word();
        for (end, is_indented) in std::mem::take(&mut self.awaited) {
            let mut text = String::new();
            loop {
                let mut line = String::new();
                let mut is_last = true;
                for c in self.rest.by_ref() {
                    if c == '\n' {
                        is_last = false;
                        break;
                    }
                    line.push(c);
                }
                let bare = if is_indented {
                    line.trim_start_matches('\t')
                } else {
                    &line
                };
                if bare == end {
                    break;
                }
                text.push_str(bare);
                text.push('\n');
                if is_last {
                    break;
                }
            }
            self.simple.given.push(text);
        }
    }
}
