//! `kubectl basphere export ipam`: the bastion's files, out of what the cluster holds.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bastion::write;
use crate::cli::{ExportIpam, Global};
use crate::exit::{Exit, unless_closed};
use crate::ipam::Stock;
use crate::run::print_warning;

/// Writes both files, or those that are named.
pub(crate) fn run(
    options: &ExportIpam,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let stock = Stock::read(&options.files, global, talk)?;
    // A pool that is not there has no leases, and would empty the files.
    stock.pool(&options.pool)?;
    let files = write::files(&stock.leases, &options.pool);
    for notice in &files.notices {
        print_warning(notice, talk);
    }
    let is_named = options.allocations.is_some() || options.leases.is_some();
    let path = |named: &Option<PathBuf>, default: &str| {
        let default = || (!is_named).then(|| PathBuf::from(default));
        named.clone().or_else(default)
    };
    for (path, text) in [
        (
            path(&options.allocations, "allocations.tsv"),
            &files.allocations,
        ),
        (path(&options.leases, "leases.tsv"), &files.leases),
    ] {
        let Some(path) = path else { continue };
        if path == Path::new("-") {
            unless_closed(out.write_all(text.as_bytes()))?;
            continue;
        }
        replace(&path, text).with_context(|| path.display().to_string())?;
        let count = text.lines().count().saturating_sub(1);
        let noun = if count == 1 { "line" } else { "lines" };
        writeln!(talk, "{}: {count} {noun} written", path.display())?;
    }
    unless_closed(out.flush())?;
    Ok(if stock.is_incomplete {
        Exit::Error
    } else {
        Exit::Ok
    })
}

/// Writes a file so that whoever reads it meanwhile sees the old or the new one, and nothing between.
fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = std::fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(path)?;
    Ok(())
}
