//! `cargo xtask up -- COMMAND…`: the command's output and status, and nothing of ours.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

/// What a script may rely on: PATH, KUBECONFIG, empty namespaces, standard input.
const SCRIPT: &str = "
    kubectl get sites --output=name
    kubectl get clusters --all-namespaces --output=name
    kubectl basphere --version
    KUBECONFIG=$BASPHERE_KUBECONFIG_KIM kubectl auth whoami --output='jsonpath={.status.userInfo.username}{\"\\n\"}'
    command -v kubectl_complete-basphere >/dev/null && echo completes
    cat
    exit 7
";

#[test]
fn a_command_has_stdout_and_exit_status_to_itself() -> Result<()> {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["up", "--", "sh", "-c", SCRIPT]);
    basphere_harness::forget_package(&mut xtask);
    xtask.stdin(Stdio::piped());
    let outcome = basphere_harness::run(&mut xtask, "from outside\n")?;
    ensure!(
        outcome.status.code() == Some(7),
        "{}: {}",
        outcome.status,
        outcome.stderr
    );
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "site.basphere.dev/default\nkubectl basphere {version}\nkim\ncompletes\nfrom outside\n"
    );
    ensure!(outcome.stdout == expected, "{}", outcome.stdout);
    ensure!(outcome.stderr.contains("basphere: "), "{}", outcome.stderr);
    Ok(())
}
