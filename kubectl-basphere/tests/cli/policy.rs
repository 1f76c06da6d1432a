//! Policies on files. What gator says as well is compared in `tests/gator`.

use std::path::Path;

use serde_json::{Value, json};

use crate::page::commands_of;
use crate::program::run;
use crate::server::run_against;

#[test]
fn the_page_about_policies_shows_what_is_printed() {
    assert_eq!(commands_of("policies.md"), 7);
}

#[test]
fn what_is_not_supported_is_said() {
    let ran = run(&["policy", "test", "--image", "example.com/policies"]);
    let said = "pulling image: images are not supported\n";
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(1), "", said)
    );
}

/// A file of the tests that are shared with gator.
fn shared(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gator");
    folder.join(name).display().to_string()
}

#[test]
fn a_list_names_what_can_be_used_and_what_cannot() {
    let (refused, file) = (
        shared("suites/refused"),
        shared("suites/refused/constraint.yaml"),
    );
    let ran = run(&["policy", "list", "-o", "json", &refused]);
    assert_eq!(ran.code, Some(1));
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    let expected = json!([{
        "kind": "Labels", "constraint": "need-labels", "action": "deny", "kinds": ["Pod"], "file": file,
    }]);
    assert_eq!(listed, expected);
    for part in [
        "cel.yaml: template labels: template \"labels\" has CEL only",
        "broken.yaml: template labels: invalid ConstraintTemplate: rego:2:27",
        "other.yaml: constraint other: missing ConstraintTemplate: template \"other\" not found",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }

    let template = shared("objects/labels/1-template.yaml");
    let ran = run(&["policy", "list", &template]);
    let expected = format!(
        "KIND     CONSTRAINT   ACTION   MATCHES   FILE\nLabels   -            -        -         {template}\n"
    );
    assert_eq!((ran.code, ran.out), (Some(0), expected));
}

#[test]
fn an_explanation_names_the_line_that_a_rule_stops_at() {
    let files = [
        "objects/labels/1-template.yaml",
        "objects/labels/2-constraint.yml",
        "objects/labels/more/pods.yaml",
    ];
    let files = files.map(shared);
    let files: Vec<&str> = files.iter().flat_map(|file| ["-f", file]).collect();
    let ran = run(&[&["policy", "explain", "-o", "json"], &files[..]].concat());
    let explained: Value = serde_json::from_str(&ran.out).unwrap();
    let verdict = |index: usize| {
        let constraint = &explained["objects"][index]["constraints"][0];
        (
            explained["objects"][index]["object"].clone(),
            constraint["verdict"].clone(),
            constraint["rules"][0]["stoppedAt"].clone(),
        )
    };
    assert_eq!(
        verdict(0),
        (json!("Pod default/web"), json!("violated"), json!(null))
    );
    let at = json!({"line": 5, "text": "not input.review.object.metadata.labels[label]"});
    assert_eq!(verdict(2), (json!("Pod fine"), json!("holds"), at));
    let coverage = json!([{"template": "labels", "lines": 4, "reached": 4, "missed": []}]);
    assert_eq!(explained["coverage"], coverage);

    let service = shared("suites/labels/service.yaml");
    let ran = run(&[&["policy", "explain", "--all", "-f", &service], &files[..4]].concat());
    assert!(
        ran.out
            .contains("  Labels/need-labels (deny): not matched: kinds\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_measurement_has_the_names_of_gators() {
    let ran = run(&[
        "policy",
        "bench",
        "-f",
        &shared("objects/labels"),
        "--iterations",
        "3",
        "--warmup",
        "1",
        "-o",
        "json",
    ]);
    let measured: Value = serde_json::from_str(&ran.out).unwrap();
    let counts = [
        "templateCount",
        "constraintCount",
        "objectCount",
        "iterations",
        "totalReviews",
        "violationCount",
    ];
    assert_eq!(
        counts.map(|name| measured[0][name].as_u64().unwrap()),
        [1, 1, 6, 3, 18, 21]
    );
    for name in ["min", "max", "mean", "p50", "p95", "p99"] {
        assert!(
            measured[0]["latencies"][name].is_string(),
            "{name}: {}",
            ran.out
        );
    }

    let ran = run(&["policy", "bench", "-f", &shared("suites/labels/good.yaml")]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(1), "error: there is no constraint\n")
    );
}

/// A waiver of the pods that `shared` policies refuse, in a file of its own.
fn waiver(folder: &Path, expires: &str, extra: &Value) -> String {
    let mut document = json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "PolicyWaiver",
        "metadata": {"name": "old"},
        "spec": {
            "reason": "they move", "expires": expires, "grantedBy": "root",
            "constraints": [{"kind": "Labels", "name": "need-*"}], "match": {"namespaces": ["default"]},
        },
    });
    for (name, value) in extra.as_object().unwrap() {
        document["spec"][name] = value.clone();
    }
    let file = folder.join("waiver.json");
    std::fs::write(&file, document.to_string()).unwrap();
    file.display().to_string()
}

