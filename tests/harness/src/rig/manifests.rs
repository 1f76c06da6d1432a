//! CRDs with all their versions and webhook configurations, out of the modules of the managers that serve them.
//!
//! What a release adds by kustomize is added here: contract labels, conversion webhooks, names. All of them are called
//! by URL. What does not depend on ports is kept in the cache directory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cache::{self, Locked};
use crate::crds::{ApiVersion, GO_MOD, GO_SUM, Modules, download, openstack, source};
use crate::progress::Progress;
use crate::rig::providers::{PROVIDERS, Provider};
use crate::yaml;

/// Hashes of the renderers stand in the cache's key, so that changed ones never meet what the old ones wrote.
const RENDERERS: [&str; 3] = [
    include_str!("manifests.rs"),
    include_str!("providers.rs"),
    include_str!("../crds.rs"),
];
const FILE: &str = "manifests.json";
/// `clusterctl init` labels all that it installs, and `clusterctl move` takes objects of labelled CRDs along.
const INSTALLED: &str = "clusterctl.cluster.x-k8s.io";

/// The manifests, not yet bound to addresses.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifests {
    /// By the manager's name.
    providers: BTreeMap<String, OfProvider>,
    /// Kinds that no controller runs for.
    others: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfProvider {
    crds: Vec<Value>,
    webhooks: Vec<Value>,
}

impl Manifests {
    /// From the cache, or rendered into it.
    pub(crate) fn locate(progress: Progress) -> Result<Self> {
        let inputs = [&[GO_SUM, GO_MOD][..], &RENDERERS].concat();
        let directory = cache::directory("rig", &inputs)?;
        let path = directory.join(FILE);
        if !path.is_file() {
            let locked = Locked::acquire(&directory, progress)?;
            if !path.is_file() {
                let _step = progress.slow_step("reading CRDs from their Go modules (once)");
                let partial = locked.partial(FILE);
                std::fs::write(&partial, serde_json::to_string(&Self::render()?)?)
                    .with_context(|| format!("writing {}", partial.display()))?;
                locked.publish(&partial, FILE)?;
            }
        }
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))
    }

    fn render() -> Result<Self> {
        let modules = download()?;
        let rendered = PROVIDERS
            .iter()
            .map(|provider| Ok((provider.name.to_owned(), render(provider, &modules)?)));
        Ok(Self {
            providers: rendered.collect::<Result<_>>()?,
            others: openstack(&modules, ApiVersion::V1Beta2)?,
        })
    }

    /// All CRDs; `port_of` says where each manager serves conversions, under certificates of authority `ca`.
    pub(crate) fn crds(
        &self,
        ca: &str,
        port_of: impl Fn(&str) -> Result<u16>,
    ) -> Result<Vec<Value>> {
        let mut all = self.others.clone();
        for (name, provider) in &self.providers {
            let client = client(ca, port_of(name)?, "/convert");
            for crd in &provider.crds {
                let mut crd = crd.clone();
                convert(&mut crd, &client)?;
                all.push(crd);
            }
        }
        Ok(all)
    }

    /// All webhook configurations, as one list.
    pub(crate) fn webhooks(
        &self,
        ca: &str,
        port_of: impl Fn(&str) -> Result<u16>,
    ) -> Result<Value> {
        let mut all = Vec::new();
        for (name, provider) in &self.providers {
            let port = port_of(name)?;
            for configuration in &provider.webhooks {
                all.push(call_by_url(configuration.clone(), ca, port)?);
            }
        }
        Ok(json!({"apiVersion": "v1", "kind": "List", "items": all}))
    }
}

