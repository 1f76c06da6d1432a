//! Objects that were stored without what a review fills in, since we were away or they came before the
//! Cluster that names them, are completed by the very decision that a review would have made.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use basphere_api::controllers::{COMPLETED, LABELLED};
use basphere_core::ipam::Claim;
use basphere_core::{
    Class, Code, Decision, Kind, Operation, Part, Phase, Request, Requester, Subject, Timestamp,
};
use json_patch::{Patch as JsonPatch, PatchOperation, TestOperation};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::Value;
use tracing::{debug, info};

use super::carriers::{INFRASTRUCTURE, annotation, refers_to, text};
use super::events::{Teller, Told};
use super::objects::{Id, Objects};
use super::queue::{Queue, Requests, work};
use crate::judge::Judge;
use crate::register::FIELD_MANAGER;
use crate::served::Served;

/// Who asks, when the site lists no controller.
const OURSELVES: &str = "basphere";
const PAUSED: &str = "cluster.x-k8s.io/paused";
/// So many objects are worked on at once.
const AT_ONCE: usize = 4;

/// Whether objects of this kind are looked after.
pub(crate) fn is_repaired(kind: Kind) -> bool {
    COMPLETED.contains(&kind) || LABELLED.contains(&kind)
}

/// Completes objects.
pub(crate) struct Repair {
    pub(crate) client: Client,
    pub(crate) judge: Arc<Judge>,
    pub(crate) served: Arc<Served>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) teller: Teller,
}

/// Works on objects for ever.
pub(crate) async fn keep(repair: Repair, queue: (Queue<Id>, Requests<Id>)) {
    let repair = &repair;
    work(queue, AT_ONCE, |id: Id| async move {
        repair.repair(&id).await?;
        Ok::<_, anyhow::Error>(None::<Timestamp>)
    })
    .await;
}

/// The objects that a change of this one may concern.
pub(crate) fn concerned(objects: &Objects, id: &Id) -> Vec<Id> {
    if is_repaired(id.kind) {
        return vec![id.clone()];
    }
    if id.kind != Kind::Cluster {
        return Vec::new();
    }
    // What a Cluster refers to may have waited for it.
    let Some(cluster) = objects.get(id) else {
        return Vec::new();
    };
    INFRASTRUCTURE
        .into_iter()
        .chain([Kind::KubeadmControlPlane])
        .flat_map(|kind| {
            objects
                .all(kind, &id.namespace)
                .into_iter()
                .map(move |it| (kind, it))
        })
        .filter_map(|(kind, object)| {
            let name = text(&object, "/metadata/name")?;
            refers_to(&cluster, kind.as_str(), name).then(|| Id::new(kind, &id.namespace, name))
        })
        .collect()
}

impl Repair {
    async fn repair(&self, id: &Id) -> Result<()> {
        // What the cache shows complete is not read again.
        let Some(known) = self.objects.get(id) else {
            return Ok(());
        };
        if self.is_left_alone(id, &known) || self.missing(id, &known, true).await?.is_none() {
            return Ok(());
        }
        let live = self
            .judge
            .reader
            .object(&id.namespace, id.kind, &id.name)
            .await?;
        let Some(live) = live.filter(|live| !self.is_left_alone(id, live)) else {
            return Ok(());
        };
        let Some((patch, decision)) = self.missing(id, &live, false).await? else {
            return Ok(());
        };
        self.apply(id, &live, patch).await?;
        info!(kind = %id.kind, namespace = id.namespace, name = id.name, "completed");
        self.judge.metrics.addresses.repaired(id.kind);
        self.tell(id, &live, &decision);
        Ok(())
    }

    /// What is being deleted, or paused, is not touched.
    fn is_left_alone(&self, id: &Id, object: &Value) -> bool {
        let is_paused = |object: &Value| {
            object.pointer("/spec/paused") == Some(&Value::Bool(true))
                || annotation(object, PAUSED).is_some()
        };
        text(object, "/metadata/deletionTimestamp").is_some()
            || annotation(object, PAUSED).is_some()
            || self.cluster_of(id, object).is_some_and(|it| is_paused(&it))
    }

