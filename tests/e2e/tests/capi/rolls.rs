//! Workers that are replaced: because their template is another, because their node fails, because their virtual
//! machine is gone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use basphere_harness::Workload;
use serde_json::json;

use crate::suite::{Suite, text};
use crate::view::{MACHINES, VSPHERE_MACHINES};

const CLUSTER: &str = "demo";
const WORKERS: &str = "demo-workers";
const DEPLOYMENT: &str = "machinedeployment/demo-workers";
/// What the example's template of workers becomes.
const ROLLED: &str = "demo-workers-medium";
const MEDIUM_CPUS: u32 = 4;

#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn workers_that_are_replaced_get_addresses_of_their_own() -> Result<()> {
    let suite = Suite::new()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    a_new_template_rolls_all_workers(&suite)?;
    suite.kim.apply(HEALTH_CHECK)?;
    a_node_that_fails_is_replaced(&suite, &workload)?;
    a_machine_that_is_gone_is_replaced(&suite, &workload)
}

const HEALTH_CHECK: &str = "
apiVersion: cluster.x-k8s.io/v1beta2
kind: MachineHealthCheck
metadata:
  name: demo-workers
spec:
  clusterName: demo
  selector:
    matchLabels:
      cluster.x-k8s.io/deployment-name: demo-workers
  checks:
    unhealthyNodeConditions:
    - type: Ready
      status: 'False'
      timeoutSeconds: 2
";

/// The workers' names.
fn workers(suite: &Suite) -> Result<BTreeSet<String>> {
    let all = suite.of(CLUSTER)?.into_iter();
    Ok(all.filter(|name| name.starts_with(WORKERS)).collect())
}

fn a_new_template_rolls_all_workers(suite: &Suite) -> Result<()> {
    let example = suite.kim.example("cluster")?;
    let template = example.split("---\n").find(|document| {
        document.contains("\nkind: VSphereMachineTemplate") && document.contains(WORKERS)
    });
    let template = template.context("the example has no template of workers")?;
    let template = template.replace(WORKERS, ROLLED).replace("small", "medium");
    suite.kim.apply(&template)?;
    let before = suite.addresses()?;
    let old = workers(suite)?;
    let reference = json!({"infrastructureRef": {"name": ROLLED}});
    suite.patch(
        DEPLOYMENT,
        &json!({"spec": {"template": {"spec": reference}}}),
    )?;
    replaced(suite, "the workers have rolled", &old, &before)?;
    let machines = suite.list(VSPHERE_MACHINES)?;
    let medium = machines
        .iter()
        .filter(|machine| machine["spec"]["numCPUs"] == MEDIUM_CPUS);
    ensure!(medium.count() == machines.len(), "{machines:#?}");
    Ok(())
}

fn a_node_that_fails_is_replaced(suite: &Suite, workload: &Workload) -> Result<()> {
    let before = suite.addresses()?;
    let failed = one(suite)?;
    workload.set_ready(&failed, false);
    replaced(
        suite,
        "the node that failed is replaced",
        &[failed].into(),
        &before,
    )
}

fn a_machine_that_is_gone_is_replaced(suite: &Suite, workload: &Workload) -> Result<()> {
    let before = suite.addresses()?;
    let gone = one(suite)?;
    suite.rig.destroy(&gone)?;
    // Its kubelet went with it.
    workload.set_ready(&gone, false);
    replaced(
        suite,
        "the machine that is gone is replaced",
        &[gone].into(),
        &before,
    )
}

fn one(suite: &Suite) -> Result<String> {
    workers(suite)?.pop_first().context("no workers")
}

/// Waits until these machines are gone and three run; at no moment two machines, or two virtual machines that are on, have
/// one address. Then those of the old were on their way back, and the others have kept theirs.
fn replaced(
    suite: &Suite,
    what: &str,
    old: &BTreeSet<String>,
    before: &BTreeMap<String, Vec<String>>,
) -> Result<()> {
    let mut released = BTreeSet::new();
    suite.until(what, || {
        no_address_is_shared(suite)?;
        let leases = suite.leases()?;
        let releasing = leases.into_iter().filter(|(_, lease)| {
            text(lease, "/spec/state") == "Releasing"
                && old.contains(text(lease, "/spec/holder/name"))
        });
        released.extend(releasing.map(|(address, _)| address));
        let machines = suite.list(MACHINES)?;
        let running = machines
            .iter()
            .filter(|machine| text(machine, "/status/phase") == "Running");
        let all_run = machines.len() == 3 && running.count() == 3;
        let old_are_gone = suite.of(CLUSTER)?.is_disjoint(old);
        let old_are_released = released.len() == old.len();
        Ok((all_run && old_are_gone && old_are_released).then_some(()))
    })?;
    suite.every_machine_has_its_own_leased_address()?;
    let theirs: BTreeSet<&String> = old.iter().flat_map(|machine| &before[machine]).collect();
    ensure!(
        theirs == released.iter().collect(),
        "{theirs:?}, released: {released:?}"
    );
    let after = suite.addresses()?;
    for (machine, own) in &after {
        let kept = before.get(machine);
        ensure!(
            kept.is_none_or(|kept| kept == own),
            "{before:?} became {after:?}"
        );
    }
    Ok(())
}

fn no_address_is_shared(suite: &Suite) -> Result<()> {
    let mut seen = BTreeMap::new();
    for (machine, own) in suite.addresses()? {
        for address in own {
            let other = seen.insert(address, machine.clone());
            ensure!(
                other.is_none(),
                "{machine} shares its address with {other:?}"
            );
        }
    }
    let mut seen = BTreeMap::new();
    for vm in suite
        .rig
        .vms()?
        .into_iter()
        .filter(|vm| vm.power == "poweredOn")
    {
        for address in vm.addresses {
            let other = seen.insert(address, vm.name.clone());
            ensure!(
                other.is_none(),
                "{} shares its address with {other:?}",
                vm.name
            );
        }
    }
    Ok(())
}
