//! What a decision may know of the world: the site, and the objects of one namespace.
//!
//! Objects are kept as facts, the few fields that decisions read, in the same form for both API
//! versions. [`Inventory`] is what a cache keeps up to date and what `review` fills from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use crate::addresses::{Demand, demand, is_kube_vip_ours, kube_vip_address, makes_its_own};
use crate::ipam::{Ledger, Pools};
use crate::json::{is_unset, labels, text_at};
use crate::precedent::Precedent;
use crate::quota::Account;
use crate::site::Site;
use crate::subjects::networks::networks;
use crate::{Kind, Lookup, keys, topology};

/// All that a decision may look at besides the request.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The site in force.
    pub site: Arc<Site>,
    /// The request's namespace; `None` when the cache does not hold it.
    pub namespace: Option<NamespaceFacts>,
    /// Objects of the request's namespace.
    pub inventory: Arc<Inventory>,
    /// The networks of all Clusters, in all namespaces.
    pub networks: Arc<Networks>,
    /// All AddressPools.
    pub pools: Arc<Pools>,
    /// All leases.
    pub ledger: Ledger,
    /// The accounts that a tenant's requests are charged to, by the tenant: those of the groups first, the
    /// root at the top, and its own last.
    pub accounts: BTreeMap<String, Vec<Arc<Account>>>,
    /// What time it is.
    pub now: Timestamp,
    /// What was read live for this request, so that absence is certain.
    pub live: BTreeSet<Lookup>,
    /// Objects of the request's namespace that were asked for one by one, and are there.
    pub objects: BTreeSet<(Kind, String)>,
    /// ConfigMaps of the request's namespace that were asked for by name.
    pub config_maps: BTreeMap<String, Arc<Value>>,
}

impl Snapshot {
    /// A snapshot of a site of which nothing else is known.
    #[must_use]
    pub fn of(site: Arc<Site>, now: Timestamp) -> Self {
        Self {
            site,
            namespace: None,
            inventory: Arc::default(),
            networks: Arc::default(),
            pools: Arc::default(),
            ledger: Ledger::default(),
            accounts: BTreeMap::new(),
            now,
            live: BTreeSet::new(),
            objects: BTreeSet::new(),
            config_maps: BTreeMap::new(),
        }
    }
}

/// The networks of Clusters by namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    clusters: BTreeMap<(String, String), Vec<IpNet>>,
}

impl Networks {
    /// Reads Clusters, whatever their namespaces and version.
    #[must_use]
    pub fn from_clusters<'a>(clusters: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut networks = Self::default();
        for cluster in clusters {
            networks.observe(cluster);
        }
        networks
    }

    /// Adds or replaces a Cluster.
    pub fn observe(&mut self, cluster: &Value) {
        let text = |pointer: &str| text_at(cluster, pointer).unwrap_or_default().to_owned();
        let key = (text("/metadata/namespace"), text("/metadata/name"));
        self.clusters.insert(key, networks(cluster));
    }

    /// The networks of all Clusters but this one.
    pub(crate) fn but(&self, namespace: &str, name: &str) -> impl Iterator<Item = &IpNet> {
        self.clusters
            .iter()
            .filter(move |((of, named), _)| (of.as_str(), named.as_str()) != (namespace, name))
            .flat_map(|(_, networks)| networks)
    }
}

/// What is known of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its label `basphere.dev/owner`.
    pub owner_label: Option<String>,
}

impl NamespaceFacts {
    /// Reads a Namespace object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Self {
            owner_label: labels(object)
                .get(keys::OWNER)
                .map(|owner| (*owner).to_owned()),
        }
    }
}

/// A reference to an object of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// What is known of one object. Fields that a kind does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) owner: Option<String>,
    pub(crate) cluster_type: Option<String>,
    pub(crate) node_spec: Option<String>,
    /// The Cluster that it belongs to, by field, label or ownerRef.
    pub(crate) cluster: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) control_plane_ref: Option<Ref>,
    pub(crate) infrastructure_ref: Option<Ref>,
    pub(crate) owner_uids: Vec<String>,
    /// The cloud of an OpenStackCluster.
    pub(crate) cloud: Option<String>,
    /// The control plane's etcd runs elsewhere.
    pub(crate) has_external_etcd: bool,
    pub(crate) is_topology_owned: bool,
    /// A MachineDeployment made it.
    pub(crate) is_of_deployment: bool,
    /// The address of the API server that it names: that of an infrastructure or of a Cluster, or what
    /// the kube-vip of a control plane holds.
    pub(crate) endpoint: Option<String>,
    /// CAPO makes the address of the API server itself.
    pub(crate) makes_endpoint: bool,
    /// Basphere wrote the kube-vip of this control plane.
    pub(crate) is_vip_ours: bool,
    /// The machines that it asks for.
    pub(crate) demand: Demand,
    /// What it says of the machines that controllers make of it.
    pub(crate) precedent: Option<Box<Precedent>>,
}

impl Facts {
    /// Reads an object.
    pub(crate) fn of(object: &Value) -> Self {
        facts(object)
    }
}

/// The objects of one namespace that decisions look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    objects: BTreeMap<Kind, BTreeMap<String, Facts>>,
}

impl Inventory {
    /// The kinds that most decisions look up, and that a cache must hold.
    pub const KINDS: [Kind; 6] = [
        Kind::Cluster,
        Kind::KubeadmControlPlane,
        Kind::MachineDeployment,
        Kind::MachineSet,
        Kind::MachinePool,
        Kind::Machine,
    ];

