//! A little API server that charges: it stores objects with UIDs and resource versions, and books what
//! is stored into ledgers when a test says so, so that tests choose what is known late.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use basphere_core::ipam::Pools;
use basphere_core::quota::{
    Account, Ledger, Limits, Measure, Override, Suspect, TenantSpec, is_replaced, judge, observe,
};
use basphere_core::{
    Decision, Inventory, Kind, Lookup, NamespaceFacts, Operation, Part, Phase, Request, Requester,
    Site, SiteSpec, Snapshot, Subject, Timestamp, decide,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// So long a request may be alive.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// The example site, on which addresses are no matter and topologies may be of any class.
pub(crate) fn site_spec() -> SiteSpec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/site.yaml");
    let text = std::fs::read_to_string(path).expect("the example site");
    let mut site: Value = serde_saphyr::from_str(&text).expect("YAML");
    let spec = &mut site["spec"];
    for pointer in [
        "",
        "/vsphere",
        "/metal3",
        "/openstack/clouds/mycloud",
        "/openstack/clouds/bifrost",
    ] {
        let part = spec.pointer_mut(pointer).and_then(Value::as_object_mut);
        let part = part.expect("the site has it");
        part.remove("addresses");
        part.remove("kubeVip");
        part.remove("topology");
    }
    serde_json::from_value(spec.take()).expect("a site")
}

fn requester(username: &str, group: &str) -> Requester {
    Requester {
        username: username.to_owned(),
        groups: vec![group.to_owned()],
    }
}

pub(crate) fn kim() -> Requester {
    requester("kim", "basphere:tenants")
}

pub(crate) fn admin() -> Requester {
    requester("ops", "basphere:admins")
}

pub(crate) fn capi() -> Requester {
    requester("system:serviceaccount:capi-system:capi-manager", "")
}

type Key = (Kind, String, String);

/// A request that was let in and charged, and is not stored yet.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    key: Key,
    object: Value,
    /// The resource version that it was let in over; empty for a new object.
    over: String,
    decision: Decision,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) site: Arc<Site>,
    pub(crate) namespace: String,
    pub(crate) requester: Requester,
    pub(crate) now: Timestamp,
    pub(crate) tenants: BTreeMap<String, Account>,
    pub(crate) stored: BTreeMap<Key, Value>,
    /// The machines of the infrastructure, which are charged by what they are made of.
    pub(crate) machines: Vec<Value>,
    revision: u64,
}

impl World {
    /// Tenant kim, to whom all that is not limited here is given freely.
    pub(crate) fn with(limits: Limits) -> Self {
        let mut world = Self {
            site: Arc::new(Site::try_from(site_spec()).expect("a valid site")),
            namespace: "user-kim".to_owned(),
            requester: kim(),
            now: Timestamp::UNIX_EPOCH,
            tenants: BTreeMap::new(),
            stored: BTreeMap::new(),
            machines: Vec::new(),
            revision: 100,
        };
        world.tenant("kim", None, limits);
        world
    }

    /// Adds a tenant, or sets its limits anew.
    pub(crate) fn tenant(&mut self, name: &str, parent: Option<&str>, limits: Limits) {
        let free = Limits {
            clusters: Some(u64::MAX),
            nodes_per_cluster: Some(u64::MAX),
            ..Limits::default()
        };
        let is_group = !matches!(name, "kim" | "lee");
        let limits = if is_group {
            limits
        } else {
            free.under(&limits)
        };
        let set = Override {
            limits,
            reason: "a test".to_owned(),
            ..Override::default()
        };
        let account = self.tenants.entry(name.to_owned()).or_default();
        account.name = name.to_owned();
        account.spec = TenantSpec {
            parent: parent.map(str::to_owned),
            quotas: vec![set],
            ..TenantSpec::default()
        };
        account.ledger.get_or_insert_with(|| Ledger {
            namespaces: ["user-kim", "user-lee"].map(str::to_owned).into(),
            ..Ledger::default()
        });
    }

    pub(crate) fn set_site(&mut self, change: impl FnOnce(&mut SiteSpec)) {
        let mut spec = site_spec();
        change(&mut spec);
        self.site = Arc::new(Site::try_from(spec).expect("a valid site"));
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.tenants["kim"].ledger.as_ref().expect("a ledger")
    }

