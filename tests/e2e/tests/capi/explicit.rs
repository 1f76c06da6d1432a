//! The explicit form: seven objects, and machines from them.

use anyhow::{Result, ensure};

use crate::suite::{Suite, text};

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
    suite.every_machine_has_its_own_leased_address()?;

    suite.scale(WORKERS, 3)?;
    suite.machines_run(4)?;
    let before = suite.addresses()?;
    suite.every_machine_has_its_own_leased_address()?;

    suite.scale(WORKERS, 1)?;
    suite.machines_run(2)?;
    let after = suite.addresses()?;
    ensure!(
        after
            .iter()
            .all(|(machine, had)| before.get(machine) == Some(had)),
        "{before:?} became {after:?}"
    );
    suite.every_machine_has_its_own_leased_address()?;

    suite.delete_cluster(CLUSTER)?;
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
