//! The bastion's files into a real API server and out again. Sandboxes of their own, since the Site
//! and pools belong to everybody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Outcome, Sandbox, SandboxOptions, run};
use serde_json::{Value, json};

/// A sandbox without the example's Site and Tenants, and a folder with files of the bastion.
struct Bastion {
    sandbox: Sandbox,
    folder: PathBuf,
}

impl Bastion {
    fn begin(files: &str) -> Result<Self> {
        let sandbox = Sandbox::start(&SandboxOptions::default())?;
        let folder = sandbox.admin().home().join("bastion");
        fs::create_dir(&folder)?;
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kubectl-basphere/tests/bastion");
        for (from, name) in [
            (".", "config.yaml"),
            (".", "specs.yaml"),
            (files, "allocations.tsv"),
            (files, "leases.tsv"),
        ] {
            fs::copy(root.join(from).join(name), folder.join(name)).context(name)?;
        }
        let bastion = Self { sandbox, folder };
        bastion
            .shell("kubectl delete sites,tenants,addresspools --all")?
            .stdout()?;
        Ok(bastion)
    }

    /// Runs a line of a shell in the folder, as the admin, with standard error where it was written.
    fn shell(&self, line: &str) -> Result<Outcome> {
        let kubectl = self.sandbox.kubectl(self.sandbox.admin())?;
        let mut shell = Command::new("bash");
        for (key, value) in kubectl.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        let script = format!("set -o pipefail; exec 2>&1; {line}");
        run(shell.args(["-c", &script]).current_dir(&self.folder), "")
    }

    /// What an import says. Tenants of namespaces that are there already the webhook has made anew meanwhile,
    /// or has not, as it comes.
    fn import(&self, line: &str) -> Result<Outcome> {
        let mut outcome = self.shell(line)?;
        let lines = outcome.stdout.lines().map(|line| {
            let made = line.strip_suffix(" configured");
            match made.filter(|made| made.starts_with("tenant.basphere.dev/")) {
                Some(made) => format!("{made} created\n"),
                None => format!("{line}\n"),
            }
        });
        outcome.stdout = lines.collect();
        Ok(outcome)
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(name)).context(name.to_owned())
    }
}

/// What was shown, where a line `...` stands for any lines.
fn is_shown(shown: &[&str], said: &[&str]) -> bool {
    match (shown, said) {
        ([], []) => true,
        (["...", rest @ ..], _) => {
            (0..=said.len()).any(|skipped| said.get(skipped..).is_some_and(|s| is_shown(rest, s)))
        }
        ([shown, rest @ ..], [said, more @ ..]) => shown == said && is_shown(rest, more),
        _ => false,
    }
}

#[test]
fn the_page_shows_what_happens() -> Result<()> {
    let bastion = Bastion::begin("page")?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let page = fs::read_to_string(page)?;
    let blocks = page.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let mut commands = 0;
    for block in blocks {
        for step in block.split("$ ").skip(1) {
            // A line that ends with a backslash goes on.
            let joined = step.replace("\\\n", "");
            let (line, shown) = joined.split_once('\n').unwrap_or((&joined, ""));
            let said = bastion.import(line)?.stdout;
            let (shown, heard): (Vec<_>, Vec<_>) =
                (shown.lines().collect(), said.lines().collect());
            ensure!(
                is_shown(&shown, &heard),
                "{line}\nthe page shows:\n{}\nit said:\n{said}",
                shown.join("\n")
            );
            commands += 1;
        }
    }
    ensure!(commands >= 8, "only {commands} commands are shown");
    Ok(())
}

