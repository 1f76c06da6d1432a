//! Binaries that are built once from a committed Go module, and kept in the cache directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::{self, Locked};
use crate::progress::Progress;
use crate::watchdog::Guarded;

/// A binary, the Go package it is built from, and what that costs the first time.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) cost: &'static str,
}

/// A Go module of this crate.
#[derive(Debug)]
pub(crate) struct Module {
    /// The first part of its folder's name in the cache.
    pub(crate) name: &'static str,
    /// Where its `go.mod` is.
    pub(crate) directory: &'static str,
    /// What determines the binaries: `go.sum`, `go.mod`, sources, flags.
    pub(crate) inputs: &'static [&'static str],
    pub(crate) ldflags: &'static str,
    /// What else helps where there is no Go.
    pub(crate) instead: &'static str,
}

/// The module in `go/<name>`, built with these flags; its `go.sum`, its `go.mod` and these further files determine the
/// binaries.
macro_rules! module {
    ($name:literal, $ldflags:expr $(, $file:literal)*) => {
        $crate::go::Module {
            name: $name,
            directory: concat!(env!("CARGO_MANIFEST_DIR"), "/go/", $name),
            inputs: &[
                $crate::go::module!(@read $name, "go.sum"),
                $crate::go::module!(@read $name, "go.mod"),
                $($crate::go::module!(@read $name, $file),)*
                $ldflags,
            ],
            ldflags: $ldflags,
            instead: "",
        }
    };
    (@read $name:literal, $file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/go/", $name, "/", $file))
    };
}
pub(crate) use module;

impl Module {
    /// The folder that holds these tools, of which those that are missing are built.
    pub(crate) fn build(&self, tools: &[Tool], progress: Progress) -> Result<PathBuf> {
        let directory = cache::directory(self.name, self.inputs)?;
        if missing(tools, &directory).next().is_some() {
            let locked = Locked::acquire(&directory, progress)?;
            for tool in missing(tools, &directory) {
                self.build_one(tool, &locked, &directory, progress)?;
            }
        }
        Ok(directory)
    }

    fn build_one(
        &self,
        tool: &Tool,
        locked: &Locked,
        directory: &Path,
        progress: Progress,
    ) -> Result<()> {
        let _step = progress.slow_step(&format!(
            "building {} with Go (once; {})",
            tool.name, tool.cost
        ));
        let partial = locked.partial(tool.name);
        let mut go = Command::new("go");
        go.current_dir(self.directory).env("GOWORK", "off");
        go.args(["build", "-trimpath", "-ldflags", self.ldflags, "-o"])
            .arg(&partial)
            .arg(tool.package);
        let log = directory.join(format!("{}.log", tool.name));
        let build = Guarded::spawn(&go, &log, 5, None)?;
        match build.wait()?.code() {
            Some(0) => locked.publish(&partial, tool.name),
            Some(127) => bail!("go was not found: install Go{}", self.instead),
            _ => bail!(
                "building {} failed; {} ends:\n{}",
                tool.name,
                log.display(),
                build.log_tail()
            ),
        }
        .context(tool.name)
    }
}

fn missing<'a>(tools: &'a [Tool], directory: &Path) -> impl Iterator<Item = &'a Tool> {
    tools
        .iter()
        .filter(move |tool| !directory.join(tool.name).is_file())
}
