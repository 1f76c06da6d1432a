//! What commands of a machine pull, fetch and apply.
//!
//! Tools are known by their names wherever they stand in a command, since anything may stand before them:
//! `sudo`, `retry 5`, `if !`. What is fetched and then run or applied, directly or by its file, is told
//! from what is only fetched.

use super::shell::{self, Pipeline, Simple, Word};
use super::sighting::{Says, Sightings, What, says};
use super::{text, tools};

/// Commands that only name others, or print.
const INERT: [&str; 26] = [
    "alias",
    "apk",
    "apt",
    "apt-get",
    "chmod",
    "chown",
    "dnf",
    "echo",
    "egrep",
    "grep",
    "groupadd",
    "killall",
    "logger",
    "ls",
    "mkdir",
    "pkill",
    "printf",
    "rm",
    "systemctl",
    "touch",
    "type",
    "usermod",
    "whereis",
    "which",
    "yum",
    "zypper",
];
const SHELLS: [&str; 6] = ["ash", "bash", "dash", "ksh", "sh", "zsh"];
const FETCHERS: [&str; 3] = ["aria2c", "curl", "wget"];
/// What runs or applies what it reads.
const APPLIERS: [&str; 11] = [
    ".", "ctr", "docker", "eval", "helm", "kubectl", "nerdctl", "perl", "podman", "python3",
    "source",
];

/// So much that was fetched is remembered.
const MOST_FETCHED: usize = 128;

/// What was fetched so far by the commands of one machine, and where it was put.
#[derive(Debug, Default)]
pub(super) struct Trace {
    fetched: Vec<Fetched>,
}

#[derive(Debug)]
struct Fetched {
    address: String,
    file: String,
    place: String,
}

impl Trace {
    /// Whether a word names a file that was fetched; from then on, it is told as what it is used for.
    fn take(&mut self, word: &str) -> Option<String> {
        let name = base(word);
        let index = self.fetched.iter().position(|fetched| {
            let is_whole = fetched.file == word;
            !fetched.file.is_empty() && (is_whole || base(&fetched.file) == name)
        })?;
        Some(self.fetched.remove(index).address)
    }

    /// Tells of what was fetched and not used.
    pub(super) fn finish(self, seen: &mut Sightings) {
        for fetched in self.fetched {
            seen.see(fetched.place, What::Download(fetched.address));
        }
    }
}

/// Reads a text as a shell would. So many documents and commands may be within it.
pub(super) fn read(text: &str, place: &str, depth: usize, trace: &mut Trace, seen: &mut Sightings) {
    let mut commands = Commands {
        has_lines: text.trim_end().contains('\n'),
        seen,
        trace,
        text,
        place,
        depth,
    };
    for pipeline in shell::parse(text) {
        if commands.seen.has_more() {
            return;
        }
        commands.pipeline(&pipeline);
    }
}

/// Commands, read one after the other.
pub(super) struct Commands<'a> {
    seen: &'a mut Sightings,
    trace: &'a mut Trace,
    /// All of them, for line numbers.
    text: &'a str,
    has_lines: bool,
    place: &'a str,
    depth: usize,
}

