//! The five-line form: the class that `deploy/` ships, and what the topology controller makes of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use basphere_harness::run;
use serde_json::{Value, json};

use crate::quiet::SHORT;
use crate::suite::{Suite, text};
use crate::view::{MACHINES, TEMPLATES, VSPHERE_MACHINES};

const CLUSTER: &str = "five";
/// What the rig's Site offers beyond the example's versions.
const NEXT: &str = "v1.29.0";
const NEXT_TEMPLATE: &str = "ubuntu-2204-kube-v1.29.0";

#[test]
fn five_lines_become_machines_that_change_as_they_are_told() -> Result<()> {
    let suite = Suite::new()?;
    install_the_class(&suite)?;
    suite.kim.apply(&suite.kim.example("topology")?)?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.say("the API server of the cluster answers");
    suite.machines_run(3)?;
    the_address_is_the_same_everywhere(&suite)?;
    ensure!(suite.list(TEMPLATES)?.len() == 2, "one template a group");

    change_workers(&suite, |group| group["replicas"] = 3.into())?;
    suite.machines_run(4)?;
    ensure!(cpus(&suite)? == [4, 4, 4, 4], "{:?}", cpus(&suite)?);

    change_workers(&suite, |group| {
        group["metadata"]["labels"]["basphere.dev/node-spec"] = "small".into();
    })?;
    suite.until(
        "the workers are small, and the control plane is not",
        || Ok((cpus(&suite)? == [2, 2, 2, 4]).then_some(())),
    )?;
    suite.machines_run(4)?;

    nothing_moves_any_more(&suite)?;
    let delete = ["delete", "cluster", CLUSTER, "--wait=false"];
    suite.kim.kubectl(&delete, "")?.stdout()?;
    suite.until("everything is gone", || {
        let clusters = suite.list("clusters.v1beta2.cluster.x-k8s.io")?;
        Ok(clusters.is_empty().then_some(()))
    })?;
    drop(workload);
    suite.until("all leases are on their way back", || {
        let leases = suite.leases()?;
        let released = |lease| text(lease, "/spec/state") == "Releasing";
        Ok((!leases.is_empty() && leases.values().all(released)).then_some(()))
    })
}

/// Across the version from which on kubeadm has a super-admin.conf: the static pod that holds the address stays the same,
/// and machines that join are told of it only.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn a_new_version_replaces_each_machine_once_and_the_address_stays() -> Result<()> {
    let suite = Suite::new()?;
    install_the_class(&suite)?;
    suite.kim.apply(&suite.kim.example("topology")?)?;
    let _workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    suite.cluster_is_available(CLUSTER)?;
    let before = topology(&suite)?;
    let old: BTreeSet<String> = suite.view().names(MACHINES)?.into_iter().collect();
    let begun = suite.rig.mark()?;
    suite.patch(
        &format!("cluster/{CLUSTER}"),
        &json!({"spec": {"topology": {"version": NEXT}}}),
    )?;
    suite.until("all machines run the next version", || {
        let machines = suite.list(MACHINES)?;
        let is_new = |machine: &Value| {
            text(machine, "/spec/version") == NEXT && text(machine, "/status/phase") == "Running"
        };
        Ok((machines.len() == 3 && machines.iter().all(is_new)).then_some(()))
    })?;
    let made = suite.asked_of("machines", begun)?;
    let made = made
        .iter()
        .filter(|event| event.code == 201 && event.wrote());
    ensure!(made.count() == 3, "each machine is replaced by one");
    ensure!(old.is_disjoint(&suite.view().names(MACHINES)?.into_iter().collect()));
    suite.every_machine_has_its_own_leased_address()?;
    the_address_is_the_same_everywhere(&suite)?;
    let after = topology(&suite)?;
    for name in ["controlPlaneIpAddr", "kubeVipPodManifest"] {
        ensure!(variable(&before, name) == variable(&after, name), "{name}");
    }
    let images = variable(&after, "images")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    ensure!(images == 2, "{after:#}");
    every_machine_is_cloned_from(&suite, NEXT_TEMPLATE)?;
    ensure!(text(&suite.list("kubeadmcontrolplanes")?[0], "/spec/version") == NEXT);
    nothing_moves_any_more(&suite)
}

/// The class that we ship, with its templates.
pub(crate) fn class() -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/clusterclass.v1beta2.yaml");
    std::fs::read_to_string(&file).with_context(|| file.display().to_string())
}

