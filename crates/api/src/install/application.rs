//! What an installation on an application cluster applies: a gate of policies, and nothing of Cluster API.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, ConfigMapVolumeSource, ProjectedVolumeSource, Volume,
    VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResourceExt;
use serde_json::Value;

use super::audit::{Bundle, audit_objects};
use super::workload::{self, Mounted};
use super::{InstallError, json, labels, namespace, namespaced, rbac, registration, seats};
use crate::crd::PolicyWaiver;

/// Where policies are mounted.
const POLICIES_DIRECTORY: &str = "/etc/basphere/policies";
/// Where the rules on images are mounted, and under which name.
const IMAGES_DIRECTORY: &str = "/etc/basphere/images";
const IMAGES_FILE: &str = "site.yaml";
const POLICIES_NAME: &str = "basphere-policies";
const IMAGES_NAME: &str = "basphere-images";

/// A ConfigMap takes 1 MiB; the API server's notes about its fields need room as well.
const MOST_BYTES: usize = 768 * 1024;
/// What the API server takes for a key.
const LONGEST_KEY: usize = 253;

/// What the gate of an application cluster is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Files of policies by their names, each a key of a ConfigMap.
    pub policies: BTreeMap<String, String>,
    /// The groups and kinds that they ask about, `*` standing for all.
    pub kinds: BTreeSet<(String, String)>,
    /// What images of Pods are rewritten to, if they are.
    pub images: Option<Images>,
}

/// What images of Pods are rewritten to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// A Site's manifest with nothing but the rules on images.
    pub manifest: String,
    /// The hosts of the registries that stand in for others.
    pub hosts: BTreeSet<String>,
}

/// All objects for an application cluster, in the order in which they are applied.
///
/// # Errors
/// When a policy's file fits into no ConfigMap, or an object has no JSON form.
pub fn application_objects(application: &Application) -> Result<Vec<Value>, InstallError> {
    let policies = config_maps(&application.policies)?;
    let mut mounted = vec![policies_volume(&policies)];
    let mut objects = vec![
        json(namespace())?,
        json(PolicyWaiver::crd())?,
        json(rbac::service_account())?,
        json(rbac::policies_role())?,
        json(rbac::cluster_role_binding())?,
        json(rbac::role())?,
        json(rbac::role_binding())?,
    ];
    // What is stored is audited by one Pod of several.
    objects.extend(audit_objects(Bundle::Workload)?);
    objects.extend([json(seats::priority_level())?, json(seats::flow_schema())?]);
    for map in policies {
        objects.push(json(map)?);
    }
    if let Some(images) = &application.images {
        let data = BTreeMap::from([(IMAGES_FILE.to_owned(), images.manifest.clone())]);
        objects.push(json(config_map(IMAGES_NAME.to_owned(), data))?);
        mounted.push(images_volume());
    }
    let mut arguments = vec![
        "--profile=workload".to_owned(),
        format!("--policies={POLICIES_DIRECTORY}"),
    ];
    if application.images.is_some() {
        arguments.push(format!("--images={IMAGES_DIRECTORY}/{IMAGES_FILE}"));
    }
    objects.extend([
        json(workload::service())?,
        json(workload::disruption_budget())?,
        json(workload::deployment(arguments, mounted))?,
    ]);
    // Last, so that a first failure leaves no gate in front of nobody.
    let registration = registration();
    let mut validating = registration.policies(&application.kinds);
    validating.metadata.labels = Some(labels("gate"));
    if let Some(images) = &application.images {
        let hosts = images.hosts.iter().map(String::as_str);
        let mut mutating = registration.images(&hosts.collect());
        mutating.metadata.labels = Some(labels("gate"));
        objects.push(json(mutating)?);
    }
    objects.push(json(validating)?);
    Ok(objects)
}

/// The policies in as few ConfigMaps as they fit into.
fn config_maps(files: &BTreeMap<String, String>) -> Result<Vec<ConfigMap>, InstallError> {
    let mut parts: Vec<BTreeMap<String, String>> = Vec::new();
    let mut room = 0;
    for (name, text) in files {
        if !is_key(name) {
            return Err(InstallError::Key(name.clone()));
        }
        let size = name.len().saturating_add(text.len());
        if size > MOST_BYTES {
            return Err(InstallError::TooLarge(name.clone()));
        }
        if size > room || parts.is_empty() {
            parts.push(BTreeMap::new());
            room = MOST_BYTES;
        }
        room = room.saturating_sub(size);
        if let Some(part) = parts.last_mut() {
            part.insert(name.clone(), text.clone());
        }
    }
    let parts = parts.into_iter().zip(1_usize..);
    let named = parts.map(|(data, number)| {
        let name = match number {
            1 => POLICIES_NAME.to_owned(),
            more => format!("{POLICIES_NAME}-{more}"),
        };
        config_map(name, data)
    });
    Ok(named.collect())
}

fn is_key(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    // One that begins with a dot would be hidden where it is mounted.
    !name.is_empty()
        && name.len() <= LONGEST_KEY
        && !name.starts_with('.')
        && name.chars().all(is_allowed)
}

fn config_map(name: String, data: BTreeMap<String, String>) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name),
            ..namespaced()
        },
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// One directory, however many ConfigMaps it is made of.
fn policies_volume(maps: &[ConfigMap]) -> Mounted {
    let sources = maps.iter().map(|map| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: map.metadata.name.clone().unwrap_or_default(),
            ..ConfigMapProjection::default()
        }),
        ..VolumeProjection::default()
    });
    let volume = Volume {
        name: "policies".to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources.collect()),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    };
    Mounted::new(volume, POLICIES_DIRECTORY)
}

fn images_volume() -> Mounted {
    let volume = Volume {
        name: "images".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: IMAGES_NAME.to_owned(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    Mounted::new(volume, IMAGES_DIRECTORY)
}

#[cfg(test)]
mod tests;
