//! Reads what `-f` names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use basphere_api::manifest::{self, Manifest};

/// The name that stands for stdin.
const STDIN: &str = "-";

/// A manifest and the file that it stands in.
#[derive(Debug)]
pub(crate) struct Source {
    /// As the user named it; `-` for stdin.
    pub(crate) file: String,
    pub(crate) manifest: Manifest,
}

/// Reads all objects, in the order in which kubectl applies them, and says what cannot be read: one
/// broken file is no reason to say nothing about the others.
pub(crate) fn read_all(names: &[PathBuf]) -> Result<(Vec<Source>, Vec<anyhow::Error>)> {
    let stdins = names
        .iter()
        .filter(|name| *name == Path::new(STDIN))
        .count();
    ensure!(stdins < 2, "stdin can be read only once");
    let (mut sources, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        let files = files(name).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        for file in files {
            let label = file.display().to_string();
            match read(&file) {
                Ok(manifests) => sources.extend(manifests.into_iter().map(|manifest| Source {
                    file: label.clone(),
                    manifest,
                })),
                Err(error) => errors.push(error),
            }
        }
    }
    ensure!(
        !sources.is_empty() || !errors.is_empty(),
        "no objects were found"
    );
    Ok((sources, errors))
}

/// Reads all objects of one file, or of stdin.
pub(crate) fn read(path: &Path) -> Result<Vec<Manifest>> {
    manifest::read(&bytes(path)?).with_context(|| name(path))
}

/// Reads one file, or stdin, up to a limit that only the wrong file reaches.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    // One byte more than is allowed is enough to see that there is too much.
    let limit = manifest::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new(STDIN) {
        io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.with_context(|| name(path))?;
    Ok(bytes)
}

/// How a file is called in messages.
fn name(path: &Path) -> String {
    if path == Path::new(STDIN) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The file itself, or the manifests of a directory by name; directories within are left alone.
fn files(name: &Path) -> Result<Vec<PathBuf>> {
    if !name.is_dir() {
        return Ok(vec![name.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(name).with_context(|| name.display().to_string())? {
        let path = entry.with_context(|| name.display().to_string())?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_file() && matches!(extension, Some("yaml" | "yml" | "json")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!(
            "{}: there is no *.yaml, *.yml or *.json in this directory",
            name.display()
        );
    }
    files.sort();
    Ok(files)
}
