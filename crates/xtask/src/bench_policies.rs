//! `cargo xtask bench-policies`: the same policies judge the same objects, here and in Gatekeeper's gator.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Progress, forget_package, gator};
use clap::Args;
use serde_json::Value;

/// How often the memory of a process is looked at. What counts is the highest mark, which stays until its end.
const LOOK: Duration = Duration::from_millis(20);
/// Linux counts processor time in hundredths of a second, whatever its clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measure how fast policies judge objects, and how much memory it takes, side by side with gator.
///
/// Both are run twice, with many rounds over all objects and with few. The difference is what reviews cost: what it costs
/// to start and to load is in both. Processor time is that of the whole process, its garbage collection included. Nothing
/// is asserted: on a busy machine latencies are of little worth, and processor time and memory are good enough.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folders or files with templates, constraints and objects, in place of the bundle `policies/workload` with the
    /// objects of its cases.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How often each object is judged.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..))]
    rounds: u32,
}

/// What a run of one tool took.
struct Run {
    report: Value,
    processor_seconds: f64,
    peak_bytes: u64,
}

/// What reviews of one tool cost.
struct Cost {
    per_processor_second: f64,
    p50: String,
    p99: String,
    mebibytes: f64,
    violations_per_round: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let gator = gator(Progress::default())?;
    let plugin = plugin()?;
    let objects = tempfile::tempdir().context("making a folder")?;
    let paths = match arguments.paths.is_empty() {
        true => {
            copy_bundle(&root()?.join("policies/workload"), objects.path())?;
            vec![objects.path().to_owned()]
        }
        false => arguments.paths.clone(),
    };
    let theirs = cost(arguments.rounds, |rounds| {
        let mut command = Command::new(&gator);
        command.args(["bench", "--engine", "rego", "-n", &rounds.to_string()]);
        measured(common(&mut command, &paths))
    })?;
    let ours = cost(arguments.rounds, |rounds| {
        let mut command = Command::new(&plugin);
        command.args(["policy", "bench", "--iterations", &rounds.to_string()]);
        measured(common(&mut command, &paths))
    })?;
    print(&theirs, &ours);
    Ok(ExitCode::SUCCESS)
}

fn common<'a>(command: &'a mut Command, paths: &[PathBuf]) -> &'a mut Command {
    command.args(["-o", "json", "--warmup", "2"]);
    for path in paths {
        command.arg("-f").arg(path);
    }
    command
}

/// Templates, the constraints that are shipped with them, and the objects of their cases: other constraints would take
/// the place of those, and reviews would be judged as objects by one tool only.
fn copy_bundle(bundle: &Path, to: &Path) -> Result<()> {
    for policy in entries(bundle)? {
        if !policy.is_dir() {
            continue;
        }
        let name = policy.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        for file in ["template.yaml", "constraint.yaml"] {
            let copy = to.join(format!("{name}-{file}"));
            fs::copy(policy.join(file), copy).with_context(|| policy.display().to_string())?;
        }
        for sample in entries(&policy.join("samples"))? {
            let text = fs::read_to_string(&sample).unwrap_or_default();
            let is_object = !text.contains("constraints.gatekeeper.sh/")
                && !text.contains("kind: AdmissionReview");
            let file = sample.file_name().unwrap_or_default().to_string_lossy();
            if is_object && file.ends_with(".yaml") {
                fs::write(to.join(format!("{name}-object-{file}")), text)?;
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn cost(rounds: u32, run: impl Fn(u32) -> Result<Run>) -> Result<Cost> {
    let (few, many) = (run(rounds / 10)?, run(rounds)?);
    let number = |run: &Run, name: &str| -> Result<f64> {
        let number = run.report.get(name).and_then(Value::as_f64);
        number.with_context(|| format!("{name} is missing in {}", run.report))
    };
    let reviews = number(&many, "totalReviews")? - number(&few, "totalReviews")?;
    let seconds = many.processor_seconds - few.processor_seconds;
    ensure!(seconds > 0.0, "too few rounds to measure anything");
    let latency = |name: &str| {
        let latency = many.report.pointer(&format!("/latencies/{name}"));
        let latency = latency.and_then(Value::as_str);
        latency.unwrap_or("unknown").to_owned()
    };
    Ok(Cost {
        per_processor_second: reviews / seconds,
        p50: latency("p50"),
        p99: latency("p99"),
        mebibytes: mebibytes(many.peak_bytes),
        violations_per_round: number(&many, "violationCount")? / f64::from(rounds),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody has so much memory that it would matter"
)]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Runs a tool to its end, and reads its report.
fn measured(command: &mut Command) -> Result<Run> {
    let before = processor_seconds_of_children()?;
    // That an object stands in two files is warned of, and does no harm.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .with_context(|| format!("running {:?}", command.get_program()))?;
    let output = child.stdout.take().context("it has no output")?;
    let reader = thread::spawn(move || {
        let (mut output, mut text) = (output, String::new());
        output.read_to_string(&mut text).map(|_| text)
    });
    let peak_bytes = peak(&mut child)?;
    let status = child.wait().context("waiting for it")?;
    let text = reader.join().ok().context("its output was lost")??;
    ensure!(
        status.success(),
        "{:?} failed: {text}",
        command.get_program()
    );
    let reports: Value = serde_json::from_str(&text).context("it prints no JSON")?;
    Ok(Run {
        report: reports.get(0).cloned().unwrap_or_default(),
        processor_seconds: processor_seconds_of_children()? - before,
        peak_bytes,
    })
}

/// The most memory that a process had, looked at until it ends.
fn peak(child: &mut Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().context("waiting for it")?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = kibibytes.map_or(peak, |kibibytes| kibibytes * 1024);
        thread::sleep(LOOK);
    }
    Ok(peak)
}

/// The processor time of all children that have ended, in user and in kernel mode.
fn processor_seconds_of_children() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // The name of the program may have anything in it, and ends in the last parenthesis.
    let (_, fields) = text.rsplit_once(") ").context("/proc/self/stat")?;
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<f64>);
    let ticks: Vec<f64> = ticks.collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

fn print(theirs: &Cost, ours: &Cost) {
    anstream::println!(
        "{:<10}{:>20}{:>14}{:>14}{:>12}{:>18}",
        "",
        "reviews/CPU-second",
        "p50",
        "p99",
        "peak MiB",
        "violations/round"
    );
    for (name, cost) in [("gator", theirs), ("basphere", ours)] {
        anstream::println!(
            "{name:<10}{:>20.0}{:>14}{:>14}{:>12.1}{:>18}",
            cost.per_processor_second,
            cost.p50,
            cost.p99,
            cost.mebibytes,
            cost.violations_per_round
        );
    }
    anstream::println!(
        "{:.1} times gator's reviews per CPU-second, in 1/{:.1} of its memory",
        ours.per_processor_second / theirs.per_processor_second,
        theirs.mebibytes / ours.mebibytes
    );
}

/// The plugin, as it is released.
fn plugin() -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    forget_package(&mut build);
    build.args(["build", "--locked", "--release", "-p", "kubectl-basphere"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    let built = build
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo build")?;
    ensure!(built.status.success(), "the plugin could not be built");
    let text = String::from_utf8(built.stdout).context("cargo's messages")?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter_map(|message: Value| {
        let program = message.get("executable")?.as_str()?;
        Some(PathBuf::from(program))
    });
    programs.next_back().context("cargo built no program")
}

fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    Ok(root.context("no repository")?.to_owned())
}
