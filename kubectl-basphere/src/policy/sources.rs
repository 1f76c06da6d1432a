//! What `policy test` reads: files, folders with all below them, and standard input.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use basphere_api::manifest::gator;
use basphere_rego::session::quoted;
use serde_json::Value;

use crate::run::print_warning;

use super::{files, loading};

/// A file, or standard input, with its objects.
#[derive(Debug)]
struct Source {
    /// Nothing for standard input.
    file: Option<String>,
    objects: Vec<Value>,
}

/// All objects in their order. An object that was there before is warned of, and stays.
pub(super) fn read(names: &[PathBuf], talk: &mut dyn Write) -> Result<Vec<Value>, String> {
    let mut sources = Vec::new();
    for name in names {
        read_named(name, &mut sources)
            .map_err(|error| format!("reading from filenames: {error}"))?;
    }
    if let Some(bytes) = standard_input().map_err(|error| format!("reading from stdin: {error}"))? {
        let objects =
            objects(&bytes).map_err(|error| format!("reading from stdin: reading: {error}"))?;
        sources.push(Source {
            file: None,
            objects,
        });
    }
    warn_of_doubles(&sources, talk);
    Ok(sources
        .into_iter()
        .flat_map(|source| source.objects)
        .collect())
}

fn read_named(name: &Path, sources: &mut Vec<Source>) -> Result<(), String> {
    for path in files(name)? {
        let objects = file(&path)?;
        sources.push(Source {
            file: Some(path),
            objects,
        });
    }
    Ok(())
}

/// A file, or the files of a folder with all below it.
pub(super) fn files(name: &Path) -> Result<Vec<String>, String> {
    let shown = name.display().to_string();
    let metadata = fs::metadata(name).map_err(|error| {
        let reason = files::reason(&error);
        format!("stat on path {}: stat {shown}: {reason}", quoted(&shown))
    })?;
    if !metadata.is_dir() && !is_taken(&shown) {
        return Err(format!(
            "path {} must be of extensions: [.yaml .yml .json]",
            quoted(&shown)
        ));
    }
    let mut paths = Vec::new();
    walk(&clean(&shown), &mut paths).map_err(|error| {
        let reason = files::reason(&error);
        format!(
            "normalizing filenames: filename {}: walking: {reason}",
            quoted(&shown)
        )
    })?;
    Ok(paths)
}

/// The objects of a file.
pub(super) fn file(path: &str) -> Result<Vec<Value>, String> {
    let bytes = fs::read(path).map_err(|error| {
        let reason = files::reason(&error);
        format!("opening file {}: open {path}: {reason}", quoted(path))
    })?;
    objects(&bytes).map_err(|error| format!("reading file {}: {error}", quoted(path)))
}

/// A folder as what is below it is named, without a slash at its end.
fn clean(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => path.to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// The files of a folder and of those below it, by name. Links to folders are not followed.
fn walk(path: &str, paths: &mut Vec<String>) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        if is_taken(path) {
            paths.push(path.to_owned());
        }
        return Ok(());
    }
    let names = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let name = Path::new(&name).display();
        let below = match path {
            "." => name.to_string(),
            "/" => format!("/{name}"),
            path => format!("{path}/{name}"),
        };
        walk(&below, paths)?;
    }
    Ok(())
}

fn is_taken(path: &str) -> bool {
    matches!(files::extension(path), ".yaml" | ".yml" | ".json")
}

/// Standard input, unless it is a terminal or another device.
fn standard_input() -> io::Result<Option<Vec<u8>>> {
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if file.metadata()?.file_type().is_char_device() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn objects(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let objects = gator::stream(bytes).map_err(|error| format!("reading yaml source: {error}"))?;
    Ok(objects.into_iter().map(Value::Object).collect())
}

fn warn_of_doubles(sources: &[Source], talk: &mut dyn Write) {
    let mut known: HashMap<[&str; 4], &Source> = HashMap::new();
    for source in sources {
        for object in &source.objects {
            let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
            let group = text("apiVersion")
                .split_once('/')
                .map_or("", |(group, _)| group);
            let name = loading::metadata(object, "name");
            let key = [
                group,
                text("kind"),
                loading::metadata(object, "namespace"),
                name,
            ];
            if let Some(before) = known.insert(key, source) {
                let (name, now, before) = (quoted(name), source.shown(), before.shown());
                print_warning(
                    format!("resource named {name} (from {now}) is already defined in {before}"),
                    talk,
                );
            }
        }
    }
}

impl Source {
    fn shown(&self) -> String {
        match &self.file {
            None => "stdin".to_owned(),
            Some(file) => format!("file: {}", quoted(file)),
        }
    }
}
