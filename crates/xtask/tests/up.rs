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

/// What differs with the controllers: they are there, both versions are, and the vCenter is empty.
const SCRIPT_WITH_CONTROLLERS: &str = "
    kubectl get crd machines.cluster.x-k8s.io --output='jsonpath={.spec.versions[*].name}{\"\\n\"}'
    kubectl get serviceaccounts --namespace=capv-system --output=name
    kubectl get vsphereclusteridentities --output=name
    curl --silent --show-error --fail $BASPHERE_VMS_URL >/dev/null && echo listed
    exit 7
";

#[test]
fn with_controllers_a_command_has_them_at_hand() -> Result<()> {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["up", "--capi", "--", "sh", "-c", SCRIPT_WITH_CONTROLLERS]);
    basphere_harness::forget_package(&mut xtask);
    let outcome = basphere_harness::run(&mut xtask, "")?;
    ensure!(
        outcome.status.code() == Some(7),
        "{}: {}",
        outcome.status,
        outcome.stderr
    );
    let expected = "v1beta1 v1beta2\nserviceaccount/capv-manager\nserviceaccount/default\n\
        vsphereclusteridentity.infrastructure.cluster.x-k8s.io/basphere\nlisted\n";
    ensure!(outcome.stdout == expected, "{}", outcome.stdout);
    Ok(())
}
