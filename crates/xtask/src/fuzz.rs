//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, each for a while.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use basphere_harness::forget_package;
use clap::{Args, ValueEnum};

/// Longer than most real reviews, and short enough for many a second.
const LONGEST_INPUT: &str = "-max_len=16384";
/// One input that takes longer is a finding.
const SLOWEST_INPUT: &str = "-timeout=10";

/// Fuzz the parsers of reviews, image references, files and policies, and the decision, from what is in `tests/fuzz/corpus`.
///
/// Needs a nightly compiler and cargo-fuzz. An input that breaks something is written to `tests/fuzz/artifacts`;
/// what else was found on the way is kept in `tests/fuzz/found`, so that the next run goes on from there.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For how long each target runs.
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// One target only.
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Option<Target>,
    /// Build the targets and run none of them.
    #[arg(long)]
    build_only: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    /// Bytes to an answer.
    Review,
    /// A review to a decision that comes to rest.
    Decide,
    /// A text to an image reference.
    Image,
    /// The content of a file to what it names.
    File,
    /// A policy to what it says.
    Rego,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Decide => "decide",
            Self::Image => "image",
            Self::File => "file",
            Self::Rego => "rego",
        }
    }
}

/// Builds the targets and runs them one after the other, until one finds something.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    needs(
        &[],
        "a nightly compiler",
        "rustup toolchain install nightly --profile minimal",
    )?;
    needs(&["fuzz"], "cargo-fuzz", "cargo install --locked cargo-fuzz")?;
    let folder = folder()?;
    fetch(&folder)?;
    let mut build = cargo(&folder, &["fuzz", "build"])?;
    ensure!(succeeds(&mut build)?, "the fuzz targets could not be built");
    if arguments.build_only {
        return Ok(ExitCode::SUCCESS);
    }
    let targets = arguments
        .target
        .map_or(Target::value_variants().to_vec(), |target| vec![target]);
    for target in targets {
        fuzz(&folder, target, arguments.seconds)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// cargo-fuzz itself knows no `--locked`.
fn fetch(folder: &Path) -> Result<()> {
    let mut fetch = nightly();
    fetch.args(["fetch", "--locked", "--quiet", "--manifest-path"]);
    fetch.arg(folder.join("Cargo.toml"));
    ensure!(
        succeeds(&mut fetch)?,
        "what the fuzz targets depend on could not be fetched, or tests/fuzz/Cargo.lock is out of date"
    );
    Ok(())
}

fn fuzz(folder: &Path, target: Target, seconds: u32) -> Result<()> {
    let name = target.name();
    anstream::eprintln!("fuzzing {name} for {seconds} s");
    // The first folder takes what is found, and comes back with the next run.
    let found = folder.join("found").join(name);
    std::fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
    let corpus = folder.join("corpus").join(name);
    let mut run = cargo(folder, &["fuzz", "run"])?;
    run.arg(name).arg(&found).arg(&corpus);
    run.arg("--").arg(format!("-max_total_time={seconds}"));
    run.args([LONGEST_INPUT, SLOWEST_INPUT, "-print_final_stats=1"]);
    let words = folder.join(name).with_extension("dict");
    if words.is_file() {
        run.arg(format!("-dict={}", words.display()));
    }
    ensure!(
        succeeds(&mut run)?,
        "fuzzing {name} found an input that breaks it; see above, and {}",
        folder.join("artifacts").join(name).display()
    );
    Ok(())
}

/// `cargo +nightly`, whatever toolchain this one was built by.
fn cargo(folder: &Path, task: &[&str]) -> Result<Command> {
    let mut command = nightly();
    command.args(task).arg("--fuzz-dir").arg(folder);
    // No code of ours is unsafe, so that nothing is left for the address sanitizer to find; without it,
    // more inputs are tried in less time.
    command.args(["--sanitizer", "none"]);
    command.current_dir(folder.parent().context("no parent")?);
    Ok(command)
}

fn nightly() -> Command {
    let mut command = Command::new("cargo");
    forget_package(&mut command);
    // cargo of another toolchain would be found by these first.
    command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC");
    command.arg("+nightly");
    command
}

fn needs(subcommand: &[&str], what: &str, install: &str) -> Result<()> {
    let mut command = nightly();
    let status = command
        .args(subcommand)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cargo +nightly cannot be run; is rustup installed?")?;
    if !status.success() {
        bail!("fuzzing needs {what}, which is not here; install it by: {install}");
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(command
        .status()
        .context("running cargo +nightly")?
        .success())
}

fn folder() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let folder = root.context("no repository")?.join("tests/fuzz");
    ensure!(
        folder.is_dir(),
        "{} is not there any more",
        folder.display()
    );
    Ok(folder)
}
