//! Images of Pods, rewritten as they are made in a cluster.

use basphere_core::images::{Rules, patch_of, rewrite_pod};
use basphere_core::site::ImageRules;
use serde_json::{Value, json};

use super::{HARBOR, rewriting};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn checked(images: &ImageRules) -> Rules {
    Rules::check(images).expect("good rules")
}

/// A Pod with one container of each image, named after its place.
fn pod(images: &[&str]) -> Value {
    let container =
        |(index, image): (usize, &&str)| json!({"name": format!("c{index}"), "image": image});
    let containers: Vec<_> = images.iter().enumerate().map(container).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": containers}})
}

/// What becomes of a Pod, by the patch that the API server is given.
fn patched(rules: &Rules, pod: &Value, stored: Option<&Value>) -> Value {
    let mut patched = pod.clone();
    let rewritten = rewrite_pod(rules, pod, stored);
    json_patch::patch(&mut patched, &patch_of(&rewritten)).expect("a patch that fits");
    patched
}

fn image(rules: &Rules, image: &str) -> String {
    let patched = patched(rules, &pod(&[image]), None);
    patched["spec"]["containers"][0]["image"]
        .as_str()
        .expect("an image")
        .to_owned()
}

#[test]
fn each_registry_has_its_project_and_tags_and_digests_are_kept() {
    let rules = checked(&rewriting());
    for (written, kept) in [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.29", "docker.io/library/nginx:1.29"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        (
            "quay.io/cilium/cilium:v1.18.0",
            "quay.io/cilium/cilium:v1.18.0",
        ),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("Quay.IO/cilium/cilium", "quay.io/cilium/cilium"),
        (
            &format!("ghcr.io/a/b:1@{DIGEST}"),
            &format!("ghcr.io/a/b:1@{DIGEST}"),
        ),
    ] {
        assert_eq!(
            image(&rules, written),
            format!("{HARBOR}/{kept}"),
            "{written}"
        );
    }
}

#[test]
fn whatever_no_project_stands_in_for_stays_as_it_is() {
    let rules = checked(&rewriting());
    for written in [
        &format!("{HARBOR}/apps/web:1"),
        "quay.io:443/cilium/cilium",
        "quay.io.evil.example/cilium/cilium",
        "evil.example/quay.io/cilium",
        "gcr.io/distroless/static",
        "user@quay.io/cilium/cilium",
        "no reference",
        "",
    ] {
        assert_eq!(image(&rules, written), written);
    }
}

#[test]
fn what_is_the_sites_as_it_is_stays() {
    let mut images = rewriting();
    images.registries.push("quay.io/partner".to_owned());
    let rules = checked(&images);
    assert_eq!(
        image(&rules, "quay.io/partner/app:1"),
        "quay.io/partner/app:1"
    );
    assert_eq!(
        image(&rules, "quay.io/partners/app:1"),
        format!("{HARBOR}/quay.io/partners/app:1")
    );
}

