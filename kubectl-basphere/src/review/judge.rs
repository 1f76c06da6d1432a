//! Judges objects one after another, as the server does when a file is applied.

mod asked;
mod payloads;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use basphere_core::images;
use basphere_core::quota::{self, Charge};
use basphere_core::{
    Decision, Kind, Lookup, NamespaceFacts, Networks, Phase, Requester, Site, Subject, Timestamp,
    decide,
};
use serde_json::{Value, json};

use super::accounts::{Accounts, Origin};
use super::addresses::Addresses;
use super::apply::applied;
use super::report::Item;
use super::room::{Room, not_read};
use super::schema::Schemas;
use super::sent::{Sent, text, without_bookkeeping};
use super::world::World;
use crate::input::Source;

/// Judges the objects of a stream.
pub(crate) struct Judge {
    site: Arc<Site>,
    world: World,
    requester: Option<Requester>,
    /// The namespace that the command line names.
    namespace: Option<String>,
    /// The namespace of objects that name none.
    default_namespace: String,
    schemas: Schemas,
    rooms: BTreeMap<String, Room>,
    /// The networks of all Clusters, and of those that stand earlier in the stream.
    networks: Arc<Networks>,
    /// Whether the cluster told them.
    knows_networks: bool,
    /// Pools and leases, for those who may read them.
    addresses: Option<Addresses>,
    /// What tenants may ask for, and have asked for.
    accounts: Accounts,
    /// How many objects were judged.
    count: usize,
    /// One time for all objects, so that they are judged alike.
    now: Timestamp,
    /// Namespaces that stand earlier in the stream.
    written: BTreeMap<String, NamespaceFacts>,
    notices: Vec<String>,
}

impl Judge {
    pub(crate) fn new(
        site: Arc<Site>,
        world: World,
        requester: Option<Requester>,
        namespace: Option<String>,
        of_context: Option<String>,
    ) -> Self {
        let now = Timestamp::now();
        let mut judge = Self {
            accounts: Accounts::new(Arc::clone(&site), now),
            count: 0,
            site,
            requester,
            default_namespace: namespace
                .clone()
                .or(of_context)
                .unwrap_or_else(|| "default".to_owned()),
            namespace,
            schemas: Schemas::default(),
            rooms: BTreeMap::new(),
            networks: Arc::default(),
            knows_networks: false,
            addresses: None,
            now,
            written: BTreeMap::new(),
            notices: Vec::new(),
            world,
        };
        if let (None, Some(cluster)) = (&judge.requester, judge.world.cluster()) {
            match cluster.requester() {
                Ok(requester) => judge.requester = Some(requester),
                Err(error) => judge.notices.push(format!(
                    "the cluster does not tell who you are ({error:#}); the owner of each namespace is assumed"
                )),
            }
        }
        judge.read_networks();
        judge.addresses = judge.world.cluster().and_then(Addresses::read);
        judge
    }

    /// Reads the networks of all Clusters, where the Site makes them differ.
    fn read_networks(&mut self) {
        let unique = &self.site.spec().cluster_network.unique;
        if let (Some(cluster), Some(_)) = (self.world.cluster(), unique) {
            match cluster.list(None, Kind::Cluster) {
                Ok(clusters) => {
                    self.networks = Arc::new(Networks::from_clusters(&clusters));
                    self.knows_networks = true;
                }
                Err(error) => self
                    .notices
                    .push(not_read(&error, "the clusters of all namespaces")),
            }
        }
    }

