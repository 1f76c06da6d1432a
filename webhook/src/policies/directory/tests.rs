use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::policies::Shelf;

const TEMPLATE: &str = r#"{"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
  "metadata": {"name": "one"}, "spec": {"crd": {"spec": {"names": {"kind": "One"}}},
  "targets": [{"target": "admission.k8s.gatekeeper.sh",
    "rego": "package one\nviolation[{\"msg\": \"no\"}] { true }"}]}}"#;

/// A shelf, and a directory as the only source of what is on it.
fn shelf() -> (Arc<Shelf>, Sources) {
    let shelf = Arc::new(Shelf::default());
    let sources = Sources::new(Arc::clone(&shelf), Arc::default(), true, false);
    (shelf, sources)
}

fn refreshed(directory: &mut Directory, (shelf, sources): &(Arc<Shelf>, Sources)) -> Option<usize> {
    directory.refresh(sources);
    shelf.current().map(|policies| policies.templates().count())
}

/// What kubelet makes of a ConfigMap: files are links into a folder that is a link itself, which is turned over.
#[test]
fn a_mounted_config_map_is_read_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, text) in [("..1", TEMPLATE), ("..2", "kind: None")] {
        fs::create_dir(path(version)).unwrap();
        fs::write(path(version).join("one.yaml"), text).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/one.yaml", path("one.yaml")).unwrap();
    let (mut directory, shelf) = (Directory::new(folder.path().to_owned()), shelf());
    assert_eq!(refreshed(&mut directory, &shelf), Some(1));
    fs::remove_file(path("..data")).unwrap();
    symlink("..2", path("..data")).unwrap();
    assert_eq!(refreshed(&mut directory, &shelf), Some(0));
}

#[test]
fn samples_hidden_files_and_other_endings_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["samples", ".git", "deep/er"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in ["samples/a.yaml", ".git/a.yaml", ".a.yaml", "notes.md"] {
        fs::write(folder.path().join(name), "a: [").unwrap();
    }
    fs::write(folder.path().join("deep/er/one.json"), TEMPLATE).unwrap();
    let (mut directory, shelf) = (Directory::new(folder.path().to_owned()), shelf());
    assert_eq!(refreshed(&mut directory, &shelf), Some(1));
}

#[test]
fn what_cannot_be_read_leaves_what_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.yaml");
    fs::write(&file, TEMPLATE).unwrap();
    let (mut directory, shelf) = (Directory::new(folder.path().to_owned()), shelf());
    assert_eq!(refreshed(&mut directory, &shelf), Some(1));
    let in_force = shelf.0.current().unwrap();
    symlink(folder.path(), folder.path().join("loop")).unwrap();
    directory.refresh(&shelf.1);
    let complaint = directory.complaint.concat();
    assert!(complaint.ends_with(" is too deep"), "{complaint}");
    fs::remove_file(folder.path().join("loop")).unwrap();
    fs::write(&file, [0xff, 0xfe]).unwrap();
    directory.refresh(&shelf.1);
    assert!(
        directory
            .complaint
            .concat()
            .contains("one.yaml cannot be read")
    );
    assert!(Arc::ptr_eq(&in_force, &shelf.0.current().unwrap()));
    fs::write(&file, TEMPLATE).unwrap();
    directory.refresh(&shelf.1);
    assert!(directory.complaint.is_empty());
}

#[test]
fn a_directory_that_is_not_there_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies");
    let (mut directory, shelf) = (Directory::new(path.clone()), shelf());
    assert_eq!(refreshed(&mut directory, &shelf), None);
    fs::create_dir(&path).unwrap();
    assert_eq!(refreshed(&mut directory, &shelf), Some(0));
}
