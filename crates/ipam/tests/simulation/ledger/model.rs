//! The API server: Tenants, namespaces and what is charged, at one revision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use basphere_core::Kind;
use basphere_core::ipam::Delay;
use basphere_core::quota::{Account, Ask, Limits, Observed};
use basphere_core::site::Site;
use basphere_ipam::accounts::Record;
use serde_json::json;

use super::excuse::Excuses;
use super::setting;
use crate::course::{Course, Millis};
use crate::store::Server;

/// Webhook processes.
pub(crate) const REPLICAS: usize = 3;
/// So long the webhook works on a review.
pub(crate) const PATIENCE: Millis = 700;
/// So long after it began a request can be stored.
pub(crate) const GRACE: Millis = 2_000;
pub(crate) const GRACE_DELAY: Delay = Delay::millis(GRACE as u32);
/// The longest that a cache is behind.
pub(crate) const LAG: Millis = 500;

/// The watches of a process, each of which lags by itself: Tenants, namespaces, templates, the rest.
pub(crate) const WATCHES: usize = 4;

/// Kind, namespace and name.
pub(crate) type Key = (Kind, String, String);

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) observed: Arc<Observed>,
    /// Whether it is being deleted, and a finalizer keeps it.
    pub(crate) is_deleting: bool,
    /// The virtual CPUs of its machines, when the template that they were made of is gone, or smaller by now.
    pub(crate) kept_vcpus: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum News {
    Tenant(Record),
    TenantGone(String, String),
    Namespace(String, String),
    Object(Arc<Observed>),
    ObjectGone(Key),
}

pub(crate) struct World {
    pub(crate) course: Course<Self>,
    revision: u64,
    pub(crate) site: Arc<Site>,
    pub(crate) tenants: BTreeMap<String, Record>,
    /// The group of each Tenant when it was written last, which caches may still say of one that is gone.
    parents: BTreeMap<String, Option<String>>,
    /// What each Tenant's limits were since which moment.
    limits: BTreeMap<String, Vec<(Millis, Limits)>>,
    /// Each namespace's owner.
    pub(crate) namespaces: BTreeMap<String, String>,
    pub(crate) objects: BTreeMap<Key, Object>,
    pub(crate) news: [Vec<(Millis, News)>; WATCHES],
    /// Who waits, and until when.
    pub(crate) timers: Vec<(Millis, Waker)>,
    /// When each process has read each Tenant live.
    pub(crate) reads: BTreeMap<(usize, String), u64>,
    /// Accounts in which more may be stored than was charged.
    pub(crate) excuses: Excuses,
    /// A Tenant as it once was, to be restored.
    pub(crate) backup: Option<Record>,
    /// Who leads, or believes so.
    pub(crate) leaders: Vec<usize>,
}

pub(crate) type Shared = Arc<Mutex<World>>;

impl Server for World {
    fn course(&mut self) -> &mut Course<Self> {
        &mut self.course
    }
}

