//! The command line: what is understood, and with which code the program ends.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_basphere-webhook"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap()
}

#[test]
fn help_and_version_end_with_0_and_speak_on_stdout() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn wrong_arguments_end_with_2_and_say_which() {
    for (arguments, word) in [
        (&[][..], "Usage"),
        (&["serve"], "--self-signed"),
        (&["serve"], "--tls-cert"),
        (&["serve"], "--tls-key"),
        (
            &["serve", "--self-signed", "--lease-renew", "20s"],
            "--lease-duration",
        ),
        (
            &[
                "serve",
                "--self-signed",
                "--tls-cert",
                "a",
                "--tls-key",
                "b",
            ],
            "--tls-cert",
        ),
        (&["serve", "--tls-cert", "a"], "--tls-key"),
        (
            &["serve", "--self-signed", "--images", "a"],
            "--images is for application clusters",
        ),
        (
            &["install-manifest", "--images", "a"],
            "--images is for application clusters",
        ),
        (
            &["install-manifest", "--policies", "a"],
            "--policies is for application clusters",
        ),
        (&["serve", "--tls-key", "b"], "--tls-cert"),
        (
            &[
                "serve",
                "--tls-cert",
                "a",
                "--tls-key",
                "b",
                "--register-url",
                "https://h",
            ],
            "--register-url",
        ),
        (
            &[
                "serve",
                "--self-signed",
                "--register-url",
                "http://127.0.0.1:9443",
            ],
            "https://127.0.0.1:9443",
        ),
        (
            &["serve", "--self-signed", "--register-url", "https://u:p@h"],
            "without user",
        ),
        (
            &["serve", "--self-signed", "--register-url", "https://h/path"],
            "without user",
        ),
        (
            &["serve", "--self-signed", "--register-url", "https://h?x=y"],
            "without user",
        ),
        (&["serve", "--self-signed", "--listen", "9443"], "--listen"),
        (
            &["serve", "--self-signed", "--drain-timeout", "soon"],
            "--drain-timeout",
        ),
        (
            &["serve", "--self-signed", "--drain-timeout=-1s"],
            "negative",
        ),
        (
            &["serve", "--self-signed", "--log-format", "xml"],
            "--log-format",
        ),
        (&["undo"], "undo"),
    ] {
        let output = run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
}

#[test]
fn what_cannot_start_ends_with_1_and_says_why() {
    let free = "127.0.0.1:0";
    let foreign = "192.0.2.1:1";
    for (arguments, metrics_listen, word) in [
        (
            &["--self-signed", "--kubeconfig", "/nonexistent/kubeconfig"][..],
            free,
            "/nonexistent/kubeconfig",
        ),
        (
            &[
                "--tls-cert",
                "/nonexistent/crt",
                "--tls-key",
                "/nonexistent/key",
            ],
            free,
            "/nonexistent/crt",
        ),
        (
            &["--self-signed", "--client-ca", "/nonexistent/ca"],
            free,
            "/nonexistent/ca",
        ),
        (&["--self-signed"], foreign, foreign),
    ] {
        let mut all = vec![
            "serve",
            "--listen",
            free,
            "--metrics-listen",
            metrics_listen,
        ];
        all.extend(arguments);
        let output = run(&all);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{all:?}: {stderr}");
        assert!(stderr.contains(word), "{all:?}: {stderr}");
    }
}

#[test]
fn the_install_manifest_is_the_committed_one() {
    let output = run(&["install-manifest"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    let committed = include_str!("../../deploy/install.yaml");
    let (_, committed) = committed.split_once('\n').unwrap();
    assert_eq!(printed, committed, "but for the first line, a comment");
}

/// `BASPHERE_BLESS=1 cargo test -p basphere-webhook --test cli` writes it.
#[test]
fn the_manifest_of_application_clusters_is_the_committed_one() {
    let output = run(&["install-manifest", "--profile=workload"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed = format!(
        "# Made by basphere-webhook install-manifest --profile workload; do not edit.\n{printed}"
    );
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/workload/install.yaml"
    );
    if std::env::var_os("BASPHERE_BLESS").is_some() {
        std::fs::write(file, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(printed, committed, "{file} has drifted");
}

#[test]
fn crds_are_yaml_documents() {
    let output = run(&["crds"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<String> = text
        .split("---\n")
        .skip(1)
        .map(|document| serde_saphyr::from_str::<serde_json::Value>(document).unwrap())
        .map(|definition| definition["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "sites.basphere.dev",
            "tenants.basphere.dev",
            "tenantquotas.basphere.dev",
            "addresspools.basphere.dev",
            "addressleases.basphere.dev",
            "policywaivers.basphere.dev"
        ]
    );
}

#[test]
fn an_audit_of_no_interval_is_none() {
    let audit = |flags: &[&str]| {
        let arguments = [&["basphere-webhook", "serve", "--self-signed"], flags].concat();
        match basphere_webhook::cli::parse(arguments.iter().map(Into::into)).unwrap() {
            basphere_webhook::cli::Command::Serve(config, _) => config.audit,
            other => panic!("{other:?}"),
        }
    };
    let seconds = |seconds| std::time::Duration::from_secs(seconds);
    assert_eq!(audit(&[]).unwrap().interval, seconds(60));
    assert_eq!(
        audit(&["--audit-interval=5m"]).unwrap().interval,
        seconds(300)
    );
    for none in ["--audit-interval=0", "--audit-interval=0s"] {
        assert_eq!(audit(&[none]), None);
    }
}

#[test]
fn what_policies_of_a_cluster_need_are_rights_and_a_definition_for_who_asks() {
    let printed = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        serde_saphyr::from_multiple(&text).unwrap()
    };
    let named = |object: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        format!(
            "{} {}",
            text(&object["kind"]),
            text(&object["metadata"]["name"])
        )
    };
    let rights = printed(&["policies-manifest"]);
    assert_eq!(
        rights.iter().map(named).collect::<Vec<_>>(),
        [
            "ClusterRole basphere-policies",
            "ClusterRoleBinding basphere-policies",
            "ClusterRole basphere-inventory",
            "ClusterRoleBinding basphere-inventory",
        ]
    );
    let all = printed(&["policies-manifest", "--with-definition"]);
    assert_eq!(
        named(&all[0]),
        "CustomResourceDefinition constrainttemplates.templates.gatekeeper.sh"
    );
    assert_eq!(all[1..], rights);
}
