//! Watches ConstraintTemplates, and the constraints of each, and tells [`Sources`] what there is.
//!
//! Nothing of it is in force before all first lists are in: nobody is held to half a set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use basphere_api::gatekeeper;
use basphere_rego::constraint::{GROUP as CONSTRAINTS, VERSIONS};
use basphere_rego::template::{GROUP as TEMPLATES, KIND as TEMPLATE};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::{Client, ResourceExt};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{info, warn};

use super::kept::Kept;
use super::sources::Sources;
use crate::readiness::Flag;
use crate::register::FIELD_MANAGER;
use crate::watch::{Change, News, follow};

/// So long changes are gathered: who applies a folder of policies changes what is in force a few times, not a hundred.
const GATHER: Duration = Duration::from_millis(50);
/// So many changes are taken note of at once.
const MOST_AT_ONCE: usize = 1000;
/// The versions of ConstraintTemplates; what is stored means the same in each.
const TEMPLATE_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// What is heard.
enum Heard {
    Template(News),
    /// With the number of its watch.
    Constraint(u64, News),
}

/// Keeps the policies of a cluster in force, for ever.
pub async fn keep_cluster(client: Client, sources: Arc<Sources>, synced: Flag) {
    let (tell, mut heard) = unbounded_channel();
    let mut watches = Watches {
        client: client.clone(),
        tell: tell.clone(),
        tasks: JoinSet::new(),
        kinds: BTreeMap::new(),
        next: 0,
        unlisted: BTreeSet::new(),
        has_templates: false,
    };
    watches.tasks.spawn(follow_templates(client, tell));
    let mut pending = Vec::new();
    loop {
        let mut batch = Vec::new();
        if heard.recv_many(&mut batch, MOST_AT_ONCE).await == 0 {
            return;
        }
        tokio::time::sleep(GATHER).await;
        while let Ok(more) = heard.try_recv() {
            batch.push(more);
        }
        while watches.tasks.try_join_next().is_some() {}
        pending.extend(batch.into_iter().flat_map(|heard| watches.note(heard)));
        if watches.has_templates && watches.unlisted.is_empty() || synced.get() {
            let pending = std::mem::take(&mut pending).into_iter();
            sources.change_cluster(|kept| {
                pending
                    .map(|step| step.take(kept))
                    .fold(false, |any, it| any | it)
            });
            synced.set(true);
        }
    }
}

/// What becomes of what was heard.
enum Step {
    PutTemplate(Value),
    RemoveTemplate(String),
    PutConstraint(Value),
    RemoveConstraint(String, String),
    RemoveKind(String),
}

impl Step {
    /// Whether anything is other than before.
    fn take(self, kept: &mut Kept) -> bool {
        match self {
            Self::PutTemplate(object) => kept.put_template(object),
            Self::RemoveTemplate(name) => kept.remove_template(&name),
            Self::PutConstraint(object) => kept.put_constraint(object),
            Self::RemoveConstraint(kind, name) => kept.remove_constraint(&kind, &name),
            Self::RemoveKind(kind) => kept.remove_kind(&kind),
        }
    }
}

/// The watches of constraints, one a template.
struct Watches {
    client: Client,
    tell: UnboundedSender<Heard>,
    tasks: JoinSet<()>,
    /// By the template's name: the kind, the watch's number, and what ends it.
    kinds: BTreeMap<String, (String, u64, AbortHandle)>,
    next: u64,
    /// The numbers of watches whose first list is not in yet.
    unlisted: BTreeSet<u64>,
    has_templates: bool,
}

impl Watches {
    fn note(&mut self, heard: Heard) -> Vec<Step> {
        match heard {
            Heard::Template(News::NotServed) => {
                // Without a definition there are no objects of it; at a start it is waited for.
                let names: Vec<String> = self.kinds.keys().cloned().collect();
                names.iter().flat_map(|name| self.end(name)).collect()
            }
            Heard::Template(News::Change(change)) => match *change {
                Change::Put(object) => self.put(object),
                Change::Gone(_, name, _) => self.end(&name),
                Change::Synced => {
                    self.has_templates = true;
                    Vec::new()
                }
            },
            Heard::Constraint(number, news) => {
                let mut kinds = self.kinds.values();
                let Some((kind, _, _)) = kinds.find(|(_, own, _)| *own == number) else {
                    // Of a watch that was ended.
                    return Vec::new();
                };
                let step = constraint_step(kind, news);
                if step.is_none() || matches!(step, Some(Step::RemoveKind(_))) {
                    self.unlisted.remove(&number);
                }
                step.into_iter().collect()
            }
        }
    }

