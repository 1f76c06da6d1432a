//! From arguments to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::Parser;

use crate::cli::{Cli, Color, Export, ExportWhat, Import, ImportWhat, Verb};
use crate::exit::{Exit, unless_closed};
use crate::{export, import, ipam, policy, quota, review};

/// Does what the arguments say.
pub(crate) fn run(arguments: Vec<OsString>) -> Exit {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return print_usage(&error).or_error_if(policy::has_gators_codes(&arguments)),
    };
    let color = match cli.global.color {
        _ if cli.global.no_color => ColorChoice::Never,
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let mut out = AutoStream::new(io::stdout(), color).lock();
    let mut talk = AutoStream::new(io::stderr(), color);
    let done = match &cli.verb {
        Verb::Review(options) => review::run(options, &cli.global, &mut out, &mut talk),
        Verb::Quota(options) => quota::run(options, &cli.global, &mut out, &mut talk),
        Verb::Ipam(options) => ipam::run(options, &cli.global, &mut out, &mut talk),
        // Policies' messages are theirs: nothing is taken out of them, whoever reads them.
        Verb::Policy(options) => {
            policy::run(options, &cli.global, &mut io::stdout().lock(), &mut talk)
        }
        Verb::Import(Import {
            what: ImportWhat::Ipam(options),
        }) => import::run(options, &cli.global, &mut out, &mut talk),
        Verb::Export(Export {
            what: ExportWhat::Ipam(options),
        }) => export::run(options, &cli.global, &mut out, &mut talk),
        Verb::Version => print_version(&mut out),
    };
    done.unwrap_or_else(|error| {
        print_error(&error, &mut talk);
        Exit::Error
    })
}

/// Prints an error, after which the program need not end.
pub(crate) fn print_error(error: &anyhow::Error, talk: &mut dyn Write) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(talk, "{style}error:{style:#} {error:#}");
}

/// Prints what is no error and still worth a look.
pub(crate) fn print_warning(warning: impl std::fmt::Display, talk: &mut dyn Write) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(talk, "warning: {warning}");
}

/// Help goes to stdout and is no error; a wrong command line goes to stderr.
fn print_usage(error: &clap::Error) -> Exit {
    // There is nowhere left to say that stdout or stderr is closed.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Ok
    }
}

fn print_version(out: &mut dyn Write) -> anyhow::Result<Exit> {
    unless_closed(writeln!(
        out,
        "kubectl basphere {}",
        env!("CARGO_PKG_VERSION")
    ))?;
    Ok(Exit::Ok)
}
