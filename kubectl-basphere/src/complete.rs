//! Shell completion, in the way in which kubectl asks its plugins for it.
//!
//! kubectl runs `kubectl_complete-basphere` with the words behind `kubectl basphere`, the last one
//! unfinished, and reads candidates, one a line with its description behind a tab, and then a
//! directive of cobra's.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::CompletionCandidate;
use clap_complete::engine;

use crate::cli::Cli;
use crate::exit::{Exit, unless_closed};

/// The name under which kubectl looks for completion.
const NAME: &str = "kubectl_complete-basphere";

/// Let the shell complete file names.
const FILES: u8 = 0;
/// Complete nothing but the candidates.
const NO_FILES: u8 = 4;

/// Whether the program was called by the name that asks for completion.
pub(crate) fn is_asked_for(arguments: &[OsString]) -> bool {
    let program = arguments.first().map(Path::new);
    program
        .and_then(Path::file_stem)
        .is_some_and(|name| name == NAME)
}

/// Prints candidates for the last argument.
pub(crate) fn answer(arguments: Vec<OsString>) -> Exit {
    let (candidates, directive) = candidates(arguments);
    match unless_closed(print(&candidates, directive)) {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Error,
    }
}

fn print(candidates: &[CompletionCandidate], directive: u8) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for candidate in candidates
        .iter()
        .filter(|candidate| !candidate.is_hide_set())
    {
        write!(out, "{}", candidate.get_value().to_string_lossy())?;
        let help = candidate
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        match help.lines().next() {
            Some(help) => writeln!(out, "\t{help}")?,
            None => writeln!(out)?,
        }
    }
    writeln!(out, ":{directive}")
}

fn candidates(arguments: Vec<OsString>) -> (Vec<CompletionCandidate>, u8) {
    let mut command = Cli::command();
    command.build();
    let last = arguments.len().saturating_sub(1);
    let before = last.checked_sub(1).and_then(|index| arguments.get(index));
    let is_flag = arguments
        .get(last)
        .is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    if !is_flag && before.is_some_and(|flag| takes_path(&command, flag)) {
        return (Vec::new(), FILES);
    }
    let found = engine::complete(&mut command, arguments, last, None).unwrap_or_default();
    // Flags are offered only to whoever began one, as kubectl itself does.
    let found = found
        .into_iter()
        .filter(|candidate| is_flag || !candidate.get_value().as_encoded_bytes().starts_with(b"-"));
    (found.collect(), NO_FILES)
}

/// Whether the word is a flag of any verb whose value is a path.
fn takes_path(command: &Command, flag: &OsStr) -> bool {
    let is_path = |arg: &Arg| {
        matches!(
            arg.get_value_hint(),
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
        )
    };
    let is_named = |arg: &Arg| {
        let long = arg
            .get_long()
            .is_some_and(|long| *flag == *format!("--{long}"));
        long || arg
            .get_short()
            .is_some_and(|short| *flag == *format!("-{short}"))
    };
    command
        .get_arguments()
        .any(|arg| is_path(arg) && is_named(arg))
        || command.get_subcommands().any(|verb| takes_path(verb, flag))
}
