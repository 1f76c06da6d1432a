//! What is known without a cluster: the Site's file, and the kubeconfig's namespace.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use basphere_api::crd::SITE_NAME;
use basphere_core::{Site, SiteSpec};
use kube::config::{Kubeconfig, KubeconfigError};
use serde_json::Value;

use crate::cli::Global;
use crate::input;

/// Reads and checks the only Site of a file.
pub(crate) fn read_site(path: &Path) -> Result<Site> {
    let is_site = |object: &Value| {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        text("kind") == Some("Site")
            && text("apiVersion").is_some_and(|v| v.starts_with("basphere.dev/"))
    };
    let manifests = input::read(path)?;
    let mut sites = manifests
        .into_iter()
        .map(|manifest| manifest.object)
        .filter(is_site);
    let (Some(mut object), None) = (sites.next(), sites.next()) else {
        bail!(
            "{}: exactly one object of kind Site is needed",
            path.display()
        );
    };
    check(object.get_mut("spec").map(Value::take).unwrap_or_default())
        .with_context(|| format!("{}: Site {SITE_NAME}", path.display()))
}

fn check(spec: Value) -> Result<Site> {
    let spec: SiteSpec = serde_path_to_error::deserialize(spec).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." {
            "spec".to_owned()
        } else {
            format!("spec.{path}")
        };
        anyhow::anyhow!("{path}: {}", error.into_inner())
    })?;
    checked(spec)
}

/// A Site that can be relied on, or all that is wrong with it, one problem a line.
pub(crate) fn checked(spec: SiteSpec) -> Result<Site> {
    Site::try_from(spec).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error| format!("\n  {error}")).collect();
        anyhow::anyhow!("the Site is not valid:{}", lines.concat())
    })
}

/// The kubeconfig's files, merged; `None` when there is none and none was asked for.
pub(crate) fn kubeconfig(global: &Global) -> Result<Option<Kubeconfig>> {
    let read = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let config = match read {
        Ok(config) => config,
        Err(KubeconfigError::ReadConfig(error, _))
            if global.kubeconfig.is_none() && error.kind() == ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(KubeconfigError::FindPath) if global.kubeconfig.is_none() => return Ok(None),
        Err(error) => return Err(error).context("kubeconfig"),
    };
    if let Some(name) = &global.context {
        ensure!(
            config.contexts.iter().any(|c| c.name == *name),
            "kubeconfig: there is no context {name:?}"
        );
    }
    Ok(Some(config))
}

/// The namespace of the context in use.
pub(crate) fn context_namespace(config: &Kubeconfig, global: &Global) -> Option<String> {
    let name = global
        .context
        .as_ref()
        .or(config.current_context.as_ref())?;
    let context = config
        .contexts
        .iter()
        .find(|context| context.name == *name)?;
    context
        .context
        .as_ref()?
        .namespace
        .clone()
        .filter(|namespace| !namespace.is_empty())
}
