//! The binaries of a control plane: from `KUBEBUILDER_ASSETS`, or built once from the committed Go module.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::go::{Module, Tool};
use crate::progress::Progress;

/// Without these the API server calls itself v0.0.0, and kubectl warns about the difference.
const LDFLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34";

const KUBE: Module = Module {
    name: "kube",
    directory: concat!(env!("CARGO_MANIFEST_DIR"), "/go/kube"),
    inputs: &[
        include_str!("../go/kube/go.sum"),
        include_str!("../go/kube/go.mod"),
        LDFLAGS,
    ],
    ldflags: LDFLAGS,
    instead: ", or set KUBEBUILDER_ASSETS to where etcd and kube-apiserver are",
};

const TOOLS: [Tool; 3] = [
    Tool {
        name: "etcd",
        package: "go.etcd.io/etcd/server/v3",
        cost: "seconds",
    },
    Tool {
        name: "kubectl",
        package: "k8s.io/kubernetes/cmd/kubectl",
        cost: "a minute",
    },
    Tool {
        name: "kube-apiserver",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
        cost: "some minutes",
    },
];

/// Needed only where something collects garbage.
const CONTROLLER_MANAGER: Tool = Tool {
    name: "kube-controller-manager",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    cost: "two minutes",
};

/// Where the binaries of a control plane are.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    directory: PathBuf,
}

impl Assets {
    /// Finds the binaries, or builds what is missing.
    pub(crate) fn locate(progress: Progress) -> Result<Self> {
        let directory = match given() {
            Some(directory) => whole(directory)?,
            None => KUBE.build(&TOOLS, progress)?,
        };
        Ok(Self { directory })
    }

    /// The path of a binary.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// kube-controller-manager: what `KUBEBUILDER_ASSETS` names seldom has it, so it is built then all the same.
pub(crate) fn controller_manager(progress: Progress) -> Result<PathBuf> {
    let name = CONTROLLER_MANAGER.name;
    let found = given().map(|directory| directory.join(name));
    if let Some(path) = found.filter(|path| path.is_file()) {
        return Ok(path);
    }
    Ok(KUBE.build(&[CONTROLLER_MANAGER], progress)?.join(name))
}

fn given() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn whole(directory: PathBuf) -> Result<PathBuf> {
    let has = |tool: &&Tool| Path::new(&directory).join(tool.name).is_file();
    if let Some(tool) = TOOLS.iter().find(|tool| !has(tool)) {
        bail!(
            "KUBEBUILDER_ASSETS={} has no {}",
            directory.display(),
            tool.name
        );
    }
    Ok(directory)
}
