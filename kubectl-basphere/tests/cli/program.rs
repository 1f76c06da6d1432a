//! Runs the built program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// A file of deploy/examples.
pub(crate) fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/examples")
        .join(name);
    path.canonicalize().unwrap().display().to_string()
}

/// Runs the program without any kubeconfig.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with(Command::new(program()), arguments, "")
}

/// Runs the program with this on its standard input.
pub(crate) fn run_reading(arguments: &[&str], input: &str) -> Ran {
    run_with(Command::new(program()), arguments, input)
}

/// The built program.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_kubectl-basphere"))
}

/// Runs a prepared command.
pub(crate) fn run_with(mut command: Command, arguments: &[&str], input: &str) -> Ran {
    let mut child = command
        .args(arguments)
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may end, for a wrong command line, before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A Cluster that says nothing.
pub(crate) const CLUSTER: &str =
    "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\nmetadata: {name: demo}\nspec: {}\n";

/// Reviews offline as kim.
pub(crate) fn review(arguments: &[&str]) -> Ran {
    let site = example("site.yaml");
    run(&[&["review", "--site", &site, "-n", "user-kim"], arguments].concat())
}

/// Reviews a text offline.
pub(crate) fn review_text(arguments: &[&str], manifest: &str) -> Ran {
    let site = example("site.yaml");
    run_reading(
        &[&["review", "--site", &site, "-f", "-"], arguments].concat(),
        manifest,
    )
}
