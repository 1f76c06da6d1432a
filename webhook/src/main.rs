//! The webhook server of Basphere; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    basphere_webhook::cli::main(std::env::args_os())
}
