//! Has the API server take the constraints of templates where no Gatekeeper does it: makes the CustomResourceDefinition
//! of each template, takes it away with the template, and writes into the template what became of it.
//!
//! It never fights with Gatekeeper. What carries no label of ours is never touched, nor what somebody else has written
//! since, nor a status that somebody else keeps. Where Gatekeeper was ever installed, it is given time to be the first.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use basphere_rego::constraint::GROUP as CONSTRAINTS;
use basphere_rego::template::{GROUP as TEMPLATES, KIND as TEMPLATE};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, ObjectMeta,
    PartialObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{info, warn};

use super::kept::{Complaint, Stored};
use super::sources::Sources;
use crate::register::FIELD_MANAGER;

/// How often it is looked whether anybody has removed a definition.
const LOOK: Duration = Duration::from_secs(10);
/// After so long without a definition, a Gatekeeper that was installed once is taken not to run.
const GRACE: Duration = Duration::from_secs(30);
/// What definitions of constraints are found by, Gatekeeper's and ours.
const OF_CONSTRAINTS: &str = "gatekeeper.sh/constraint=yes";
/// Tells which of them are ours.
const OURS: &str = "basphere.dev/constraint";
/// Tells what we wrote last.
const WRITTEN: &str = "basphere.dev/written";
/// The group of what Gatekeeper's processes tell each other.
const GATEKEEPER: &str = "status.gatekeeper.sh";
/// Under which name we stand in the status of a template.
const ID: &str = "basphere";

/// What keeps definitions, and the status of templates.
#[derive(Clone)]
pub(crate) struct Definitions {
    pub(crate) client: Client,
    pub(crate) sources: Arc<Sources>,
}

impl Definitions {
    /// Keeps them, for ever.
    pub(crate) async fn keep(self) {
        let mut changes = self.sources.changes();
        let mut keeper = Keeper {
            definitions: Api::all(self.client.clone()),
            client: self.client,
            absent: BTreeMap::new(),
            told: BTreeSet::new(),
        };
        loop {
            if let Some(templates) = self.sources.templates()
                && let Err(error) = keeper.arrange(&templates).await
            {
                warn!(error = %error, "the definitions of constraints cannot be looked at");
            }
            // Nobody changes anything any more when the process ends.
            if let Ok(Err(_)) = tokio::time::timeout(LOOK, changes.changed()).await {
                return;
            }
        }
    }
}

type Metadata = PartialObjectMeta<CustomResourceDefinition>;

struct Keeper {
    client: Client,
    definitions: Api<CustomResourceDefinition>,
    /// Since when definitions are missing.
    absent: BTreeMap<String, Instant>,
    /// Definitions of which it was said that they are somebody else's.
    told: BTreeSet<String>,
}

impl Keeper {
    async fn arrange(&mut self, templates: &[Stored]) -> kube::Result<()> {
        let ours = ListParams::default().labels(OF_CONSTRAINTS);
        let found = self.definitions.list_metadata(&ours).await?.into_iter();
        let mut found: BTreeMap<String, Metadata> = found.map(|it| (it.name_any(), it)).collect();
        for template in templates {
            let found = found.remove(&definition_name(&template.document));
            if let Err(error) = self.define(template, found.as_ref()).await {
                warn!(template = name(template), error = %error, "its constraints cannot be defined");
            }
            if let Err(error) = self.report(template).await {
                warn!(template = name(template), error = %error, "its status cannot be written");
            }
        }
        for definition in found.values().filter(|it| is_ours(it)) {
            if let Err(error) = self.remove(definition).await {
                let name = definition.name_any();
                warn!(definition = name, error = %error, "it cannot be removed");
            }
        }
        Ok(())
    }

