//! `kubectl basphere`: what people type.

mod bastion;
mod cli;
mod complete;
mod connection;
mod exit;
mod export;
mod import;
mod input;
mod ipam;
mod offline;
mod policy;
mod quota;
mod review;
mod run;
mod yaml;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if complete::is_asked_for(&arguments) {
        complete::answer(arguments).into()
    } else {
        run::run(arguments).into()
    }
}
