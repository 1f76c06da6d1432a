//! A little API server: it stores what was admitted, and merges as `kubectl apply` does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use basphere_core::ipam::{Claim, Ledger, Pools, SlotKind, State};
use basphere_core::quota::{self, Account, Limits, Override, TenantSpec};
use basphere_core::site::NetworkAddresses;
use basphere_core::{
    ApiVersion, Decision, Inventory, Kind, Lookup, NamespaceFacts, Networks, Operation, Part,
    Phase, Request, Requester, Site, SiteSpec, Snapshot, Subject, Timestamp, decide,
};
use serde_json::{Value, json};

pub(crate) fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples")
}

pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple::<Value>(yaml).expect("YAML")
}

pub(crate) fn example(name: &str, version: ApiVersion) -> Vec<Value> {
    let path = examples().join(format!("{name}.{version}.yaml"));
    documents(&std::fs::read_to_string(path).expect("an example"))
}

pub(crate) fn site_spec() -> SiteSpec {
    let text = std::fs::read_to_string(examples().join("site.yaml")).expect("the example site");
    let mut site: Value = serde_saphyr::from_str(&text).expect("YAML");
    serde_json::from_value(site["spec"].take()).expect("a site")
}

/// The example site, which hands out no addresses of API servers.
pub(crate) fn without_endpoints() -> SiteSpec {
    let mut spec = site_spec();
    let vsphere = spec.vsphere.as_mut().expect("vSphere");
    vsphere.addresses = NetworkAddresses::default();
    spec
}

/// The example's AddressPools.
pub(crate) fn pools() -> Pools {
    let text = std::fs::read_to_string(examples().join("pools.yaml")).expect("the example pools");
    let mut pools = Pools::default();
    for mut pool in documents(&text) {
        let spec = serde_json::from_value(pool["spec"].take()).expect("a pool");
        pools.put(pool["metadata"]["name"].as_str().expect("a name"), "", spec);
    }
    pools
}

pub(crate) fn kim() -> Requester {
    Requester {
        username: "kim".to_owned(),
        groups: vec!["basphere:tenants".to_owned()],
    }
}

pub(crate) fn admin() -> Requester {
    Requester {
        username: "ops".to_owned(),
        groups: vec!["basphere:admins".to_owned()],
    }
}