    fn put(&mut self, object: DynamicObject) -> Vec<Step> {
        let name = object.name_any();
        let Some(document) = json(object) else {
            return Vec::new();
        };
        let kind = document.pointer("/spec/crd/spec/names/kind");
        let kind = kind.and_then(Value::as_str).unwrap_or_default();
        let is_watched = self.kinds.get(&name).is_some_and(|(own, _, _)| own == kind);
        let mut steps = Vec::new();
        if !is_watched {
            steps.extend(self.end_watch(&name));
            // A template of another name makes no definition.
            if kind.to_lowercase() == name {
                self.begin(name, kind);
            }
        }
        steps.push(Step::PutTemplate(document));
        steps
    }

    fn begin(&mut self, name: String, kind: &str) {
        let number = self.next;
        self.next += 1;
        let watch = follow_constraints(
            self.client.clone(),
            kind.to_owned(),
            number,
            self.tell.clone(),
        );
        let handle = self.tasks.spawn(watch);
        self.unlisted.insert(number);
        self.kinds.insert(name, (kind.to_owned(), number, handle));
    }

    fn end(&mut self, name: &str) -> Vec<Step> {
        let kind = self.end_watch(name);
        kind.into_iter()
            .chain([Step::RemoveTemplate(name.to_owned())])
            .collect()
    }

    fn end_watch(&mut self, name: &str) -> Option<Step> {
        let (kind, number, handle) = self.kinds.remove(name)?;
        handle.abort();
        self.unlisted.remove(&number);
        Some(Step::RemoveKind(kind))
    }
}

/// What is to be done; nothing where a list has come to its end.
fn constraint_step(kind: &str, news: News) -> Option<Step> {
    match news {
        News::NotServed => Some(Step::RemoveKind(kind.to_owned())),
        News::Change(change) => match *change {
            Change::Put(object) => {
                let name = object.name_any();
                // What has no JSON form was never stored.
                Some(json(object).map_or_else(
                    || Step::RemoveConstraint(kind.to_owned(), name),
                    Step::PutConstraint,
                ))
            }
            Change::Gone(_, name, _) => Some(Step::RemoveConstraint(kind.to_owned(), name)),
            Change::Synced => None,
        },
    }
}

fn json(object: DynamicObject) -> Option<Value> {
    serde_json::to_value(object)
        .inspect_err(|error| warn!(error = %error, "a policy has no JSON form"))
        .ok()
}

async fn follow_templates(client: Client, tell: UnboundedSender<Heard>) {
    let asking = client.clone();
    let look = move || look_for_templates(asking.clone()).boxed();
    follow(client, TEMPLATE, look, |news| {
        // Nobody listens when the process ends.
        let _ = tell.send(Heard::Template(news));
    })
    .await;
}

async fn follow_constraints(
    client: Client,
    kind: String,
    number: u64,
    tell: UnboundedSender<Heard>,
) {
    let (asking, wanted) = (client.clone(), kind.clone());
    let look = move || -> BoxFuture<'static, _> {
        let (client, kind) = (asking.clone(), wanted.clone());
        async move { served(&client, CONSTRAINTS, &VERSIONS, &kind).await }.boxed()
    };
    follow(client, &kind, look, |news| {
        let _ = tell.send(Heard::Constraint(number, news));
    })
    .await;
}

/// The resource of a kind in the first of some versions that the API server has it in.
async fn served(
    client: &Client,
    group: &str,
    versions: &[&str],
    kind: &str,
) -> kube::Result<Option<ApiResource>> {
    for version in versions {
        let api_version = format!("{group}/{version}");
        let list = match client.list_api_group_resources(&api_version).await {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        let mut resources = list.resources.into_iter();
        let found = resources.find(|it| it.kind == kind && !it.name.contains('/'));
        if let Some(found) = found {
            return Ok(Some(ApiResource {
                group: group.to_owned(),
                version: (*version).to_owned(),
                api_version,
                kind: kind.to_owned(),
                plural: found.name,
            }));
        }
    }
    Ok(None)
}

/// The same of ConstraintTemplates. Where there is no definition, ours is created, which overwrites nobody's.
async fn look_for_templates(client: Client) -> kube::Result<Option<ApiResource>> {
    let found = served(&client, TEMPLATES, &TEMPLATE_VERSIONS, TEMPLATE).await?;
    if found.is_none() {
        let api = Api::<CustomResourceDefinition>::all(client);
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let definition = serde_json::from_value(gatekeeper::definition());
        let definition = definition.map_err(kube::Error::SerdeError)?;
        match api.create(&parameters, &definition).await {
            Ok(_) => info!("the definition of ConstraintTemplates is created"),
            // It is there already, and not served yet.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => warn!(
                error = %error,
                "there is no definition of ConstraintTemplates, and it cannot be created"
            ),
        }
    }
    Ok(found)
}
