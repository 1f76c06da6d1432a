//! Files as Go's `io/fs` names them and says what is wrong with them: absolute, without the first slash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file's bytes.
pub(super) fn read(path: &str) -> Result<Vec<u8>, String> {
    fs::read(on_disk(path)).map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => format!("read {path}: {}", reason(&error)),
        _ => format!("open {path}: {}", reason(&error)),
    })
}

/// Where a file is.
pub(super) fn on_disk(path: &str) -> PathBuf {
    Path::new("/").join(path)
}

/// What the system says, as Go writes it.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => text.to_owned(),
    }
}

/// The path of a file that another one names, with every `..` taken back.
pub(super) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder of a file.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What a name ends in, from its last dot on.
pub(super) fn extension(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.rfind('.')
        .and_then(|dot| name.get(dot..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{extension, folder, join};

    #[test]
    fn paths_are_joined_as_texts() {
        assert_eq!(join("a/b", "../c/./d.yaml"), "a/c/d.yaml");
        assert_eq!(join("a", "../../../b"), "b");
        assert_eq!(join("a", "/b"), "a/b");
        assert_eq!((folder("a/b.yaml"), folder("b.yaml")), ("a", ""));
        let extensions = ["a.b/c", "a/.yaml", "a.tar.yml"].map(extension);
        assert_eq!(extensions, ["", ".yaml", ".yml"]);
    }
}
