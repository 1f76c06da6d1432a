//! `kubectl basphere`: what people type.

mod cli;
mod complete;
mod exit;
mod input;
mod offline;
mod review;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if complete::is_asked_for(&arguments) {
        complete::answer(arguments).into()
    } else {
        run::run(arguments).into()
    }
}
