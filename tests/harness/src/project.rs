//! This project's own files and binaries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::progress::Progress;

const HARNESS: &str = env!("CARGO_MANIFEST_DIR");

/// The webhook's binary.
pub(crate) const WEBHOOK: &str = "basphere-webhook";
/// The kubectl plugin's binary.
pub(crate) const PLUGIN: &str = "kubectl-basphere";

/// The root of the repository that this crate was built from.
pub(crate) fn root() -> Result<PathBuf> {
    let root = Path::new(HARNESS).join("../..");
    root.canonicalize()
        .with_context(|| format!("looking for {}", root.display()))
}

/// The paths of the project's binaries.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    paths: BTreeMap<String, PathBuf>,
}

impl Binaries {
    /// Takes them from `BASPHERE_BIN_DIR`, or builds them, once per process: so a test never meets a stale webhook,
    /// whichever package it was started from.
    pub(crate) fn locate(progress: Progress) -> Result<Self> {
        static BUILT: Mutex<Option<Binaries>> = Mutex::new(None);
        if let Some(directory) =
            std::env::var_os("BASPHERE_BIN_DIR").filter(|value| !value.is_empty())
        {
            return Self::in_directory(Path::new(&directory));
        }
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(binaries) = built.as_ref() {
            return Ok(binaries.clone());
        }
        let binaries = build(progress)?;
        *built = Some(binaries.clone());
        Ok(binaries)
    }

    fn in_directory(directory: &Path) -> Result<Self> {
        let directory = std::path::absolute(directory).context("reading BASPHERE_BIN_DIR")?;
        let paths = [WEBHOOK, PLUGIN].map(|name| (name.to_owned(), directory.join(name)));
        if let Some((name, _)) = paths.iter().find(|(_, path)| !path.is_file()) {
            bail!("BASPHERE_BIN_DIR={} has no {name}", directory.display());
        }
        Ok(Self {
            paths: paths.into(),
        })
    }

    /// The path of a binary.
    pub(crate) fn path(&self, name: &str) -> Result<&Path> {
        self.paths
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("the workspace has no binary {name}"))
    }
}

/// What cargo says about one artifact; its other messages have neither field.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn build(progress: Progress) -> Result<Binaries> {
    let _step = progress.step("building the project's binaries");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_package(&mut cargo);
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    cargo.current_dir(root()?).args([
        "build",
        "--quiet",
        "--workspace",
        "--bins",
        "--profile",
        profile,
    ]);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("running cargo")?;
    if !output.status.success() {
        bail!(
            "building the project's binaries failed:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    // cargo is asked where they are: the target directory can be set in half a dozen places.
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Message>();
    let mut paths = BTreeMap::new();
    for message in messages {
        if let Message {
            executable: Some(path),
            target: Some(target),
        } = message.context("reading cargo's messages")?
        {
            paths.insert(target.name, path);
        }
    }
    Ok(Binaries { paths })
}

/// Takes away what cargo tells a program that it runs about the program's package. Some build scripts (ring's) run again
/// when these change, and everything that depends on them would be built anew.
pub fn forget_package(command: &mut Command) {
    const PREFIXES: [&str; 4] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    const NAMES: [&str; 3] = ["CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|name| {
            NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        if told {
            command.env_remove(name);
        }
    }
}