    pub(crate) fn used(&self, measure: &Measure) -> u64 {
        self.ledger().used().of(measure)
    }

    pub(crate) fn nodes(&self) -> u64 {
        self.used(&Measure::Nodes)
    }

    /// The tenant of the namespace, and those above it, the root first.
    fn chain(&self) -> Vec<Account> {
        let mut next = self.site.namespace_owner(&self.namespace, None);
        let mut chain = Vec::new();
        while let Some(account) = next.and_then(|name| self.tenants.get(&name)) {
            chain.insert(0, account.clone());
            next = account.spec.parent.clone();
        }
        chain
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut inventory = Inventory::default();
        for ((kind, namespace, _), object) in &self.stored {
            if *namespace == self.namespace {
                inventory.observe(*kind, object);
            }
        }
        let owner = self.site.namespace_owner(&self.namespace, None);
        let accounts = self.chain().into_iter().map(Arc::new).collect();
        Snapshot {
            accounts: owner.map(|owner| (owner, accounts)).into_iter().collect(),
            namespace: Some(NamespaceFacts::default()),
            inventory: Arc::new(inventory),
            pools: Arc::new(Pools::default()),
            ..Snapshot::of(Arc::clone(&self.site), self.now)
        }
    }

    /// Decides; what is not there is not there for certain.
    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let mut snapshot = self.snapshot();
        loop {
            let decision = decide(request, &snapshot);
            if decision.missed.is_empty() {
                return decision;
            }
            for lookup in decision.missed {
                if let Lookup::Accounts(name) = &lookup
                    && self.tenants.contains_key(name)
                {
                    let found = self.above(name).into_iter().map(Arc::new).collect();
                    snapshot.accounts.insert(name.clone(), found);
                }
                assert!(snapshot.live.insert(lookup), "it has been answered");
            }
        }
    }

    fn above(&self, name: &str) -> Vec<Account> {
        let mut chain = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(account) = next.and_then(|name| self.tenants.get(&name)) {
            chain.insert(0, account.clone());
            next = account.spec.parent.clone();
        }
        chain
    }

    pub(crate) fn request(&self, phase: Phase, object: &Value) -> Request {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let subject =
            Subject::parse_manifest(text("/apiVersion"), text("/kind")).expect("a subject");
        let name = text("/metadata/name").to_owned();
        let key = (subject.kind, self.namespace.clone(), name.clone());
        let old_object = self.stored.get(&key).cloned();
        Request {
            phase,
            operation: match old_object {
                Some(_) => Operation::Update,
                None => Operation::Create,
            },
            subject,
            part: Part::Whole,
            namespace: if subject.kind.is_namespaced() {
                self.namespace.clone()
            } else {
                String::new()
            },
            name,
            requester: self.requester.clone(),
            dry_run: false,
            object: Some(object.clone()),
            old_object,
        }
    }

    fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Has an object let in: it is completed, judged and charged. It is not stored yet.
    pub(crate) fn admit(&mut self, object: &Value) -> Result<Admitted, Decision> {
        let mutated = self.decide(&self.request(Phase::Mutate, object));
        assert!(mutated.charge.is_none(), "only what is final is charged");
        if !mutated.is_allowed() {
            return Err(mutated);
        }
        let mut completed = mutated.object.clone().expect("an object");
        let request = self.request(Phase::Validate, &completed);
        let metadata = |field: &str| {
            let old = request.old_object.as_ref();
            old.and_then(|old| old["metadata"][field].as_str())
                .map(str::to_owned)
        };
        let over = metadata("resourceVersion").unwrap_or_default();
        let uid = metadata("uid").unwrap_or_else(|| format!("uid-{}", self.next_revision()));
        completed["metadata"]["uid"] = json!(uid);
        completed["metadata"]["namespace"] = json!(self.namespace);
        completed["metadata"]["resourceVersion"] = json!(over);
        let request = Request {
            object: Some(completed.clone()),
            ..request
        };
        let decision = self.settle(&request)?;
        let key = (request.subject.kind, self.namespace.clone(), request.name);
        Ok(Admitted {
            key,
            object: completed,
            over,
            decision,
        })
    }

    /// Validates and charges.
    fn settle(&mut self, request: &Request) -> Result<Decision, Decision> {
        let decision = self.decide(request);
        if !decision.is_allowed() {
            return Err(decision);
        }
        let Some(charge) = &decision.charge else {
            return Ok(decision);
        };
        let chain = self.chain();
        for (index, account) in chain.iter().enumerate() {
            let is_group = index + 1 < chain.len();
            let (hard, soft) = account.limits(&self.site, is_group, self.now);
            let Some(ledger) = account
                .ledger
                .as_ref()
                .filter(|ledger| ledger.covers(&self.namespace))
            else {
                continue;
            };
            let verdict = judge(ledger, (&hard, &soft), charge, self.now);
            assert!(
                verdict.exceeded.is_empty() || charge.is_forced,
                "{:?}",
                verdict.exceeded
            );
            if let Some(account) = self.tenants.get_mut(&account.name) {
                account.ledger = Some(verdict.ledger);
            }
        }
        Ok(decision)
    }

    /// Stores what was let in, unless the stored object is another one by now.
    pub(crate) fn store(&mut self, admitted: Admitted) -> bool {
        let Admitted {
            key,
            mut object,
            over,
            ..
        } = admitted;
        let stored = self.stored.get(&key);
        let version = stored.and_then(|stored| stored["metadata"]["resourceVersion"].as_str());
        if version.unwrap_or_default() != over {
            return false;
        }
        object["metadata"]["resourceVersion"] = json!(self.next_revision().to_string());
        object["metadata"]["managedFields"] = json!([{"time": self.now.to_string()}]);
        self.stored.insert(key, object);
        true
    }

    /// Creates or replaces an object; what the validation said, or the mutation that refused.
    pub(crate) fn apply(&mut self, object: &Value) -> Decision {
        match self.admit(object) {
            Ok(admitted) => {
                let decision = admitted.decision.clone();
                assert!(self.store(admitted), "nobody was faster");
                decision
            }
            Err(decision) => decision,
        }
    }

    /// Creates or replaces an object that must pass.
    pub(crate) fn put(&mut self, object: &Value) {
        if let Err(decision) = self
            .admit(object)
            .map(|admitted| assert!(self.store(admitted)))
        {
            panic!("{}: {:#?}", object["metadata"]["name"], decision.denials);
        }
    }

    pub(crate) fn put_all(&mut self, objects: &[Value]) {
        objects.iter().for_each(|object| self.put(object));
    }

    /// Puts something that must pass as somebody else.
    pub(crate) fn put_as(&mut self, requester: Requester, object: &Value) {
        let before = std::mem::replace(&mut self.requester, requester);
        self.put(object);
        self.requester = before;
    }

    pub(crate) fn key(&self, kind: Kind, name: &str) -> Key {
        (kind, self.namespace.clone(), name.to_owned())
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> Value {
        self.stored[&self.key(kind, name)].clone()
    }

    /// The stored object with something changed in it, applied.
    pub(crate) fn edit(
        &mut self,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Decision {
        let mut object = self.get(kind, name);
        change(&mut object);
        self.apply(&object)
    }

    /// A write that changes no spec, such as of a status, which nobody is asked about.
    pub(crate) fn touch(&mut self, kind: Kind, name: &str) {
        let version = self.next_revision().to_string();
        let key = self.key(kind, name);
        self.stored.get_mut(&key).expect("stored")["metadata"]["resourceVersion"] = json!(version);
    }

    /// What a controller writes into a status.
    pub(crate) fn report(&mut self, kind: Kind, name: &str, status: Value) {
        self.touch(kind, name);
        let key = self.key(kind, name);
        self.stored.get_mut(&key).expect("stored")["status"] = status;
        self.book();
    }

    /// The request that a client of `/scale` makes.
    pub(crate) fn scaling(&self, kind: Kind, name: &str, replicas: Value) -> Request {
        let parent = self.get(kind, name);
        let number = parent["spec"]["replicas"].clone();
        let scale = |replicas: Value| {
            json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {
                "name": name, "namespace": self.namespace, "uid": parent["metadata"]["uid"],
                "resourceVersion": parent["metadata"]["resourceVersion"]},
                "spec": {"replicas": replicas}})
        };
        Request {
            part: Part::Scale,
            object: Some(scale(replicas)),
            old_object: Some(scale(number)),
            ..self.request(Phase::Validate, &parent)
        }
    }

    /// Scales what is stored.
    pub(crate) fn scale(&mut self, kind: Kind, name: &str, replicas: u64) -> Result<(), Decision> {
        let request = self.scaling(kind, name, json!(replicas));
        self.settle(&request)?;
        let version = self.next_revision().to_string();
        let key = self.key(kind, name);
        let object = self.stored.get_mut(&key).expect("stored");
        object["spec"]["replicas"] = json!(replicas);
        object["metadata"]["resourceVersion"] = json!(version);
        Ok(())
    }

    /// Deletes an object, which is never asked about.
    pub(crate) fn delete(&mut self, kind: Kind, name: &str) -> Value {
        let request = Request {
            operation: Operation::Delete,
            object: None,
            ..self.request(Phase::Validate, &self.get(kind, name))
        };
        assert!(self.decide(&request).is_allowed(), "deleting always passes");
        self.stored.remove(&self.key(kind, name)).expect("stored")
    }

    /// An event of an object as it was: the ledgers of all tenants take note.
    pub(crate) fn see(&mut self, kind: Kind, object: &Value) {
        let observed = observe(&self.site, kind, object).expect("it has entries");
        for account in self.tenants.values_mut() {
            account.ledger.as_mut().expect("a ledger").see(&observed);
        }
    }

    /// Looks for what is gone, given what was seen: each is read live, by its UID.
    pub(crate) fn sweep(&mut self, seen: &BTreeSet<String>) {
        let live: BTreeSet<_> = self.stored.values().map(uid).collect();
        let (site, stored, machines) = (&self.site, &self.stored, &self.machines);
        let replaced = |it: &Suspect| {
            let key = (it.kind, it.namespace.clone(), it.name.clone());
            let template = stored.get(&key).map(|template| (it.kind, template));
            template.is_some_and(|it| is_replaced(site, it, machines, (self.now, GRACE)))
        };
        for account in self.tenants.values_mut() {
            let ledger = account.ledger.as_mut().expect("a ledger");
            let suspects = ledger.suspects(seen, self.now, GRACE);
            let mut gone = suspects;
            gone.retain(|suspect| !live.contains(&suspect.uid));
            let uids = |gone: &[Suspect]| gone.iter().map(|it| it.uid.clone()).collect();
            let all: BTreeSet<String> = uids(&gone);
            gone.retain(|suspect| ledger.refers_to(suspect) && replaced(suspect));
            ledger.forget(&all, &uids(&gone));
        }
    }

    /// Books all that is stored, and what is gone.
    pub(crate) fn book(&mut self) {
        for ((kind, ..), object) in self.stored.clone() {
            self.see(kind, &object);
        }
        self.sweep(&self.stored.values().map(uid).collect());
        for account in self.tenants.values_mut() {
            let ledger = account.ledger.as_mut().expect("a ledger");
            ledger.expire(self.now, GRACE);
        }
    }

    pub(crate) fn wait(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).expect("time goes on");
    }

    /// A ledger of what is stored now, as a rebuild makes it.
    pub(crate) fn rebuilt(&self) -> Ledger {
        let mut ledger = Ledger {
            namespaces: self.ledger().namespaces.clone(),
            ..Ledger::default()
        };
        for ((kind, ..), object) in &self.stored {
            ledger.see(&observe(&self.site, *kind, object).expect("it has entries"));
        }
        ledger
    }
}

pub(crate) fn uid(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .expect("a UID")
        .to_owned()
}

/// Codes and paths of the denials.
pub(crate) fn denials(decision: &Decision) -> Vec<(&'static str, &str)> {
    let findings = decision.denials.iter();
    findings
        .map(|finding| (finding.code.as_str(), finding.path.as_str()))
        .collect()
}

/// Codes and paths of the warnings about quotas.
pub(crate) fn warnings(decision: &Decision) -> Vec<(&'static str, &str)> {
    let findings = decision
        .warnings
        .iter()
        .map(|finding| (finding.code.as_str(), finding.path.as_str()));
    findings
        .filter(|(code, _)| code.starts_with("BSP-Q"))
        .collect()
}

/// The denials as people read them.
pub(crate) fn words(decision: &Decision) -> Vec<String> {
    decision.denials.iter().map(ToString::to_string).collect()
}
