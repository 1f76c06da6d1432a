//! ConstraintTemplates: Rego, the kind of the constraints that use it, and what parameters these may have.
//!
//! What is accepted here is what Gatekeeper's client accepts (`pkg/client/client.go`, `crds`, and the conversions of
//! `pkg/apis/templates` in its constraint framework), but for the Rego itself, which is compiled elsewhere.

mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::decode::{At, WrongType};
use crate::inventory::{ANNOTATION, Versioned, read_annotation};
use crate::names;
use crate::schema::{Crd, Problems, Schema};

pub use source::{Source, Version};

/// The API group of ConstraintTemplates.
pub const GROUP: &str = "templates.gatekeeper.sh";
/// Their kind.
pub const KIND: &str = "ConstraintTemplate";
/// The one target that templates may have: Kubernetes' admission.
pub const TARGET: &str = "admission.k8s.gatekeeper.sh";

const SCHEMA_PATH: &str = "spec.crd.spec.validation.openAPIV3Schema";

/// A template that was read and is sound, but for its Rego, which nobody has compiled yet.
#[derive(Debug, Clone)]
pub struct Template {
    /// `metadata.name`: in lower case what the kind is, or no constraint will find it.
    pub name: String,
    /// The kind of its constraints.
    pub kind: String,
    /// The schema of `spec.parameters` as it was written; nothing where none is.
    pub schema: Option<Value>,
    /// Whether the schema lets unknown fields pass: the default before v1.
    pub legacy_schema: bool,
    /// The operations that a webhook asks it about (`CREATE`, `*`, …); all if there are none. Audit, `gator verify` and
    /// `gator test` pass over this.
    pub operations: Vec<String>,
    /// The Rego.
    pub source: Source,
    /// Kinds that its annotation says that it asks `data.inventory` for.
    pub(crate) annotated: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) short_names: Vec<String>,
    crd: Crd,
}

/// Why a document is no ConstraintTemplate that can be used.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// It is of another group or kind.
    #[error("not a ConstraintTemplate: apiVersion {api_version:?}, kind {kind:?}")]
    NotATemplate {
        /// What it says.
        api_version: String,
        /// What it says.
        kind: String,
    },
    /// The version is none that there is.
    #[error("apiVersion: {0:?} is none of templates.gatekeeper.sh/v1, v1beta1 and v1alpha1")]
    UnknownVersion(String),
    /// A field has another JSON type than it must have.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// A value is none that a template may have.
    #[error("{path}: {detail}")]
    Invalid {
        /// Where it stands.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A schema that no CustomResourceDefinition may have.
    #[error("the schema of the parameters cannot be used: {0}")]
    Schema(Problems),
    /// Its code is CEL, which is not evaluated here.
    #[error(
        "template {name:?} has CEL only ({engine}), which is not supported: only Rego is evaluated"
    )]
    CelOnly {
        /// The template's name.
        name: String,
        /// Gatekeeper's name for CEL.
        engine: String,
    },
    /// It has no Rego.
    #[error(
        "template {name:?} has no Rego: neither `rego` nor `code` with the engine Rego (engines: {engines:?})"
    )]
    NoRego {
        /// The template's name.
        name: String,
        /// The engines that it has code for.
        engines: Vec<String>,
    },
}

impl TemplateError {
    fn invalid(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.into(),
            detail: detail.into(),
        }
    }
}

impl Template {
    /// Whether a document says that it is a ConstraintTemplate, of whatever version.
    #[must_use]
    pub fn is_template(document: &Value) -> bool {
        let (group, _, kind) = group_version_kind(document);
        (group, kind) == (GROUP, KIND)
    }

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong with it first, in the order in which Gatekeeper looks.
    pub fn read(document: &Value) -> Result<Self, TemplateError> {
        let legacy_by_default = legacy_default(document)?;
        let root = At::root(document);
        let metadata = root.any_case("metadata")?;
        let name = metadata.any_case("name")?.text_or_empty()?.to_owned();
        let spec = root.any_case("spec")?;
        let crd = spec.any_case("crd")?.any_case("spec")?;
        let validation = crd.any_case("validation")?;
        let legacy_schema = validation.any_case("legacySchema")?.boolean()?;
        let legacy_schema = legacy_schema.unwrap_or(legacy_by_default);
        let written = validation.any_case("openAPIV3Schema")?;
        let parameters = read_schema(&written, legacy_schema)?;
        let names = crd.any_case("names")?;
        let kind = names.any_case("kind")?.text_or_empty()?.to_owned();
        let short_names = names.any_case("shortNames")?.texts()?;
        let targets = source::read_targets(&spec.any_case("targets")?)?;

        let target = the_target(targets)?;
        check_kind(&name, &kind)?;
        if target.name != TARGET {
            let detail = format!("must be {TARGET:?}, and is {:?}", target.name);
            return Err(TemplateError::invalid("spec.targets[0].target", detail));
        }
        check_short_names(&short_names)?;
        let labels = read_labels(&metadata)?;
        let annotations = metadata.any_case("annotations")?;
        let annotated = annotations.field(ANNOTATION)?.text()?.map(str::to_owned);
        if let Some(schema) = &parameters {
            schema
                .check_schema(SCHEMA_PATH)
                .map_err(TemplateError::Schema)?;
        }
        Ok(Self {
            schema: written.value.cloned(),
            legacy_schema,
            operations: target.operations.clone(),
            source: target.into_source(&name)?,
            annotated,
            labels,
            short_names,
            crd: Crd::new(parameters)?,
            name,
            kind,
        })
    }

