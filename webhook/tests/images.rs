//! Images of Pods on an application cluster: a real API server, the shipped policies, and the program with `--images`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::process::Command;
use std::sync::mpsc::Receiver;

use basphere_harness::wait;
use serde_json::{Value, json};
use support::program::Program;
use support::wait_for;
use support::workload::{CONTROLLER, Cluster, PATIENCE, copy, deployment, pod, repository};
use tempfile::TempDir;

const HARBOR: &str = "harbor.corp.example:8443";
const CREATE: [&str; 3] = ["create", "--filename=-", "--output=json"];
const DRY: [&str; 4] = [
    "create",
    "--filename=-",
    "--output=json",
    "--dry-run=server",
];
const SITE: &str = "
apiVersion: basphere.dev/v1alpha1
kind: Site
metadata:
  name: default
spec:
  images:
    registries: [harbor.corp.example:8443]
    rewrite:
      docker.io: harbor.corp.example:8443/docker-hub-proxy
      quay.io: harbor.corp.example:8443/quay-proxy
";

struct Rig {
    cluster: Cluster,
    files: TempDir,
}

impl Rig {
    /// The shipped policies, told which registries are rewritten.
    fn start() -> Self {
        let rig = Self {
            cluster: Cluster::start(),
            files: tempfile::tempdir().unwrap(),
        };
        let policies = rig.files.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        copy(&repository("policies/workload"), &policies);
        let constraint = policies.join("image-registries/constraint.yaml");
        let mut text = std::fs::read_to_string(&constraint).unwrap();
        text.push_str("    rewritten:\n    - docker.io\n    - quay.io\n");
        std::fs::write(&constraint, text).unwrap();
        rig.write(SITE);
        // Nobody makes it where there are no controllers.
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}});
        rig.cluster.passes("kim", &CREATE, &account);
        rig
    }

    fn write(&self, site: &str) {
        std::fs::write(self.files.path().join("site.yaml"), site).unwrap();
    }

    fn serve(&self) -> (Program, Receiver<Value>) {
        let file = |name: &str| self.files.path().join(name).display().to_string();
        let (program, log) = self.cluster.serve(&[
            &format!("--images={}", file("site.yaml")),
            &format!("--policies={}", file("policies")),
        ]);
        wait_for(&log, "ready");
        self.becomes(&format!("{HARBOR}/docker-hub-proxy/library/nginx:1"));
        wait::until("policies are asked", PATIENCE, || {
            let outcome = self
                .cluster
                .kubectl("kim", &DRY, &pod("probe", "evil.example/a:1"));
            Ok(outcome.stderr.contains("BSP-G001").then_some(()))
        })
        .unwrap();
        (program, log)
    }

    /// Waits until this is what becomes of a Pod of nginx.
    fn becomes(&self, image: &str) {
        wait::until("images become others", PATIENCE, || {
            let outcome = self
                .cluster
                .kubectl(CONTROLLER, &DRY, &pod("probe", "nginx:1"));
            Ok(outcome
                .stdout
                .contains(&format!("\"{image}\""))
                .then_some(()))
        })
        .unwrap();
    }

    /// How often the API server has called the webhook of images.
    fn calls(&self) -> u64 {
        let metrics = self
            .cluster
            .passes("kim", &["get", "--raw=/metrics"], &Value::Null);
        let name = "apiserver_admission_webhook_admission_duration_seconds_count{name=\"rewrite.images.basphere.dev\"";
        let lines = metrics.stdout.lines().filter(|line| line.starts_with(name));
        let counts = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.sum()
    }
}

fn image(object: &Value) -> &str {
    object["spec"]["containers"][0]["image"].as_str().unwrap()
}

