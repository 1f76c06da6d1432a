//! Manifests of the old version, where Cluster API stores the new one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Event, example};
use serde_json::{Value, json};

use crate::suite::{Suite, text};
use crate::view::{MACHINES, shown};

const CLUSTER: &str = "demo";
const QUIET: Duration = Duration::from_secs(15);
/// The objects of the example, and their groups.
const OBJECTS: [(&str, &str, &str); 7] = [
    ("clusters", "cluster.x-k8s.io", "demo"),
    ("vsphereclusters", "infrastructure.cluster.x-k8s.io", "demo"),
    (
        "kubeadmcontrolplanes",
        "controlplane.cluster.x-k8s.io",
        "demo-control-plane",
    ),
    (
        "vspheremachinetemplates",
        "infrastructure.cluster.x-k8s.io",
        "demo-control-plane",
    ),
    ("machinedeployments", "cluster.x-k8s.io", "demo-workers"),
    (
        "vspheremachinetemplates",
        "infrastructure.cluster.x-k8s.io",
        "demo-workers",
    ),
    (
        "kubeadmconfigtemplates",
        "bootstrap.cluster.x-k8s.io",
        "demo-workers",
    ),
];

#[test]
#[ignore = "minutes; cargo xtask e2e --full runs it"]
fn v1beta1_manifests_become_a_cluster_and_applying_them_again_changes_nothing() -> Result<()> {
    let suite = Suite::new()?;
    let file = std::fs::read_to_string(example("cluster.v1beta1.yaml")?)?;
    suite.kim.apply(&file)?;
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    suite.view().quiet(QUIET)?;
    suite.say("it has settled");
    for machine in suite.addresses()?.values() {
        ensure!(machine.len() == 1, "{machine:?}");
    }

    applied_again(&suite, &file)?;
    both_versions_agree(&suite)?;
    written_back(&suite)?;
    scaled_in_the_old_version(&suite)?;
    suite.machines_run(4)?;
    drop(workload);
    Ok(())
}

/// Object → its spec, as it is stored.
fn specs(suite: &Suite) -> Result<BTreeMap<String, Value>> {
    let read = |(resource, group, name): &(&str, &str, &str)| {
        let object = suite
            .kim
            .get(&format!("{resource}.v1beta2.{group}/{name}"))?;
        let spec = object.get("spec").context("no spec")?.clone();
        Ok((format!("{resource}/{name}"), spec))
    };
    OBJECTS.iter().map(read).collect()
}

/// What is read in v1beta1 is not quite what was written: references have the version that is served now, and a false that
/// means unset is left out. So kubectl sends these again, and the API server counts a generation. What is stored stays.
fn applied_again(suite: &Suite, file: &str) -> Result<()> {
    let view = suite.view();
    let made = || -> Result<_> { Ok([view.names(MACHINES)?, view.names("machinesets")?]) };
    let (before, machines) = (specs(suite)?, made()?);
    let mark = suite.rig.mark()?;
    suite.kim.apply(file)?;
    view.quiet(QUIET)?;
    let after = specs(suite)?;
    ensure!(after == before, "{before:#?} became {after:#?}");
    let now = made()?;
    ensure!(now == machines, "{machines:?} became {now:?}");
    let events = view.writes(mark)?;
    let others = events
        .iter()
        .filter(|event| event.wrote() && event.user != "kim");
    let more = others.filter(|event| event.subresource != "status");
    let more: Vec<String> = more.map(shown).collect();
    ensure!(more.is_empty(), "{more:#?}");
    suite.say("applied again, and nothing has changed");
    Ok(())
}

/// What Basphere has put in reads the same in both versions, in the form of each.
fn both_versions_agree(suite: &Suite) -> Result<()> {
    let read = |version: &str, index: usize| {
        let object = OBJECTS.get(index).context("no such object")?;
        let (resource, group, name) = object;
        suite
            .kim
            .get(&format!("{resource}.{version}.{group}/{name}"))
    };
    let same = |index: usize, old: &str, new: &str| -> Result<()> {
        let (before, after) = (read("v1beta1", index)?, read("v1beta2", index)?);
        let (was, is) = (before.pointer(old), after.pointer(new));
        ensure!(was.is_some() && was == is, "{old}: {was:?}, {new}: {is:?}");
        Ok(())
    };
    let endpoint = "/spec/controlPlaneEndpoint";
    same(0, endpoint, endpoint)?;
    same(1, endpoint, endpoint)?;
    for field in [
        "/spec/replicas",
        "/spec/version",
        "/spec/kubeadmConfigSpec/files/0/content",
        "/metadata/labels",
    ] {
        same(2, field, field)?;
    }
    same(
        2,
        "/spec/machineTemplate/infrastructureRef/name",
        "/spec/machineTemplate/spec/infrastructureRef/name",
    )?;
    for index in [3, 5] {
        same(index, "/spec/template/spec", "/spec/template/spec")?;
    }
    same(
        4,
        "/spec/template/spec/version",
        "/spec/template/spec/version",
    )?;
    let arguments = "/spec/kubeadmConfigSpec/joinConfiguration/nodeRegistration/kubeletExtraArgs";
    let (old, new) = (read("v1beta1", 2)?, read("v1beta2", 2)?);
    let old = old.pointer(arguments).and_then(Value::as_object);
    let list = old.context("no arguments")?.iter();
    let list: Vec<Value> = list
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let new = new.pointer(arguments).context("no arguments")?;
    ensure!(!list.is_empty() && *new == json!(list), "{list:?} {new}");
    Ok(())
}

/// Each object written back as it is read, in each version, is the same object.
fn written_back(suite: &Suite) -> Result<()> {
    let before = specs(suite)?;
    for version in ["v1beta1", "v1beta2"] {
        for (resource, group, name) in OBJECTS {
            let object = format!("{resource}.{version}.{group}/{name}");
            let manifest = suite.kim.get(&object)?.to_string();
            let replaced = suite.kim.kubectl(&["replace", "-f", "-"], &manifest)?;
            replaced.stdout().with_context(|| object)?;
        }
        let after = specs(suite)?;
        ensure!(after == before, "{version}: {before:#?} became {after:#?}");
    }
    suite.say("written back in both versions, and no spec has changed");
    Ok(())
}

fn scaled_in_the_old_version(suite: &Suite) -> Result<()> {
    let deployment = "machinedeployments.v1beta1.cluster.x-k8s.io/demo-workers";
    let scale = |replicas: &str| suite.kim.kubectl(&["scale", deployment, replicas], "");
    let refused = scale("--replicas=5000")?;
    ensure!(!refused.succeeded(), "{}", refused.stdout);
    ensure!(refused.stderr.contains("BSP-Q002"), "{}", refused.stderr);
    let mark = suite.rig.mark()?;
    scale("--replicas=3")?.stdout()?;
    let charged = suite.view().charged()?;
    ensure!(
        charged.get("MachineDeployment/demo-workers") == Some(&3),
        "{charged:?}"
    );
    let is_old = |event: &Event| {
        event.subresource == "scale" && text(&event.raw, "/objectRef/apiVersion") == "v1beta1"
    };
    ensure!(suite.view().writes(mark)?.iter().any(is_old));
    suite.say("scaled in v1beta1, and charged");
    Ok(())
}
