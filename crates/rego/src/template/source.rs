//! Where a template keeps its Rego: in `rego` and `libs`, or in `code`.

use serde_json::Value;

use super::TemplateError;
use crate::decode::{At, WrongType};

const REGO: &str = "Rego";
const CEL: &str = "K8sNativeValidation";

/// The Rego of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The version of the language.
    pub version: Version,
    /// The module with the rule `violation`.
    pub rego: String,
    /// Modules that it may import from `data.lib`.
    pub libs: Vec<String>,
}

/// The version of Rego. Gatekeeper takes whatever is not `v1` for v0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `if` and `contains` are imported, or not used.
    V0,
    /// `if` and `contains` are required.
    V1,
}

/// One entry of `spec.targets`.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) operations: Vec<String>,
    legacy: Option<Source>,
    code: Vec<(String, Option<Source>)>,
}

/// Reads `spec.targets`.
pub(super) fn read_targets(at: &At) -> Result<Vec<Target>, TemplateError> {
    at.items()?.iter().map(Target::read).collect()
}

impl Target {
    fn read(at: &At) -> Result<Self, TemplateError> {
        let rego = at.any_case("rego")?.text_or_empty()?.to_owned();
        let libs = at.any_case("libs")?.texts()?;
        let legacy = (!rego.is_empty()).then_some(Source {
            version: Version::V0,
            rego,
            libs,
        });
        let mut code = Vec::new();
        // The first Rego is the one; where `rego` wins, nobody looks into any.
        let mut is_found = legacy.is_some();
        for entry in at.any_case("code")?.items()? {
            let engine = entry.any_case("engine")?.text_or_empty()?.to_owned();
            let is_the_one = engine == REGO && !is_found;
            is_found |= is_the_one;
            let source = is_the_one.then(|| read_source(&entry)).transpose()?;
            code.push((engine, source));
        }
        Ok(Self {
            name: at.any_case("target")?.text_or_empty()?.to_owned(),
            operations: at.any_case("operations")?.texts()?,
            code,
            legacy,
        })
    }

    /// The Rego: `rego` with `libs` wins over `code`, of which the first with the engine Rego counts.
    pub(super) fn into_source(self, name: &str) -> Result<Source, TemplateError> {
        if let Some(source) = self.legacy {
            return Ok(source);
        }
        let mut engines = Vec::new();
        for (engine, source) in self.code {
            if let Some(source) = source {
                return Ok(source);
            }
            engines.push(engine);
        }
        let name = name.to_owned();
        match engines.as_slice() {
            [engine] if engine == CEL => Err(TemplateError::CelOnly {
                name,
                engine: engine.clone(),
            }),
            _ => Err(TemplateError::NoRego { name, engines }),
        }
    }
}

/// The source of an entry of `code`. What is said there is said: `null` is no version and no list.
fn read_source(code: &At) -> Result<Source, TemplateError> {
    let source = code.any_case("source")?;
    let Some(fields) = source.fields()? else {
        return Err(TemplateError::invalid(source.path, "is required"));
    };
    for (name, expected) in [("version", "a string"), ("libs", "a list")] {
        if fields.get(name).is_some_and(Value::is_null) {
            return Err(source.field(name)?.wrong(expected).into());
        }
    }
    let rego = source.field("rego")?;
    let Some(text) = rego.text()? else {
        return Err(TemplateError::invalid(rego.path, "is required"));
    };
    Ok(Source {
        version: version(&source.field("version")?)?,
        rego: text.to_owned(),
        libs: read_libs(&source)?,
    })
}

fn version(at: &At) -> Result<Version, WrongType> {
    match at.text()? {
        Some("v1") => Ok(Version::V1),
        _ => Ok(Version::V0),
    }
}

fn read_libs(source: &At) -> Result<Vec<String>, TemplateError> {
    let mut libs = Vec::new();
    for lib in source.field("libs")?.items()? {
        let Some(text) = lib.text()? else {
            return Err(lib.wrong("a string").into());
        };
        libs.push(text.to_owned());
    }
    Ok(libs)
}