    /// The kinds that few decisions look up and that a site may not have at all: they are read when
    /// somebody asks, and no cache waits for them.
    pub const LIVE: [Kind; 5] = [
        Kind::OpenStackCluster,
        Kind::VSphereCluster,
        Kind::Metal3Cluster,
        Kind::VSphereMachineTemplate,
        Kind::VSphereMachine,
    ];

    /// All kinds that decisions look up.
    pub fn kinds() -> impl Iterator<Item = Kind> {
        Self::KINDS.into_iter().chain(Self::LIVE)
    }

    /// Adds or replaces an object. Kinds outside of [`Self::kinds`] are ignored.
    pub fn observe(&mut self, kind: Kind, object: &Value) {
        if Self::kinds().any(|known| known == kind)
            && let Some(name) = text_at(object, "/metadata/name")
        {
            self.objects
                .entry(kind)
                .or_default()
                .insert(name.to_owned(), facts(object));
        }
    }

    /// Removes an object that was deleted.
    pub fn remove(&mut self, kind: Kind, name: &str) {
        if let Some(objects) = self.objects.get_mut(&kind) {
            objects.remove(name);
        }
    }

    /// Replaces all objects of a kind by what a live list returned.
    pub fn replace<'a>(&mut self, kind: Kind, objects: impl IntoIterator<Item = &'a Value>) {
        self.objects.remove(&kind);
        for object in objects {
            self.observe(kind, object);
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.values().all(BTreeMap::is_empty)
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> Option<&Facts> {
        self.objects.get(&kind)?.get(name)
    }

    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = (&str, &Facts)> {
        self.objects
            .get(&kind)
            .into_iter()
            .flatten()
            .map(|(name, facts)| (name.as_str(), facts))
    }
}

fn facts(object: &Value) -> Facts {
    let text = |pointer: &str| text_at(object, pointer).map(str::to_owned);
    let mark = |key: &str| mark(object, key).map(str::to_owned);
    Facts {
        owner: labels(object)
            .get(keys::OWNER)
            .map(|owner| (*owner).to_owned()),
        cluster_type: mark(keys::CLUSTER_TYPE),
        node_spec: mark(keys::NODE_SPEC),
        cluster: cluster_of(object).map(str::to_owned),
        // A KCP has it in its spec, a MachineDeployment in its template.
        version: text("/spec/version").or_else(|| text("/spec/template/spec/version")),
        control_plane_ref: reference(object, &["/spec/controlPlaneRef"]),
        infrastructure_ref: reference(object, &INFRASTRUCTURE_REFS),
        owner_uids: owner_refs(object)
            .filter_map(|owner| text_at(owner, "/uid"))
            .map(str::to_owned)
            .collect(),
        // CAPO's v1alpha7 and v1beta1.
        cloud: text("/spec/cloudName").or_else(|| text("/spec/identityRef/cloudName")),
        has_external_etcd: object
            .pointer(EXTERNAL_ETCD)
            .is_some_and(|etcd| !is_unset(etcd)),
        is_topology_owned: labels(object).contains_key(keys::TOPOLOGY_OWNED),
        is_of_deployment: labels(object).contains_key(keys::DEPLOYMENT_NAME),
        endpoint: text("/spec/controlPlaneEndpoint/host")
            .filter(|host| !host.is_empty())
            .or_else(|| topology::written(object, topology::ADDRESS).map(str::to_owned))
            .or_else(|| kube_vip_address(object)),
        makes_endpoint: makes_its_own(object),
        is_vip_ours: is_kube_vip_ours(object),
        demand: demand(object),
        precedent: Precedent::of(object),
    }
}

/// Where a control plane says that its etcd runs elsewhere.
pub(crate) const EXTERNAL_ETCD: &str = "/spec/kubeadmConfigSpec/clusterConfiguration/etcd/external";

/// Where the reference to infrastructure stands: Cluster and Machine, KCP v1beta1, KCP v1beta2,
/// MachineDeployment and its kin.
const INFRASTRUCTURE_REFS: [&str; 4] = [
    "/spec/infrastructureRef",
    "/spec/machineTemplate/infrastructureRef",
    "/spec/machineTemplate/spec/infrastructureRef",
    "/spec/template/spec/infrastructureRef",
];

fn reference(object: &Value, pointers: &[&str]) -> Option<Ref> {
    let found = pointers
        .iter()
        .find_map(|pointer| object.pointer(pointer))?;
    Some(Ref {
        kind: text_at(found, "/kind")?.to_owned(),
        name: text_at(found, "/name")?.to_owned(),
    })
}

pub(crate) fn owner_refs(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The Cluster that an object says it belongs to: by field, label or ownerRef.
pub(crate) fn cluster_of(object: &Value) -> Option<&str> {
    let by_owner = || {
        let owner = owner_refs(object).find(|owner| {
            text_at(owner, "/kind") == Some(Kind::Cluster.as_str())
                && text_at(owner, "/apiVersion").is_some_and(|v| v.starts_with("cluster.x-k8s.io/"))
        })?;
        text_at(owner, "/name")
    };
    text_at(object, "/spec/clusterName")
        .or_else(|| labels(object).get(keys::CLUSTER_NAME).copied())
        .or_else(by_owner)
        .filter(|name| !name.is_empty())
}

/// A mark that people may write as a label or as an annotation; the label wins.
pub(crate) fn mark<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    marks(object, key).into_iter().find_map(|(_, value)| value)
}

/// Both places of a mark, each with what stands there.
pub(crate) fn marks<'a>(object: &'a Value, key: &str) -> [(&'static str, Option<&'a str>); 2] {
    ["labels", "annotations"].map(|place| {
        let map = object
            .get("metadata")
            .and_then(|metadata| metadata.get(place));
        let value = map.and_then(|map| map.get(key)).and_then(Value::as_str);
        (place, value.filter(|value| !value.is_empty()))
    })
}