    fn cluster_of(&self, id: &Id, object: &Value) -> Option<Arc<Value>> {
        let label = object
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(basphere_core::keys::CLUSTER_NAME))
            .and_then(Value::as_str);
        let named = text(object, "/spec/clusterName").or(label);
        let cluster = |name| Id::new(Kind::Cluster, &id.namespace, name);
        if let Some(found) = named.and_then(|name| self.objects.get(&cluster(name))) {
            return Some(found);
        }
        let clusters = self.objects.all(Kind::Cluster, &id.namespace);
        let mut clusters = clusters.into_iter();
        clusters.find(|cluster| refers_to(cluster, id.kind.as_str(), &id.name))
    }

    /// What a review would add; `None` when the object is complete, or cannot be completed now.
    async fn missing(
        &self,
        id: &Id,
        object: &Value,
        is_trial: bool,
    ) -> Result<Option<(JsonPatch, Decision)>> {
        let Some(request) = self.request(id, object, is_trial) else {
            return Ok(None);
        };
        let decision = self.judge.judge(&request).await;
        let mut reasons = decision.denials.iter();
        if reasons.any(|reason| reason.code.class() == Class::Unavailable) {
            let reasons: Vec<_> = decision.denials.iter().map(|it| it.text()).collect();
            bail!("{}", reasons.join("; "));
        }
        if !decision.is_allowed() {
            debug!(kind = %id.kind, namespace = id.namespace, name = id.name, "not to be completed");
            self.tell(id, object, &decision);
            return Ok(None);
        }
        let mut patch = decision.patch.clone();
        if LABELLED.contains(&id.kind) {
            patch
                .0
                .retain(|step| step.path().to_string().starts_with("/metadata/labels"));
        }
        // An address that was stored before anybody knew of it is leased, and nothing is written.
        let adopts = |claim: &Claim| matches!(claim, Claim::Create(_));
        let is_missing = !patch.0.is_empty() || decision.claims.iter().any(adopts);
        Ok(is_missing.then_some((patch, decision)))
    }

    /// The review of an update that changes nothing, by one of the site's controllers.
    fn request(&self, id: &Id, object: &Value, is_trial: bool) -> Option<Request> {
        let api_version = text(object, "/apiVersion")?;
        let site = self.judge.world.site()?;
        let controller = site.spec().tenancy.controllers.first();
        Some(Request {
            phase: Phase::Mutate,
            operation: Operation::Update,
            subject: Subject::parse_manifest(api_version, id.kind.as_str())?,
            part: Part::Whole,
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            requester: Requester {
                username: controller.map_or(OURSELVES, String::as_str).to_owned(),
                groups: Vec::new(),
            },
            dry_run: is_trial,
            object: Some(object.clone()),
            old_object: Some(object.clone()),
        })
    }

    async fn apply(&self, id: &Id, object: &Value, mut patch: JsonPatch) -> Result<()> {
        if patch.0.is_empty() {
            return Ok(());
        }
        let version = object.pointer("/metadata/resourceVersion").cloned();
        let test = TestOperation {
            path: "/metadata/resourceVersion".parse().context("no pointer")?,
            value: version.unwrap_or(Value::Null),
        };
        patch.0.insert(0, PatchOperation::Test(test));
        let resource = self.served.get(&self.client, id.kind).await?;
        let resource = resource.context("the kind is not served any more")?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &id.namespace, &resource);
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch: Patch<()> = Patch::Json(patch);
        match api.patch(&id.name, &parameters, &patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            patched => Ok(patched.map(drop)?),
        }
    }

    /// Tells of a machine whose address was another's, and of one that gets none.
    fn tell(&self, id: &Id, object: &Value, decision: &Decision) {
        let findings = decision.warnings.iter().chain(&decision.denials);
        for finding in findings {
            let reason = match finding.code {
                Code::AddressReplaced => "AddressReplaced",
                Code::AddressesExhausted => "PoolExhausted",
                _ => continue,
            };
            self.teller.tell(Told {
                kind: id.kind.as_str().to_owned(),
                namespace: id.namespace.clone(),
                name: id.name.clone(),
                uid: text(object, "/metadata/uid").map(str::to_owned),
                is_warning: true,
                reason,
                note: finding.text(),
            });
        }
    }
}