    /// Whether a webhook asks it about an operation (`CREATE`, `UPDATE`, `DELETE`, `CONNECT`).
    #[must_use]
    pub fn matches_operation(&self, operation: &str) -> bool {
        let matches = |named: &String| named == "*" || named == operation;
        self.operations.is_empty() || self.operations.iter().any(matches)
    }

    /// The kinds that its annotation names.
    ///
    /// # Errors
    ///
    /// When the annotation cannot be read.
    pub(crate) fn annotated(&self) -> Result<Vec<Vec<Versioned>>, TemplateError> {
        let read = self.annotated.as_deref().map(read_annotation);
        let read = read.unwrap_or_else(|| Ok(Vec::new()));
        read.map_err(|error| {
            TemplateError::invalid(
                format!("metadata.annotations[{ANNOTATION}]"),
                error.to_string(),
            )
        })
    }

    pub(crate) fn crd(&self) -> &Crd {
        &self.crd
    }
}

/// The group, version and kind of an object, empty where there are none, as `unstructured` has them.
pub(crate) fn group_version_kind(object: &Value) -> (&str, &str, &str) {
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind");
    match text("apiVersion") {
        "/" => ("", "", kind),
        api_version => match api_version.split_once('/') {
            None => ("", api_version, kind),
            Some((_, version)) if version.contains('/') => ("", "", ""),
            Some((group, version)) => (group, version, kind),
        },
    }
}

fn legacy_default(document: &Value) -> Result<bool, TemplateError> {
    let text = |name| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (group, version, kind) = group_version_kind(document);
    if (group, kind) != (GROUP, KIND) {
        return Err(TemplateError::NotATemplate {
            api_version: text("apiVersion").to_owned(),
            kind: text("kind").to_owned(),
        });
    }
    match version {
        "v1" => Ok(false),
        "v1beta1" | "v1alpha1" => Ok(true),
        _ => Err(TemplateError::UnknownVersion(text("apiVersion").to_owned())),
    }
}

fn read_schema(written: &At, legacy: bool) -> Result<Option<Schema>, TemplateError> {
    let mut schema = match written.value {
        Some(_) => Schema::read(written)?,
        None if legacy => Schema::default(),
        None => return Ok(None),
    };
    if legacy {
        schema
            .preserve_unknown_fields()
            .map_err(|detail| TemplateError::invalid(SCHEMA_PATH, detail))?;
    }
    Ok(Some(schema))
}

fn the_target(targets: Vec<source::Target>) -> Result<source::Target, TemplateError> {
    let count = targets.len();
    let mut targets = targets.into_iter();
    match (targets.next(), targets.next()) {
        (Some(target), None) if target.name.is_empty() => Err(TemplateError::invalid(
            "spec.targets[0].target",
            "must not be empty",
        )),
        (Some(target), None) => Ok(target),
        _ => Err(TemplateError::invalid(
            "spec.targets",
            format!("must have exactly one target, and has {count}"),
        )),
    }
}

fn check_kind(name: &str, kind: &str) -> Result<(), TemplateError> {
    let path = "spec.crd.spec.names.kind";
    if kind.is_empty() {
        return Err(TemplateError::invalid(path, "is required"));
    }
    let lower = kind.to_lowercase();
    if name.to_lowercase() != lower {
        let detail = format!("must be {lower:?}, the kind {kind:?} in lower case, and is {name:?}");
        return Err(TemplateError::invalid("metadata.name", detail));
    }
    // The name of the list's kind is a DNS label as well.
    if !names::is_label_1035(&format!("{lower}list")) || !names::is_label_1035(&lower) {
        let detail = format!(
            "must be at most 59 letters, digits and '-', beginning with a letter and ending with no '-', and is {kind:?}"
        );
        return Err(TemplateError::invalid(path, detail));
    }
    Ok(())
}

fn check_short_names(short_names: &[String]) -> Result<(), TemplateError> {
    for (index, name) in short_names.iter().enumerate() {
        if !names::is_label_1035(name) {
            let path = format!("spec.crd.spec.names.shortNames[{index}]");
            let detail = format!("must be a DNS label, and is {name:?}");
            return Err(TemplateError::invalid(path, detail));
        }
    }
    Ok(())
}

/// Labels go to the CustomResourceDefinition, and must be labels there.
fn read_labels(metadata: &At) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut labels = BTreeMap::new();
    for (key, value) in metadata.any_case("labels")?.entries()? {
        let text = value.text_or_empty()?;
        let problem = names::label_key_problem(key).or_else(|| names::label_value_problem(text));
        if let Some(problem) = problem {
            return Err(TemplateError::invalid(
                value.path,
                format!("{problem}, and is {text:?}"),
            ));
        }
        labels.insert(key.to_owned(), text.to_owned());
    }
    for (_, value) in metadata.any_case("annotations")?.entries()? {
        value.text()?;
    }
    Ok(labels)
}
