//! The CRDs of Cluster API, CAPV and CAPO, out of their Go modules, cut down to one version each.
//!
//! No conversion webhook runs beside the API server, so that a kind with two served versions would lose what only one of
//! them has. The rendered lists are kept in the cache directory: a warm start calls no Go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cache::{self, Locked};
use crate::progress::Progress;
use crate::yaml;

const GO_MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/crds");
pub(crate) const GO_SUM: &str = include_str!("../go/crds/go.sum");
pub(crate) const GO_MOD: &str = include_str!("../go/crds/go.mod");
/// A hash of the renderer stands in the cache's key, so that a changed one never meets what the old one wrote.
const RENDERER: &str = include_str!("crds.rs");

pub(crate) const CLUSTER_API: &str = "sigs.k8s.io/cluster-api";
pub(crate) const CAPV: &str = "sigs.k8s.io/cluster-api-provider-vsphere";
const CAPO: &str = "sigs.k8s.io/cluster-api-provider-openstack";
/// Module and folder. CAPV's supervisor CRDs stay out: they define the same kinds as these once more.
const FOLDERS: [(&str, &str); 5] = [
    (CLUSTER_API, "core/config/crd/bases"),
    (CLUSTER_API, "bootstrap/kubeadm/config/crd/bases"),
    (CLUSTER_API, "controlplane/kubeadm/config/crd/bases"),
    (CAPV, "config/default/crd/bases"),
    (CAPO, "config/crd/bases"),
];

/// The version of a module's kinds beside Cluster API's. CAPO has no v1beta2: so that both of its
/// versions are there, each goes with one of Cluster API's.
fn version_of(module: &str, version: ApiVersion) -> &'static str {
    match version {
        ApiVersion::V1Beta1 if module == CAPO => "v1alpha7",
        ApiVersion::V1Beta2 if module == CAPO => "v1beta1",
        version => version.as_str(),
    }
}

/// The version of the Cluster API kinds that is served and stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// What CAPI up to 1.10 stores, and what the site's documents are written in.
    #[default]
    V1Beta1,
    /// What CAPI 1.11 and later store.
    V1Beta2,
}

impl ApiVersion {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::V1Beta1, Self::V1Beta2];

    /// The version as `apiVersion` has it after the slash.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
        }
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list of CRDs, ready to be created.
#[derive(Debug)]
pub(crate) struct Crds {
    list: Value,
}