    async fn define(&mut self, template: &Stored, found: Option<&Metadata>) -> kube::Result<()> {
        let Some(compiled) = &template.compiled else {
            return Ok(());
        };
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let mut definition = definition(template, compiled.definition())?;
        let name = definition.name_any();
        let Some(found) = found else {
            if !self.is_our_turn(&name).await? {
                return Ok(());
            }
            return match self.definitions.create(&parameters, &definition).await {
                Ok(_) => {
                    info!(
                        definition = name,
                        "the definition of constraints is created"
                    );
                    Ok(())
                }
                Err(error) if is_status(&error, 409) => {
                    self.leave(&name);
                    Ok(())
                }
                Err(error) => Err(error),
            };
        };
        self.absent.remove(&name);
        if !is_ours(found) {
            self.leave(&name);
            return Ok(());
        }
        if written(&found.metadata) == written(&definition.metadata) {
            return Ok(());
        }
        // Only over what was looked at.
        definition.metadata.resource_version = found.resource_version();
        definition.metadata.uid = found.uid();
        let replaced = self
            .definitions
            .replace(&name, &parameters, &definition)
            .await;
        match replaced {
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                info!(
                    definition = name,
                    "the definition of constraints is brought up to date"
                );
                Ok(())
            }
        }
    }

    /// Whether Gatekeeper is not there, or has had time to make a definition.
    async fn is_our_turn(&mut self, name: &str) -> kube::Result<bool> {
        let groups = self.client.list_api_groups().await?.groups;
        if !groups.iter().any(|group| group.name == GATEKEEPER) {
            return Ok(true);
        }
        let since = self
            .absent
            .entry(name.to_owned())
            .or_insert_with(Instant::now);
        Ok(since.elapsed() >= GRACE)
    }

    fn leave(&mut self, name: &str) {
        if self.told.insert(name.to_owned()) {
            info!(
                definition = name,
                "somebody else keeps this definition of constraints"
            );
        }
    }

    /// Removes a definition, if its template is gone for certain: all constraints go with it.
    async fn remove(&mut self, definition: &Metadata) -> kube::Result<()> {
        let name = definition.name_any();
        let (template, _) = name.split_once('.').unwrap_or((&name, ""));
        let versions = definition.owner_references().iter();
        let mut versions = versions.filter(|owner| owner.kind == TEMPLATE);
        let api_version = versions.next().map(|owner| owner.api_version.as_str());
        let live = self.templates(api_version).get(template).await;
        let is_gone = match live {
            // Whether it is the template that is not there, and not all of its kind.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let details = status.details.as_ref();
                details.is_some_and(|details| details.name == template)
            }
            Err(error) => return Err(error),
            Ok(_) => false,
        };
        if !is_gone {
            return Ok(());
        }
        let parameters = DeleteParams::default().preconditions(Preconditions {
            resource_version: definition.resource_version(),
            uid: definition.uid(),
        });
        match self.definitions.delete(&name, &parameters).await {
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                info!(
                    definition = name,
                    "the definition of constraints is gone with its template"
                );
                Ok(())
            }
        }
    }

    /// Writes what became of a template, unless somebody else writes that.
    async fn report(&self, template: &Stored) -> kube::Result<()> {
        let pods = template.status.get("byPod").and_then(Value::as_array);
        let is_others = |pod: &Value| pod.get("id").and_then(Value::as_str) != Some(ID);
        let status = status(template);
        if pods.into_iter().flatten().any(is_others) || template.status == status {
            return Ok(());
        }
        let uid = template.document.pointer("/metadata/uid");
        let patch = json!({"metadata": {"uid": uid}, "status": status});
        let api_version = template.document.get("apiVersion").and_then(Value::as_str);
        let written = self
            .templates(api_version)
            .patch_status(
                name(template),
                &PatchParams::default(),
                &Patch::Merge(&patch),
            )
            .await;
        match written {
            // It was deleted meanwhile, or is another of the same name.
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
            written => written.map(drop),
        }
    }

    fn templates(&self, api_version: Option<&str>) -> Api<DynamicObject> {
        let version = api_version.and_then(|it| it.split_once('/'));
        let version = version.map_or("v1", |(_, version)| version);
        let kind = GroupVersionKind::gvk(TEMPLATES, version, TEMPLATE);
        let resource = ApiResource::from_gvk_with_plural(&kind, "constrainttemplates");
        Api::all_with(self.client.clone(), &resource)
    }
}

fn name(template: &Stored) -> &str {
    let name = template.document.pointer("/metadata/name");
    name.and_then(Value::as_str).unwrap_or_default()
}

fn definition_name(template: &Value) -> String {
    let name = template.pointer("/metadata/name").and_then(Value::as_str);
    format!("{}.{CONSTRAINTS}", name.unwrap_or_default())
}

/// The definition with our label, and with its template as its owner, so that it goes with that.
fn definition(template: &Stored, made: Value) -> kube::Result<CustomResourceDefinition> {
    let mut hasher = DefaultHasher::new();
    made.to_string().hash(&mut hasher);
    let made: CustomResourceDefinition =
        serde_json::from_value(made).map_err(kube::Error::SerdeError)?;
    let text = |pointer| {
        let found = template.document.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let mut labels = made.metadata.labels.unwrap_or_default();
    labels.insert(OURS.to_owned(), "yes".to_owned());
    Ok(CustomResourceDefinition {
        metadata: ObjectMeta {
            name: made.metadata.name,
            labels: Some(labels),
            // Another build may count otherwise: then it is written once more.
            annotations: Some([(WRITTEN.to_owned(), format!("{:x}", hasher.finish()))].into()),
            owner_references: Some(vec![OwnerReference {
                api_version: text("/apiVersion"),
                kind: TEMPLATE.to_owned(),
                name: text("/metadata/name"),
                uid: text("/metadata/uid"),
                controller: Some(true),
                block_owner_deletion: None,
            }]),
            ..ObjectMeta::default()
        },
        spec: made.spec,
        status: None,
    })
}

fn written(metadata: &ObjectMeta) -> (Option<&String>, Option<&Vec<OwnerReference>>) {
    let annotations = metadata.annotations.as_ref();
    (
        annotations.and_then(|it| it.get(WRITTEN)),
        metadata.owner_references.as_ref(),
    )
}

/// Whether we have written it, and nobody else since.
fn is_ours(definition: &Metadata) -> bool {
    let mut writers = definition.managed_fields().iter();
    definition.labels().contains_key(OURS)
        && writers.all(|writer| {
            writer.manager.as_deref() == Some(FIELD_MANAGER)
                // The API server itself says there whether it serves it.
                || writer.subresource.as_deref() == Some("status")
        })
}

/// What Gatekeeper would write, as one Pod of it.
fn status(template: &Stored) -> Value {
    let field = |pointer| {
        template
            .document
            .pointer(pointer)
            .cloned()
            .unwrap_or_default()
    };
    let refused = match &template.complaint {
        Some(complaint @ Complaint::Refused { .. }) => Some(complaint.to_string()),
        _ => None,
    };
    let mut pod = serde_json::Map::new();
    pod.insert("id".to_owned(), json!(ID));
    pod.insert(
        "observedGeneration".to_owned(),
        field("/metadata/generation"),
    );
    pod.insert("operations".to_owned(), json!(["webhook"]));
    pod.insert("templateUID".to_owned(), field("/metadata/uid"));
    if let Some(message) = &refused {
        let errors = json!([{"code": "ingest_error", "message": message}]);
        pod.insert("errors".to_owned(), errors);
    }
    json!({"byPod": [pod], "created": refused.is_none()})
}

fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
