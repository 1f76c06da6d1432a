//! `deploy/workload/` on a real API server that has never seen Cluster API, step by step as docs/install.md has it: the
//! certificate from the page's own commands, everything applied server-side, then the webhook with the rights and the
//! arguments of the manifest, called by way of its Service.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;

use basphere_api::install::{NAME, NAMESPACE};
use basphere_harness::{Outcome, run, wait};
use serde_json::{Value, json};
use support::rights::{self, Process, Proxy};
use support::wait_for;
use support::workload::{CONTROLLER, Cluster, PATIENCE, copy, deployment, pod, repository};
use support::{commands, read_log};
use tempfile::TempDir;

const HARBOR: &str = "harbor.corp.example:8443";
const KUSTOMIZED: &str = "--kustomize=deploy/workload";
const GATES: [&str; 2] = [
    "mutatingwebhookconfiguration/basphere-images",
    "validatingwebhookconfiguration/basphere-policies",
];

struct Installation {
    cluster: Cluster,
    /// Holds a copy of `deploy/`, to which the certificate is added.
    directory: TempDir,
}

#[test]
fn an_application_cluster() {
    let site = Installation::begin();
    site.what_is_shipped_is_applied_server_side();
    site.with_images_the_manifest_is_made_anew();
    site.pods_of_the_deployment_are_admitted();
    let proxy = site.proxy();
    let (_process, log) = site.webhook(&proxy);
    site.called_through_the_service_it_answers();
    site.rights_are_exactly_those_that_are_used(&proxy);
    drop(log);
}

