//! What a cluster holds, as files tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use basphere_api::crd::{TENANT_QUOTA_NAME, TenantQuota};
use basphere_core::quota::Report;
use basphere_core::{Kind, NamespaceFacts, Site, Subject};
use serde_json::{Value, json};

use crate::input::{self, Source};

/// The objects of a cluster; there are none where no file is named.
#[derive(Default)]
pub(crate) struct State {
    namespaces: BTreeMap<String, NamespaceFacts>,
    quotas: BTreeMap<String, Report>,
    /// By namespace, kind and name. Tenants have no namespace.
    objects: BTreeMap<(String, Kind, String), Value>,
}

impl State {
    /// Reads the files. What cannot be read is an error: a verdict over half of a cluster is none.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut state = Self::default();
        if files.is_empty() {
            return Ok(state);
        }
        let (sources, errors) = input::read_all(files)?;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        for Source { file, manifest } in sources {
            let (document, line) = (manifest.document, manifest.line);
            let place = || format!("{file}: document {document}, line {line}");
            state.take(manifest.object).with_context(place)?;
        }
        Ok(state)
    }

    fn take(&mut self, mut object: Value) -> Result<()> {
        let text = |pointer: &str| {
            let text = object.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let has_uid = !text("/metadata/uid").is_empty();
        let has_version = !text("/metadata/resourceVersion").is_empty();
        if (api_version.as_str(), kind.as_str()) == ("v1", "Namespace") {
            let facts = NamespaceFacts::from_object(&object);
            self.namespaces.insert(name, facts);
        } else if kind == "TenantQuota" && api_version.starts_with("basphere.dev/") {
            let quota: TenantQuota = serde_path_to_error::deserialize(object)
                .map_err(|error| anyhow!("{}: {}", error.path(), error.inner()))?;
            if name == TENANT_QUOTA_NAME
                && let Some(status) = quota.status
            {
                self.quotas.insert(namespace, status.report);
            }
        } else if let Some(subject) = Subject::parse_manifest(&api_version, &kind) {
            if !has_uid && let Some(metadata) = object.get_mut("metadata") {
                set_uid(metadata, subject.kind, &namespace, &name);
            }
            if !has_version && let Some(metadata) = object.get_mut("metadata") {
                // Older than whatever the stream makes of it.
                set(metadata, "resourceVersion", "0");
            }
            let key = (namespace, subject.kind, name);
            self.objects.insert(key, object);
        }
        Ok(())
    }

    pub(super) fn namespace(&self, name: &str) -> Option<NamespaceFacts> {
        self.namespaces.get(name).cloned()
    }

    pub(super) fn list(&self, namespace: &str, kind: Kind) -> Vec<Value> {
        let of_kind = self
            .objects
            .iter()
            .filter(|((in_namespace, of, _), _)| in_namespace == namespace && *of == kind);
        of_kind.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn get(
        &self,
        subject: Subject,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        let key = (namespace.to_owned(), subject.kind, name.to_owned());
        let Some(object) = self.objects.get(&key) else {
            return Ok(None);
        };
        let version = object.get("apiVersion").and_then(Value::as_str);
        if version != Some(subject.api_version().as_str()) {
            bail!(
                "the state has it as {}, and only a cluster converts it; write it in that version",
                version.unwrap_or_default()
            );
        }
        Ok(Some(object.clone()))
    }

    pub(super) fn tenant(&self, name: &str) -> Option<Value> {
        let key = (String::new(), Kind::Tenant, name.to_owned());
        self.objects.get(&key).cloned()
    }

    pub(super) fn quota(&self, namespace: &str) -> Option<Report> {
        self.quotas.get(namespace).cloned()
    }

    pub(super) fn namespaces_of(&self, site: &Site, tenant: &str) -> Vec<String> {
        let of_objects = self.objects.keys().map(|(namespace, _, _)| namespace);
        let names: BTreeSet<_> = self.namespaces.keys().chain(of_objects).collect();
        let is_theirs = |name: &&&String| {
            let facts = self.namespaces.get(**name);
            let label = facts.and_then(|facts| facts.owner_label.as_deref());
            site.namespace_owner(name, label).as_deref() == Some(tenant)
        };
        names
            .iter()
            .filter(is_theirs)
            .map(|name| (*name).clone())
            .collect()
    }
}

/// An object that no API server has stored has a UID that no other object has.
pub(super) fn set_uid(metadata: &mut Value, kind: Kind, namespace: &str, name: &str) {
    set(metadata, "uid", &format!("{kind}/{namespace}/{name}"));
}

fn set(metadata: &mut Value, field: &str, text: &str) {
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert(field.to_owned(), json!(text));
    }
}
