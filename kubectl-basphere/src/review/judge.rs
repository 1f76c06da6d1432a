//! Judges objects one after another, as the server does when a file is applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use basphere_core::{
    Decision, Kind, Lookup, NamespaceFacts, Networks, Operation, Part, Phase, Request, Requester,
    Site, Snapshot, Subject, Timestamp, decide,
};
use serde_json::{Value, json};

use super::addresses::Addresses;
use super::apply::applied;
use super::cluster::Cluster;
use super::report::Item;
use super::room::{Room, not_read};
use super::schema::Schemas;
use crate::input::Source;

/// What stands in for the random end of a generated name.
const GENERATED: &str = "00000";

/// Judges the objects of a stream.
pub(super) struct Judge {
    site: Arc<Site>,
    cluster: Option<Cluster>,
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
    /// One time for all objects, so that they are judged alike.
    now: Timestamp,
    /// Namespaces that stand earlier in the stream.
    written: BTreeMap<String, NamespaceFacts>,
    notices: Vec<String>,
}

/// One object on its way to the server.
struct Sent {
    subject: Subject,
    namespace: String,
    name: String,
    object: Value,
    stored: Option<Value>,
}

impl Judge {
    pub(super) fn new(
        site: Arc<Site>,
        cluster: Option<Cluster>,
        requester: Option<Requester>,
        namespace: Option<String>,
        of_context: Option<String>,
    ) -> Self {
        let mut judge = Self {
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
            now: Timestamp::now(),
            written: BTreeMap::new(),
            notices: Vec::new(),
            cluster,
        };
        if let (None, Some(cluster)) = (&judge.requester, &judge.cluster) {
            match cluster.requester() {
                Ok(requester) => judge.requester = Some(requester),
                Err(error) => judge.notices.push(format!(
                    "the cluster does not tell who you are ({error:#}); the owner of each namespace is assumed"
                )),
            }
        }
        judge.read_networks();
        judge.addresses = judge.cluster.as_ref().and_then(Addresses::read);
        judge
    }

    /// Reads the networks of all Clusters, where the Site makes them differ.
    fn read_networks(&mut self) {
        if let (Some(cluster), Some(_)) = (&self.cluster, &self.site.spec().cluster_network.unique)
        {
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
    pub(super) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Judges one object, and takes note of it for those that follow. With the error, for a person,
    /// stands the place.
    pub(super) fn review(&mut self, source: Source) -> (Item, Option<Error>) {
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
        };
        self.schemas
            .read(self.cluster.as_ref(), &item.api_version, &mut self.notices);
        self.schemas.refuse_unknown_kind(&mut item);
        if !item.denials.is_empty() {
            (item.judged, item.allowed) = (true, false);
            return (item, None);
        }
        match Subject::parse_manifest(&item.api_version, &item.kind) {
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
        if let Some(room) = self.rooms.get_mut(name) {
            room.facts = Some(facts.clone());
        }
        self.written.insert(name.to_owned(), facts);
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
        let stored = match &self.cluster {
            Some(cluster) if !item.name.is_empty() => {
                self.read_stored(cluster, subject, &namespace, &item.name)?
            }
            _ => None,
        };
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
        })
    }

    fn read_stored(
        &self,
        cluster: &Cluster,
        subject: Subject,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        let kind = subject.kind;
        cluster
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
        if is_complete {
            let object = with_generated_name(object.clone());
            item.take(self.decide(&sent, Phase::Validate, object.clone()));
            if item.denials.is_empty()
                && let Some(room) = self.rooms.get_mut(&sent.namespace)
            {
                Arc::make_mut(&mut room.inventory).observe(sent.subject.kind, &object);
                if sent.subject.kind == Kind::Cluster {
                    Arc::make_mut(&mut self.networks).observe(&object);
                }
            }
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

    fn decide(&self, sent: &Sent, phase: Phase, object: Value) -> Decision {
        let mut room = self.rooms.get(&sent.namespace).cloned().unwrap_or_default();
        if self.knows_networks {
            room.live.insert(Lookup::Networks);
        }
        let mut snapshot = Snapshot {
            namespace: room.facts,
            inventory: room.inventory,
            networks: Arc::clone(&self.networks),
            live: room.live,
            ..Snapshot::of(Arc::clone(&self.site), self.now)
        };
        snapshot.accounts.insert(
            self.owner_of(&sent.namespace, &snapshot).username,
            Vec::new(),
        );
        let requester = self
            .requester
            .clone()
            .unwrap_or_else(|| self.owner_of(&sent.namespace, &snapshot));
        let request = Request {
            phase,
            operation: if sent.stored.is_some() {
                Operation::Update
            } else {
                Operation::Create
            },
            subject: sent.subject,
            namespace: sent.namespace.clone(),
            // A generated name is not known yet while the object is completed.
            name: if phase == Phase::Mutate {
                sent.name.clone()
            } else {
                text(&object, "/metadata/name")
            },
            requester,
            part: Part::Whole,
            dry_run: false,
            object: Some(object),
            old_object: sent.stored.clone(),
        };
        match &self.addresses {
            Some(addresses) => addresses.decide(&request, &mut snapshot),
            None => decide(&request, &snapshot),
        }
    }

    /// The namespace's owner as a plain tenant.
    fn owner_of(&self, namespace: &str, snapshot: &Snapshot) -> Requester {
        let label = snapshot
            .namespace
            .as_ref()
            .and_then(|facts| facts.owner_label.as_deref());
        let username = self
            .site
            .namespace_owner(namespace, label)
            .unwrap_or_default();
        Requester {
            username,
            groups: vec!["system:authenticated".to_owned()],
        }
    }

    /// Reads what decisions look up in a namespace, once.
    fn enter(&mut self, namespace: &str) {
        if self.rooms.contains_key(namespace) {
            return;
        }
        let mut room = match &self.cluster {
            Some(cluster) => Room::read(cluster, namespace, &mut self.notices),
            // Whose the namespace is follows from its name, as far as that can be known.
            None => Room::default(),
        };
        if let Some(facts) = self.written.get(namespace) {
            room.facts = Some(facts.clone());
        }
        self.rooms.insert(namespace.to_owned(), room);
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The API server generates names between the two calls.
fn with_generated_name(mut object: Value) -> Value {
    let generate = text(&object, "/metadata/generateName");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !generate.is_empty()
        && !metadata.contains_key("name")
    {
        metadata.insert("name".to_owned(), json!(format!("{generate}{GENERATED}")));
    }
    object
}

/// What no person writes or reads is left out of what is shown.
fn without_bookkeeping(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    object
}