#[test]
fn pods_run_what_the_site_keeps() {
    let rig = Rig::start();
    let (program, log) = rig.serve();
    a_pod_is_rewritten_and_its_author_told(&rig);
    what_is_applied_again_changes_nothing(&rig);
    a_changed_image_is_rewritten_and_no_other(&rig);
    who_debugs_gets_the_sites_image(&rig);
    what_makes_pods_is_stored_as_it_was_written(&rig);
    what_is_not_rewritten_is_refused(&rig);
    pods_of_the_sites_images_are_not_sent(&rig);
    what_a_kubelet_shows_is_not_sent(&rig);
    bad_rules_leave_the_good_ones_in_force(&rig, &log);
    other_rules_are_taken_at_once(&rig);
    drop(program);
    while_nobody_answers_pods_are_made_as_they_are_written(&rig);
    rig.write(SITE);
    let (mut program, log) = rig.serve();
    let terminated = Command::new("kill")
        .arg(program.0.id().to_string())
        .status();
    assert!(terminated.unwrap().success());
    wait_for(&log, "ended");
    assert!(program.0.wait().unwrap().success());
    let gone = ["get", "mutatingwebhookconfiguration/basphere-images"];
    let words = rig.cluster.denied("kim", &gone, &Value::Null);
    assert!(words.contains("NotFound"), "{words}");
}

/// The policies, which see what is stored, have nothing against it.
fn a_pod_is_rewritten_and_its_author_told(rig: &Rig) {
    let kept = format!("{HARBOR}/docker-hub-proxy/library/nginx:1");
    let outcome = rig.cluster.passes("kim", &CREATE, &pod("web", "nginx:1"));
    assert_eq!(
        outcome.stderr,
        format!("Warning: spec.containers[0].image: the site keeps it as {kept} [BSP-M007]\n")
    );
    assert_eq!(image(&rig.cluster.get("pod/web")), kept);
    let outcome = rig
        .cluster
        .passes(CONTROLLER, &CREATE, &pod("made", "quay.io/apps/web:1"));
    assert_eq!(outcome.stderr, "");
    assert_eq!(
        image(&rig.cluster.get("pod/made")),
        format!("{HARBOR}/quay-proxy/apps/web:1")
    );
}

fn what_is_applied_again_changes_nothing(rig: &Rig) {
    const APPLY: [&str; 2] = ["apply", "--filename=-"];
    let file = pod("applied", "nginx:1");
    rig.cluster.passes("kim", &APPLY, &file);
    let version = |pod: &Value| pod["metadata"]["resourceVersion"].clone();
    let before = version(&rig.cluster.get("pod/applied"));
    rig.cluster.passes("kim", &APPLY, &file);
    assert_eq!(version(&rig.cluster.get("pod/applied")), before);
}

fn a_changed_image_is_rewritten_and_no_other(rig: &Rig) {
    let change = ["set", "image", "pod/web", "web=nginx:2"];
    rig.cluster.passes("kim", &change, &Value::Null);
    let kept = format!("{HARBOR}/docker-hub-proxy/library/nginx:2");
    assert_eq!(image(&rig.cluster.get("pod/web")), kept);
    let calls = rig.calls();
    rig.cluster
        .passes("kim", &["label", "pod/web", "a=b"], &Value::Null);
    assert_eq!(rig.calls(), calls, "a label is nobody's business");
}

fn who_debugs_gets_the_sites_image(rig: &Rig) {
    let debug = [
        "debug",
        "pod/web",
        "--image=busybox:1.37",
        "--container=debugger",
        "--profile=restricted",
        "--",
        "sleep",
        "1",
    ];
    let outcome = rig.cluster.passes("kim", &debug, &Value::Null);
    assert!(outcome.stderr.contains("[BSP-M007]"), "{}", outcome.stderr);
    let debugged = rig.cluster.get("pod/web");
    let added = &debugged["spec"]["ephemeralContainers"][0];
    assert_eq!(
        added["image"],
        format!("{HARBOR}/docker-hub-proxy/library/busybox:1.37")
    );
}

/// Who compares it with a file finds no difference.
fn what_makes_pods_is_stored_as_it_was_written(rig: &Rig) {
    let outcome = rig
        .cluster
        .passes("kim", &CREATE, &deployment("web", "nginx:1"));
    assert_eq!(outcome.stderr, "");
    let stored = rig.cluster.get("deployment/web");
    assert_eq!(image(&stored["spec"]["template"]), "nginx:1");
}

