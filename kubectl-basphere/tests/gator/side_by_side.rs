//! One command line, run by both.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use basphere_harness::Progress;

/// What a run left.
#[derive(Debug, PartialEq)]
struct Ran {
    code: Option<i32>,
    out: String,
    has_errors: bool,
}

/// A folder of this test.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/gator")
        .join(name)
}

fn gator() -> &'static Path {
    static GATOR: OnceLock<PathBuf> = OnceLock::new();
    GATOR.get_or_init(|| basphere_harness::gator(Progress::default()).unwrap())
}

/// How both outputs are made comparable.
pub(crate) type Normal = fn(&str) -> String;

/// What differs, if anything does.
pub(crate) fn difference(
    arguments: &[&str],
    folder: &Path,
    input: Option<&str>,
    normal: Normal,
) -> Option<String> {
    let (verb, rest) = arguments.split_first().unwrap();
    let mut theirs = Command::new(gator());
    theirs
        .args([verb, "--enable-k8s-native-validation=false"])
        .args(rest);
    let mut ours = Command::new(env!("CARGO_BIN_EXE_kubectl-basphere"));
    ours.args(["policy", verb, "--enable-k8s-native-validation=false"])
        .args(rest);
    let [theirs, ours] = [theirs, ours].map(|command| run(command, folder, input, normal));
    (theirs != ours).then(|| format!("{arguments:?}\ngator: {theirs:#?}\nours: {ours:#?}\n"))
}

fn run(mut command: Command, folder: &Path, input: Option<&str>, normal: Normal) -> Ran {
    let stdin = if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    command
        .current_dir(folder)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    if let Some(input) = input {
        // It may have ended for a wrong command line.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: normal(&String::from_utf8(output.stdout).unwrap()),
        has_errors: !output.stderr.is_empty(),
    }
}
