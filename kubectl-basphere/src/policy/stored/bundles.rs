//! Bundles of policies: a folder with its constraints, or what a cluster has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use basphere_rego::{Constraint, Policies, Template};
use serde_json::Value;

use crate::policy::{loading, sources};

/// What makes a folder a bundle, wherever it is below a named one.
const MARKS: [&str; 2] = ["kustomization.yaml", "kustomization.yml"];
/// Objects that show what policies refuse, and constraints with other parameters.
const SAMPLES: &str = "samples";

/// Policies that are enforced together.
pub(super) struct Bundle {
    /// Its folder, or `cluster`.
    pub(super) name: String,
    pub(super) policies: Policies,
    /// Templates that ask for what is not there.
    pub(super) blind: Vec<String>,
}

/// Templates and constraints, each with where it stands.
#[derive(Default)]
struct Documents {
    templates: Vec<(String, Value)>,
    constraints: Vec<(String, Value)>,
}

/// The bundles of files and folders: the folders that have a kustomization, else those that are named.
///
/// # Errors
/// Everything that cannot be used, a line each; or that there is no constraint.
pub(super) fn of_files(paths: &[PathBuf]) -> Result<Vec<Bundle>> {
    let mut found: BTreeMap<String, Documents> = BTreeMap::new();
    let mut problems = Vec::new();
    for path in paths {
        // What is found below a dot is named without it.
        let named = if path == Path::new(".") {
            Path::new("")
        } else {
            path
        };
        let files = match sources::files(path) {
            Ok(files) => files,
            Err(error) => {
                problems.push(error);
                continue;
            }
        };
        for file in files.iter().filter(|file| is_taken(file, named)) {
            let documents = match sources::file(file) {
                Ok(documents) => documents,
                Err(error) => {
                    problems.push(error);
                    continue;
                }
            };
            let bundle = found.entry(bundle_of(file, named)).or_default();
            for document in documents {
                if Template::is_template(&document) {
                    bundle.templates.push((file.clone(), document));
                } else if Constraint::is_constraint(&document) {
                    bundle.constraints.push((file.clone(), document));
                }
            }
        }
    }
    let bundles = load(&found, &mut problems);
    if !problems.is_empty() {
        bail!("policies cannot be used:\n{}", problems.join("\n"));
    }
    ensure!(!bundles.is_empty(), "there is no constraint in these files");
    Ok(bundles)
}

/// Whether a file is none of a sample, below what was named.
fn is_taken(file: &str, named: &Path) -> bool {
    let below = Path::new(file).strip_prefix(named).unwrap_or(Path::new(""));
    !below.iter().any(|part| part == SAMPLES)
}

fn bundle_of(file: &str, named: &Path) -> String {
    let is_marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).is_file());
    let folders = Path::new(file).ancestors().skip(1);
    let mut folders = folders.take_while(|folder| folder.starts_with(named));
    let bundle = folders.find(is_marked).unwrap_or(named);
    let bundle = bundle.display().to_string();
    match bundle.trim_end_matches('/') {
        "" if bundle.is_empty() => ".".to_owned(),
        "" => bundle,
        trimmed => trimmed.to_owned(),
    }
}

/// A bundle whose constraints are of templates elsewhere takes them from there.
fn load(found: &BTreeMap<String, Documents>, problems: &mut Vec<String>) -> Vec<Bundle> {
    let all: Vec<_> = found.values().flat_map(|it| &it.templates).collect();
    let mut bundles = Vec::new();
    for (name, documents) in found.iter().filter(|(_, it)| !it.constraints.is_empty()) {
        let kinds: BTreeSet<String> = documents
            .constraints
            .iter()
            .filter_map(|(_, it)| Constraint::template_name(it).ok())
            .collect();
        let mut own: Vec<_> = documents.templates.iter().collect();
        for template in &all {
            let name = loading::metadata(&template.1, "name");
            let is_here = own
                .iter()
                .any(|it| loading::metadata(&it.1, "name") == name);
            if kinds.contains(name) && !is_here {
                own.push(template);
            }
        }
        let own = own.into_iter().map(|(file, it)| (file.as_str(), it));
        let constraints = documents.constraints.iter();
        let constraints = constraints.map(|(file, it)| (file.as_str(), it));
        let (bundle, refused) = bundle(name.clone(), own, constraints);
        problems.extend(refused);
        bundles.push(bundle);
    }
    bundles
}

/// A bundle of what can be used of some documents, and what is wrong with the others.
pub(super) fn bundle<'a>(
    name: String,
    templates: impl Iterator<Item = (&'a str, &'a Value)>,
    constraints: impl Iterator<Item = (&'a str, &'a Value)>,
) -> (Bundle, Vec<String>) {
    let mut policies = Policies::default();
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    let mut refuse = |place: &str, document: &Value, why: String| {
        let kind = document.get("kind").and_then(Value::as_str);
        let name = loading::metadata(document, "name");
        let kind = kind.unwrap_or_default();
        problems.push(format!("{place}: {kind} {name}: {why}"));
    };
    for (place, document) in templates {
        if !known.insert(("", loading::metadata(document, "name"))) {
            refuse(place, document, "stands there twice".to_owned());
        } else if let Err(error) = policies.add_template(document) {
            refuse(place, document, loading::refusal(&error));
        }
    }
    for (place, document) in constraints {
        let kind = document.get("kind").and_then(Value::as_str);
        let key = (
            kind.unwrap_or_default(),
            loading::metadata(document, "name"),
        );
        if !known.insert(key) {
            refuse(place, document, "stands there twice".to_owned());
        } else if let Err(error) = policies.add_constraint(document) {
            refuse(place, document, loading::refusal(&error));
        }
    }
    let asks = |name: &str| {
        let compiled = policies.template(name);
        // Where it cannot be told what it asks for, it asks for something.
        compiled.is_some_and(|it| it.needs().map_or(true, |needs| !needs.is_empty()))
    };
    let asking = policies.templates().filter(|it| asks(&it.name));
    let blind = asking.map(|template| template.name.clone()).collect();
    let bundle = Bundle {
        name,
        policies,
        blind,
    };
    (bundle, problems)
}
