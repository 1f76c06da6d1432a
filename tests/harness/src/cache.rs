//! The cache directory of what is built once from Go modules: kept between runs, shared by clones.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::progress::Progress;

/// What marks the name of a file that is not finished, before the process id of who writes it.
const PARTIAL: &str = ".partial-";

/// A folder of the cache, held exclusively until this is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    directory: PathBuf,
    _lock: File,
}

impl Locked {
    /// Waits until nobody else builds into `directory`, which is created when missing.
    pub(crate) fn acquire(directory: &Path, progress: Progress) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        let path = directory.join("lock");
        let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        if lock.try_lock().is_err() {
            let _step = progress.slow_step(&format!(
                "waiting for another build in {}",
                directory.display()
            ));
            lock.lock()
                .with_context(|| format!("locking {}", path.display()))?;
        }
        let locked = Self {
            directory: directory.to_owned(),
            _lock: lock,
        };
        locked.remove_partials()?;
        Ok(locked)
    }

    /// Removes what builders left that were killed.
    fn remove_partials(&self) -> Result<()> {
        let entries = std::fs::read_dir(&self.directory)
            .with_context(|| format!("reading {}", self.directory.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().contains(PARTIAL) {
                std::fs::remove_file(entry.path())
                    .with_context(|| format!("removing {}", entry.path().display()))?;
            }
        }
        Ok(())
    }

    /// A path to write to before it is renamed to `name`, so that nobody ever sees half a file. The name is our own: a
    /// compiler that was orphaned a moment ago may still write to its.
    pub(crate) fn partial(&self, name: &str) -> PathBuf {
        self.directory
            .join(format!("{name}{PARTIAL}{}", std::process::id()))
    }

    /// Gives a finished file its name.
    pub(crate) fn publish(&self, partial: &Path, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        std::fs::rename(partial, &path).with_context(|| format!("renaming to {}", path.display()))
    }
}

/// The folder for whatever is determined by `inputs`: `kind` and a hash of them, in the user's cache directory.
pub(crate) fn directory(kind: &str, inputs: &[&str]) -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(
            std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?,
        )
        .join(".cache"),
    };
    Ok(base
        .join("basphere")
        .join(format!("{kind}-{:016x}", fnv1a(inputs))))
}

/// FNV-1a, 64 bits. The standard library's hash may change with the compiler, and would then build everything anew.
fn fnv1a(inputs: &[&str]) -> u64 {
    let separated = inputs.iter().flat_map(|input| input.bytes().chain([0]));
    separated.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_and_keeps_inputs_apart() {
        // FNV-1a of "a" is af63dc4c8601ec8c; the terminator is one more round.
        assert_eq!(
            fnv1a(&["a"]),
            0xaf63_dc4c_8601_ec8c_u64.wrapping_mul(0x0100_0000_01b3)
        );
        assert_ne!(fnv1a(&["ab", "c"]), fnv1a(&["a", "bc"]));
    }

    #[test]
    fn what_is_published_is_whole_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let locked = Locked::acquire(directory.path(), Progress::default()).expect("a lock");
        let partial = locked.partial("etcd");
        std::fs::write(&partial, "whole").expect("a write");
        locked.publish(&partial, "etcd").expect("a rename");
        assert_eq!(
            std::fs::read_to_string(directory.path().join("etcd")).expect("a file"),
            "whole"
        );
        assert!(!partial.exists());
    }
}
