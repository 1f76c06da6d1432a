//! `kubectl basphere quota`, and what a review says of quotas, as they are typed.

mod imported;
mod live;
mod page;
mod shown;
mod stream;

use serde_json::Value;

use crate::program::{Ran, example, run_reading};

/// A state of these objects, in a file that lives as long as the folder.
pub(crate) struct State(tempfile::TempDir);

impl State {
    pub(crate) fn of(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("state.yaml"), objects).unwrap();
        Self(folder)
    }

    /// Runs a verb over it, in user-kim.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Ran {
        self.run_anywhere(&[arguments, &["-n", "user-kim"]].concat(), input)
    }

    /// Runs a verb over it.
    pub(crate) fn run_anywhere(&self, arguments: &[&str], input: &str) -> Ran {
        let (site, state) = (example("site.yaml"), self.0.path().join("state.yaml"));
        let basis = ["--site", &site, "--state", state.to_str().unwrap()];
        run_reading(&[arguments, &basis].concat(), input)
    }

    /// A review's verdicts: name, and codes of denials.
    pub(crate) fn review(&self, manifests: &str) -> Vec<(String, Vec<String>)> {
        let ran = self.run(&["review", "-f", "-", "-o", "json"], manifests);
        let items = json(&ran)["items"].as_array().unwrap().clone();
        let codes = |item: &Value| {
            let denials = item["denials"].as_array().unwrap().iter();
            denials
                .map(|d| d["code"].as_str().unwrap().to_owned())
                .collect()
        };
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        items.iter().map(|item| (name(item), codes(item))).collect()
    }
}

pub(crate) fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// Clusters of these names.
pub(crate) fn clusters(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "---\napiVersion: cluster.x-k8s.io/v1beta2\nkind: Cluster\nmetadata: {{name: {name}}}\nspec: {{}}\n"
        )
    };
    names.iter().map(one).collect()
}

/// A Tenant with these fields in its spec.
pub(crate) fn tenant(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: basphere.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}, uid: {name}-1}}\nspec: {spec}\n"
    )
}

/// A MachineDeployment of cluster demo.
pub(crate) fn deployment(name: &str, replicas: u64) -> String {
    format!(
        "---\napiVersion: cluster.x-k8s.io/v1beta2\nkind: MachineDeployment\nmetadata: {{name: {name}}}\n\
         spec:\n  clusterName: demo\n  replicas: {replicas}\n  template:\n    spec:\n      clusterName: demo\n      \
         bootstrap: {{configRef: {{apiGroup: bootstrap.cluster.x-k8s.io, kind: KubeadmConfigTemplate, name: demo}}}}\n      \
         infrastructureRef: {{apiGroup: infrastructure.cluster.x-k8s.io, kind: VSphereMachineTemplate, name: demo}}\n"
    )
}

/// A refusal, and what was refused.
pub(crate) fn refused(verdicts: &[(String, Vec<String>)]) -> Vec<(&str, &str)> {
    let each = verdicts
        .iter()
        .flat_map(|(name, codes)| codes.iter().map(move |code| (name.as_str(), code.as_str())));
    each.collect()
}
