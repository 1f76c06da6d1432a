//! Which suites a path names.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use basphere_api::manifest::gator;
use basphere_rego::suite::Suite;
use serde_json::Value;

use super::files;

/// A suite, and where it is.
#[derive(Debug)]
pub(super) struct Found {
    /// As it is printed: as the user named it.
    pub(super) shown: String,
    /// Absolute, without the first slash.
    pub(super) path: String,
    pub(super) suite: Suite,
}

/// The suites of a file, of a folder, or of all folders below one (`folder/...`), by their paths.
pub(super) fn list(named: &str) -> Result<Vec<Found>, String> {
    let is_recursive = named.ends_with("/...");
    let base = if is_recursive {
        named.strip_suffix("...").unwrap_or(named)
    } else {
        named
    };
    let target = absolute(base)?;
    if target.is_empty() {
        return Err("target not specified".to_owned());
    }
    let metadata = fs::metadata(files::on_disk(&target));
    let metadata: Metadata =
        metadata.map_err(|error| format!("stat {target}: {}", files::reason(&error)))?;
    let mut paths = Vec::new();
    match (metadata.is_dir(), is_recursive) {
        (false, true) => {
            return Err(format!(
                "can only recursively traverse directories, not a directory: {target:?}"
            ));
        }
        (false, false) => {
            let extension = files::extension(&target);
            if !is_yaml(extension) {
                return Err(format!("unsupported extension: {extension:?}"));
            }
            paths.push(target.clone());
        }
        (true, _) => walk(&target, is_recursive, &mut paths)?,
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if let Some(suite) = read(&path)? {
            let shown = shown(base, &target, &path);
            found.push(Found { shown, path, suite });
        }
    }
    Ok(found)
}

fn absolute(path: &str) -> Result<String, String> {
    let current = match path.starts_with('/') {
        true => PathBuf::from("/"),
        false => {
            std::env::current_dir().map_err(|error| format!("getting absolute path: {error}"))?
        }
    };
    Ok(files::join(&current.display().to_string(), path))
}

/// The path as it was given, and what is below it.
fn shown(base: &str, target: &str, path: &str) -> String {
    match path
        .strip_prefix(target)
        .map(|below| below.trim_start_matches('/'))
    {
        Some("") | None => base.to_owned(),
        Some(below) if base.ends_with('/') => format!("{base}{below}"),
        Some(below) => format!("{base}/{below}"),
    }
}

/// The files of a folder that may be suites. Links to folders are not followed.
fn walk(folder: &str, is_recursive: bool, paths: &mut Vec<String>) -> Result<(), String> {
    let failed = |error: &std::io::Error| format!("open {folder}: {}", files::reason(error));
    for entry in fs::read_dir(files::on_disk(folder)).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let path = format!("{folder}/{}", Path::new(&entry.file_name()).display());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if is_recursive {
                walk(&path, true, paths)?;
            }
        } else if is_yaml(files::extension(&path)) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_yaml(extension: &str) -> bool {
    matches!(extension, ".yaml" | ".yml")
}

/// The suite of a file; nothing where its first document is something else.
fn read(path: &str) -> Result<Option<Suite>, String> {
    let bytes = files::read(path).map_err(|error| format!("reading file {path:?}: {error}"))?;
    let glanced = gator::glance(&bytes)
        .map_err(|error| format!("invalid yaml: parsing yaml file {path:?}: yaml: {error}"))?;
    if !Suite::is_suite(&Value::Object(glanced)) {
        return Ok(None);
    }
    let document = gator::first_document(&bytes);
    let document = Value::Object(document.map_err(|error| format!("invalid yaml: {error}"))?);
    let suite =
        Suite::read(&document).map_err(|error| format!("invalid yaml: {path:?}: {error}"))?;
    Ok(Some(suite))
}
