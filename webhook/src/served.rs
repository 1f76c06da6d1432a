//! Which version of a kind the API server serves.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use basphere_core::{ApiVersion, Kind};
use kube::Client;
use kube::api::ApiResource;

/// The versions that were found, kept so that a live read need not ask for them again.
#[derive(Debug, Default)]
pub struct Served {
    found: RwLock<HashMap<Kind, ApiVersion>>,
}

impl Served {
    /// The version that was found before, else what [`Self::look`] finds.
    pub(crate) async fn get(
        &self,
        client: &Client,
        kind: Kind,
    ) -> kube::Result<Option<ApiResource>> {
        // Kubernetes' own are always served.
        if let (true, Some(version)) = (kind.group().is_empty(), kind.versions().last()) {
            return Ok(Some(resource(kind, *version)));
        }
        let known = self
            .found
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&kind)
            .copied();
        match known {
            Some(version) => Ok(Some(resource(kind, version))),
            None => self.look(client, kind).await,
        }
    }

    /// Asks the API server; `None` when it serves no version that we know. The newer version wins,
    /// since that is the one that is stored wherever both are served.
    pub(crate) async fn look(
        &self,
        client: &Client,
        kind: Kind,
    ) -> kube::Result<Option<ApiResource>> {
        for version in kind.versions().iter().copied().rev() {
            let list = match client
                .list_api_group_resources(&format!("{}/{version}", kind.group()))
                .await
            {
                Ok(list) => list,
                Err(kube::Error::Api(status)) if status.code == 404 => continue,
                Err(error) => return Err(error),
            };
            if list
                .resources
                .iter()
                .any(|resource| resource.name == kind.plural())
            {
                self.found
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(kind, version);
                return Ok(Some(resource(kind, version)));
            }
        }
        Ok(None)
    }

    /// Forgets a version that turned out not to be served any more.
    pub(crate) fn forget(&self, kind: Kind) {
        self.found
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&kind);
    }
}

fn resource(kind: Kind, version: ApiVersion) -> ApiResource {
    ApiResource {
        group: kind.group().to_owned(),
        version: version.to_string(),
        api_version: match kind.group() {
            "" => version.to_string(),
            group => format!("{group}/{version}"),
        },
        kind: kind.to_string(),
        plural: kind.plural().to_owned(),
    }
}
