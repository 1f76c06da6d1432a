//! What all verbs that judge begin with: the Site and the world, from files alone or from the cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use basphere_core::{Requester, Site};

use super::cluster::Cluster;
use super::judge::Judge;
use super::state::State;
use super::world::World;
use crate::cli::Global;
use crate::offline;

/// Where the Site is, where everything else is looked up, and the kubeconfig's namespace.
pub(crate) struct Surroundings {
    pub(crate) world: World,
    /// The Site's file; without it, the cluster has the Site.
    file: Option<PathBuf>,
    of_context: Option<String>,
}

impl Surroundings {
    /// With a Site's file, no cluster is contacted.
    pub(crate) fn find(site: Option<&Path>, state: &[PathBuf], global: &Global) -> Result<Self> {
        let kubeconfig = offline::kubeconfig(global)?;
        let of_context = kubeconfig
            .as_ref()
            .and_then(|config| offline::context_namespace(config, global));
        let world = if site.is_some() {
            World::State(State::read(state)?)
        } else {
            let config = kubeconfig.context(
                "there is no kubeconfig; name one by --kubeconfig, or work offline with --site FILE",
            )?;
            World::Cluster(Box::new(Cluster::connect(config, global.context.clone())?))
        };
        Ok(Self {
            world,
            file: site.map(Path::to_owned),
            of_context,
        })
    }

    /// The Site in force.
    pub(crate) fn site(&self) -> Result<Site> {
        match (&self.file, self.world.cluster()) {
            (Some(file), _) => offline::read_site(file),
            (None, Some(cluster)) => cluster.site(),
            (None, None) => bail!("there is no Site; name its file by --site"),
        }
    }

    /// The namespace that the command line or the kubeconfig names.
    pub(crate) fn namespace(&self, global: &Global) -> String {
        let named = global.namespace.clone().or_else(|| self.of_context.clone());
        named.unwrap_or_else(|| "default".to_owned())
    }

    /// A judge of objects; without a requester, whoever asks.
    pub(crate) fn judge(self, requester: Option<Requester>, global: &Global) -> Result<Judge> {
        let site = Arc::new(self.site()?);
        Ok(Judge::new(
            site,
            self.world,
            requester,
            global.namespace.clone(),
            self.of_context,
        ))
    }
}