#[test]
fn what_was_applied_is_exported_and_applying_again_changes_nothing() -> Result<()> {
    let bastion = Bastion::begin(".")?;
    let (allocations, leases) = (
        bastion.read("allocations.tsv")?,
        bastion.read("leases.tsv")?,
    );
    let import = "kubectl basphere import ipam --allocations allocations.tsv --leases leases.tsv";
    let full = format!("{import} --config config.yaml --specs specs.yaml --apply");
    let first = bastion.import(&full)?.stdout()?;
    for object in [
        "site.basphere.dev/default",
        "tenant.basphere.dev/kim",
        "addresspool.basphere.dev/nodes",
        "addresslease.basphere.dev/block.default.10.254.7.224-27",
        "addresslease.basphere.dev/ip.default.10.254.0.32",
    ] {
        ensure!(first.contains(&format!("{object} created\n")), "{first}");
    }
    let objects = first
        .lines()
        .filter(|line| line.ends_with(" created"))
        .count();
    ensure!(objects == 1 + 3 + 1 + 3 + 6, "{first}");

    // Once the controllers have seen whose the blocks are, nobody writes any more but to a status.
    let seen = "kubectl wait addressleases -l basphere.dev/slot=block --for=jsonpath='{.spec.holder.uid}' --timeout=30s";
    bastion.shell(seen)?.stdout()?;
    let versions = "kubectl get tenants,addresspools,addressleases -o jsonpath='{.items[*].metadata.generation}'";
    let before = bastion.shell(versions)?.stdout()?;
    for again in [&full, &format!("{import} --pool nodes --apply")] {
        let said = bastion.shell(again)?.stdout()?;
        let changed = said
            .lines()
            .any(|line| line.ends_with(" created") || line.ends_with(" configured"));
        // Without config.yaml there are neither Site nor pool.
        let expected = if *again == full { objects } else { objects - 2 };
        let same = said
            .lines()
            .filter(|line| line.ends_with(" unchanged"))
            .count();
        ensure!(!changed && same == expected, "{said}");
    }
    ensure!(bastion.shell(versions)?.stdout()? == before);

    // A lease of a pool or a kind that the bastion does not know stays out.
    bastion
        .shell("rm *.tsv && kubectl basphere export ipam")?
        .stdout()?;
    ensure!(bastion.read("allocations.tsv")? == allocations);
    ensure!(bastion.read("leases.tsv")? == leases);

    let listed = bastion
        .shell("kubectl basphere ipam --tenant kim")?
        .stdout()?;
    ensure!(
        listed.contains(
            "\n10.254.0.32      Bound   kim      import    Cluster user-kim/demo (endpoint)"
        ),
        "{listed}"
    );
    ensure!(!listed.contains("user-lee"), "{listed}");
    let json: Value =
        serde_json::from_str(&bastion.shell("kubectl basphere ipam -o json")?.stdout()?)?;
    let count = json["items"].as_array().map(Vec::len);
    ensure!(count == Some(10), "{json:#}");
    let drawn = bastion.shell("kubectl basphere ipam map nodes")?.stdout()?;
    ensure!(
        drawn.contains("\n10.254.0.32   IIII............................  kim\n"),
        "{drawn}"
    );
    Ok(())
}

#[test]
fn what_others_have_by_now_is_theirs() -> Result<()> {
    let bastion = Bastion::begin(".")?;
    // The site is still in force, so that the machine's address is leased for it.
    let taken = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "basphere.dev/v1alpha1",
            "kind": "AddressPool",
            "metadata": {"name": "nodes"},
            "spec": {"cidr": "10.254.0.0/21", "blockSize": 27},
        },
        {
            "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1",
            "kind": "VSphereMachine",
            "metadata": {"namespace": "user-kim", "name": "demo-md-0-x"},
            "spec": {
                "template": "ubuntu-2204-kube-v1.28.0",
                "network": {"devices": [{"networkName": "VM Network", "ipAddrs": ["10.254.0.35/21"]}]},
            },
        },
    ]});
    fs::write(bastion.folder.join("taken.json"), taken.to_string())?;
    bastion.shell("kubectl create -f taken.json")?.stdout()?;
    let import = "kubectl basphere import ipam --allocations allocations.tsv --leases leases.tsv --config config.yaml --apply";
    for _ in 0..2 {
        let outcome = bastion.shell(import)?;
        let said = &outcome.stdout;
        ensure!(outcome.status.code() == Some(1), "{said}");
        let error = "error: addresslease.basphere.dev/ip.default.10.254.0.35: is held by VSphereMachine user-kim/demo-md-0-x (0) of kim, and the line says VirtualMachine user-kim/build of kim; it was left as it is\n";
        ensure!(said.contains(error), "{said}");
        ensure!(
            said.contains("addresslease.basphere.dev/ip.default.10.254.7.254 "),
            "{said}"
        );
    }
    let held = bastion
        .shell("kubectl get addresslease/ip.default.10.254.0.35 -o jsonpath='{.spec.holder.name}'")?
        .stdout()?;
    ensure!(held == "demo-md-0-x", "{held}");

    // What an admin has set to something else is a conflict, and is not overwritten.
    let widen = "kubectl patch addresspool/nodes --type=merge -p '{\"spec\":{\"nameservers\":[\"9.9.9.9\"]}}'";
    bastion.shell(widen)?.stdout()?;
    let said = bastion.shell(import)?.stdout;
    ensure!(
        said.contains("error: addresspool.basphere.dev/nodes: Apply failed with 1 conflict")
            && said.contains(".spec.nameservers"),
        "{said}"
    );
    Ok(())
}