pub(crate) fn capi() -> Requester {
    Requester {
        username: "system:serviceaccount:capi-system:capi-manager".to_owned(),
        groups: vec![],
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) site: Arc<Site>,
    pub(crate) namespace: String,
    pub(crate) owner_label: Option<String>,
    pub(crate) requester: Requester,
    pub(crate) stored: BTreeMap<(Kind, String), Value>,
    /// Clusters of other namespaces.
    pub(crate) clusters: Vec<Value>,
    pub(crate) pools: Pools,
    /// All leases, as an API server would hold them.
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_site(site_spec())
    }

    pub(crate) fn with_site(spec: SiteSpec) -> Self {
        Self {
            site: Arc::new(Site::try_from(spec).expect("a valid site")),
            namespace: "user-kim".to_owned(),
            owner_label: None,
            requester: kim(),
            stored: BTreeMap::new(),
            clusters: Vec::new(),
            pools: pools(),
            ledger: RefCell::default(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut inventory = Inventory::default();
        for ((kind, _), object) in &self.stored {
            inventory.observe(*kind, object);
        }
        let kinds = Inventory::kinds().map(Lookup::All);
        let owner = self
            .site
            .namespace_owner(&self.namespace, self.owner_label.as_deref());
        let account = |tenant: String| (tenant.clone(), vec![Arc::new(self.unlimited(tenant))]);
        Snapshot {
            accounts: owner.map(account).into_iter().collect(),
            namespace: Some(NamespaceFacts {
                owner_label: self.owner_label.clone(),
            }),
            inventory: Arc::new(inventory),
            networks: Arc::new(Networks::from_clusters(&self.clusters)),
            pools: Arc::new(self.pools.clone()),
            ledger: self.ledger.borrow().clone(),
            live: kinds
                .chain([Lookup::Namespace, Lookup::Networks, Lookup::Pools])
                .collect::<BTreeSet<_>>(),
            ..Snapshot::of(Arc::clone(&self.site), self.now)
        }
    }

    /// Decides, and answers what is asked of leases and of single objects from what is stored.
    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let mut snapshot = self.snapshot();
        loop {
            let decision = decide(request, &snapshot);
            if decision.missed.is_empty() {
                return decision;
            }
            for lookup in decision.missed {
                if let Lookup::Object(kind, name) = &lookup
                    && self.stored.contains_key(&(*kind, name.clone()))
                {
                    snapshot.objects.insert((*kind, name.clone()));
                }
                if let Lookup::ConfigMap(name) = &lookup
                    && let Some(map) = self.stored.get(&(Kind::ConfigMap, name.clone()))
                {
                    let map = Arc::new(map.clone());
                    snapshot.config_maps.insert(name.clone(), map);
                }
                let is_answered = matches!(
                    lookup,
                    Lookup::Object(..)
                        | Lookup::ConfigMap(_)
                        | Lookup::Leases(_)
                        | Lookup::Accounts(_)
                );
                assert!(is_answered, "everything else is live here: {lookup:?}");
                assert!(snapshot.live.insert(lookup), "it has been answered");
            }
        }
    }

    /// Carries out what an admitted request claims.
    fn carry_out(&self, claims: &[Claim]) {
        let mut ledger = self.ledger.borrow_mut();
        for claim in claims {
            let mut lease = claim.lease().clone();
            let known = ledger.get(&lease.name());
            let version = known.map(|known| known.resource_version.clone());
            match claim {
                Claim::Create(_) => assert_eq!(version, None, "{} is free", lease.name()),
                Claim::Replace(_) => assert_eq!(version.as_ref(), Some(&lease.resource_version)),
            }
            // What the registrar does once it is certain that the tenant may have it.
            if lease.slot.kind == SlotKind::Block {
                lease.spec.state = State::Bound;
            }
            let revision = version.map_or(0, |version| version.parse().unwrap_or(0));
            lease.resource_version = (revision + 1).to_string();
            ledger.put(lease);
        }
    }

    /// The addresses that are leased, each with its holder.
    pub(crate) fn leased(&self) -> Vec<String> {
        let ledger = self.ledger.borrow();
        let leases = ledger.iter();
        leases
            .map(|lease| format!("{} {}", lease.spec.address, lease.spec.holder))
            .collect()
    }

    pub(crate) fn request(&self, phase: Phase, object: &Value) -> Request {
        let subject = Subject::parse_manifest(
            object["apiVersion"].as_str().unwrap_or_default(),
            object["kind"].as_str().unwrap_or_default(),
        )
        .expect("a subject");
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let old_object = self.stored.get(&(subject.kind, name.clone())).cloned();
        Request {
            phase,
            operation: if old_object.is_some() {
                Operation::Update
            } else {
                Operation::Create
            },
            subject,
            namespace: self.namespace.clone(),
            name,
            requester: self.requester.clone(),
            part: Part::Whole,
            dry_run: false,
            object: Some(object.clone()),
            old_object,
        }
    }

    /// Mutates, then validates what came out. The decision is the first that refuses, else the
    /// mutation's.
    pub(crate) fn admit(&self, object: &Value) -> Decision {
        let mutated = self.decide(&self.request(Phase::Mutate, object));
        if !mutated.is_allowed() {
            return mutated;
        }
        self.carry_out(&mutated.claims);
        let completed = mutated.object.clone().expect("an object");
        let mut patched = object.clone();
        json_patch::patch(&mut patched, &mutated.patch).expect("the patch applies");
        assert_eq!(
            patched, completed,
            "the patch leads to the completed object"
        );
        let validated = self.decide(&self.request(Phase::Validate, &completed));
        if validated.is_allowed() {
            self.carry_out(&validated.claims);
            mutated
        } else {
            validated
        }
    }

    /// As `kubectl apply` would: merged over what is stored, admitted, stored.
    pub(crate) fn apply(&mut self, object: &Value) -> Decision {
        let request = self.request(Phase::Mutate, object);
        let mut merged = request.old_object.clone().unwrap_or_else(|| json!({}));
        json_patch::merge(&mut merged, object);
        let decision = self.admit(&merged);
        if let (true, Some(completed)) = (decision.is_allowed(), &decision.object) {
            self.stored
                .insert((request.subject.kind, request.name), completed.clone());
        }
        decision
    }

    /// Applies objects that must all pass.
    pub(crate) fn apply_all(&mut self, objects: &[Value]) {
        for object in objects {
            let decision = self.apply(object);
            assert!(
                decision.is_allowed(),
                "{} {}: {:#?}",
                object["kind"],
                object["metadata"]["name"],
                decision.denials
            );
        }
    }

    /// What is stored of the object that this manifest names.
    pub(crate) fn stored_as(&self, object: &Value) -> &Value {
        let request = self.request(Phase::Mutate, object);
        self.get(request.subject.kind, &request.name)
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> &Value {
        self.stored.get(&(kind, name.to_owned())).expect("stored")
    }
}

impl World {
    /// The account of a tenant that may have whatever it asks for. Objects have their names for UIDs.
    fn unlimited(&self, name: String) -> Account {
        let mut ledger = quota::Ledger {
            namespaces: BTreeSet::from([self.namespace.clone()]),
            ..quota::Ledger::default()
        };
        for ((kind, name), object) in &self.stored {
            let mut object = object.clone();
            object["metadata"]["uid"] = json!(name);
            if let Some(observed) = quota::observe(&self.site, *kind, &object) {
                ledger.see(&observed);
            }
        }
        let limits = Limits {
            clusters: Some(u64::MAX),
            nodes_per_cluster: Some(u64::MAX),
            ..Limits::default()
        };
        let set = Override {
            limits,
            reason: "a test of something else".to_owned(),
            ..Override::default()
        };
        Account {
            name,
            spec: TenantSpec {
                quotas: vec![set],
                ..TenantSpec::default()
            },
            ledger: Some(ledger),
            ..Account::default()
        }
    }
}

/// Codes and paths of the denials, which is what tests assert.
pub(crate) fn denials(decision: &Decision) -> Vec<(&'static str, &str)> {
    decision
        .denials
        .iter()
        .map(|finding| (finding.code.as_str(), finding.path.as_str()))
        .collect()
}

/// Codes and paths of the warnings.
pub(crate) fn warnings(decision: &Decision) -> Vec<(&'static str, &str)> {
    decision
        .warnings
        .iter()
        .map(|finding| (finding.code.as_str(), finding.path.as_str()))
        .collect()
}

/// A machine template with these fields in its spec.
pub(crate) fn template(name: &str, version: ApiVersion, spec: Value) -> Value {
    json!({
        "apiVersion": format!("infrastructure.cluster.x-k8s.io/{version}"),
        "kind": "VSphereMachineTemplate",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}},
    })
}

/// The fields of a stored template's spec.
pub(crate) fn machine(world: &World, name: &str) -> Value {
    world.get(Kind::VSphereMachineTemplate, name)["spec"]["template"]["spec"].clone()
}
