//! Everything that an installation in a cluster applies, as one manifest.
//!
//! Pure functions over typed objects. The webhook configurations come from [`Registration`], the
//! definitions from [`crd`], and what the webhook may read from the kinds that it keeps: so the
//! manifest cannot say less or more than the code. `deploy/install.yaml` is its committed form, and
//! `deploy/workload/install.yaml` that of an application cluster with the shipped policies.

mod application;
mod audit;
mod policies;
mod rbac;
mod seats;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;
use serde_json::Value;

pub use application::{Application, Images, application_objects};
pub use audit::{AGGREGATE, Bundle, audit_objects};

use crate::registration::{Endpoint, Registration};
use crate::{crd, gatekeeper};

/// The namespace of everything that has one.
pub const NAMESPACE: &str = "basphere-system";
/// The name of everything but the webhook configurations.
pub const NAME: &str = "basphere-webhook";
/// The Secret of type `kubernetes.io/tls` that holds the server's certificate. It is not part of the
/// manifest: no key is ever committed.
pub const TLS_SECRET: &str = "basphere-webhook-tls";
/// The port of the Service that the API server calls.
pub const SERVICE_PORT: i32 = 443;

/// The label that tells the webhook configurations from the rest, so that they can be applied last
/// and removed first.
const COMPONENT: &str = "app.kubernetes.io/component";

/// Why the manifest cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// An object has no JSON form.
    #[error("an object has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// The name of a policy's file is none that a ConfigMap may have.
    #[error("{0:?} cannot be a key of a ConfigMap")]
    Key(String),
    /// A policy's file is larger than a ConfigMap may be.
    #[error("{0} is larger than 768 KiB, which fits into no ConfigMap")]
    TooLarge(String),
    /// An object has no YAML form.
    #[error("an object has no YAML form: {0}")]
    Yaml(#[from] serde_saphyr::SerializeError),
}

/// All objects, in the order in which they are applied.
///
/// # Errors
/// When an object has no JSON form.
pub fn objects() -> Result<Vec<Value>, InstallError> {
    let mut objects = vec![json(namespace())?];
    for definition in crd::definitions() {
        objects.push(json(definition)?);
    }
    objects.extend([
        json(rbac::service_account())?,
        json(rbac::cluster_role())?,
        json(rbac::viewer_role())?,
        json(rbac::cluster_role_binding())?,
        json(rbac::role())?,
        json(rbac::role_binding())?,
    ]);
    objects.extend(audit_objects(Bundle::Management)?);
    objects.extend([
        json(seats::priority_level())?,
        json(seats::flow_schema())?,
        json(workload::service())?,
        json(workload::disruption_budget())?,
        json(workload::deployment(Vec::new(), Vec::new()))?,
    ]);
    // Last, so that a first failure leaves no gate in front of nobody.
    let registration = registration();
    let (mut mutating, mut validating) = (registration.mutating(), registration.validating());
    mutating.metadata.labels = Some(labels("gate"));
    validating.metadata.labels = Some(labels("gate"));
    objects.extend([json(mutating)?, json(validating)?]);
    Ok(objects)
}

/// The manifest: one YAML document an object.
///
/// # Errors
/// When an object cannot be written.
pub fn manifest() -> Result<String, InstallError> {
    written(&objects()?)
}

/// The manifest for an application cluster.
///
/// # Errors
/// When a policy's file fits into no ConfigMap, or an object cannot be written.
pub fn application_manifest(application: &Application) -> Result<String, InstallError> {
    written(&application_objects(application)?)
}

/// What the webhook needs in a cluster whose ConstraintTemplates and constraints it takes as policies: rights, and the
/// definition of ConstraintTemplates if it is asked for. Where Gatekeeper's is, it must not be overwritten.
///
/// # Errors
/// When an object cannot be written.
pub fn policies_manifest(with_definition: bool) -> Result<String, InstallError> {
    let mut objects = policies::objects()?;
    if with_definition {
        objects.insert(0, gatekeeper::definition());
    }
    written(&objects)
}

fn written(objects: &[Value]) -> Result<String, InstallError> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(object)?);
    }
    Ok(text)
}

/// Called by way of the Service. The CA is put in by whoever has made the certificate.
fn registration() -> Registration {
    Registration {
        endpoint: Endpoint::Service {
            namespace: NAMESPACE.to_owned(),
            name: NAME.to_owned(),
            port: SERVICE_PORT,
        },
        ca_bundle: None,
    }
}

fn namespace() -> Namespace {
    let mut labels = labels("webhook");
    for mode in ["enforce", "audit", "warn"] {
        let key = format!("pod-security.kubernetes.io/{mode}");
        labels.insert(key, "restricted".to_owned());
    }
    Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

fn json(object: impl Serialize) -> Result<Value, InstallError> {
    Ok(serde_json::to_value(object)?)
}

fn labels(component: &str) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "basphere"),
        (COMPONENT, component),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn selector() -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels("webhook")),
        match_expressions: None,
    }
}

fn cluster_wide() -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        labels: Some(labels("webhook")),
        ..ObjectMeta::default()
    }
}

fn namespaced() -> ObjectMeta {
    ObjectMeta {
        namespace: Some(NAMESPACE.to_owned()),
        ..cluster_wide()
    }
}
