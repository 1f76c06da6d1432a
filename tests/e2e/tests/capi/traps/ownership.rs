//! Traps 5 and 12: fields that two writers own.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{DEPLOYMENT, with_grown};
use crate::evidence::{OURS, count, mutations, our_paths};
use crate::suite::text;
use crate::view::{CONFIGS, MACHINES, SETS, VSPHERE_MACHINES};

/// A label of the deployment reaches its machines in place: that is when whoever owns the list of devices would write it
/// again without our addresses.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_05_a_label_travels_in_place_and_addresses_stay() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let machines = suite.machine_names()?;
        let addresses = suite.addresses()?;
        let sets = grown.named(SETS)?.len();
        let mark = suite.rig.mark()?;
        let template = json!({"metadata": {"labels": {"example.com/shift": "night"}}});
        suite.patch(DEPLOYMENT, &json!({"spec": {"template": template}}))?;
        let workers = machines
            .iter()
            .filter(|name| name.contains("workers"))
            .count();
        let labelled = |resource: &str| -> Result<usize> {
            let objects = suite.list(resource)?;
            let label = "/metadata/labels/example.com~1shift";
            Ok(objects
                .iter()
                .filter(|object| text(object, label) == "night")
                .count())
        };
        suite.until("the label has travelled", || {
            let all = labelled(MACHINES)? == workers
                && labelled(VSPHERE_MACHINES)? == workers
                && labelled(CONFIGS)? == workers;
            Ok(all.then_some(()))
        })?;
        grown.ensure_no_roll(&machines)?;
        ensure!(
            suite.addresses()? == addresses,
            "{addresses:?} became {:?}",
            suite.addresses()?
        );
        ensure!(
            grown.named(SETS)?.len() == sets,
            "more MachineSets than {sets}"
        );
        suite.every_machine_has_its_own_leased_address()?;
        let written = suite.written(mark)?;
        let to_machines = written
            .iter()
            .filter(|event| event.resource == "vspheremachines");
        for event in to_machines.clone() {
            let asked = &event.raw["requestObject"];
            ensure!(asked.pointer("/spec/network").is_none(), "{event:#?}");
        }
        ensure!(to_machines.count() <= 2 * workers, "{:#?}", count(&written));
        suite.say(&format!("a label cost {:#?}", count(&written)));
        Ok(())
    })
}

/// What we change is as little as can be, and no manager of fields owns the addresses, so that none takes them away.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_12_nobody_owns_the_addresses() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        for event in suite.asked(grown.begun)? {
            for path in our_paths(&event).unwrap_or_default() {
                let is_whole = [
                    "",
                    "/metadata",
                    "/spec",
                    "/spec/network",
                    "/spec/network/devices",
                ];
                ensure!(!is_whole.contains(&path.as_str()), "{path}: {event:#?}");
            }
        }
        let ops = suite.rig.sandbox().ops();
        let get = [
            "get",
            VSPHERE_MACHINES,
            "--show-managed-fields",
            "--output=json",
        ];
        let machines = suite.kim.as_user(ops, &get, "")?.stdout()?;
        let machines: Value = serde_json::from_str(&machines)?;
        let machines = machines["items"].as_array().cloned().unwrap_or_default();
        ensure!(machines.len() >= 3, "{} machines", machines.len());
        for machine in &machines {
            let owners = machine["metadata"]["managedFields"].as_array();
            for owner in owners.into_iter().flatten() {
                let manager = text(owner, "/manager");
                ensure!(!manager.starts_with(OURS), "{owner}");
                ensure!(
                    !owner["fieldsV1"].to_string().contains("f:ipAddrs"),
                    "{owner}"
                );
            }
            let owners = owners.map(Vec::len);
            ensure!(owners > Some(1), "{owners:?} owners of {machine:#}");
        }
        let events = suite.asked_of("vspheremachines", grown.begun)?;
        // In each machine there are addresses all the same, by one patch of ours.
        for machine in suite.addresses()?.keys() {
            let its = events.iter().filter(|event| &event.name == machine);
            let patches = its.flat_map(mutations).filter(|mutation| {
                mutation.configuration == OURS && mutation.patch.iter().any(is_address)
            });
            ensure!(patches.count() == 1, "{machine}");
        }
        Ok(())
    })
}

fn is_address(patch: &Value) -> bool {
    text(patch, "/path").ends_with("/ipAddrs")
}
