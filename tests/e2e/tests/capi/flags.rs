//! Every argument that Basphere hands to a component of Kubernetes 1.34 is one that the component knows: a node that
//! cannot boot looks well to controllers that have no nodes.

use anyhow::{Context, Result, ensure};
use basphere_harness::{Component, flags};
use serde_json::Value;

use crate::suite::Suite;

const VERSION: &str = "v1.34.4";
/// What each component of a control plane is called in kubeadm's configuration.
const COMPONENTS: [(&str, Component); 2] = [
    ("apiServer", Component::ApiServer),
    ("controllerManager", Component::ControllerManager),
];

#[test]
fn every_argument_is_one_that_the_component_knows() -> Result<()> {
    for written in ["v1beta1", "v1beta2"] {
        let suite = Suite::new()?;
        let path = basphere_harness::example(&format!("cluster.{written}.yaml"))?;
        let manifest = std::fs::read_to_string(&path)?;
        suite.kim.apply(&of_version(&manifest)?)?;
        for read in ["v1beta1", "v1beta2"] {
            let object = format!(
                "kubeadmcontrolplanes.{read}.controlplane.cluster.x-k8s.io/demo-control-plane"
            );
            let control_plane = suite.kim.get(&object)?;
            ensure!(
                control_plane["spec"]["version"] == VERSION,
                "{control_plane}"
            );
            let configuration = &control_plane["spec"]["kubeadmConfigSpec"];
            its_components_know(&configuration["clusterConfiguration"])?;
            // Else there would be nothing to know, and this no test.
            let told = &configuration["clusterConfiguration"]["controllerManager"]["extraArgs"];
            ensure!(arguments(told)? == ["cloud-provider"], "{told}");
            let object =
                format!("kubeadmconfigtemplates.{read}.bootstrap.cluster.x-k8s.io/demo-workers");
            let workers = suite.kim.get(&object)?;
            its_components_know(&workers["spec"]["template"]["spec"]["clusterConfiguration"])?;
        }
        suite.say(&format!("written in {written}, all arguments are known"));
    }
    Ok(())
}

/// The example in Kubernetes 1.34, paused, so that no controller builds it.
fn of_version(manifest: &str) -> Result<String> {
    let paused = manifest.replacen(
        "spec:\n  controlPlaneRef",
        "spec:\n  paused: true\n  controlPlaneRef",
        1,
    );
    ensure!(paused != manifest, "the example has no Cluster to pause");
    let version = format!("spec:\n  version: {VERSION}\n  kubeadmConfigSpec");
    let versioned = paused.replacen("spec:\n  kubeadmConfigSpec", &version, 1);
    ensure!(versioned != paused, "the example has no control plane");
    Ok(versioned)
}

fn its_components_know(configuration: &Value) -> Result<()> {
    for (field, component) in COMPONENTS {
        let known = flags(component)?;
        let arguments = arguments(&configuration[field]["extraArgs"])?;
        for argument in &arguments {
            ensure!(
                known.contains(argument),
                "{component:?} does not know {argument}"
            );
        }
    }
    ensure!(!flags(Component::ApiServer)?.contains("cloud-provider"));
    Ok(())
}

/// The names of arguments, as a map (v1beta1) or a list (v1beta2) has them.
fn arguments(written: &Value) -> Result<Vec<String>> {
    match written {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => Ok(map.keys().cloned().collect()),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                let name = item["name"].as_str();
                Ok(name.context("an argument without a name")?.to_owned())
            })
            .collect(),
        other => anyhow::bail!("arguments that are {other}"),
    }
}
