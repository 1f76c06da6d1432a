//! Offline YAML is what kubectl would have sent.
//!
//! `yaml_parity.json` holds inputs and what kubectl 1.34.4 made of each (`null`: it refused),
//! measured by `kubectl label --local -f - x=y -o json`.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use basphere_api::manifest;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    name: String,
    input: String,
    kubectl: Option<Vec<Value>>,
}

/// What kubectl takes and the reader refuses, on purpose.
const REFUSED: &[&str] = &[
    "scalar {yes: 1, 12: 2, 1.5: 3, 1e3: 5}",
    "scalar {a: 1, a: 2}",
    "dup",
    "dots",
    "json",
    "no apiVersion",
    "next line nel",
    "bin nonutf8",
    "float key",
];

/// What kubectl refuses and the reader takes: YAML 1.2 gives it one meaning.
const TAKEN: &[&str] = &["json surrogate in yaml", "json slash in yaml"];

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("yaml_parity.json")).unwrap()
}

/// Fractions and numbers beyond 64 bits are compared as floats, but for the last digit, which
/// serde_json reads roughly.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let close = |left: f64, right: f64| (left - right).abs() <= left.abs() * 1e-15;
            match (left.as_i64(), right.as_i64()) {
                (None, None) => close(left.as_f64().unwrap(), right.as_f64().unwrap()),
                (left, right) => left == right,
            }
        }
        (Value::Array(left), Value::Array(right)) => all_same(left, right),
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

fn all_same(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| same(left, right))
}

