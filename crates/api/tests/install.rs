//! `deploy/install.yaml` is what the code says, and the files around it agree with it.
//! `BASPHERE_BLESS=1 cargo test -p basphere-api --test install` writes it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test may fail as loudly as the test"
)]

use std::path::{Path, PathBuf};

use basphere_api::install::{NAMESPACE, TLS_SECRET, manifest, objects};
use serde_json::{Value, json};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn find(kind: &str) -> Value {
    let objects = objects().expect("objects");
    let found = objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}")).clone()
}

#[test]
fn the_committed_manifest_does_not_drift_from_the_code() {
    let text = manifest().expect("a manifest");
    let text = format!("# Made from crates/api/src/install.rs; do not edit.\n{text}");
    let file = deploy("install.yaml");
    if std::env::var_os("BASPHERE_BLESS").is_some() {
        std::fs::write(&file, &text).expect("deploy/install.yaml can be written");
    }
    assert_eq!(read(&file), text, "{} has drifted", file.display());
}

#[test]
fn the_manifest_reads_back_as_the_objects() {
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    let text = manifest().expect("a manifest");
    let read: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options).expect("YAML");
    assert_eq!(read, objects().expect("objects"));
}

#[test]
fn the_gate_comes_last_and_only_it_is_labelled_so() {
    let kinds: Vec<(bool, String)> = objects()
        .expect("objects")
        .iter()
        .map(|object| {
            let component = &object["metadata"]["labels"]["app.kubernetes.io/component"];
            (
                component == "gate",
                object["kind"].as_str().expect("a kind").to_owned(),
            )
        })
        .collect();
    let gate = [
        (true, "MutatingWebhookConfiguration".to_owned()),
        (true, "ValidatingWebhookConfiguration".to_owned()),
    ];
    assert_eq!(kinds[kinds.len() - 2..], gate);
    assert!(kinds[..kinds.len() - 2].iter().all(|(is_gate, _)| !is_gate));
    assert_eq!(kinds[0].1, "Namespace");
}

#[test]
fn the_gate_leaves_its_own_namespace_alone() {
    for kind in [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        for webhook in find(kind)["webhooks"].as_array().expect("webhooks") {
            let namespaces = &webhook["namespaceSelector"]["matchExpressions"][0];
            assert_eq!(namespaces["operator"], "NotIn");
            let values = namespaces["values"].as_array().expect("values");
            assert!(values.contains(&json!(NAMESPACE)), "{}", webhook["name"]);
        }
    }
}

#[test]
fn the_service_reaches_the_pods_and_the_webhooks_reach_the_service() {
    let (service, deployment) = (find("Service"), find("Deployment"));
    let template = &deployment["spec"]["template"];
    assert_eq!(service["spec"]["selector"], template["metadata"]["labels"]);
    assert_eq!(
        deployment["spec"]["selector"]["matchLabels"],
        template["metadata"]["labels"]
    );
    let container = &template["spec"]["containers"][0];
    let target = &service["spec"]["ports"][0]["targetPort"];
    let ports = container["ports"].as_array().expect("ports");
    let port = ports
        .iter()
        .find(|port| port["name"] == *target)
        .expect("the target port");
    let args = container["args"].to_string();
    assert!(
        args.contains(&format!("--listen=0.0.0.0:{}", port["containerPort"])),
        "{args}"
    );
    let webhook = &find("ValidatingWebhookConfiguration")["webhooks"][0];
    let called = &webhook["clientConfig"]["service"];
    assert_eq!(called["name"], service["metadata"]["name"]);
    assert_eq!(called["namespace"], service["metadata"]["namespace"]);
    assert_eq!(called["port"], service["spec"]["ports"][0]["port"]);
}

#[test]
fn no_secret_is_in_the_manifest_and_none_may_be_read() {
    let objects = objects().expect("objects");
    assert!(objects.iter().all(|object| object["kind"] != "Secret"));
    let rules = find("ClusterRole")["rules"].to_string();
    assert!(
        !rules.contains("secrets") && !rules.contains('*'),
        "{rules}"
    );
    let volume = &find("Deployment")["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(volume["secret"]["secretName"], TLS_SECRET);
    assert!(read(&deploy("kustomization.yaml")).contains(TLS_SECRET));
}

#[test]
fn the_image_is_built_by_the_compiler_that_the_checks_use() {
    let toolchain = read(&deploy("../rust-toolchain.toml"));
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .expect("a channel")
        .trim_matches('"');
    let dockerfile = read(&deploy("Dockerfile"));
    assert!(
        dockerfile.contains(&format!("FROM rust:{channel}-slim")),
        "deploy/Dockerfile does not build with {channel}"
    );
}

#[test]
fn the_image_that_is_deployed_is_the_one_that_the_page_builds() {
    let image = &find("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"];
    let image = image.as_str().expect("an image");
    for file in ["../docs/install.md", "Dockerfile"] {
        assert!(read(&deploy(file)).contains(image), "{file}: {image}");
    }
}