impl Crds {
    /// The CRDs of Cluster API and CAPV at one version, from the cache or rendered into it.
    pub(crate) fn cluster_api(version: ApiVersion, progress: Progress) -> Result<Self> {
        let directory = cache::directory("crds", &[GO_SUM, GO_MOD, RENDERER])?;
        let name = format!("{version}.json");
        let path = directory.join(&name);
        if !path.is_file() {
            let locked = Locked::acquire(&directory, progress)?;
            if !path.is_file() {
                let _step = progress.slow_step(&format!(
                    "reading the {version} CRDs from their Go modules (once)"
                ));
                let partial = locked.partial(&name);
                std::fs::write(&partial, render(version)?.to_string())
                    .with_context(|| format!("writing {}", partial.display()))?;
                locked.publish(&partial, &name)?;
            }
        }
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let list =
            serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))?;
        Ok(Self { list })
    }

    /// A list of these.
    pub(crate) fn new(items: Vec<Value>) -> Self {
        Self {
            list: json!({"apiVersion": "v1", "kind": "List", "items": items}),
        }
    }

    /// Adds the CRDs that stand as YAML files in a directory, as they are.
    pub(crate) fn add_directory(&mut self, directory: &Path) -> Result<()> {
        let mut added = Vec::new();
        for file in yaml::files(directory)? {
            added.extend(yaml::read_documents(&file)?);
        }
        self.list
            .get_mut("items")
            .and_then(Value::as_array_mut)
            .context("a list without items")?
            .append(&mut added);
        Ok(())
    }

    /// The list as JSON, as kubectl takes it.
    pub(crate) fn manifest(&self) -> String {
        self.list.to_string()
    }

    /// `plural.group` of each: the names by which kubectl knows the resources, and the names of the CRDs.
    pub(crate) fn resources(&self) -> Vec<String> {
        self.items()
            .filter_map(|crd| crd.pointer("/metadata/name")?.as_str().map(str::to_owned))
            .collect()
    }

    /// Group → plurals of its namespaced resources.
    pub(crate) fn namespaced(&self) -> BTreeMap<String, Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let namespaced = self.items().filter(|crd| {
            crd.pointer("/spec/scope")
                .is_some_and(|scope| scope == "Namespaced")
        });
        for crd in namespaced {
            let text = |pointer: &str| {
                crd.pointer(pointer)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if let (Some(group), Some(plural)) = (text("/spec/group"), text("/spec/names/plural")) {
                groups.entry(group).or_default().push(plural);
            }
        }
        groups
    }

    fn items(&self) -> impl Iterator<Item = &Value> {
        self.list
            .get("items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }
}

fn render(version: ApiVersion) -> Result<Value> {
    let modules = download()?;
    let mut items = Vec::new();
    for (module, folder) in FOLDERS {
        let directory = source(&modules, module)?.join(folder);
        items.append(&mut render_folder(module, &directory, version)?);
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

/// The CRDs of CAPO, whose controllers run nowhere here: one version each, the one that goes with `version`.
pub(crate) fn openstack(modules: &Modules, version: ApiVersion) -> Result<Vec<Value>> {
    let directory = source(modules, CAPO)?.join("config/crd/bases");
    render_folder(CAPO, &directory, version)
}

fn render_folder(module: &str, directory: &Path, version: ApiVersion) -> Result<Vec<Value>> {
    let contract = if module == CAPO {
        ApiVersion::V1Beta1
    } else {
        version
    };
    let mut items = Vec::new();
    for file in yaml::files(directory)? {
        for mut crd in yaml::read_documents(&file)? {
            keep_one_version(&mut crd, version_of(module, version), contract)
                .with_context(|| format!("in {}", file.display()))?;
            items.push(crd);
        }
    }
    Ok(items)
}

/// Module → the folder of its sources.
pub(crate) type Modules = BTreeMap<String, PathBuf>;

/// The folder of a module's sources.
pub(crate) fn source<'a>(modules: &'a Modules, module: &str) -> Result<&'a Path> {
    let found = modules.get(module).map(PathBuf::as_path);
    found.with_context(|| format!("go.mod does not name {module}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Download {
    path: String,
    dir: PathBuf,
}

/// Module → the folder of its sources. The versions stand in go.mod alone.
pub(crate) fn download() -> Result<Modules> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", CLUSTER_API, CAPV, CAPO])
        .current_dir(GO_MODULE)
        .env("GOWORK", "off")
        .output()
        .context("running go: it is needed once, for the CRDs of Cluster API")?;
    if !output.status.success() {
        // With -json the errors of single modules are on standard output.
        let errors = [output.stderr, output.stdout].concat();
        bail!(
            "go mod download failed:\n{}",
            String::from_utf8_lossy(&errors)
        );
    }
    let downloads = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Download>();
    downloads
        .map(|download| {
            download
                .map(|d| (d.path, d.dir))
                .context("reading what go printed")
        })
        .collect()
}

/// Serves and stores one version alone; a kind that has not the wanted one keeps its storage version.
fn keep_one_version(crd: &mut Value, wanted: &str, contract: ApiVersion) -> Result<()> {
    let versions = crd
        .pointer_mut("/spec/versions")
        .and_then(Value::as_array_mut)
        .context("a CRD without versions")?;
    let position = versions
        .iter()
        .position(|version| version.get("name").is_some_and(|name| name == wanted))
        .or_else(|| {
            versions
                .iter()
                .position(|version| version.get("storage") == Some(&Value::Bool(true)))
        })
        .context("a CRD without a storage version")?;
    let mut version = versions.swap_remove(position);
    let object = version
        .as_object_mut()
        .context("a version that is no object")?;
    object.insert("served".into(), true.into());
    object.insert("storage".into(), true.into());
    // It is the only one there is: a warning that names the other would send people to what is not served.
    object.remove("deprecated");
    object.remove("deprecationWarning");
    let kept = version.get("name").and_then(Value::as_str);
    let kept = kept.context("a version without a name")?.to_owned();
    *versions = vec![version];
    add_contract_label(crd, contract, &kept)
}

/// By this label Cluster API finds the version of a provider's kinds that fulfils its contract.
fn add_contract_label(crd: &mut Value, contract: ApiVersion, version: &str) -> Result<()> {
    let metadata = crd
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
        .context("a CRD without metadata")?;
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    let labels = labels
        .as_object_mut()
        .context("labels that are no object")?;
    labels.insert(format!("cluster.x-k8s.io/{contract}"), version.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crd(versions: &Value) -> Value {
        json!({"metadata": {"name": "clusters.cluster.x-k8s.io"}, "spec": {"versions": versions}})
    }

    #[test]
    fn the_wanted_version_is_the_only_one() {
        let mut crd = crd(&json!([
            {"name": "v1beta1", "served": true, "storage": false, "deprecated": true},
            {"name": "v1beta2", "served": true, "storage": true},
        ]));
        keep_one_version(&mut crd, "v1beta1", ApiVersion::V1Beta1).expect("a CRD");
        assert_eq!(
            crd["spec"]["versions"],
            json!([{"name": "v1beta1", "served": true, "storage": true}])
        );
        assert_eq!(
            crd["metadata"]["labels"],
            json!({"cluster.x-k8s.io/v1beta1": "v1beta1"})
        );
    }

    #[test]
    fn a_kind_without_the_wanted_version_keeps_its_storage_version() {
        let mut crd = crd(&json!([
            {"name": "v1alpha1", "served": true, "storage": false},
            {"name": "v1alpha2", "served": true, "storage": true},
        ]));
        keep_one_version(&mut crd, "v1beta2", ApiVersion::V1Beta2).expect("a CRD");
        assert_eq!(crd["spec"]["versions"][0]["name"], "v1alpha2");
    }
}
