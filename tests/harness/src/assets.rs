//! The binaries of a control plane: from `KUBEBUILDER_ASSETS`, or built once from the committed Go module.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::{self, Locked};
use crate::progress::Progress;
use crate::watchdog::Guarded;

const GO_MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/kube");
const GO_SUM: &str = include_str!("../go/kube/go.sum");
const GO_MOD: &str = include_str!("../go/kube/go.mod");
/// Without these the API server calls itself v0.0.0, and kubectl warns about the difference.
const LDFLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34";

/// A binary, the Go package it is built from, and what that costs the first time.
struct Tool {
    name: &'static str,
    package: &'static str,
    cost: &'static str,
}

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

/// Where the binaries of a control plane are.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    directory: PathBuf,
}

impl Assets {
    /// Finds the binaries, or builds what is missing.
    pub(crate) fn locate(progress: Progress) -> Result<Self> {
        if let Some(directory) =
            std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty())
        {
            let directory = PathBuf::from(directory);
            if let Some(tool) = TOOLS
                .iter()
                .find(|tool| !directory.join(tool.name).is_file())
            {
                bail!(
                    "KUBEBUILDER_ASSETS={} has no {}",
                    directory.display(),
                    tool.name
                );
            }
            return Ok(Self { directory });
        }
        let directory = cache::directory("kube", &[GO_SUM, GO_MOD, LDFLAGS])?;
        if missing(&directory).next().is_some() {
            let locked = Locked::acquire(&directory, progress)?;
            for tool in missing(&directory) {
                build(tool, &locked, &directory, progress)?;
            }
        }
        Ok(Self { directory })
    }

    /// The path of a binary.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn missing(directory: &Path) -> impl Iterator<Item = &'static Tool> {
    TOOLS
        .iter()
        .filter(move |tool| !directory.join(tool.name).is_file())
}

fn build(tool: &Tool, locked: &Locked, directory: &Path, progress: Progress) -> Result<()> {
    let _step = progress.slow_step(&format!(
        "building {} with Go (once; {})",
        tool.name, tool.cost
    ));
    let partial = locked.partial(tool.name);
    let mut go = Command::new("go");
    go.current_dir(GO_MODULE).env("GOWORK", "off");
    go.args(["build", "-trimpath", "-ldflags", LDFLAGS, "-o"])
        .arg(&partial)
        .arg(tool.package);
    let log = directory.join(format!("{}.log", tool.name));
    let build = Guarded::spawn(&go, &log, 5, None)?;
    match build.wait()?.code() {
        Some(0) => locked.publish(&partial, tool.name),
        Some(127) => bail!("go was not found: install Go, or set KUBEBUILDER_ASSETS to where etcd and kube-apiserver are"),
        _ => bail!("building {} failed; {} ends:\n{}", tool.name, log.display(), build.log_tail()),
    }
    .context(tool.name)
}
