//! The cluster of the kubeconfig, asked synchronously: the plugin has nothing else to do meanwhile.

use std::fmt;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::{Builder, Runtime};

use crate::cli::Global;
use crate::offline;

/// A cluster that can be asked.
pub(crate) struct Connection {
    runtime: Runtime,
    client: Client,
}

impl Connection {
    /// The cluster that the command line and the environment name. `instead` says what can be done
    /// where there is none.
    pub(crate) fn of(global: &Global, instead: &str) -> Result<Self> {
        let config = offline::kubeconfig(global)?.with_context(|| {
            format!("there is no kubeconfig; name one by --kubeconfig, or {instead}")
        })?;
        Self::open(config, global.context.clone())
    }

    /// The cluster of a kubeconfig.
    pub(crate) fn open(config: Kubeconfig, context: Option<String>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let options = KubeConfigOptions {
                context,
                ..KubeConfigOptions::default()
            };
            let config = Config::from_custom_kubeconfig(config, &options)
                .await
                .context("kubeconfig")?;
            Client::try_from(config).context("kubeconfig")
        })?;
        Ok(Self { runtime, client })
    }

    /// A client, for [`Connection::ask`] and [`Connection::wait`].
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits for an answer.
    pub(crate) fn ask<T>(&self, asked: impl Future<Output = kube::Result<T>>) -> Result<T> {
        self.wait(asked).map_err(readable)
    }

    /// Waits for anything.
    pub(crate) fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }
}

/// The API server's refusal in its own words; kube prints the whole Status several times over.
#[derive(Debug)]
struct Refusal {
    code: u16,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Whether the cluster refused to be read, as it may for a tenant.
pub(crate) fn is_forbidden(error: &anyhow::Error) -> bool {
    error
        .downcast_ref()
        .is_some_and(|refusal: &Refusal| refusal.code == 403)
}

/// What the API server said, as a person reads it.
pub(crate) fn readable(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) => Refusal {
            code: status.code,
            message: status.message,
        }
        .into(),
        other => other.into(),
    }
}
