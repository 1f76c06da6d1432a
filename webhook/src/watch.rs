//! Keeps [`World`] up to date from watches.
//!
//! Each part runs for ever: a kind that is not served yet is waited for, and one that is no longer
//! served, or served in another version, is looked for again.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use basphere_core::{Kind, NamespaceFacts};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::readiness::Flag;
use crate::served::Served;
use crate::world::{Note, World};

/// An object's namespace (empty when it has none) and name.
type Key = (String, String);

/// What a watch tells.
#[derive(Debug, PartialEq)]
pub enum Change<K> {
    /// The object is now like this.
    Put(K),
    /// The object of this namespace and name is no longer there; its last state, unless it went while
    /// nobody watched.
    Gone(String, String, Option<Box<K>>),
    /// Everything that exists has been told.
    Synced,
}

/// Turns a watcher's events into changes: what a relist no longer shows is gone, too.
#[derive(Debug, Default)]
pub struct Mirror {
    known: HashSet<Key>,
    /// What the list that is under way has shown so far.
    listed: Option<HashSet<Key>>,
}

impl Mirror {
    /// What one event means.
    pub fn changes<K: ResourceExt>(&mut self, event: Event<K>) -> Vec<Change<K>> {
        match event {
            Event::Init => {
                self.listed = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let key = key(&object);
                if let Some(listed) = &mut self.listed {
                    listed.insert(key.clone());
                }
                self.known.insert(key);
                vec![Change::Put(object)]
            }
            Event::Delete(object) => {
                let (namespace, name) = key(&object);
                self.known.remove(&(namespace.clone(), name.clone()));
                vec![Change::Gone(namespace, name, Some(Box::new(object)))]
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let vanished: Vec<Key> = self.known.difference(&listed).cloned().collect();
                self.known = listed;
                let gone = vanished
                    .into_iter()
                    .map(|(namespace, name)| Change::Gone(namespace, name, None));
                gone.chain([Change::Synced]).collect()
            }
        }
    }
}

fn key<K: ResourceExt>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// A delay that doubles with every failure.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    /// Not longer, because somebody waits for us at a start and after an outage.
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new() -> Self {
        Self(Self::FIRST)
    }

    pub(crate) fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Self::LONGEST);
    }
}

/// Follows watches, one after the other, of the same objects: what it knows of them outlives each.
pub(crate) struct Follower<K> {
    mirror: Mirror,
    backoff: Backoff,
    stream: BoxStream<'static, watcher::Result<Event<K>>>,
    pending: VecDeque<Change<K>>,
}

impl<K> Follower<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    pub(crate) fn new() -> Self {
        let stream = stream::empty().boxed();
        Self {
            mirror: Mirror::default(),
            backoff: Backoff::new(),
            stream,
            pending: VecDeque::new(),
        }
    }

    /// Begins a new watch.
    pub(crate) fn start(&mut self, api: Api<K>, config: watcher::Config) {
        self.stream = watcher(api, config).boxed();
    }

    /// The next change; `None` when what is watched is not served any more.
    pub(crate) async fn next(&mut self) -> Option<Change<K>> {
        loop {
            match self.step().await? {
                Ok(change) => return Some(change),
                Err(error) => {
                    warn!(error = %error, "a watch was interrupted");
                    self.backoff.wait().await;
                }
            }
        }
    }

    /// The same for whoever wants to know why nothing changes: after an error it is time to [`Self::wait`].
    pub(crate) async fn step(&mut self) -> Option<watcher::Result<Change<K>>> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Some(Ok(change));
            }
            match self.stream.next().await? {
                Ok(event) => {
                    self.backoff.reset();
                    self.pending.extend(self.mirror.changes(event));
                }
                Err(error) if is_status(&error, 404) => {
                    warn!(error = %error, "a watch was interrupted");
                    return None;
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Waits a while, longer after each failure.
    pub(crate) async fn wait(&mut self) {
        self.backoff.wait().await;
    }
}

/// Whether the API server has answered so.
pub(crate) fn is_status(error: &watcher::Error, code: u16) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == code,
        _ => false,
    }
}

/// Keeps the Namespaces of the world up to date, for ever.
pub async fn keep_namespaces(client: Client, world: Arc<World>, synced: Flag) {
    let mut follower: Follower<PartialObjectMeta<Namespace>> = Follower::new();
    loop {
        follower.start(Api::all(client.clone()), watcher::Config::default());
        while let Some(change) = follower.next().await {
            match change {
                Change::Put(namespace) => {
                    let labels = serde_json::json!({"metadata": {"labels": namespace.labels()}});
                    let name = namespace.name_any();
                    world.put_namespace(&name, NamespaceFacts::from_object(&labels));
                    world.tell(Note::Namespace(name));
                }
                Change::Gone(_, name, _) => {
                    world.remove_namespace(&name);
                    world.tell(Note::Namespace(name));
                }
                Change::Synced => synced.set(true),
            }
        }
        follower.wait().await;
    }
}