#[test]
fn every_place_of_a_pod_is_rewritten_and_nothing_else_is_touched() {
    let rules = checked(&rewriting());
    let mut pod = pod(&["nginx"]);
    pod["metadata"]["labels"] = json!({"image": "nginx"});
    pod["spec"]["containers"][0]["command"] = json!(["nginx"]);
    pod["spec"]["initContainers"] = json!([{"name": "i", "image": "busybox"}]);
    pod["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "busybox:1"}]);
    pod["spec"]["volumes"] = json!([
        {"name": "v", "emptyDir": {}},
        {"name": "w", "image": {"reference": "quay.io/models/small:1"}},
    ]);
    let rewritten = rewrite_pod(&rules, &pod, None);
    let told: Vec<_> = rewritten
        .iter()
        .map(|one| {
            (
                one.pointer.as_str(),
                one.written.as_str(),
                one.instead.trim_start_matches(HARBOR),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "/spec/initContainers/0/image",
                "busybox",
                "/docker.io/library/busybox"
            ),
            (
                "/spec/containers/0/image",
                "nginx",
                "/docker.io/library/nginx"
            ),
            (
                "/spec/ephemeralContainers/0/image",
                "busybox:1",
                "/docker.io/library/busybox:1"
            ),
            (
                "/spec/volumes/1/image/reference",
                "quay.io/models/small:1",
                "/quay.io/models/small:1"
            ),
        ]
    );
    let mut expected = pod.clone();
    for (pointer, _, kept) in told {
        *expected.pointer_mut(pointer).expect("a field") = format!("{HARBOR}{kept}").into();
    }
    assert_eq!(patched(&rules, &pod, None), expected);
}

#[test]
fn what_was_rewritten_is_not_rewritten_again() {
    let rules = checked(&rewriting());
    let written = pod(&[
        "nginx",
        "quay.io/a/b:1",
        "registry.k8s.io/pause",
        "ghcr.io/a/b",
    ]);
    let once = patched(&rules, &written, None);
    assert_ne!(once, written);
    assert_eq!(rewrite_pod(&rules, &once, None), []);
    // Nor is it when the same file is applied over it.
    assert_eq!(patched(&rules, &written, Some(&once)), once);
}

#[test]
fn a_stored_image_stays_and_a_changed_one_is_rewritten() {
    let rules = checked(&rewriting());
    let stored = pod(&["nginx", "redis"]);
    assert_eq!(patched(&rules, &stored, Some(&stored)), stored);
    let mut changed = pod(&["nginx", "redis:7"]);
    let patched = patched(&rules, &changed, Some(&stored));
    changed["spec"]["containers"][1]["image"] =
        format!("{HARBOR}/docker.io/library/redis:7").into();
    assert_eq!(patched, changed);
}

#[test]
fn another_container_with_a_stored_image_is_new() {
    let rules = checked(&rewriting());
    let stored = pod(&["busybox"]);
    let mut debugged = stored.clone();
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debugger", "image": "busybox"}]);
    let rewritten = rewrite_pod(&rules, &debugged, Some(&stored));
    let pointers: Vec<_> = rewritten.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/spec/ephemeralContainers/0/image"]);
    let stored = debugged.clone();
    let ephemeral = debugged["spec"]["ephemeralContainers"].as_array_mut();
    ephemeral
        .expect("a list")
        .push(json!({"name": "another", "image": "busybox"}));
    let rewritten = rewrite_pod(&rules, &debugged, Some(&stored));
    let pointers: Vec<_> = rewritten.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/spec/ephemeralContainers/1/image"]);
}

#[test]
fn what_a_kubelet_shows_of_its_static_pods_is_left_alone() {
    let rules = checked(&rewriting());
    let mut pod = pod(&["nginx"]);
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "4f1a"});
    assert_eq!(rewrite_pod(&rules, &pod, None), []);
}

#[test]
fn odd_pods_are_no_reason_to_fail() {
    let rules = checked(&rewriting());
    for spec in [
        json!(null),
        json!([]),
        json!({"containers": {"image": "nginx"}}),
        json!({"containers": [1, {"image": 2}]}),
    ] {
        let pod = json!({"spec": spec});
        assert_eq!(rewrite_pod(&rules, &pod, Some(&Value::Null)), []);
    }
}

#[test]
fn its_author_is_told_what_it_is_called_here() {
    let rules = checked(&rewriting());
    let rewritten = rewrite_pod(&rules, &pod(&["nginx"]), None);
    let said: Vec<_> = rewritten
        .iter()
        .map(|one| one.finding().to_string())
        .collect();
    let words = format!(
        "spec.containers[0].image: \"nginx\": the site keeps it as {HARBOR}/docker.io/library/nginx; \
         write that into the file too [BSP-M007]"
    );
    assert_eq!(said, [words]);
}

#[test]
fn the_hosts_that_stand_in_are_known() {
    let hosts = checked(&rewriting());
    assert_eq!(hosts.stand_ins().into_iter().collect::<Vec<_>>(), [HARBOR]);
    let mut images = rewriting();
    images.rewrite.clear();
    let rules = checked(&images);
    assert!(!rules.rewrites() && rules.stand_ins().is_empty());
}