impl Commands<'_> {
    /// Reads commands within these.
    fn within(&mut self, text: &str) {
        match self.depth.checked_sub(1) {
            Some(depth) => {
                let place = self.place_of(text);
                read(text, &place, depth, self.trace, self.seen);
            }
            None => self.unseen("it is nested too deep", text),
        }
    }

    pub(super) fn see(&mut self, what: What) {
        if !self.seen.wants(&what) {
            return;
        }
        let place = self.place_of(what.text());
        self.seen.see(place, what);
    }

    /// A single line needs no number.
    fn place_of(&self, value: &str) -> String {
        let line = self
            .has_lines
            .then(|| text::line_of(self.text, value))
            .flatten();
        text::within(self.place, &line.unwrap_or_default())
    }

    pub(super) fn unseen(&mut self, why: &'static str, words: &str) {
        self.see(What::Unseen(why, words.to_owned()));
    }

    /// A file that is applied, run or loaded: what it holds was fetched, or is looked at where it is written.
    pub(super) fn uses(&mut self, file: &str) {
        if let Some(address) = self.trace.take(file) {
            self.see(What::Source(address));
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        let last_applier = pipeline.iter().rposition(applies);
        for (index, simple) in pipeline.iter().enumerate() {
            let is_applied = last_applier.is_some_and(|last| last > index);
            if is_applied && fetches(simple) {
                self.fetched_by(simple, true);
            } else {
                self.simple(simple);
            }
            let reads = index > 0 && is_shell_that_reads(simple);
            let before = pipeline.get(index.wrapping_sub(1)).filter(|_| reads);
            if let Some(before) = before.filter(|before| !fetches(before)) {
                self.run_by_shell(before);
            }
        }
    }

    /// A shell that runs what another command writes.
    fn run_by_shell(&mut self, before: &Simple) {
        let words: Vec<_> = before.words.iter().map(Word::shown).collect();
        match words.split_first() {
            Some((head, said)) if matches!(head.as_str(), "echo" | "printf") => {
                self.within(&said.join(" "));
            }
            Some((head, files)) if head == "cat" => files.iter().for_each(|file| self.uses(file)),
            _ if !before.given.is_empty() => {}
            _ => self.unseen("a shell runs what this writes", &words.join(" ")),
        }
    }

    fn simple(&mut self, simple: &Simple) {
        let head = head(simple);
        let is_shell = is_shell_that_reads(simple);
        for given in &simple.given {
            let name = simple.into.first().map(Word::shown).unwrap_or_default();
            match self.depth.checked_sub(1) {
                Some(_) if is_shell => self.within(given),
                Some(depth) => text::scan(&name, given, self.place, depth, self.seen),
                None => self.unseen("it is nested too deep", &name),
            }
        }
        self.substitutions(simple, APPLIERS.contains(&head) || SHELLS.contains(&head));
        self.keys(simple);
        if INERT.contains(&head) {
            return;
        }
        self.uses(
            simple
                .words
                .first()
                .and_then(Word::known)
                .unwrap_or_default(),
        );
        if fetches(simple) {
            return self.fetched_by(simple, false);
        }
        self.shells(simple);
        tools::find(self, &simple.words);
    }

    /// The commands whose output becomes a word.
    fn substitutions(&mut self, simple: &Simple, is_applied: bool) {
        for text in simple.words.iter().flat_map(|word| &word.within) {
            let before = self.trace.fetched.len();
            self.within(text);
            if is_applied {
                let fetched = self
                    .trace
                    .fetched
                    .split_off(before.min(self.trace.fetched.len()));
                for fetched in fetched {
                    self.see(What::Source(fetched.address));
                }
            }
        }
    }

    /// What flags and assignments call an image, in one word or in two.
    fn keys(&mut self, simple: &Simple) {
        let mut words = simple.words.iter().peekable();
        while let Some(word) = words.next() {
            let shown = word.shown();
            text::pairs(&shown)
                .into_iter()
                .for_each(|what| self.see(what));
            let flag = shown.strip_prefix("--").and_then(says);
            let value = words.peek().map(|next| next.shown());
            if let (Some(says @ (Says::Image | Says::Repository)), Some(value)) = (flag, value)
                && !value.starts_with('-')
            {
                self.see(says.what(&value));
            }
        }
    }

    /// `sh -c 'commands'`, `sh file`, `eval commands`.
    fn shells(&mut self, simple: &Simple) {
        let words = &simple.words;
        for (index, word) in words.iter().enumerate() {
            let name = word.known().map(base).unwrap_or_default();
            let rest = words.get(index.saturating_add(1)..).unwrap_or_default();
            if name == "eval" {
                let text: Vec<_> = rest.iter().map(Word::shown).collect();
                return self.within(&text.join(" "));
            }
            if SHELLS.contains(&name) {
                return self.shell(rest);
            }
            if matches!(name, "." | "source") {
                rest.iter()
                    .take(1)
                    .for_each(|file| self.uses(&file.shown()));
            }
        }
    }

    fn shell(&mut self, arguments: &[Word]) {
        let mut takes_text = false;
        for argument in arguments {
            let shown = argument.shown();
            if takes_text {
                return self.within(&shown);
            }
            match shown.strip_prefix('-') {
                Some(flags) => takes_text = !flags.starts_with('-') && flags.contains('c'),
                None => return self.uses(&shown),
            }
        }
    }

    /// The addresses that a command fetches.
    fn fetched_by(&mut self, simple: &Simple, is_applied: bool) {
        let words = simple.words.iter();
        let addresses: Vec<_> = words.filter(|word| is_address(word.beginning())).collect();
        if addresses.is_empty() {
            let words: Vec<_> = simple.words.iter().map(Word::shown).collect();
            return self.unseen(
                "what it fetches is not known before it runs",
                &words.join(" "),
            );
        }
        let named = file_of(simple);
        for address in addresses {
            let shown = address.shown();
            if is_applied {
                self.see(What::Source(shown));
            } else if self.trace.fetched.len() >= MOST_FETCHED {
                self.unseen("it fetches more than is looked at", &shown);
            } else {
                let file = named.clone().unwrap_or_else(|| base(&shown).to_owned());
                let place = self.place_of(&shown);
                self.trace.fetched.push(Fetched {
                    address: shown,
                    file,
                    place,
                });
            }
        }
    }
}