/// As an admin does, with the command of docs/cluster-api.md.
pub(crate) fn install_the_class(suite: &Suite) -> Result<()> {
    let class = class()?;
    let sandbox = suite.rig.sandbox();
    suite.until("the class is taken", || {
        let mut command = sandbox.kubectl(sandbox.admin())?;
        command.args([
            "apply",
            "--server-side",
            "--namespace=basphere-system",
            "-f",
            "-",
        ]);
        Ok(run(&mut command, &class)?.succeeded().then_some(()))
    })?;
    suite.until("the class's variables are known", || {
        let mut command = sandbox.kubectl(sandbox.admin())?;
        let get = [
            "get",
            "clusterclass/basphere",
            "--namespace=basphere-system",
            "-o",
            "json",
        ];
        let class: Value = serde_json::from_str(&run(command.args(get), "")?.stdout()?)?;
        let known = class["status"]["variables"].as_array().map_or(0, Vec::len);
        let generations = [
            &class["metadata"]["generation"],
            &class["status"]["observedGeneration"],
        ];
        Ok((known == 7 && generations[0] == generations[1]).then_some(()))
    })
}

fn topology(suite: &Suite) -> Result<Value> {
    let cluster = suite.kim.get(&format!("cluster/{CLUSTER}"))?;
    Ok(cluster["spec"]["topology"].clone())
}

/// Changes the one group of workers, and applies no more than the list that it stands in.
fn change_workers(suite: &Suite, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut groups = topology(suite)?["workers"]["machineDeployments"].clone();
    change(groups.get_mut(0).context("no workers")?);
    let patch = json!({"spec": {"topology": {"workers": {"machineDeployments": groups}}}});
    let cluster = format!("cluster/{CLUSTER}");
    let arguments = ["patch", &cluster, "--type=merge", "-p", &patch.to_string()];
    suite.kim.kubectl(&arguments, "")?.stdout()?;
    suite.say(&groups.to_string());
    Ok(())
}

/// The value of a variable of a topology.
fn variable<'a>(topology: &'a Value, name: &str) -> Option<&'a Value> {
    let mut variables = topology["variables"].as_array().into_iter().flatten();
    variables
        .find(|variable| variable["name"] == name)?
        .get("value")
}

fn every_machine_is_cloned_from(suite: &Suite, template: &str) -> Result<()> {
    let machines = suite.list(VSPHERE_MACHINES)?;
    let is_its = |machine: &Value| text(machine, "/spec/template") == template;
    ensure!(machines.iter().all(is_its), "{machines:#?}");
    Ok(())
}

/// The CPUs of all machines, the smallest first.
fn cpus(suite: &Suite) -> Result<Vec<u64>> {
    let machines = suite.list(VSPHERE_MACHINES)?;
    let mut cpus: Vec<u64> = machines
        .iter()
        .filter_map(|machine| machine["spec"]["numCPUs"].as_u64())
        .collect();
    cpus.sort_unstable();
    Ok(cpus)
}

/// In the variable, in the infrastructure, in the Cluster, and in the static pod.
fn the_address_is_the_same_everywhere(suite: &Suite) -> Result<()> {
    let topology = topology(suite)?;
    let address = variable(&topology, "controlPlaneIpAddr").and_then(Value::as_str);
    for kind in ["vsphereclusters", "clusters.v1beta2.cluster.x-k8s.io"] {
        let objects = suite.list(kind)?;
        let host = objects
            .first()
            .map(|object| text(object, "/spec/controlPlaneEndpoint/host"));
        ensure!(
            host == address && objects.len() == 1,
            "{kind}: {objects:#?}"
        );
    }
    let control_planes = suite.list("kubeadmcontrolplanes")?;
    let control_plane = control_planes.first().context("no control plane")?;
    let held = basphere_core::kube_vip_address(control_plane);
    ensure!(held.as_deref() == address, "{control_plane:#}");
    Ok(())
}

/// No template rotates, no machine rolls, and nobody writes what others write back.
fn nothing_moves_any_more(suite: &Suite) -> Result<()> {
    suite.ensure_quiet(SHORT)?;
    let templates = suite.list(TEMPLATES)?;
    ensure!(templates.len() == 2, "{templates:#?}");
    suite.say("nothing moves any more");
    Ok(())
}