fn render(provider: &Provider, modules: &Modules) -> Result<OfProvider> {
    let source = source(modules, provider.module)?;
    let folder = source.join(provider.crds);
    let mut labels = contract_labels(&folder.join("kustomization.yaml"))?;
    labels.insert(INSTALLED.into(), json!(""));
    let mut crds = Vec::new();
    for file in yaml::files(&folder.join("bases"))? {
        for mut crd in yaml::read_documents(&file)? {
            add_labels(&mut crd, &labels).with_context(|| format!("in {}", file.display()))?;
            crds.push(crd);
        }
    }
    let mut webhooks = yaml::read_documents(&source.join(provider.webhooks))?;
    for configuration in &mut webhooks {
        let name = configuration
            .pointer_mut("/metadata/name")
            .context("a webhook configuration without a name")?;
        *name = json!(format!(
            "{}-{}",
            provider.name,
            name.as_str().unwrap_or_default()
        ));
    }
    Ok(OfProvider { crds, webhooks })
}

/// What a kustomization labels its resources with: by these Cluster API finds the version that fulfils its contract.
fn contract_labels(path: &Path) -> Result<Map<String, Value>> {
    let mut labels = Map::new();
    for document in yaml::read_documents(path)? {
        let common = document.get("commonLabels");
        let pairs = document.get("labels").and_then(Value::as_array);
        let pairs = pairs.into_iter().flatten().filter_map(|l| l.get("pairs"));
        for found in common.into_iter().chain(pairs) {
            labels.extend(found.as_object().cloned().unwrap_or_default());
        }
    }
    Ok(labels)
}

fn add_labels(crd: &mut Value, labels: &Map<String, Value>) -> Result<()> {
    let metadata = crd.pointer_mut("/metadata").and_then(Value::as_object_mut);
    let own = metadata
        .context("a CRD without metadata")?
        .entry("labels")
        .or_insert_with(|| json!({}));
    own.as_object_mut()
        .context("labels that are no object")?
        .extend(labels.clone());
    Ok(())
}

fn client(ca: &str, port: u16, path: &str) -> Value {
    json!({"url": format!("https://127.0.0.1:{port}{path}"), "caBundle": STANDARD.encode(ca)})
}

/// Lets the manager convert between the versions of a kind that has several.
fn convert(crd: &mut Value, client: &Value) -> Result<()> {
    let spec = crd.pointer_mut("/spec").and_then(Value::as_object_mut);
    let spec = spec.context("a CRD without a spec")?;
    let versions = spec.get("versions").and_then(Value::as_array);
    if versions.is_some_and(|versions| versions.len() > 1) {
        let webhook = json!({"conversionReviewVersions": ["v1"], "clientConfig": client});
        spec.insert(
            "conversion".into(),
            json!({"strategy": "Webhook", "webhook": webhook}),
        );
    }
    Ok(())
}

fn call_by_url(mut configuration: Value, ca: &str, port: u16) -> Result<Value> {
    let webhooks = configuration
        .get_mut("webhooks")
        .and_then(Value::as_array_mut)
        .context("a webhook configuration without webhooks")?;
    for webhook in webhooks {
        let path = webhook.pointer("/clientConfig/service/path");
        let path = path.and_then(Value::as_str);
        let called = client(ca, port, path.context("a webhook without a path")?);
        if let Some(webhook) = webhook.as_object_mut() {
            webhook.insert("clientConfig".into(), called);
        }
    }
    Ok(configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_several_versions_is_converted() {
        let client = client("CA", 7, "/convert");
        for (versions, converted) in [(json!([{"name": "a"}]), false), (json!([{}, {}]), true)] {
            let mut crd = json!({"spec": {"versions": versions}});
            convert(&mut crd, &client).expect("a CRD");
            let url = crd.pointer("/spec/conversion/webhook/clientConfig/url");
            let expected = converted.then(|| json!("https://127.0.0.1:7/convert"));
            assert_eq!(url, expected.as_ref());
        }
    }

    #[test]
    fn a_service_becomes_a_url() {
        let service = json!({"service": {"name": "s", "path": "/mutate-it"}});
        let configuration = json!({"webhooks": [{"name": "w", "clientConfig": service}]});
        let called = call_by_url(configuration, "CA", 7).expect("a configuration");
        assert_eq!(
            called["webhooks"][0]["clientConfig"],
            json!({"url": "https://127.0.0.1:7/mutate-it", "caBundle": STANDARD.encode("CA")})
        );
    }
}