fn what_is_not_rewritten_is_refused(rig: &Rig) {
    for (object, path) in [
        (pod("evil", "ghcr.io/a/b:1"), "spec.containers[0].image"),
        (
            deployment("evil", "ghcr.io/a/b:1"),
            "spec.template.spec.containers[0].image",
        ),
    ] {
        for user in ["kim", CONTROLLER] {
            let words = rig.cluster.denied(user, &DRY, &object);
            let expected = format!(
                "Forbidden: [image-registries] {path}: \"ghcr.io/a/b:1\" is ghcr.io/a/b, which is not allowed here: \
                 take it from {HARBOR} [BSP-G001]"
            );
            assert!(words.contains(&expected), "{words}");
        }
    }
}

fn pods_of_the_sites_images_are_not_sent(rig: &Rig) {
    let before = rig.calls();
    let mut harmless = pod("kept", &format!("{HARBOR}/apps/web:1"));
    harmless["spec"]["volumes"] = json!([{"name": "scratch", "emptyDir": {}}]);
    harmless["spec"]["initContainers"] = json!([harmless["spec"]["containers"][0]]);
    harmless["spec"]["initContainers"][0]["name"] = json!("init");
    for field in ["livenessProbe", "readinessProbe"] {
        let init = harmless["spec"]["initContainers"][0]
            .as_object_mut()
            .unwrap();
        init.remove(field);
    }
    rig.cluster.passes(CONTROLLER, &DRY, &harmless);
    assert_eq!(rig.calls(), before);
    harmless["spec"]["initContainers"][0]["image"] = json!("nginx:1");
    rig.cluster.passes(CONTROLLER, &DRY, &harmless);
    assert_eq!(rig.calls(), before + 1);
}

/// Its static Pods run what their files say. Whoever makes one look like that gains nothing: it is refused.
fn what_a_kubelet_shows_is_not_sent(rig: &Rig) {
    let before = rig.calls();
    let mut mirror = pod("mirror", "nginx:1");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "4f1a"});
    mirror["spec"]["nodeName"] = json!("node");
    let words = rig.cluster.denied("kim", &DRY, &mirror);
    assert!(
        words.contains("[image-registries] spec.containers[0].image: "),
        "{words}"
    );
    assert_eq!(rig.calls(), before);
}

fn bad_rules_leave_the_good_ones_in_force(rig: &Rig, log: &Receiver<Value>) {
    rig.write(&SITE.replace("registries: [harbor", "registries: [https://harbor"));
    let line = wait_for(log, "the rules on images in force stay");
    let problem = line["problem"].as_str().unwrap();
    assert!(
        problem.contains("site.yaml: spec.images.registries[0]: "),
        "{problem}"
    );
    let metrics = rig.cluster.observe("/metrics");
    assert!(
        metrics.contains("basphere_image_rules_valid 0\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nbasphere_images_rewritten_total "),
        "{metrics}"
    );
    rig.becomes(&format!("{HARBOR}/docker-hub-proxy/library/nginx:1"));
}

/// Also those that send other Pods: where nothing is rewritten, none are.
fn other_rules_are_taken_at_once(rig: &Rig) {
    rig.write(&SITE.replace("docker-hub-proxy", "hub"));
    rig.becomes(&format!("{HARBOR}/hub/library/nginx:1"));
    let (bare, _) = SITE.split_once("    rewrite:").unwrap();
    rig.write(bare);
    wait::until("no Pods are sent", PATIENCE, || {
        let configuration = rig
            .cluster
            .get("mutatingwebhookconfiguration/basphere-images");
        Ok(configuration.get("webhooks").is_none().then_some(()))
    })
    .unwrap();
    rig.write(SITE);
    rig.becomes(&format!("{HARBOR}/docker-hub-proxy/library/nginx:1"));
}

/// What the cluster makes goes on; people wait for the policies, and for nothing else.
fn while_nobody_answers_pods_are_made_as_they_are_written(rig: &Rig) {
    let outcome = rig
        .cluster
        .passes(CONTROLLER, &DRY, &pod("away", "nginx:1"));
    let made: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(image(&made), "nginx:1");
    let words = rig.cluster.denied("kim", &DRY, &pod("away", "nginx:1"));
    assert!(
        words.contains("failed calling webhook \"people.policies.basphere.dev\""),
        "{words}"
    );
}