#[test]
fn every_input_reads_as_kubectl_reads_it() {
    let mut faults = Vec::new();
    for Case {
        name,
        input,
        kubectl,
    } in cases()
    {
        let read = manifest::read(input.as_bytes()).map(|manifests| {
            manifests
                .into_iter()
                .map(|manifest| manifest.object)
                .collect::<Vec<_>>()
        });
        let agrees = match (&read, &kubectl) {
            (Ok(ours), Some(theirs)) => all_same(ours, theirs) && !REFUSED.contains(&name.as_str()),
            (Err(_), Some(_)) => REFUSED.contains(&name.as_str()),
            (Ok(_), None) => TAKEN.contains(&name.as_str()),
            (Err(_), None) => !TAKEN.contains(&name.as_str()),
        };
        if !agrees {
            faults.push(format!("{name}: {read:?}, kubectl: {kubectl:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Measures the table again: `KUBECTL=path cargo test -p basphere-api -- --ignored`.
#[test]
#[ignore = "needs a kubectl, named by KUBECTL"]
fn the_table_is_what_kubectl_does() {
    let kubectl = std::env::var("KUBECTL").expect("KUBECTL names the program");
    let mut faults = Vec::new();
    for Case {
        name,
        input,
        kubectl: expected,
    } in cases()
    {
        let measured = measure(&kubectl, &input);
        let agrees = match (&measured, &expected) {
            (Some(measured), Some(expected)) => all_same(measured, expected),
            (measured, expected) => measured.is_none() == expected.is_none(),
        };
        if !agrees {
            faults.push(format!("{name}: {measured:?}, the table: {expected:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn measure(kubectl: &str, input: &str) -> Option<Vec<Value>> {
    // A label is added without any server, which prints the object as it was read.
    let mut child = Command::new(kubectl)
        .args([
            "label",
            "--kubeconfig=/dev/null",
            "--local",
            "-f",
            "-",
            "x=y",
            "-o",
            "json",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let objects = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    output.status.success().then(|| {
        objects
            .map(|object| without_label(object.unwrap()))
            .collect()
    })
}

fn without_label(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    let labels = metadata["labels"].as_object_mut().unwrap();
    labels.remove("x");
    if labels.is_empty() {
        metadata.remove("labels");
    }
    if metadata.is_empty() {
        object.as_object_mut().unwrap().remove("metadata");
    }
    object
}

fn error(input: &str) -> (usize, usize, String) {
    let error = manifest::read(input.as_bytes()).unwrap_err();
    (error.document, error.line, error.message)
}

#[test]
fn an_error_names_document_and_line() {
    let good = "apiVersion: v1\nkind: A\n";
    assert_eq!(
        error(&format!("---\n# head\n---\n{good}---\n\napiVersion: v1\n")),
        (2, 8, "kind is missing".into())
    );
    let (document, line, message) = error(&format!("{good}---\n{good}a: [1\nb: 2\n"));
    assert_eq!((document, line), (2, 7), "{message}");
    let (document, line, message) = error(&format!("{good}---\n{good}a:\n  b: 1\n  b: 2\n"));
    assert_eq!(
        (document, line, message.as_str()),
        (2, 8, "the key \"b\" stands here twice")
    );
    let (document, line, message) =
        error("{\"apiVersion\": \"v1\",\n \"kind\": \"A\"}\n{\"apiVersion\": 1, }");
    assert_eq!((document, line), (1, 3), "{message}");
    assert_eq!(
        error("--- x\n"),
        (
            1,
            1,
            "\"x\" cannot stand behind the separator \"---\"".into()
        )
    );
    let not_utf8 = manifest::read(b"a: b\nc: \xff\n").unwrap_err();
    assert_eq!(
        (not_utf8.line, not_utf8.message.as_str()),
        (2, "this is not UTF-8")
    );
    let nested = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n";
    assert_eq!(
        error(nested),
        (1, 1, "items[0]: a list cannot stand inside a list".into())
    );
    // Which of the two kubectl keeps is left to chance.
    assert_eq!(
        error(&format!("{good}a: {{1: a, \"1\": b}}\n")),
        (1, 3, "the key \"1\" stands here twice".into())
    );
    let label = format!("{good}metadata: {{labels: {{a: yes}}}}\n");
    assert_eq!(
        error(&label).2,
        "metadata.labels[a]: text is needed here, not the boolean true; quote it"
    );
}

#[test]
fn a_manifest_knows_where_it_stands() {
    let stream = "# head\n---\napiVersion: v1\nkind: A\n---\n\n# only a comment\n---\n\n{\"apiVersion\":\"v1\",\"kind\":\"B\"}\n\
                  {\"apiVersion\":\"v1\",\"kind\":\"C\"}\n";
    let found: Vec<_> = manifest::read(stream.as_bytes())
        .unwrap()
        .into_iter()
        .map(|manifest| {
            (
                manifest.document,
                manifest.line,
                manifest.object["kind"].clone(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [(1, 3, "A".into()), (3, 10, "B".into()), (3, 11, "C".into())]
    );
}

#[test]
fn what_would_exhaust_memory_or_stack_is_refused() {
    let mut bomb = "apiVersion: v1\nkind: A\nl0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*l{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("l{level}: &l{level} [{below}]\n"));
    }
    assert!(
        error(&bomb).2.contains("aliases expand to more than"),
        "{:?}",
        error(&bomb)
    );

    let mut tower = "apiVersion: v1\nkind: A\nl0: &l0 [x]\n".to_owned();
    for level in 1..4 {
        tower.push_str(&format!(
            "l{level}: &l{level} {}*l{}{}\n",
            "[".repeat(50),
            level - 1,
            "]".repeat(50)
        ));
    }
    assert!(
        error(&tower).2.contains("nested more than"),
        "{:?}",
        error(&tower)
    );

    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let deep = format!(
            "apiVersion: v1\nkind: A\nv: {}{}\n",
            open.repeat(150),
            close.repeat(150)
        );
        assert!(
            error(&deep).2.contains("nested more than"),
            "{:?}",
            error(&deep)
        );
        assert_eq!(error(&format!("v: {}", open.repeat(100_000))).0, 1);
    }
    let large = " ".repeat(manifest::MAX_BYTES + 1);
    assert!(error(&large).2.contains("larger than"));
}

#[test]
fn a_file_with_windows_line_ends_is_the_same() {
    let unix = "apiVersion: v1\nkind: A\ns: |\n  a\n  b\n---\napiVersion: v1\nkind: B\n";
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    assert_eq!(
        manifest::read(unix.as_bytes()),
        manifest::read(windows.as_bytes())
    );
}
