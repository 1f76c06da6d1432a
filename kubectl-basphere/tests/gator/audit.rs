//! Objects of files and of standard input.

use crate::side_by_side::{difference, folder};

fn check(arguments: &[&str], input: Option<&str>) {
    if let Some(difference) = difference(arguments, &folder("objects"), input, str::to_owned) {
        panic!("{difference}");
    }
}

#[test]
fn every_file_says_the_same_in_every_format() {
    let mut count = 0;
    for file in std::fs::read_dir(folder("objects")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        for format in [
            &[][..],
            &["-o", "json"],
            &["-o", "yaml"],
            &["--deny-only", "-o", "JSON"],
        ] {
            check(&[&["test", "-f", &name], format].concat(), None);
        }
        count += 1;
    }
    assert_eq!(count, 41);
}

#[test]
fn standard_input_is_read_as_well() {
    let pods = std::fs::read_to_string(folder("objects/pods.yaml")).unwrap();
    let actions = std::fs::read_to_string(folder("objects/actions.yaml")).unwrap();
    check(&["test", "-f", "labels", "-o", "json"], Some(&pods));
    check(&["test"], Some(&actions));
    check(&["test"], Some(""));
    check(&["test"], None);
}

#[test]
fn files_and_folders_are_named_as_gator_takes_them() {
    let twice = ["-f", "pods.yaml", "--filename", "pods.yaml"];
    check(&[&["test", "-f", "labels"], &twice[..]].concat(), None);
    for name in ["labels/", "labels/notes.txt", "-", "nowhere", "."] {
        check(&["test", "-f", name], None);
    }
    for format in ["default", "what"] {
        check(&["test", "-f", "labels", "-o", format], None);
    }
    check(&["test", "extra"], None);
}

/// What is said of rules that contradict each other, without the place, which only OPA names.
fn without_places(text: &str) -> String {
    text.replace("template:5: eval_conflict_error: ", "")
        .replace("f: functions", "functions")
}

#[test]
fn a_kind_fails_as_a_whole() {
    for format in ["", "json", "yaml"] {
        let arguments = ["test", "-f", "conflict.yaml", "-o", format];
        if let Some(difference) =
            difference(&arguments, &folder("failing-rules"), None, without_places)
        {
            panic!("{difference}");
        }
    }
}
