//! Basphere is away: clusters that run go on, nothing is let in that should not be, and what waited goes on by itself
//! when it is back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Event, Outcome, Stop};
use serde_json::{Value, json};

use crate::suite::{Suite, ip_addresses, name, text};
use crate::view::{MACHINES, VSPHERE_MACHINES};

const CLUSTER: &str = "demo";
const WORKERS: &str = "demo-workers";
/// What CAPV says of a machine whose address is still to come.
const WAITS: &str = "WaitingForStaticIPAllocation";

#[test]
#[ignore = "minutes, in which no other test may need the webhook; cargo xtask e2e --full runs it"]
fn clusters_go_on_while_basphere_is_away() -> Result<()> {
    let suite = Suite::new()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    suite.kim.apply(&health_check())?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    let before = suite.addresses()?;
    let victim = before.keys().find(|name| name.starts_with(WORKERS));
    let victim = victim.context("no worker")?.clone();

    // Like a node that is lost: ended in order it would take its registration along.
    suite.rig.sandbox().stop_webhook(Stop::Kill)?;
    let outcome = away(&suite, &before, &victim, &|| {
        workload.set_ready(&victim, false)
    });
    // The next test finds it as it was, whatever became of this one.
    suite.rig.sandbox().start_webhook()?;
    suite.say("Basphere is back");
    let newcomer = outcome?;

    let address = suite.until("the newcomer has an address", || {
        let addresses = suite.addresses()?.remove(&newcomer).unwrap_or_default();
        Ok(addresses.into_iter().next())
    })?;
    suite.machines_run(3)?;
    ensure!(
        !before.values().any(|had| had.contains(&address)),
        "{address} was in use: {before:?}"
    );
    let vms = suite.vms()?;
    let vm = vms.get(&newcomer).context("no VM")?;
    ensure!(vm.addresses == [address.clone()], "{vm:?}");
    let kind = format!("vspheremachine/{newcomer}");
    let owner = suite.kim.get(&kind)?;
    let labels = owner.pointer("/metadata/labels");
    let owner = labels.and_then(|labels| labels.get("basphere.dev/owner"));
    ensure!(owner == Some(&json!("kim")), "{labels:?}");
    suite.until("the address that was lost is on its way back", || {
        let leases = suite.leases()?;
        let lost = before.get(&victim).and_then(|had| leases.get(had.first()?));
        let bound = leases.get(&address).map(|lease| text(lease, "/spec/state"));
        let released = lost.map(|lease| text(lease, "/spec/state"));
        Ok((released == Some("Releasing") && bound == Some("Bound")).then_some(()))
    })?;
    let scale = ["scale", "machinedeployment", WORKERS, "--replicas=3"];
    suite.kim.kubectl(&scale, "")?.stdout()?;
    suite.machines_run(4)?;
    Ok(())
}

/// What happens meanwhile; the name of the machine that stands for the victim.
fn away(
    suite: &Suite,
    before: &BTreeMap<String, Vec<String>>,
    victim: &str,
    fail: &dyn Fn(),
) -> Result<String> {
    let mark = suite.rig.mark()?;
    suite.say("Basphere is gone");
    people_wait(suite)?;
    fail();
    suite.until("the status of the machine is written", || {
        let is_status = |event: &Event| {
            event.resource == "machines" && event.subresource == "status" && event.name == victim
        };
        let events = suite.view().writes(mark)?;
        let written = events.iter().any(|e| is_status(e) && e.wrote());
        Ok(written.then_some(()))
    })?;
    let newcomer = suite.until("a newcomer waits for its address", || {
        let machines = suite.view().list(VSPHERE_MACHINES)?;
        let mut others = machines.iter().filter(|it| !before.contains_key(&name(it)));
        Ok(others.find(|it| waits(suite, it)).map(name))
    })?;
    suite.until("the machine that failed is gone, and its VM", || {
        let machines = suite.view().names(MACHINES)?;
        let vms = suite.rig.vms()?;
        let is_left =
            machines.iter().any(|it| it == victim) || vms.iter().any(|v| v.name == victim);
        Ok((!is_left).then_some(()))
    })?;
    ensure!(
        !suite.vms()?.contains_key(&newcomer),
        "a VM without an address"
    );
    let refused = suite.view().refused(mark)?;
    ensure!(refused.is_empty(), "refused to controllers: {refused:#?}");
    Ok(newcomer)
}

/// Stored without an address, and CAPV says that it waits for one.
fn waits(suite: &Suite, machine: &Value) -> bool {
    let vm = suite.view().get(&format!("vspherevm/{}", name(machine)));
    let said = vm.is_ok_and(|vm| vm.to_string().contains(WAITS));
    said && ip_addresses(machine).is_empty()
}

/// Nothing is created or enlarged by anybody whom Basphere would have to ask, and the error says who does not answer.
fn people_wait(suite: &Suite) -> Result<()> {
    let kim = &suite.kim;
    let refused = |outcome: Outcome, webhook: &str| -> Result<()> {
        ensure!(!outcome.succeeded(), "admitted: {}", outcome.stdout);
        let expected = format!("failed calling webhook \"{webhook}\"");
        ensure!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
        Ok(())
    };
    let tenants = "complete.tenants.basphere.dev";
    let other = json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster",
        "metadata": {"name": "other"}, "spec": {"paused": true},
    });
    let create = kim.kubectl(&["create", "-f", "-"], &other.to_string())?;
    refused(create, tenants)?;
    let machine = json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "VSphereMachine",
        "metadata": {"name": "by-hand"},
        "spec": {"template": "ubuntu-2204-kube-v1.28.0", "network": {"devices": [{"networkName": "VM Network", "dhcp4": true}]}},
    });
    let create = kim.kubectl(&["create", "-f", "-"], &machine.to_string())?;
    refused(create, "validate.machines.basphere.dev")?;
    let deployment = format!("machinedeployment/{WORKERS}");
    let scale = ["scale", &deployment, "--replicas=4"];
    refused(kim.kubectl(&scale, "")?, "validate.scale.basphere.dev")?;
    for (object, patch) in [
        (deployment.as_str(), json!({"spec": {"replicas": 4}})),
        (
            "vspherecluster/demo",
            json!({"spec": {"server": "10.0.0.99"}}),
        ),
    ] {
        let patch = patch.to_string();
        let patched = kim.kubectl(&["patch", object, "--type=merge", "-p", &patch], "")?;
        refused(patched, tenants)?;
    }
    // What changes nothing that anybody would have to be asked about passes.
    let annotate = ["annotate", &deployment, "example.com/note=kept"];
    kim.kubectl(&annotate, "")?.stdout()?;
    suite.say("people wait");
    Ok(())
}

/// Replaces workers whose node is not ready.
fn health_check() -> String {
    let selector = json!({"matchLabels": {"cluster.x-k8s.io/deployment-name": WORKERS}});
    let unready = json!([{"type": "Ready", "status": "False", "timeoutSeconds": 1}]);
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineHealthCheck",
        "metadata": {"name": WORKERS},
        "spec": {
            "clusterName": CLUSTER,
            "selector": selector,
            "checks": {"unhealthyNodeConditions": unready},
        },
    })
    .to_string()
}
