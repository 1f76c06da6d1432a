//! Traps 1, 2, 3 and 8: what lets machines roll.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{CONTROL_PLANE, DEPLOYMENT, Grown, WORKERS, with_grown};
use crate::evidence::our_paths;
use crate::suite::text;
use crate::view::{CONFIGS, SETS};

/// The audit log has what the control plane asked for and what we changed of it; the control plane compares the two
/// whenever it looks at its machines.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_01_the_kubeadm_config_of_a_control_plane_is_left_alone() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let events = suite.asked_of("kubeadmconfigs", grown.begun)?;
        let ours: Vec<Vec<String>> = events.iter().filter_map(our_paths).collect();
        ensure!(
            !ours.is_empty(),
            "we were not asked about any KubeadmConfig"
        );
        let beyond = ours.iter().flatten().find(|path| !is_metadata(path));
        ensure!(beyond.is_none(), "we changed {beyond:?} of a KubeadmConfig");

        let mut compared = 0;
        for (name, stored) in grown.named(CONFIGS)? {
            let made = events
                .iter()
                .find(|event| event.name == name && event.code == 201);
            let made = made.with_context(|| format!("nobody made {name}"))?;
            let wanted = &made.raw["requestObject"]["spec"];
            ensure!(
                is_part_of(wanted, &stored["spec"]),
                "{wanted:#} became {:#}",
                stored["spec"]
            );
            compared += usize::from(made.user.contains("control-plane"));
        }
        ensure!(
            compared == 1,
            "{compared} KubeadmConfigs of the control plane"
        );

        let before = suite.machine_names()?;
        annotate(grown, CONTROL_PLANE, "trap-01")?;
        grown.ensure_no_roll(&before)
    })
}

/// The site changes its mind about what control planes get; the one that runs stays as it is, also when its owner
/// writes to it.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_02_a_control_plane_that_runs_takes_no_new_defaults() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let site = suite.kim.get("site/default")?;
        let spec = |path: &str| site.pointer(path).cloned().unwrap_or_default();
        let image = spec("/spec/kubeVip/image");
        let socket = spec("/spec/kubernetes/criSocket");
        let mind = |image: &Value, socket: &Value| {
            let spec = json!({"kubeVip": {"image": image}, "kubernetes": {"criSocket": socket}});
            let patch = json!({"spec": spec}).to_string();
            let arguments = ["patch", "site/default", "--type=merge", "-p", &patch];
            suite
                .kim
                .as_user(suite.rig.sandbox().admin(), &arguments, "")?
                .stdout()
        };
        let newer = text(&site, "/spec/kubeVip/image").replace("v1.0.1", "v1.0.2");
        ensure!(json!(newer) != image, "{image} has another version");
        let stored = suite.kim.get(CONTROL_PLANE)?;
        let before = suite.machine_names()?;
        mind(&json!(newer), &json!("unix:///run/other.sock"))?;
        let written = written_again(grown);
        // Other tests make clusters meanwhile.
        mind(&image, &socket)?;
        written?;
        let after = suite.kim.get(CONTROL_PLANE)?;
        ensure!(
            after["spec"] == stored["spec"],
            "{stored:#} became {after:#}"
        );
        grown.ensure_no_roll(&before)
    })
}

fn written_again(grown: &Grown) -> Result<()> {
    let suite = &grown.suite;
    // The Site is in force when a control plane that is yet to come gets what it says now.
    let example = suite.kim.example("cluster")?;
    let other = example.replace("demo", "other");
    suite.until("the site has changed its mind", || {
        let dry = ["apply", "--dry-run=server", "--output=json", "-f", "-"];
        let said = suite.kim.kubectl(&dry, &other)?.stdout()?;
        Ok(said.contains("/run/other.sock").then_some(()))
    })?;
    suite.kim.apply(&example)?;
    annotate(grown, CONTROL_PLANE, "trap-02")?;
    annotate(grown, DEPLOYMENT, "trap-02")
}

/// MachineSets are made by the deployment's controller, which compares their templates with its own.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_03_the_template_of_a_machine_set_is_left_alone() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let events = suite.asked_of("machinesets", grown.begun)?;
        let ours: Vec<Vec<String>> = events.iter().filter_map(our_paths).collect();
        ensure!(!ours.is_empty(), "we were not asked about any MachineSet");
        let beyond = ours.iter().flatten().find(|path| !is_metadata(path));
        ensure!(beyond.is_none(), "we changed {beyond:?} of a MachineSet");
        let sets = grown.named(SETS)?;
        let [(_, set)] = sets.as_slice() else {
            anyhow::bail!("{} MachineSets", sets.len());
        };
        let deployment = suite.kim.get(DEPLOYMENT)?;
        let template = |object: &Value| object["spec"]["template"]["spec"].clone();
        ensure!(
            template(set) == template(&deployment),
            "{set:#} of {deployment:#}"
        );
        Ok(())
    })
}

/// Whole lists come without what was filled in; the templates among these objects cannot be changed any more.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_08_the_same_manifest_again_rolls_nothing() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let example = suite.kim.example("cluster")?;
        let before = suite.stored()?;
        let machines = suite.machine_names()?;
        let mark = suite.rig.mark()?;
        // kubectl asks for the flag whenever server-side apply takes over a list that was completed.
        for form in [
            &["apply"][..],
            &["apply", "--server-side", "--force-conflicts"],
            &["apply", "--server-side"],
        ] {
            let arguments = [form, &["-f", "-"]].concat();
            let said = suite.kim.kubectl(&arguments, &example)?;
            ensure!(said.succeeded(), "{form:?}: {}", said.stderr);
        }
        grown.ensure_no_roll(&machines)?;
        let after = suite.stored()?;
        for (key, was) in &before {
            let is = after.get(key).with_context(|| format!("{key} is gone"))?;
            ensure!(is["spec"] == was["spec"], "{was:#} became {is:#}");
        }
        ensure!(before.keys().eq(after.keys()), "{:?}", after.keys());
        let refused = suite
            .asked(mark)?
            .into_iter()
            .find(|event| event.code >= 400);
        ensure!(refused.is_none(), "{refused:#?}");
        suite.say(&format!("{WORKERS} and its like were applied three times"));
        Ok(())
    })
}

fn annotate(grown: &Grown, object: &str, value: &str) -> Result<()> {
    let annotations = json!({"example.com/looked-at": value});
    let patch = json!({"metadata": {"annotations": annotations}});
    grown.suite.patch(object, &patch)
}

/// Whether all that is wanted is there. kubeadm's controller adds how to join.
fn is_part_of(wanted: &Value, stored: &Value) -> bool {
    match (wanted, stored) {
        (Value::Object(wanted), Value::Object(stored)) => wanted.iter().all(|(key, value)| {
            stored
                .get(key)
                .is_some_and(|stored| is_part_of(value, stored))
        }),
        _ => wanted == stored,
    }
}

fn is_metadata(path: &str) -> bool {
    path.starts_with("/metadata/")
}
