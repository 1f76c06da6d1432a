//! Shows what the webhook does: a cluster as kim writes it and as it is stored, and one that is refused.

use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, bail};
use basphere_harness::{ApiVersion, Outcome, Sandbox, example, run as run_command, yaml};
use serde_json::Value;

use crate::difference;

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const CODE: Style = Style::new().bold();

/// Shows the examples, says how to go on, and waits for Ctrl-C. `vms` is where the virtual machines are listed, when
/// there are any.
pub(crate) fn run(sandbox: &Sandbox, version: ApiVersion, vms: Option<&str>) -> Result<ExitCode> {
    show_stored(sandbox, &example(&format!("cluster.{version}.yaml"))?)?;
    show_refusal(sandbox, &example(&format!("refused.{version}.yaml"))?)?;
    show_usage(sandbox);
    if let Some(vms) = vms {
        heading("The controllers are at work: machines come up within a minute");
        anstream::println!("{CODE}kubectl get machines,vspheremachines --all-namespaces{CODE:#}");
        anstream::println!("{CODE}curl {vms}{CODE:#}  # the vCenter's virtual machines");
    }
    anstream::println!("\nCtrl-C ends the sandbox and removes all of it.");
    wait_for_interrupt()?;
    anstream::println!("\nThe sandbox ends.");
    Ok(ExitCode::SUCCESS)
}

fn show_stored(sandbox: &Sandbox, file: &Path) -> Result<()> {
    let path = file
        .to_str()
        .context("the repository's path is not UTF-8")?;
    heading(&format!("As kim: kubectl apply -f {}", short(file)));
    let applied = as_kim(sandbox, &["apply", "--filename", path])?;
    anstream::eprint!("{}", applied.stderr);
    anstream::println!("{}", applied.stdout()?);

    heading("What kim wrote (-), and what is stored (+)");
    let got = as_kim(sandbox, &["get", "--filename", path, "--output=json"])?.stdout()?;
    let got: Value = serde_json::from_str(&got).context("reading what kubectl printed")?;
    let stored = got
        .get("items")
        .and_then(Value::as_array)
        .context("kubectl printed no list")?;
    for written in yaml::read_documents(file)? {
        let found = stored.iter().find(|stored| same_object(&written, stored));
        let stored = found.with_context(|| format!("not stored: {}", identity(&written)))?;
        anstream::println!("{}", difference::render(&written, stored)?);
    }
    Ok(())
}

fn show_refusal(sandbox: &Sandbox, file: &Path) -> Result<()> {
    let path = file
        .to_str()
        .context("the repository's path is not UTF-8")?;
    heading(&format!("As kim: kubectl apply -f {}", short(file)));
    let refused = as_kim(sandbox, &["apply", "--filename", path])?;
    anstream::println!("{}{}", refused.stdout, refused.stderr);
    if refused.succeeded() {
        bail!("{} was stored, and should have been refused", short(file));
    }
    Ok(())
}

fn show_usage(sandbox: &Sandbox) {
    let control_plane = sandbox.control_plane();
    let admin = sandbox.admin();
    heading("The sandbox is up. In another terminal:");
    anstream::println!(
        "{CODE}export KUBECONFIG={}{CODE:#}",
        admin.kubeconfig().display()
    );
    anstream::println!(
        "{CODE}export KUBECACHEDIR={}{CODE:#}",
        admin.cache_directory().display()
    );
    anstream::println!(
        "{CODE}export PATH={}:$PATH{CODE:#}",
        control_plane.bin_directory().display()
    );
    anstream::println!("{CODE}kubectl get clusters --all-namespaces{CODE:#}");
    anstream::println!("\nThat is admin. The tenants, each in a namespace of their own:");
    for user in [sandbox.kim(), sandbox.lee()] {
        anstream::println!(
            "{CODE}export KUBECONFIG={}{CODE:#}  # {}",
            user.kubeconfig().display(),
            user.name()
        );
    }
    anstream::println!(
        "\nLogs are in {}",
        control_plane.directory().join("logs").display()
    );
}

fn wait_for_interrupt() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(tokio::signal::ctrl_c())
        .context("waiting for Ctrl-C")
}

fn as_kim(sandbox: &Sandbox, arguments: &[&str]) -> Result<Outcome> {
    run_command(sandbox.kubectl(sandbox.kim())?.args(arguments), "")
}

fn same_object(left: &Value, right: &Value) -> bool {
    ["/kind", "/metadata/name"]
        .iter()
        .all(|pointer| left.pointer(pointer) == right.pointer(pointer))
}

fn identity(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("?")
    };
    format!("{} {}", text("/kind"), text("/metadata/name"))
}

fn heading(text: &str) {
    anstream::println!("{HEADING}{text}{HEADING:#}\n");
}

/// The path as a person at the repository's root would write it.
fn short(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    Path::new("deploy/examples")
        .join(name)
        .display()
        .to_string()
}