/// Whether a text begins as an address does.
pub(super) fn is_address(text: &str) -> bool {
    let scheme = text
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| {
        matches!(
            scheme.as_str(),
            "http" | "https" | "ftp" | "git" | "oci" | "s3" | "ssh" | "git+https"
        )
    })
}

/// The last part of a path: `/usr/bin/ctr` and `ExecStart=/usr/bin/ctr` are both `ctr`.
pub(super) fn base(path: &str) -> &str {
    path.rsplit(['/', '=']).next().unwrap_or(path)
}

/// The name of the command, behind what is assigned for it.
fn head(simple: &Simple) -> &str {
    let is_prefix =
        |word: &&str| word.contains('=') || matches!(*word, "sudo" | "!" | "if" | "while" | "exec");
    let mut words = simple.words.iter().filter_map(Word::known);
    let first = words.find(|word| !is_prefix(word));
    first.map(base).unwrap_or_default()
}

fn names(simple: &Simple) -> impl Iterator<Item = &str> {
    simple.words.iter().filter_map(Word::known).map(base)
}

fn fetches(simple: &Simple) -> bool {
    !INERT.contains(&head(simple)) && names(simple).any(|name| FETCHERS.contains(&name))
}

/// Whether a command runs or applies what it reads.
fn applies(simple: &Simple) -> bool {
    !INERT.contains(&head(simple))
        && names(simple)
            .any(|name| SHELLS.contains(&name) || APPLIERS.contains(&name) || name == "xargs")
}

/// Whether a command is a shell with nothing else to run than what it reads.
fn is_shell_that_reads(simple: &Simple) -> bool {
    let mut words = simple.words.iter().map(Word::shown);
    let is_there = words.by_ref().any(|word| SHELLS.contains(&base(&word)));
    // `-s` says so, and what follows it are arguments.
    is_there
        && words
            .next()
            .is_none_or(|word| word == "-s" || word == "-" || word.starts_with("-e"))
}

/// The file that something is fetched into, when the command names one.
fn file_of(simple: &Simple) -> Option<String> {
    let is_wget = names(simple).any(|name| name == "wget");
    let mut words = simple.words.iter().map(Word::shown).peekable();
    while let Some(word) = words.next() {
        if let Some((_, file)) = word
            .split_once("--output=")
            .or_else(|| word.split_once("--output-document="))
        {
            return Some(file.to_owned());
        }
        let takes_file = match word.as_str() {
            "--output" | "--output-document" => true,
            flags if flags.starts_with("--") => false,
            flags => flags.starts_with('-') && flags.ends_with(if is_wget { 'O' } else { 'o' }),
        };
        if takes_file {
            return words.next().filter(|file| file != "-");
        }
    }
    simple.into.first().map(Word::shown)
}
