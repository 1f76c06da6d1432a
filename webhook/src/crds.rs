//! Prints the definitions of our custom resources.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Writes one YAML document a definition to stdout.
pub(crate) fn print() -> anyhow::Result<()> {
    let mut text = String::new();
    for definition in basphere_api::crd::definitions() {
        text.push_str("---\n");
        text.push_str(
            &serde_saphyr::to_string(&definition).context("a definition has no YAML form")?,
        );
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads us may have seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("stdout cannot be written"),
    }
}
