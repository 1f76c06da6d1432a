//! Prints what is applied to a cluster.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use basphere_api::{crd, install};

use crate::config::Installation;
use crate::install::workload_manifest;

/// Writes the definitions of our custom resources to stdout, one YAML document each.
pub(crate) fn crds() -> anyhow::Result<()> {
    let mut text = String::new();
    for definition in crd::definitions() {
        text.push_str("---\n");
        text.push_str(
            &serde_saphyr::to_string(&definition).context("a definition has no YAML form")?,
        );
    }
    write(&text)
}

/// Writes the manifest of an installation to stdout.
pub(crate) fn install_manifest(installation: &Installation) -> anyhow::Result<()> {
    match installation {
        Installation::Management => write(&install::manifest()?),
        Installation::Workload { policies, images } => {
            write(&workload_manifest(policies.as_deref(), images.as_deref())?)
        }
    }
}

/// Writes what policies of a cluster need to stdout.
pub(crate) fn policies_manifest(with_definition: bool) -> anyhow::Result<()> {
    write(&install::policies_manifest(with_definition)?)
}

fn write(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads us may have seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("stdout cannot be written"),
    }
}
