//! Live reads: what a cache could not answer is asked of the API server, never taken for absent.

use std::fmt::Debug;
use std::sync::Arc;

use basphere_api::crd::{AddressLease, AddressPool};
use basphere_core::Kind;
use basphere_core::ipam::{Listed, Selection};
use basphere_ipam::StoreError;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::desk;
use crate::served::Served;

/// Why a live read has failed.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The API server refused, or was not reached.
    #[error("{0}")]
    Kube(#[from] kube::Error),
    /// The API server refused, was not reached, or others were faster each time.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What it returned has no JSON form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Something that can be asked for what is stored right now.
pub trait Reader: Send + Sync + 'static {
    /// The Namespace object; `None` when there is none.
    fn namespace<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Value>, ReadError>>;

    /// All objects of a kind, in a namespace or in all.
    fn list<'a>(
        &'a self,
        namespace: Option<&'a str>,
        kind: Kind,
    ) -> BoxFuture<'a, Result<Vec<Value>, ReadError>>;

    /// An object by its name; `None` when there is none.
    fn object<'a>(
        &'a self,
        namespace: &'a str,
        kind: Kind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, ReadError>>;

    /// Some of the AddressLeases.
    fn leases<'a>(&'a self, selection: &'a Selection) -> BoxFuture<'a, Result<Listed, ReadError>>;

    /// All AddressPools.
    fn pools(&self) -> BoxFuture<'_, Result<Vec<Value>, ReadError>>;
}

/// Asks the API server.
pub struct KubeReader {
    client: Client,
    served: Arc<Served>,
}

impl KubeReader {
    /// A reader over this client.
    #[must_use]
    pub fn new(client: Client, served: Arc<Served>) -> Self {
        Self { client, served }
    }

    async fn read_namespace(&self, name: &str) -> Result<Option<Value>, ReadError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        Ok(api
            .get_opt(name)
            .await?
            .map(serde_json::to_value)
            .transpose()?)
    }

    async fn read_list(
        &self,
        namespace: Option<&str>,
        kind: Kind,
    ) -> Result<Vec<Value>, ReadError> {
        // Of a kind that is not served there are certainly no objects.
        let Some(resource) = self.served.get(&self.client, kind).await? else {
            return Ok(Vec::new());
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        list(&api, &ListParams::default()).await
    }

    async fn read_object(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        let Some(resource) = self.served.get(&self.client, kind).await? else {
            return Ok(None);
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let found = api.get_opt(name).await?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    async fn read_leases(&self, selection: &Selection) -> Result<Listed, ReadError> {
        let api: Api<AddressLease> = Api::all(self.client.clone());
        Ok(desk::list(&api, selection).await?)
    }
}

/// Without a resourceVersion a list is read from etcd's quorum, not from a watch cache.
async fn list<K>(api: &Api<K>, parameters: &ListParams) -> Result<Vec<Value>, ReadError>
where
    K: Clone + DeserializeOwned + Serialize + Debug,
{
    let list = api.list(parameters).await?;
    let values = list.items.into_iter().map(serde_json::to_value);
    Ok(values.collect::<Result<_, _>>()?)
}

impl Reader for KubeReader {
    fn namespace<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Value>, ReadError>> {
        Box::pin(self.read_namespace(name))
    }

    fn list<'a>(
        &'a self,
        namespace: Option<&'a str>,
        kind: Kind,
    ) -> BoxFuture<'a, Result<Vec<Value>, ReadError>> {
        Box::pin(self.read_list(namespace, kind))
    }

    fn object<'a>(
        &'a self,
        namespace: &'a str,
        kind: Kind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, ReadError>> {
        Box::pin(self.read_object(namespace, kind, name))
    }

    fn leases<'a>(&'a self, selection: &'a Selection) -> BoxFuture<'a, Result<Listed, ReadError>> {
        Box::pin(self.read_leases(selection))
    }

    fn pools(&self) -> BoxFuture<'_, Result<Vec<Value>, ReadError>> {
        let api: Api<AddressPool> = Api::all(self.client.clone());
        Box::pin(async move { list(&api, &ListParams::default()).await })
    }
}
