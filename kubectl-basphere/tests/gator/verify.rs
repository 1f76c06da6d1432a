//! Suites, good and broken.

use crate::side_by_side::{difference, folder};

/// The report with the same time everywhere.
fn timeless(report: &str) -> String {
    let lines = report.split('\n').map(|line| match line.rsplit_once('\t') {
        Some((before, time)) if time.trim_matches(['(', ')']).ends_with('s') => {
            format!("{before}\tTIME")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same, and nothing but its beginning of what is said of a template or a constraint that is refused.
fn without_reasons(report: &str) -> String {
    const REFUSED: [&str; 2] = ["  adding template: ", "  schema validation failed: "];
    const NEXT: [&str; 4] = ["--- ", "=== ", "FAIL\t", "ok\t"];
    let mut kept = Vec::new();
    let mut is_reason = false;
    for line in timeless(report).split('\n') {
        is_reason &= !NEXT.iter().any(|next| line.starts_with(next));
        if is_reason {
            continue;
        }
        let refused = REFUSED.iter().find(|refused| line.starts_with(**refused));
        is_reason = refused.is_some();
        kept.push(refused.map_or(line, |refused| refused).to_owned());
    }
    kept.join("\n")
}

fn check(arguments: &[&str], normal: fn(&str) -> String) {
    if let Some(difference) = difference(arguments, &folder("suites"), None, normal) {
        panic!("{difference}");
    }
}

/// Each suite as a folder, and with everything that is told of it.
fn check_suite(name: &str, normal: fn(&str) -> String) {
    check(&["verify", name], normal);
    check(&["verify", &format!("{name}/..."), "-v"], normal);
}

macro_rules! suites {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            check_suite($name, timeless);
        })*
    };
}

suites! {
    what_passes: "labels",
    assertions_that_fail: "failing",
    cases_that_cannot_be_run: "cases",
    admission_reviews: "admission",
    inventories: "inventory",
    matches_and_namespaces: "match",
    expansion: "expansion",
    odd_names: "names",
    odd_values_and_unknown_fields: "yaml",
    several_documents: "multi",
    enforcement_actions: "actions",
    many_violations_and_failures_of_rules: "order",
    folders: "tree",
}

#[test]
fn tests_that_cannot_be_run() {
    check_suite("refused", without_reasons);
}

#[test]
fn what_cannot_be_read_ends_it_all() {
    let suites = std::fs::read_dir(folder("suites/unreadable")).unwrap();
    let mut count = 0;
    for suite in suites {
        let name = suite.unwrap().file_name().into_string().unwrap();
        check(&["verify", &format!("unreadable/{name}")], timeless);
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn paths_are_shown_as_they_are_given() {
    let absolute = folder("suites/labels").display().to_string();
    for path in [
        "labels/suite.yaml",
        "labels/suite.yaml/...",
        "labels/",
        "tree/",
        "./labels",
        "../suites/labels",
        "labels/template.yaml",
        "tree/notes.txt",
        "nowhere",
        "nowhere/...",
        "/",
        &absolute,
    ] {
        check(&["verify", path], timeless);
    }
}

#[test]
fn filters_choose_tests_and_cases() {
    for filter in [
        "bad",
        "//bad",
        "t//",
        "^none$",
        "the second|count",
        "all//^none$",
        "nothing",
        "a//b//c",
        "(",
    ] {
        for suite in ["failing", "tree/..."] {
            check(&["verify", "-v", suite, "--run", filter], timeless);
        }
    }
}

#[test]
fn wrong_usage_has_gators_code() {
    check(&["verify"], timeless);
    check(&["verify", "--nope", "labels"], timeless);
}