    /// What the user should know about how sure the result is.
    pub(crate) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// What tenants may ask for, and have asked for.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Judges one object, and takes note of it for those that follow. With the error, for a person,
    /// stands the place.
    pub(crate) fn review(&mut self, source: Source) -> (Item, Option<Error>) {
        let Source { file, manifest } = source;
        let place = format!(
            "{file}: document {}, line {}",
            manifest.document, manifest.line
        );
        let object = manifest.object;
        let mut item = Item {
            file,
            document: manifest.document,
            line: manifest.line,
            api_version: text(&object, "/apiVersion"),
            kind: text(&object, "/kind"),
            namespace: Some(text(&object, "/metadata/namespace"))
                .filter(|namespace| !namespace.is_empty()),
            name: text(&object, "/metadata/name"),
            operation: "CREATE",
            judged: false,
            allowed: true,
            error: None,
            denials: Vec::new(),
            warnings: Vec::new(),
            needs_cluster: Vec::new(),
            object: None,
            sent: Value::Null,
            needs: Vec::new(),
        };
        self.schemas
            .read(self.world.cluster(), &item.api_version, &mut self.notices);
        self.schemas.refuse_unknown_kind(&mut item);
        if !item.denials.is_empty() {
            (item.judged, item.allowed) = (true, false);
            return (item, None);
        }
        let subject = Subject::parse_manifest(&item.api_version, &item.kind);
        match subject.filter(|subject| is_judged(subject.kind, &object)) {
            Some(subject) => match self.sent(subject, &mut item, object) {
                Ok(sent) => self.judge(sent, &mut item),
                Err(error) => {
                    item.allowed = false;
                    item.error = Some(format!("{error:#}"));
                    return (item, Some(error.context(place)));
                }
            },
            None if item.api_version == "v1" && item.kind == "Namespace" => {
                self.observe_namespace(&item.name, &object);
            }
            None => {}
        }
        (item, None)
    }

    fn observe_namespace(&mut self, name: &str, object: &Value) {
        let facts = NamespaceFacts::from_object(object);
        self.written.insert(name.to_owned(), facts.clone());
        if let Some(mut room) = self.rooms.remove(name) {
            room.facts = Some(facts);
            self.settle(name, room);
        }
    }