impl World {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        let mut world = Self {
            course: Course::new(seed, trace),
            revision: 1,
            site: setting::site(),
            tenants: BTreeMap::new(),
            parents: BTreeMap::new(),
            limits: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            objects: BTreeMap::new(),
            news: Default::default(),
            timers: Vec::new(),
            reads: BTreeMap::new(),
            excuses: BTreeMap::new(),
            backup: None,
            leaders: vec![0],
        };
        setting::furnish(&mut world);
        world
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, delay: Millis) {
        self.course.now += delay;
        let now = self.course.now;
        let (due, others) = self.timers.drain(..).partition(|(until, _)| *until <= now);
        self.timers = others;
        Vec::into_iter(due).for_each(|(_, waker)| waker.wake());
        self.note_limits();
    }

    pub(crate) fn next_revision(&mut self) -> String {
        self.revision += 1;
        self.revision.to_string()
    }

    fn tell(&mut self, watch: usize, news: News) {
        self.news[watch].push((self.course.now, news));
    }

    /// Stores a Tenant, whoever has seen it before.
    pub(crate) fn put_tenant(&mut self, mut record: Record) -> Record {
        record.resource_version = self.next_revision();
        let name = record.account.name.clone();
        self.course.say(format_args!(
            "Tenant {name} at {}: {:?}",
            record.resource_version, record.account
        ));
        let parent = record.account.spec.parent.clone();
        self.parents.insert(name.clone(), parent);
        self.tenants.insert(name.clone(), record);
        let shown = self.tenant(&name).unwrap();
        self.tell(0, News::Tenant(shown.clone()));
        self.note_limits();
        shown
    }

    /// Whether the Tenant of that name was in no group when it was written last.
    pub(crate) fn was_alone(&self, name: &str) -> bool {
        self.parents.get(name).is_some_and(Option::is_none)
    }

    pub(crate) fn remove_tenant(&mut self, name: &str) {
        if let Some(record) = self.tenants.remove(name) {
            self.next_revision();
            self.course.say(format_args!("Tenant {name} is gone"));
            self.tell(0, News::TenantGone(name.to_owned(), record.uid));
            self.note_limits();
        }
    }

    /// A Tenant as it is read: of one whose ledger was made for another object of its name, the product
    /// says what that is worth.
    pub(crate) fn tenant(&self, name: &str) -> Option<Record> {
        let mut record = self.tenants.get(name)?.clone();
        let ledger = record.account.ledger.as_ref();
        if ledger.is_some_and(|ledger| ledger.of != record.uid) {
            let read = Account::of(&json!({
                "metadata": {"name": name, "uid": record.uid},
                "spec": record.account.spec,
                "status": {"ledger": record.account.ledger},
            }));
            record.account = Arc::new(read);
        }
        Some(record)
    }

    /// A tenant and those above it, the root last.
    pub(crate) fn chain(&self, tenant: &str) -> Vec<&Account> {
        let mut chain = Vec::new();
        let mut next = self.tenants.get(tenant);
        while let Some(record) = next {
            chain.push(&*record.account);
            let parent = record.account.spec.parent.as_ref();
            next = parent.and_then(|parent| self.tenants.get(parent));
        }
        chain
    }

    /// The names of those who are charged for a namespace; its owner is, whether or not there is a Tenant yet.
    pub(crate) fn charged_for(&self, namespace: &str) -> Vec<String> {
        let owner = &self.namespaces[namespace];
        let above = self.chain(owner).into_iter().skip(1);
        let above = above.map(|account| account.name.clone());
        std::iter::once(owner.clone()).chain(above).collect()
    }

    /// Whether a namespace is charged to an account.
    pub(crate) fn is_charged(&self, namespace: &str, account: &str) -> bool {
        let owner = &self.namespaces[namespace];
        owner == account || self.chain(owner).iter().any(|above| above.name == account)
    }

    /// What is stored in namespaces that are charged to an account.
    pub(crate) fn objects_of(&self, account: &str) -> Vec<&Object> {
        let own: Vec<&str> = self
            .namespaces
            .keys()
            .map(String::as_str)
            .filter(|namespace| self.is_charged(namespace, account))
            .collect();
        let all = self.objects.values();
        all.filter(|object| own.contains(&object.observed.namespace.as_str()))
            .collect()
    }

    /// Writes down what limits are in force, when they are others than before.
    fn note_limits(&mut self) {
        let now = self.course.timestamp();
        for (name, record) in &self.tenants {
            let is_group = setting::is_group(name);
            let known = self.limits.entry(name.clone()).or_default();
            let (hard, _) = record.account.limits(&self.site, is_group, now);
            if known.last().is_none_or(|(_, known)| *known != hard) {
                known.push((self.course.now, hard));
            }
        }
    }

    /// All limits that an account had since a moment.
    pub(crate) fn limits_since(&self, account: &str, since: Millis) -> &[(Millis, Limits)] {
        let all = self.limits.get(account).map_or(&[][..], Vec::as_slice);
        let first = all.iter().rposition(|(from, _)| *from < since).unwrap_or(0);
        &all[first..]
    }

    /// Stores an object at a new revision.
    pub(crate) fn put(&mut self, observed: Observed, is_deleting: bool) {
        let observed = Arc::new(Observed {
            resource_version: self.next_revision(),
            ..observed
        });
        let key = key_of(&observed);
        self.course.say(format_args!(
            "stored {key:?} {} at {}: {:?}",
            observed.uid, observed.resource_version, observed.ask
        ));
        self.tell(watch_of(key.0), News::Object(Arc::clone(&observed)));
        if is_template(key.0) {
            self.keep_sizes(&key);
        }
        let before = self.objects.get(&key);
        let kept = before.filter(|it| it.observed.ask.template == observed.ask.template);
        let object = Object {
            kept_vcpus: kept.map_or(0, |it| it.kept_vcpus),
            observed,
            is_deleting,
        };
        self.objects.insert(key, object);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if is_template(key.0) {
            self.keep_sizes(key);
        }
        if self.objects.remove(key).is_none() {
            return;
        }
        self.next_revision();
        self.course.say(format_args!("{key:?} is gone"));
        self.tell(watch_of(key.0), News::ObjectGone(key.clone()));
    }

    /// Machines keep the size that they have, whatever becomes of their template.
    fn keep_sizes(&mut self, template: &Key) {
        let stored = self.objects.get(template);
        let Some(size) = stored.and_then(|stored| stored.observed.ask.size) else {
            return;
        };
        for object in self.objects.values_mut() {
            if is_made_of(object, template) {
                object.kept_vcpus = object.kept_vcpus.max(size.cpus);
            }
        }
    }

    /// The objects whose machines are made of a template.
    pub(crate) fn made_of<'a>(&'a self, template: &'a Key) -> impl Iterator<Item = &'a Object> {
        let objects = self.objects.values();
        objects.filter(|object| is_made_of(object, template))
    }

    /// What no ledger has seen nobody knows any more: the size of a template that was gone before a namespace
    /// was counted, or before something in it was booked.
    pub(crate) fn forget_sizes(&mut self, namespaces: &BTreeSet<String>) {
        for object in self.objects.values_mut() {
            if namespaces.contains(&object.observed.namespace) {
                object.kept_vcpus = 0;
            }
        }
    }

    pub(crate) fn give(&mut self, namespace: &str, owner: &str) {
        self.course
            .say(format_args!("namespace {namespace} is {owner}'s"));
        self.namespaces
            .insert(namespace.to_owned(), owner.to_owned());
        let news = News::Namespace(namespace.to_owned(), owner.to_owned());
        self.tell(1, news);
    }
}

