//! The binaries of a control plane: from `KUBEBUILDER_ASSETS`, or built once from the committed Go module.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::go::{Module, Tool, module};
use crate::kubectl::run;
use crate::progress::Progress;

/// Without these the API server calls itself v0.0.0, and kubectl warns about the difference.
const LDFLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34";

const KUBE: Module = Module {
    instead: ", or set KUBEBUILDER_ASSETS to where etcd and kube-apiserver are",
    ..module!("kube", LDFLAGS)
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

/// A component of Kubernetes that a cluster's configuration hands arguments to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// `kube-apiserver`.
    ApiServer,
    /// `kube-controller-manager`.
    ControllerManager,
}

/// The names of all flags that a component knows, without dashes, by its own help. It is of Kubernetes 1.34.
///
/// # Errors
/// When it cannot be built, or its help names no flag.
pub fn flags(component: Component) -> Result<BTreeSet<String>> {
    let progress = Progress::default();
    let binary = match component {
        Component::ApiServer => Assets::locate(progress)?.path("kube-apiserver"),
        Component::ControllerManager => controller_manager(progress)?,
    };
    let help = run(Command::new(binary).arg("--help"), "")?.stdout()?;
    let flags: BTreeSet<String> = help
        .lines()
        .filter_map(flag_of)
        .map(str::to_owned)
        .collect();
    if flags.is_empty() {
        bail!("no flag in the help of {component:?}");
    }
    Ok(flags)
}

/// The flag that a line of help begins with, a short form aside.
fn flag_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.split_once(", --") {
        Some((short, long)) if short.len() == 2 => long,
        _ => line.strip_prefix("--")?,
    };
    line.split([' ', '=']).next()
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

#[cfg(test)]
mod tests {
    use super::flag_of;

    #[test]
    fn a_line_of_help_names_one_flag() {
        for (line, flag) in [
            (
                "      --cloud-provider string     The provider, --cloud-config",
                Some("cloud-provider"),
            ),
            ("  -h, --help     help for kube-apiserver", Some("help")),
            ("      --v Level  number", Some("v")),
            ("        continued, --not-a-flag", None),
            ("Generic flags:", None),
        ] {
            assert_eq!(flag_of(line), flag, "{line}");
        }
    }
}
