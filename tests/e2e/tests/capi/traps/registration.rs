//! Traps 14 and 15: when our webhooks are called, and for which version of an object.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{CONTROL_PLANE, with_grown};
use crate::evidence::{OURS, mutations};
use crate::suite::text;

/// Cluster API's own webhooks see what we have completed.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_14_ours_are_called_before_those_of_cluster_api() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        let ops = suite.rig.sandbox().ops();
        let get = ["get", "mutatingwebhookconfigurations", "-o=json"];
        let list: Value = serde_json::from_str(&suite.kim.as_user(ops, &get, "")?.stdout()?)?;
        let names = list["items"].as_array().context("no list")?;
        let names = names.iter().map(|item| text(item, "/metadata/name"));
        let mut others: Vec<&str> = names.filter(|name| *name != OURS).collect();
        others.sort_unstable();
        ensure!(
            others.len() >= 4 && others.iter().all(|name| OURS < *name),
            "{others:?}"
        );

        let mut both = 0;
        for event in suite.asked(grown.begun)? {
            let calls = mutations(&event);
            let ours = calls.iter().rposition(|call| call.configuration == OURS);
            let others = calls.iter().position(|call| call.configuration != OURS);
            if let (Some(ours), Some(others)) = (ours, others) {
                both += 1;
                ensure!(ours < others, "{calls:#?}");
            }
        }
        ensure!(both > 10, "only {both} requests went to both");
        suite.say(&format!("{both} requests came to us first"));
        Ok(())
    })
}

/// An object that is written in the older version meets the same rules; one in a system namespace meets none.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_15_either_version_meets_our_rules_and_system_namespaces_none() -> Result<()> {
    with_grown(|grown| {
        let suite = &grown.suite;
        for version in ["v1beta1", "v1beta2"] {
            let (_, name) = CONTROL_PLANE.split_once('/').context("no name")?;
            let kind = format!("kubeadmcontrolplanes.{version}.controlplane.cluster.x-k8s.io");
            let patch = json!({"spec": {"replicas": 2}}).to_string();
            let arguments = ["patch", &kind, name, "--type=merge", "-p", &patch];
            let said = suite.kim.kubectl(&arguments, "")?;
            let is_even = said.stderr.contains("spec.replicas") && said.stderr.contains("BSP-");
            ensure!(!said.succeeded() && is_even, "{version}: {}", said.stderr);
        }
        let mark = suite.rig.mark()?;
        let device = json!({"dhcp4": true, "networkName": "any"});
        let template = json!({
            "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2",
            "kind": "VSphereMachineTemplate",
            "metadata": {"name": suite.kim.namespace, "namespace": "capi-system"},
            "spec": {"template": {"spec": {"network": {"devices": [device]}, "template": "any"}}},
        });
        let admin = suite.rig.sandbox().admin();
        let create = ["create", "-f", "-", "--namespace", "capi-system"];
        suite
            .kim
            .as_user(admin, &create, &template.to_string())?
            .stdout()?;
        let events = suite.rig.audit(mark)?;
        let made = events
            .iter()
            .find(|event| event.name == suite.kim.namespace);
        let made = made.context("nobody made the template")?;
        let calls = mutations(made);
        ensure!(
            calls.iter().all(|call| call.configuration != OURS),
            "{calls:#?}"
        );
        let delete = ["delete", "vspheremachinetemplate", &suite.kim.namespace];
        let delete = [&delete[..], &["--namespace", "capi-system"]].concat();
        suite.kim.as_user(admin, &delete, "")?.stdout().map(drop)
    })
}