pub(crate) fn key_of(observed: &Observed) -> Key {
    let (namespace, name) = (observed.namespace.clone(), observed.name.clone());
    (observed.kind, namespace, name)
}

fn is_made_of(object: &Object, template: &Key) -> bool {
    let named = object.observed.ask.template.as_ref();
    named.is_some_and(|named| named.name == template.2) && object.observed.namespace == template.1
}

pub(crate) fn is_template(kind: Kind) -> bool {
    kind == Kind::VSphereMachineTemplate
}

fn watch_of(kind: Kind) -> usize {
    if is_template(kind) { 2 } else { 3 }
}

/// What a request asks to have stored.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) uid: String,
    /// The object that is stored.
    pub(crate) old: Option<Arc<Observed>>,
    pub(crate) new: Ask,
    /// Whether a number alone is written.
    pub(crate) is_scale: bool,
    /// Whether a controller writes what is counted elsewhere.
    pub(crate) is_forced: bool,
}

impl Asked {
    /// Whether it plainly asks for nothing more than is stored. A number alone does not show how many the
    /// autoscaler may make.
    pub(crate) fn is_free(&self) -> bool {
        self.old.as_ref().is_some_and(|old| {
            if self.is_scale {
                return self.new.replicas <= old.ask.replicas;
            }
            let same = Ask {
                replicas: old.ask.replicas,
                most: old.ask.most,
                ..self.new.clone()
            };
            let count = |ask: &Ask| ask.replicas.max(ask.most.unwrap_or(0));
            same == old.ask && count(&self.new) <= count(&old.ask)
        })
    }

    /// The object, as it would be stored.
    pub(crate) fn object(&self) -> Observed {
        let (kind, namespace, name) = self.key.clone();
        Observed {
            kind,
            namespace,
            name,
            uid: self.uid.clone(),
            resource_version: String::new(),
            ask: self.new.clone(),
            is_made: false,
        }
    }
}
