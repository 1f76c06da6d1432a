//! The explicit form: seven objects, and machines from them.

use anyhow::{Result, ensure};

use crate::suite::{Suite, name, text};

const CLUSTER: &str = "demo";
const WORKERS: &str = "demo-workers";

#[test]
fn a_cluster_lives_grows_shrinks_and_goes() -> Result<()> {
    let suite = Suite::new()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    suite.until("the infrastructure is provisioned", || {
        let cluster = suite.kim.get(&format!("vspherecluster/{CLUSTER}"))?;
        let provisioned = cluster.pointer("/status/initialization/provisioned");
        Ok(provisioned
            .and_then(serde_json::Value::as_bool)
            .filter(|&is| is))
    })?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.say("the API server of the cluster answers");
    suite.machines_run(3)?;
    suite.cluster_is_available(CLUSTER)?;
    every_machine_has_its_own_leased_address(&suite)?;

    scale(&suite, 3)?;
    suite.machines_run(4)?;
    let before = suite.addresses()?;
    every_machine_has_its_own_leased_address(&suite)?;

    scale(&suite, 1)?;
    suite.machines_run(2)?;
    let after = suite.addresses()?;
    ensure!(
        after
            .iter()
            .all(|(machine, had)| before.get(machine) == Some(had)),
        "{before:?} became {after:?}"
    );
    every_machine_has_its_own_leased_address(&suite)?;

    let cluster = ["delete", "cluster", CLUSTER, "--wait=false"];
    suite.kim.kubectl(&cluster, "")?.stdout()?;
    suite.until("everything is gone", || {
        let clusters = suite.list("clusters.v1beta2.cluster.x-k8s.io")?;
        Ok(clusters.is_empty().then_some(()))
    })?;
    drop(workload);
    let names: Vec<&String> = before.keys().collect();
    let left: Vec<String> = suite.rig.vms()?.into_iter().map(|vm| vm.name).collect();
    ensure!(!left.iter().any(|vm| names.contains(&vm)), "left: {left:?}");
    suite.until("all leases are on their way back", || {
        let leases = suite.leases()?;
        let released = |lease| text(lease, "/spec/state") == "Releasing";
        Ok((!leases.is_empty() && leases.values().all(released)).then_some(()))
    })
}

fn scale(suite: &Suite, replicas: usize) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    let scale = ["scale", "machinedeployment", WORKERS, &replicas];
    suite.kim.kubectl(&scale, "")?.stdout()?;
    suite.say(&replicas);
    Ok(())
}

/// In the VSphereMachine, in the lease that names it, in the vCenter, and no two the same.
fn every_machine_has_its_own_leased_address(suite: &Suite) -> Result<()> {
    let addresses = suite.addresses()?;
    let leases = suite.leases()?;
    let vms = suite.vms()?;
    ensure!(vms.len() == addresses.len(), "{vms:?} of {addresses:?}");
    for (machine, own) in &addresses {
        let [address] = own.as_slice() else {
            anyhow::bail!("{machine} has {own:?}");
        };
        let lease = leases.get(address);
        ensure!(
            lease.is_some(),
            "{machine}: no lease of {address} among {leases:?}"
        );
        let bound = lease.is_some_and(|lease| text(lease, "/spec/state") == "Bound");
        ensure!(bound, "{machine}: {lease:?}");
        let vm = vms.get(machine);
        let vm = vm.ok_or_else(|| anyhow::anyhow!("{machine} has no VM among {vms:?}"))?;
        ensure!(&vm.addresses == own && &vm.reported == address, "{vm:?}");
    }
    let machines: Vec<String> = suite
        .list("machines.v1beta2.cluster.x-k8s.io")?
        .iter()
        .map(name)
        .collect();
    ensure!(machines == addresses.keys().cloned().collect::<Vec<_>>());
    Ok(())
}