#[test]
fn an_explanation_names_the_waiver_that_holds_then() {
    let folder = tempfile::tempdir().unwrap();
    let waived = |expires: &str, extra: &Value| {
        let files = [
            shared("objects/labels/1-template.yaml"),
            shared("objects/labels/2-constraint.yml"),
            shared("objects/labels/more/pods.yaml"),
            waiver(folder.path(), expires, extra),
        ];
        let files: Vec<&str> = files.iter().flat_map(|file| ["-f", file]).collect();
        let at = [
            "policy",
            "explain",
            "-o",
            "json",
            "--at",
            "2026-06-01T00:00:00Z",
        ];
        let ran = run(&[&at[..], &files[..]].concat());
        let explained: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
        let objects = explained["objects"].as_array().unwrap();
        let objects = objects.iter();
        objects
            .map(|it| it["constraints"][0]["waiver"].clone())
            .collect::<Vec<_>>()
    };
    let nothing = json!({});
    let held = waived("2026-06-01T00:00:01Z", &nothing);
    let expected = json!({"name": "old", "expires": "2026-06-01T00:00:01Z", "reason": "they move"});
    assert_eq!(held[0], expected);
    assert_eq!(held[2], Value::Null, "what is fine needs no waiver");
    assert_eq!(waived("2026-06-01T00:00:00Z", &nothing)[0], Value::Null);
    let of_people = json!({"subjects": [{"kind": "User", "name": "*"}]});
    assert_eq!(waived("2026-06-02T00:00:00Z", &of_people)[0], Value::Null);
}

/// Without files it is the cluster that is asked, which has counted.
#[test]
fn waivers_of_a_cluster_say_how_often_they_were_used() {
    let reply = |path: &str| {
        assert_eq!(path, "/apis/basphere.dev/v1alpha1/policywaivers");
        let item = |name: &str, label: &str| {
            json!({
                "apiVersion": "basphere.dev/v1alpha1",
                "kind": "PolicyWaiver",
                "metadata": {"name": name},
                "spec": {
                    "reason": "they move", "expires": "2999-01-01T00:00:00Z", "grantedBy": "root",
                    "constraints": [{"kind": "*", "name": "*"}],
                    "match": {"namespaces": ["a"], "labelSelector": {"matchLabels": {label: "b"}}},
                },
                "status": {"used": 7, "lastUsed": "2026-06-01T00:00:00Z", "conditions": []},
            })
        };
        let items = [item("good", "app"), item("bad", "not a label")];
        let list = json!({"apiVersion": "basphere.dev/v1alpha1", "kind": "PolicyWaiverList", "metadata": {}, "items": items});
        (200, list.to_string())
    };
    let ran = run_against(
        reply,
        &["policy", "waivers", "--at", "2026-06-02T00:00:00Z"],
        "",
    );
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}{}", ran.out, ran.err);
    let words: Vec<_> = lines[2].split_whitespace().collect();
    let shown = "good */* in a labelled app=b 2999-01-01 (in 973y) 7 24h ago they move";
    assert_eq!(words.join(" "), shown);
    assert_eq!(ran.code, Some(1));
    let said = "PolicyWaiver bad waives nothing: spec.match.labelSelector.matchLabels[not a label]";
    assert!(ran.err.contains(said), "{}", ran.err);
}

#[test]
fn waivers_that_cannot_be_read_are_said_and_the_others_listed() {
    let folder = tempfile::tempdir().unwrap();
    let file = waiver(
        folder.path(),
        "2026-06-01T00:00:00Z",
        &json!({"requestedBy": "kim"}),
    );
    let at = ["policy", "waivers", "--at", "2026-06-03T12:00:00Z", "-f"];
    let ran = run(&[&at[..], &[&file, "-o", "wide"]].concat());
    let expected = "\
NAME   CONSTRAINTS     SCOPE        EXPIRES                      USED   LAST   GRANTED BY   REQUESTED BY   REASON
old    Labels/need-*   in default   2026-06-01 (expired 2d ago)   -      -      root         kim            they move
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        (ran.code, squeezed(&ran.out)),
        (Some(0), squeezed(expected))
    );

    let ran = run(&[&at[..], &[&file, "-o", "json"]].concat());
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(listed["items"][0]["spec"]["reason"], "they move");

    std::fs::copy(&file, folder.path().join("good.json")).unwrap();
    waiver(
        folder.path(),
        "2026-06-01T00:00:00Z",
        &json!({"match": {"name": "web"}}),
    );
    let ran = run(&[&at[..], &[folder.path().to_str().unwrap()]].concat());
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("\nold "), "{}", ran.out);
    let words = "waiver.json: PolicyWaiver old: spec: would waive for everybody everywhere: name match.namespaces";
    assert!(ran.err.contains(words), "{}", ran.err);

    let ran = run(&["policy", "waivers", "-f", &shared("objects/labels")]);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", "No PolicyWaivers found.\n")
    );
}
