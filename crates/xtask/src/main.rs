//! The project's tasks, run as `cargo xtask TASK`.

mod bench_policies;
mod command;
mod difference;
mod e2e;
mod fuzz;
mod tour;
mod up;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Parser, Subcommand};

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    BenchPolicies(bench_policies::Arguments),
    E2e(e2e::Arguments),
    Fuzz(fuzz::Arguments),
    Up(up::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::BenchPolicies(arguments) => bench_policies::run(&arguments),
        Task::E2e(arguments) => e2e::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Up(arguments) => up::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        anstream::eprintln!("{red}error{red:#}: {error:#}");
        ExitCode::FAILURE
    })
}
