//! Completion as kubectl asks for it, and what a plugin says of itself.

use std::process::Command;

use crate::program::{Ran, program, run, run_with};

fn complete(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("kubectl_complete-basphere");
    std::os::unix::fs::symlink(program(), &name).unwrap();
    let Ran { code, out, err } = run_with(Command::new(name), words, "");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{words:?}");
    out.lines()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

#[test]
fn verbs_flags_and_values_are_completed() {
    assert_eq!(
        complete(&[""]),
        [
            "review", "quota", "ipam", "policy", "import", "export", "version", "help", ":4"
        ]
    );
    assert_eq!(complete(&["rev"]), ["review", ":4"]);
    assert_eq!(complete(&["review", "--out"]), ["--output", ":4"]);
    assert_eq!(
        complete(&["review", "-o", ""]),
        ["text", "yaml", "json", ":4"]
    );
    assert_eq!(complete(&["review", "--output=j"]), ["--output=json", ":4"]);
    assert_eq!(complete(&["--color", "n"]), ["never", ":4"]);
    assert_eq!(complete(&["review", ""]), [":4"]);
    assert_eq!(complete(&["ipam", ""]), ["map", "help", ":4"]);
    assert_eq!(complete(&["quota", "e"]), ["explain", ":4"]);
    assert_eq!(complete(&["quota", "explain", "-o", "j"]), ["json", ":4"]);
    assert_eq!(complete(&["import", "i"]), ["ipam", ":4"]);
    assert_eq!(complete(&["ipam", "-o", "w"]), ["wide", ":4"]);
}

#[test]
fn file_names_are_left_to_the_shell() {
    assert_eq!(complete(&["review", "-f", ""]), [":0"]);
    assert_eq!(complete(&["review", "--site", "dep"]), [":0"]);
    assert_eq!(complete(&["quota", "--what-if", "-f", ""]), [":0"]);
    assert_eq!(complete(&["import", "ipam", "--leases", ""]), [":0"]);
}

#[test]
fn the_plugin_names_itself_as_it_is_typed() {
    let version = format!("kubectl basphere {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [["--version"], ["version"]] {
        let ran = run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), version.as_str()));
    }
    for arguments in [&["--help"][..], &["review", "--help"]] {
        let ran = run(arguments);
        assert_eq!(ran.code, Some(0));
        assert!(ran.out.contains("Usage: kubectl basphere"), "{}", ran.out);
    }
}
