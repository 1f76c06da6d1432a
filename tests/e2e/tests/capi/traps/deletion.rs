//! Trap 9: deletion passes, whoever takes part in it.

use anyhow::{Context, Result, ensure};

use crate::evidence::count;
use crate::suite::Suite;

const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";

/// The cluster is deleted while its first machine is being made: that is when most of its objects wait for one another.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_09_a_half_built_cluster_is_deleted_and_collected() -> Result<()> {
    let suite = Suite::new()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    suite.until("the first virtual machine is there", || {
        Ok(suite.vms()?.into_keys().next())
    })?;
    let mark = suite.rig.mark()?;
    suite.delete_cluster("demo")?;
    suite.until("everything is collected", || {
        Ok(suite.stored()?.is_empty().then_some(()))
    })?;
    let asked = suite.asked(mark)?;
    let refused = asked.iter().filter(|event| event.code >= 400);
    // Whoever writes over what has changed, or is gone, meets a conflict or nothing; only a webhook says why.
    let by_us = refused
        .clone()
        .find(|event| event.raw.to_string().contains("basphere.dev\\\" denied"));
    ensure!(by_us.is_none(), "{by_us:#?}");
    let strange = refused
        .clone()
        .find(|event| ![404, 409].contains(&event.code));
    ensure!(strange.is_none(), "{strange:#?}");
    let collected = asked
        .iter()
        .filter(|event| event.user == COLLECTOR && event.verb == "delete");
    let templates = collected.filter(|event| event.resource == "vspheremachinetemplates");
    ensure!(templates.count() >= 2, "{:#?}", count(&asked));
    let left = suite.rig.vms()?;
    let ours = suite.leases()?;
    let held = ours
        .values()
        .filter_map(|lease| lease["spec"]["holder"]["name"].as_str());
    let held: Vec<&str> = held.collect();
    let vm = left.iter().find(|vm| held.contains(&vm.name.as_str()));
    ensure!(vm.is_none(), "{vm:?}");
    let written = count(asked.iter().filter(|event| event.wrote()));
    written
        .keys()
        .find(|key| key.contains("capv-manager"))
        .context("CAPV took no part")?;
    suite.say(&format!("deleted by {written:#?}"));
    Ok(())
}