    /// What kubectl would send: with a namespace, and over what is stored.
    fn sent(&mut self, subject: Subject, item: &mut Item, mut object: Value) -> Result<Sent> {
        self.schemas.refuse_unknown_fields(subject, &object, item);
        let namespace = self.namespace_of(subject, item)?;
        let generate = text(&object, "/metadata/generateName");
        ensure!(
            !item.name.is_empty() || !generate.is_empty(),
            "metadata.name is missing"
        );
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
            && !namespace.is_empty()
        {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        let stored = if item.name.is_empty() {
            None
        } else {
            self.read_stored(subject, &namespace, &item.name)?
        };
        self.count = self.count.saturating_add(1);
        let object = stored
            .as_ref()
            .map(|stored| applied(stored, &object))
            .unwrap_or(object);
        Ok(Sent {
            subject,
            namespace,
            name: item.name.clone(),
            object,
            stored,
            before: self.count,
        })
    }

    fn read_stored(&self, subject: Subject, namespace: &str, name: &str) -> Result<Option<Value>> {
        let kind = subject.kind;
        self.world
            .get(subject, namespace, name)
            .with_context(|| format!("cannot read {kind} {namespace}/{name}"))
    }

    /// Empty for cluster-scoped kinds.
    fn namespace_of(&self, subject: Subject, item: &Item) -> Result<String> {
        if !subject.kind.is_namespaced() {
            return Ok(String::new());
        }
        match (&item.namespace, &self.namespace) {
            (Some(written), Some(asked)) if written != asked => {
                bail!(
                    "the manifest's namespace is {written:?}, and --namespace {asked:?} contradicts it"
                )
            }
            (Some(written), _) => Ok(written.clone()),
            (None, _) => Ok(self.default_namespace.clone()),
        }
    }

    /// First completes the object, then judges what became of it, as the two webhook calls do.
    fn judge(&mut self, sent: Sent, item: &mut Item) {
        self.enter(&sent.namespace);
        let completed = self.decide(&sent, Phase::Mutate, sent.object.clone());
        let object = completed
            .object
            .clone()
            .unwrap_or_else(|| sent.object.clone());
        let is_complete = completed.is_allowed();
        item.take(completed);
        let stored = sent.with_uid(sent.with_generated_name(object.clone()));
        if is_complete {
            let decision = self.decide(&sent, Phase::Validate, stored.clone());
            self.charge(
                &sent,
                decision.charge.as_ref(),
                &stored,
                item,
                decision.is_allowed(),
            );
            item.take(decision);
        } else {
            // What it would need is told of what is refused as well.
            let (request, snapshot) = self.asked(&sent, Phase::Validate, stored.clone());
            let charge = decide(&request, &snapshot).charge;
            self.charge(&sent, charge.as_ref(), &stored, item, false);
        }
        if item.denials.is_empty() {
            self.observe(&sent, &stored);
        }
        item.judged = true;
        item.allowed = item.denials.is_empty();
        item.namespace = Some(sent.namespace).filter(|namespace| !namespace.is_empty());
        item.name = if sent.name.is_empty() {
            text(&sent.object, "/metadata/generateName")
        } else {
            sent.name
        };
        item.operation = if sent.stored.is_some() {
            "UPDATE"
        } else {
            "CREATE"
        };
        item.sent = without_bookkeeping(sent.object);
        item.object = Some(without_bookkeeping(object));
    }

    /// Takes note of an object that would be stored.
    fn observe(&mut self, sent: &Sent, object: &Value) {
        let kind = sent.subject.kind;
        if let Some(room) = self.rooms.get_mut(&sent.namespace) {
            Arc::make_mut(&mut room.inventory).observe(kind, object);
            if kind == Kind::Cluster {
                Arc::make_mut(&mut self.networks).observe(object);
            }
            if kind == Kind::ConfigMap {
                room.config_maps
                    .insert(sent.name.clone(), Arc::new(object.clone()));
            }
        }
        if kind == Kind::Tenant {
            self.accounts.write_tenant(&sent.name, object);
        }
    }

    /// Takes note of what an object asks for.
    fn charge(
        &mut self,
        sent: &Sent,
        charge: Option<&Charge>,
        object: &Value,
        item: &mut Item,
        is_allowed: bool,
    ) {
        let Some(room) = self.rooms.get(&sent.namespace) else {
            return;
        };
        let tenant = room.owner(&self.site, &sent.namespace);
        if let Some(charge) = charge {
            item.needs = self.accounts.weigh(&tenant, charge);
        }
        let observed = quota::observe(&self.site, sent.subject.kind, object);
        let is_stored = is_allowed && item.denials.is_empty();
        self.accounts.book(&tenant, charge, observed, is_stored);
    }

    fn decide(&self, sent: &Sent, phase: Phase, object: Value) -> Decision {
        let (request, mut snapshot) = self.asked(sent, phase, object);
        self.look_at_payloads(sent, &mut snapshot);
        let mut decision = match &self.addresses {
            Some(addresses) => addresses.decide(&request, &mut snapshot),
            None => decide(&request, &snapshot),
        };
        // Others, or objects that were not read, may have used more than is known here.
        let tenant = self.tenant(&sent.namespace);
        if decision.charge.is_some() && !self.is_sure_of(&tenant) {
            decision.missed.insert(Lookup::Accounts(tenant));
        }
        decision
    }

    /// Reads what decisions look up in a namespace, once.
    fn enter(&mut self, namespace: &str) {
        if self.rooms.contains_key(namespace) {
            return;
        }
        let mut room = Room::read(&self.world, &self.site, namespace, &mut self.notices);
        // Whose the namespace is follows from its name, where nothing else tells it.
        if let Some(facts) = self.written.get(namespace) {
            room.facts = Some(facts.clone());
        }
        self.settle(namespace, room);
    }

    /// Takes note of a namespace, and of its tenant's accounts.
    fn settle(&mut self, namespace: &str, room: Room) {
        let tenant = room.owner(&self.site, namespace);
        self.accounts.enter(
            &self.world,
            (&tenant, namespace),
            &room.observed,
            &mut self.notices,
        );
        if self.world.cluster().is_some() && !tenant.is_empty() && !self.is_sure_of(&tenant) {
            self.notices.push(match self.accounts.origin(&tenant) {
                Some(Origin::Counted) => format!("nothing is counted for Tenant {tenant} yet: the objects of namespace {namespace} count"),
                _ => format!("neither a Tenant {tenant} nor a TenantQuota of {namespace} can be read: the Site's default limits and the objects of {namespace} count"),
            });
        }
        self.rooms.insert(namespace.to_owned(), room);
    }
}

/// Whether the webhook is called for an object: of ConfigMaps and Secrets, for those that hold manifests.
fn is_judged(kind: Kind, object: &Value) -> bool {
    !matches!(kind, Kind::ConfigMap | Kind::Secret) || images::is_payload(object)
}
