//! What an application cluster is given: the policies that are shipped or those of a directory, and the rules on images
//! of a file. All of it is read as `serve` would read it, so that nothing is printed that would not be taken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use basphere_api::install::{Application, Images, application_manifest};
use basphere_rego::constraint::Point;
use serde_json::json;

use crate::images::read_rules;
use crate::policies::{Files, collect, holds_policies, read};

macro_rules! shipped {
    ($($policy:literal)*) => {
        /// The bundle of application clusters, as it stands in `policies/workload`.
        const SHIPPED: &[(&str, &str)] = &[$(
            (
                concat!($policy, "/template.yaml"),
                include_str!(concat!("../../policies/workload/", $policy, "/template.yaml")),
            ),
            (
                concat!($policy, "/constraint.yaml"),
                include_str!(concat!("../../policies/workload/", $policy, "/constraint.yaml")),
            ),
        )*];
    };
}

shipped! {
    "capabilities"
    "host-namespaces"
    "host-paths"
    "image-registries"
    "image-tags"
    "ingress-hosts"
    "node-ports"
    "pod-security-labels"
    "privilege-escalation"
    "privileged-containers"
    "probes"
    "resource-limits"
    "service-account-tokens"
}

/// The manifest for an application cluster.
pub(crate) fn workload_manifest(
    policies: Option<&Path>,
    images: Option<&Path>,
) -> anyhow::Result<String> {
    let (root, files) = match policies {
        Some(directory) => (directory, collect(directory)?),
        None => (Path::new(""), shipped()),
    };
    let application = Application {
        kinds: kinds(&files)?,
        policies: keys(root, files)?,
        images: images.map(rules).transpose()?,
    };
    Ok(application_manifest(&application)?)
}

fn shipped() -> Files {
    let files = SHIPPED.iter();
    let files = files.map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    files.collect()
}

fn kinds(files: &Files) -> anyhow::Result<std::collections::BTreeSet<(String, String)>> {
    match read(files) {
        Ok(policies) => Ok(policies.kinds(Point::Webhook)),
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            bail!(problems.join("\n"))
        }
    }
}

/// Folders become parts of names, since a ConfigMap has none. Suites and what else is no policy stay behind.
fn keys(root: &Path, files: Files) -> anyhow::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    for (path, text) in files {
        if !holds_policies(&path, &text) {
            continue;
        }
        let within = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = within.iter().map(|part| part.to_string_lossy()).collect();
        let key = parts.join(".");
        ensure!(
            keys.insert(key.clone(), text).is_none(),
            "{key} would stand for two files in a ConfigMap"
        );
    }
    Ok(keys)
}

/// Of a Site, application clusters are told nothing but its images.
fn rules(file: &Path) -> anyhow::Result<Images> {
    let (written, rules) = read_rules(file)?;
    let site = json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "Site",
        "metadata": {"name": "default"},
        "spec": {"images": written},
    });
    Ok(Images {
        manifest: serde_saphyr::to_string(&site)
            .context("the rules on images have no YAML form")?,
        hosts: rules.stand_ins().into_iter().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests;