/// Keeps the objects of one kind up to date, for ever.
pub async fn keep_kind(
    client: Client,
    kind: Kind,
    world: Arc<World>,
    served: Arc<Served>,
    synced: Flag,
) {
    follow_kind(client, kind, served, |news| match news {
        News::Change(change) => note(&world, kind, *change, &synced),
        News::NotServed => synced.set(false),
    })
    .await;
}

/// What is heard of a kind.
pub(crate) enum News {
    /// A watch tells something.
    Change(Box<Change<DynamicObject>>),
    /// The API server does not have the kind, or not any more.
    NotServed,
}

/// Follows the objects of one kind, for ever, in whatever version it is served.
pub(crate) async fn follow_kind(
    client: Client,
    kind: Kind,
    served: Arc<Served>,
    mut tell: impl FnMut(News),
) {
    let (asking, known) = (client.clone(), Arc::clone(&served));
    let look = move || {
        let (client, served) = (asking.clone(), Arc::clone(&known));
        async move { served.look(&client, kind).await }.boxed()
    };
    follow(client, kind.as_str(), look, |news| {
        if matches!(news, News::NotServed) {
            served.forget(kind);
        }
        tell(news);
    })
    .await;
}

/// Follows the objects of what `look` finds to be served, for ever.
pub(crate) async fn follow(
    client: Client,
    kind: &str,
    look: impl Fn() -> BoxFuture<'static, kube::Result<Option<ApiResource>>>,
    mut tell: impl FnMut(News),
) {
    let mut follower: Follower<DynamicObject> = Follower::new();
    loop {
        match look().await {
            Ok(Some(resource)) => {
                info!(kind, version = resource.version, "watching");
                follower.start(
                    Api::all_with(client.clone(), &resource),
                    watcher::Config::default(),
                );
                while let Some(change) = follower.next().await {
                    tell(News::Change(Box::new(change)));
                }
                tell(News::NotServed);
            }
            Ok(None) => {
                info!(kind, "waiting for its CustomResourceDefinition");
                tell(News::NotServed);
            }
            Err(error) => {
                warn!(kind, error = %error, "cannot ask which versions are served")
            }
        }
        follower.wait().await;
    }
}

fn note(world: &World, kind: Kind, change: Change<DynamicObject>, synced: &Flag) {
    match change {
        Change::Put(object) => {
            let namespace = object.namespace().unwrap_or_default();
            match serde_json::to_value(&object) {
                Ok(object) => world.observe(kind, &namespace, &object),
                Err(error) => warn!(kind = %kind, error = %error, "an object has no JSON form"),
            }
        }
        Change::Gone(namespace, name, _) => world.remove(kind, &namespace, &name),
        Change::Synced => synced.set(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str) -> Namespace {
        Namespace {
            metadata: kube::api::ObjectMeta {
                name: Some(name.to_owned()),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn put(name: &str) -> Change<Namespace> {
        Change::Put(namespace(name))
    }

    fn gone(name: &str) -> Change<Namespace> {
        Change::Gone(String::new(), name.to_owned(), None)
    }

    #[test]
    fn what_vanished_during_a_relist_is_gone() {
        let mut mirror = Mirror::default();
        let mut feed = |events: Vec<Event<Namespace>>| -> Vec<_> {
            events
                .into_iter()
                .flat_map(|event| mirror.changes(event))
                .collect()
        };
        let first = feed(vec![
            Event::Init,
            Event::InitApply(namespace("a")),
            Event::InitApply(namespace("b")),
            Event::InitDone,
            Event::Apply(namespace("c")),
        ]);
        assert_eq!(first, [put("a"), put("b"), Change::Synced, put("c")]);
        let second = feed(vec![
            Event::Init,
            Event::InitApply(namespace("a")),
            Event::InitApply(namespace("c")),
            Event::InitDone,
        ]);
        assert_eq!(second, [put("a"), put("c"), gone("b"), Change::Synced]);
        let last = Some(Box::new(namespace("c")));
        assert_eq!(
            feed(vec![Event::Delete(namespace("c"))]),
            [Change::Gone(String::new(), "c".to_owned(), last)]
        );
        let third = feed(vec![Event::Init, Event::InitDone]);
        assert_eq!(
            third,
            [gone("a"), Change::Synced],
            "what was deleted before is not told again"
        );
    }
}
