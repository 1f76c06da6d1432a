//! Traps 6 and 11: what passes without being stored, and what is stored beside its object.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{CONTROL_PLANE, DEPLOYMENT, WORKERS, with_grown};
use crate::evidence::our_paths;

/// A whole cluster, asked for without being made: answered as if it were, and nothing is reserved for it.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_06_a_dry_run_leaves_nothing() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let leases = suite.leases()?;
        let stored = suite.stored()?;
        let mark = suite.rig.mark()?;
        let other = suite.kim.example("cluster")?.replace("demo", "other");
        let dry = ["apply", "--dry-run=server", "--output=json", "-f", "-"];
        let answer = suite.kim.kubectl(&dry, &other)?.stdout()?;
        ensure!(
            answer.contains("\"host\":"),
            "no address is shown: {answer}"
        );
        let asked = suite.asked(mark)?;
        let dry = asked
            .iter()
            .filter(|event| event.dry_run && event.user == "kim");
        let completed = dry
            .clone()
            .filter(|event| our_paths(event).is_some_and(|paths| !paths.is_empty()));
        ensure!(dry.count() == 7 && completed.count() == 7, "{asked:#?}");
        ensure!(suite.leases()? == leases, "leases of {leases:#?}");
        suite.ensure_unchanged(&stored)?;
        let effects = side_effects(
            &suite
                .kim
                .as_user(
                    suite.rig.sandbox().ops(),
                    &[
                        "get",
                        "mutatingwebhookconfigurations,validatingwebhookconfigurations",
                        "-o=json",
                    ],
                    "",
                )?
                .stdout()?,
        )?;
        ensure!(
            effects.iter().all(|effect| effect == "NoneOnDryRun"),
            "{effects:?}"
        );
        Ok(())
    })
}

/// Of all our webhooks.
fn side_effects(configurations: &str) -> Result<Vec<String>> {
    let list: Value = serde_json::from_str(configurations)?;
    let items = list["items"].as_array().context("no list")?;
    let ours = items
        .iter()
        .filter(|item| item["metadata"]["name"] == "basphere");
    let webhooks = ours
        .filter_map(|item| item["webhooks"].as_array())
        .flatten();
    let effects: Vec<String> = webhooks
        .map(|webhook| {
            webhook["sideEffects"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    ensure!(!effects.is_empty(), "we have no webhooks");
    Ok(effects)
}

/// `/scale` is another object than the one that it scales.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_11_scaling_past_the_quota_is_refused_and_within_it_works() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let machines = suite.machine_names()?;
        let set = suite.list("machinesets.v1beta2.cluster.x-k8s.io")?;
        let set = format!(
            "machineset/{}",
            crate::suite::name(set.first().context("no set")?)
        );
        let mark = suite.rig.mark()?;
        for (object, replicas, code) in [
            (DEPLOYMENT, 5000, "BSP-Q"),
            // The deployment would scale it back.
            (set.as_str(), 5000, "BSP-A005"),
            (CONTROL_PLANE, 4999, "BSP-Q"),
        ] {
            let scale = ["scale", object, &format!("--replicas={replicas}")];
            let said = suite.kim.kubectl(&scale, "")?;
            ensure!(
                !said.succeeded() && said.stderr.contains(code),
                "{object}: {}",
                said.stderr
            );
        }
        let asked = suite.asked(mark)?;
        let refused = asked.iter().filter(|event| {
            event.subresource == "scale" && event.user == "kim" && event.code >= 400
        });
        ensure!(refused.count() == 3, "{asked:#?}");
        grown.ensure_no_roll(&machines)?;
        let workers = machines
            .iter()
            .filter(|name| name.contains("workers"))
            .count();
        suite.scale(WORKERS, workers + 1)?;
        suite.machines_run(machines.len() + 1)?;
        suite.every_machine_has_its_own_leased_address()
    })
}