impl Installation {
    fn begin() -> Self {
        let site = Self {
            cluster: Cluster::start(),
            directory: tempfile::tempdir().unwrap(),
        };
        let target = site.directory.path().join("deploy/workload");
        std::fs::create_dir_all(&target).unwrap();
        for file in ["install.yaml", "kustomization.yaml"] {
            std::fs::copy(repository("deploy/workload").join(file), target.join(file)).unwrap();
        }
        copy(&repository("policies/workload"), &site.folder("policies"));
        site.sh("### A certificate");
        site
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.directory.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Runs what the page shows first below a heading, as an administrator would.
    #[track_caller]
    fn sh(&self, heading: &str) -> String {
        let control_plane = &self.cluster.control_plane;
        let environment = control_plane.environment(control_plane.admin()).unwrap();
        let mut shell = Command::new("sh");
        shell.current_dir(self.directory.path()).envs(environment);
        let programs = Path::new(env!("CARGO_BIN_EXE_basphere-webhook"))
            .parent()
            .unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env(
            "PATH",
            format!(
                "{}:{}:{path}",
                control_plane.bin_directory().display(),
                programs.display()
            ),
        );
        shell.args(["-ec", &commands("docs/install.md", heading)]);
        run(&mut shell, "").unwrap().stdout().unwrap()
    }

    fn kubectl(&self, arguments: &[&str], stdin: &str) -> Outcome {
        let control_plane = &self.cluster.control_plane;
        let mut command = control_plane.kubectl(control_plane.admin()).unwrap();
        command.current_dir(self.directory.path()).args(arguments);
        run(&mut command, stdin).unwrap()
    }

    #[track_caller]
    fn admin(&self, arguments: &[&str]) -> String {
        let outcome = self.kubectl(arguments, "");
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    fn get(&self, object: &str) -> Value {
        let namespace = format!("--namespace={NAMESPACE}");
        serde_json::from_str(&self.admin(&["get", object, &namespace, "--output=json"])).unwrap()
    }

    /// Twice, and the second time changes nothing, although nobody answers for what waits.
    fn what_is_shipped_is_applied_server_side(&self) {
        self.sh("### Everything but the gate");
        self.none_is_there(GATES[1]);
        self.sh("### The gate");
        let all = || self.admin(&["get", KUSTOMIZED, "--output=json"]);
        let before = all();
        self.admin(&["apply", "--server-side", "--validate=strict", KUSTOMIZED]);
        assert_eq!(all(), before, "the same file again changes nothing");
        self.none_is_there(GATES[0]);
    }

    #[track_caller]
    fn none_is_there(&self, gate: &str) {
        let words = self.kubectl(&["get", gate], "").stderr;
        assert!(words.contains("NotFound"), "{words}");
    }

    fn with_images_the_manifest_is_made_anew(&self) {
        let images = "apiVersion: basphere.dev/v1alpha1\nkind: Site\nspec:\n  images:\n    \
                      registries: [\"harbor.corp.example:8443\"]\n    \
                      rewrite: {docker.io: \"harbor.corp.example:8443/docker-hub-proxy\"}\n";
        std::fs::write(self.directory.path().join("site.yaml"), images).unwrap();
        let constraint = self
            .folder("policies")
            .join("image-registries/constraint.yaml");
        let text = std::fs::read_to_string(&constraint).unwrap();
        std::fs::write(&constraint, format!("{text}    rewritten: [docker.io]\n")).unwrap();
        self.sh("### Other policies, and images that are rewritten");
        for gate in GATES {
            let webhooks = self.get(gate)["webhooks"].clone();
            let ca = webhooks[0]["clientConfig"]["caBundle"].as_str();
            assert!(ca.is_some_and(|ca| !ca.is_empty()), "{gate}: {webhooks}");
        }
    }

    /// As the ReplicaSet's controller would create them.
    fn pods_of_the_deployment_are_admitted(&self) {
        let template = self.get(&format!("deployment/{NAME}"))["spec"]["template"].clone();
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "from-template",
                "namespace": NAMESPACE,
                "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"],
        });
        let create = ["create", "--dry-run=server", "--filename=-"];
        let created = self.kubectl(&create, &pod.to_string());
        assert!(created.succeeded(), "{}", created.stderr);
        assert_eq!(created.stderr, "");
    }

    fn proxy(&self) -> Proxy {
        let namespace = format!("--namespace={NAMESPACE}");
        let token = self.admin(&["create", "token", NAME, &namespace]);
        let kubeconfig = self.directory.path().join("service-account");
        let control_plane = &self.cluster.control_plane;
        std::fs::copy(control_plane.admin().kubeconfig(), &kubeconfig).unwrap();
        let file = format!("--kubeconfig={}", kubeconfig.display());
        let token = format!("--token={}", token.trim());
        self.admin(&["config", &file, "set-credentials", "webhook", &token]);
        self.admin(&[
            "config",
            &file,
            "set-context",
            "--current",
            "--user=webhook",
        ]);
        Proxy::start(control_plane, &kubeconfig)
    }

    /// With the arguments of the Deployment, but for addresses; what is mounted stands in folders.
    fn webhook(&self, proxy: &Proxy) -> (Process, Receiver<Value>) {
        let deployment = self.get(&format!("deployment/{NAME}"));
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let mounts = container["volumeMounts"].as_array().unwrap();
        let volumes = pod["volumes"].as_array().unwrap();
        let mounted: Vec<_> = mounts
            .iter()
            .zip(volumes)
            .map(|(mount, volume)| {
                let folder = self.mount(volume);
                (mount["mountPath"].as_str().unwrap(), folder)
            })
            .collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        for argument in container["args"].as_array().unwrap() {
            let mut argument = argument
                .as_str()
                .unwrap()
                .replace("0.0.0.0:9443", "127.0.0.1:0");
            argument = argument.replace("0.0.0.0:9090", "127.0.0.1:0");
            for (path, folder) in &mounted {
                argument = argument.replace(path, folder.to_str().unwrap());
            }
            command.arg(argument);
        }
        command.arg("--kubeconfig").arg(&proxy.kubeconfig);
        let mut process = Process(command.stderr(Stdio::piped()).spawn().unwrap());
        let log = read_log(&mut process.0);
        let line = wait_for(&log, "taking reviews");
        let (_, port) = line["address"].as_str().unwrap().rsplit_once(':').unwrap();
        wait_for(&log, "ready");
        self.lead_to(port.parse().unwrap());
        (process, log)
    }

    /// What a kubelet would mount.
    fn mount(&self, volume: &Value) -> PathBuf {
        let name = volume["name"].as_str().unwrap();
        if volume.get("secret").is_some() {
            return self.directory.path().join("deploy/workload/tls");
        }
        let folder = self.folder(&format!("mounted-{name}"));
        let projected = volume["projected"]["sources"].as_array();
        let maps = projected
            .into_iter()
            .flatten()
            .map(|source| &source["configMap"]);
        for map in maps.chain(volume.get("configMap")) {
            let map = self.get(&format!("configmap/{}", map["name"].as_str().unwrap()));
            for (key, text) in map["data"].as_object().unwrap() {
                std::fs::write(folder.join(key), text.as_str().unwrap()).unwrap();
            }
        }
        folder
    }

    /// There is no network for Services, so that this one becomes a name for loopback. The API server still expects
    /// the certificate of the Service, by the CA that was put in.
    fn lead_to(&self, port: u16) {
        let namespace = format!("--namespace={NAMESPACE}");
        let loopback = r#"{"spec":{"type":"ExternalName","externalName":"localhost"}}"#;
        let service = format!("service/{NAME}");
        self.admin(&["patch", &service, &namespace, "--patch", loopback]);
        for gate in GATES {
            let count = self.get(gate)["webhooks"].as_array().unwrap().len();
            let patch = (0..count).map(|index| {
                let path = format!("/webhooks/{index}/clientConfig/service/port");
                json!({"op": "replace", "path": path, "value": port})
            });
            let patch = Value::from_iter(patch).to_string();
            self.admin(&["patch", gate, "--type=json", "--patch", &patch]);
        }
    }

    fn called_through_the_service_it_answers(&self) {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}});
        self.cluster
            .passes(CONTROLLER, &["create", "--filename=-"], &account);
        let dry = [
            "create",
            "--filename=-",
            "--dry-run=server",
            "--output=json",
        ];
        wait::until("the API server asks", PATIENCE, || {
            let outcome = self
                .cluster
                .kubectl("kim", &dry, &pod("probe", "evil.example/a:1"));
            Ok(outcome.stderr.contains("[image-registries]").then_some(()))
        })
        .unwrap();
        let outcome = self.cluster.passes("kim", &dry, &pod("web", "nginx:1"));
        let kept = format!("\"{HARBOR}/docker-hub-proxy/library/nginx:1\"");
        assert!(outcome.stdout.contains(&kept), "{}", outcome.stdout);
        self.cluster
            .passes("kim", &dry, &deployment("web", "nginx:1"));
    }

    fn rights_are_exactly_those_that_are_used(&self, proxy: &Proxy) {
        // Only a Namespace that is too new for the watch is read by itself, and there is no waiver to be told of.
        let idle = [
            ("", "namespaces", "get"),
            ("basphere.dev", "policywaivers", "get"),
            ("basphere.dev", "policywaivers/status", "update"),
        ];
        let idle = idle.map(|(group, resource, verb)| {
            (group.to_owned(), resource.to_owned(), verb.to_owned())
        });
        let idle = BTreeSet::from(idle);
        let of = |role: &str| rights::granted(&self.get(role));
        let mut own = of(&format!("clusterrole/{NAME}"));
        own.extend(of(&format!("role/{NAME}")));
        // What the audit may list depends on what is served here, and there is nothing to report.
        let audit =
            ["kinds", "reports"].map(|part| of(&format!("clusterrole/basphere-audit-{part}")));
        let granted: BTreeSet<_> = own.iter().chain(audit.iter().flatten()).cloned().collect();
        let mut used = BTreeSet::new();
        let same = wait::until("every right is used", PATIENCE, || {
            used = proxy.used()?;
            let unused: BTreeSet<_> = own.difference(&used).cloned().collect();
            Ok((used.is_subset(&granted) && unused.is_subset(&idle)).then_some(()))
        });
        assert!(same.is_ok(), "granted: {granted:?}, used: {used:?}");
    }
}
