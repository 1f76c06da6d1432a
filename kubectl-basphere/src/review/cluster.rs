//! What a review reads from the cluster. Nothing is ever written.

use anyhow::{Context, Result};
use basphere_api::crd::{
    AddressLease, AddressPool, SITE_NAME, TENANT_QUOTA_NAME, TenantQuota, TenantQuotaStatus,
};
use basphere_core::ipam::{Ledger, Pools};
use basphere_core::quota::Report;
use basphere_core::{Kind, NamespaceFacts, Requester, Site, Subject};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PostParams};
use kube::config::Kubeconfig;
use serde_json::Value;

use crate::connection::{Connection, readable};
use crate::offline;

/// A cluster that is only read.
pub(crate) struct Cluster(Connection);

impl Cluster {
    pub(crate) fn connect(config: Kubeconfig, context: Option<String>) -> Result<Self> {
        Connection::open(config, context).map(Self)
    }

    /// The Site in the cluster, checked as the server checks it.
    pub(crate) fn site(&self) -> Result<Site> {
        let sites: Api<basphere_api::Site> = Api::all(self.0.client());
        let site = self.0.ask(sites.get(SITE_NAME)).with_context(|| {
            format!(
                "cannot read the Site {SITE_NAME:?}; with a copy of it, --site FILE reviews offline"
            )
        })?;
        offline::checked(site.spec.0)
    }

    /// Who the kubeconfig's user is to the API server.
    pub(super) fn requester(&self) -> Result<Requester> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.0.client());
        let asked = SelfSubjectReview::default();
        let review = self.0.ask(reviews.create(&PostParams::default(), &asked))?;
        let user = review
            .status
            .and_then(|status| status.user_info)
            .unwrap_or_default();
        Ok(Requester {
            username: user.username.unwrap_or_default(),
            groups: user.groups.unwrap_or_default(),
        })
    }

    /// What is known of a namespace; `None` when there is none.
    pub(super) fn namespace(&self, name: &str) -> Result<Option<NamespaceFacts>> {
        let namespaces: Api<Namespace> = Api::all(self.0.client());
        let found = self.0.ask(namespaces.get_opt(name))?;
        let object = found.map(serde_json::to_value).transpose()?;
        Ok(object.map(|object| NamespaceFacts::from_object(&object)))
    }

    /// A Tenant as it is stored; `None` when there is none.
    pub(super) fn tenant(&self, name: &str) -> Result<Option<Value>> {
        let tenants: Api<basphere_api::Tenant> = Api::all(self.0.client());
        let found = self.0.ask(tenants.get_opt(name))?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    /// What the TenantQuota of a namespace tells; `None` when it tells nothing.
    pub(super) fn quota(&self, namespace: &str) -> Result<Option<Report>> {
        let quotas: Api<TenantQuota> = Api::namespaced(self.0.client(), namespace);
        let found = self.0.ask(quotas.get_opt(TENANT_QUOTA_NAME))?;
        let status = found.and_then(|quota| quota.status);
        Ok(status.map(|TenantQuotaStatus { report, .. }| report))
    }

    /// A document below `/openapi/v3`; `None` when there is none.
    pub(super) fn openapi(&self, path: &str) -> Result<Option<Value>> {
        let request = http::Request::get(format!("/openapi/v3{path}"))
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())?;
        match self.0.wait(self.0.client().request(request)) {
            Ok(document) => Ok(Some(document)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(readable(error)),
        }
    }

    /// All objects of a kind, in a namespace or in all, in the newest version that is served.
    pub(super) fn list(&self, namespace: Option<&str>, kind: Kind) -> Result<Vec<Value>> {
        self.0.wait(async {
            for version in kind.versions().iter().copied().rev() {
                let resource = resource(Subject { kind, version });
                let client = self.0.client();
                let objects: Api<DynamicObject> = match namespace {
                    Some(namespace) => Api::namespaced_with(client, namespace, &resource),
                    None => Api::all_with(client, &resource),
                };
                match objects.list(&ListParams::default()).await {
                    Ok(list) => return list.items.into_iter().map(to_value).collect(),
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(readable(error)),
                }
            }
            // Of a kind that is not served there are certainly no objects.
            Ok(Vec::new())
        })
    }

    /// All AddressPools.
    pub(super) fn pools(&self) -> Result<Pools> {
        let api: Api<AddressPool> = Api::all(self.0.client());
        let mut pools = Pools::default();
        for pool in self.0.ask(api.list(&ListParams::default()))?.items {
            pools.put(&pool.name_any(), &pool.created(), pool.spec.0.clone());
        }
        Ok(pools)
    }

    /// All AddressLeases that can be read.
    pub(super) fn leases(&self) -> Result<Ledger> {
        let api: Api<AddressLease> = Api::all(self.0.client());
        let mut ledger = Ledger::default();
        let listed = self.0.ask(api.list(&ListParams::default()))?;
        for lease in listed.items.iter().filter_map(|object| object.lease().ok()) {
            ledger.put(lease);
        }
        Ok(ledger)
    }

    /// One object in the version that the manifest is written in; `None` when there is none.
    pub(super) fn get(
        &self,
        subject: Subject,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        let resource = resource(subject);
        let objects: Api<DynamicObject> = if subject.kind.is_namespaced() {
            Api::namespaced_with(self.0.client(), namespace, &resource)
        } else {
            Api::all_with(self.0.client(), &resource)
        };
        // An object that is not there is no error; a kind or version that is not served is one.
        let found = self.0.wait(objects.get_opt(name));
        let found = found.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => anyhow::anyhow!(
                "no matches for kind {:?} in version {:?}",
                resource.kind,
                resource.api_version
            ),
            other => readable(other),
        })?;
        found.map(to_value).transpose()
    }
}

fn to_value(object: DynamicObject) -> Result<Value> {
    Ok(serde_json::to_value(object)?)
}

fn resource(subject: Subject) -> ApiResource {
    ApiResource {
        group: subject.kind.group().to_owned(),
        version: subject.version.to_string(),
        api_version: subject.api_version(),
        kind: subject.kind.to_string(),
        plural: subject.kind.plural().to_owned(),
    }
}
