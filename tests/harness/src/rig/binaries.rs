//! The managers of Cluster API and of its vSphere provider, the simulated vCenter, and what plays kubelets: built once from Go modules.

use std::path::PathBuf;

use anyhow::Result;

use crate::assets;
use crate::go::{Module, Tool, module};
use crate::progress::Progress;

const LDFLAGS: &str = "-s -w";

const CAPI: Module = module!("capi", LDFLAGS);

const CAPI_TOOLS: [Tool; 3] = [
    Tool {
        name: "capi-core",
        package: "sigs.k8s.io/cluster-api/core",
        cost: "three minutes",
    },
    Tool {
        name: "capi-bootstrap",
        package: "sigs.k8s.io/cluster-api/bootstrap/kubeadm",
        cost: "seconds",
    },
    Tool {
        name: "capi-kcp",
        package: "sigs.k8s.io/cluster-api/controlplane/kubeadm",
        cost: "seconds",
    },
];

const CLUSTERCTL: Tool = Tool {
    name: "clusterctl",
    package: "sigs.k8s.io/cluster-api/cmd/clusterctl",
    cost: "a minute",
};

/// With the Cluster API that this provider's release was made with, which is not the one of the managers.
const CAPV: Module = module!("capv", LDFLAGS);

const CAPV_TOOL: Tool = Tool {
    name: "capv",
    package: "sigs.k8s.io/cluster-api-provider-vsphere",
    cost: "two minutes",
};

const VCSIM: Module = module!("vcsim", LDFLAGS, "main.go", "watch.go", "control.go");

const VCSIM_TOOL: Tool = Tool {
    name: "vcsim",
    package: ".",
    cost: "half a minute",
};

const KUBELET: Module = module!("kubelet", LDFLAGS, "main.go", "etcd.go");

const KUBELET_TOOL: Tool = Tool {
    name: "kubelet",
    package: ".",
    cost: "half a minute",
};

/// The paths of what a rig runs.
#[derive(Debug, Clone)]
pub(crate) struct RigBinaries {
    pub(crate) controller_manager: PathBuf,
    pub(crate) core: PathBuf,
    pub(crate) bootstrap: PathBuf,
    pub(crate) control_plane: PathBuf,
    pub(crate) vsphere: PathBuf,
    pub(crate) vcenter: PathBuf,
    pub(crate) kubelet: PathBuf,
}

impl RigBinaries {
    /// Finds them all, or builds what is missing.
    pub(crate) fn locate(progress: Progress) -> Result<Self> {
        let capi = CAPI.build(&CAPI_TOOLS, progress)?;
        Ok(Self {
            controller_manager: assets::controller_manager(progress)?,
            core: capi.join("capi-core"),
            bootstrap: capi.join("capi-bootstrap"),
            control_plane: capi.join("capi-kcp"),
            vsphere: CAPV.build(&[CAPV_TOOL], progress)?.join("capv"),
            vcenter: VCSIM.build(&[VCSIM_TOOL], progress)?.join("vcsim"),
            kubelet: KUBELET.build(&[KUBELET_TOOL], progress)?.join("kubelet"),
        })
    }
}

/// The path of clusterctl, which moves clusters from one rig to another.
///
/// # Errors
/// When it cannot be built.
pub fn clusterctl(progress: Progress) -> Result<PathBuf> {
    Ok(CAPI.build(&[CLUSTERCTL], progress)?.join("clusterctl"))
}
