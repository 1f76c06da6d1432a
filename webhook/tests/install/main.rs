//! `deploy/` on a real API server, step by step as docs/install.md has it: the certificate from the
//! page's own commands, both ways to apply, nobody at the gate yet, then the webhook with the rights
//! and the arguments of the manifest, called by way of its Service.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_api::install::{NAME, NAMESPACE, SERVICE_PORT};
use basphere_api::registration::{self, Endpoint, Registration};
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, example, run, wait};
use serde_json::{Value, json};
use support::rights::{self, Process, Proxy};
use support::{cluster, commands, creation, read_log, wait_for};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const GATES: [&str; 2] = [
    "mutatingwebhookconfiguration",
    "validatingwebhookconfiguration",
];

#[test]
fn an_installation() {
    let site = Installation::begin();
    site.everything_but_the_gate_comes_first();
    site.nobody_at_the_gate_holds_up_no_installation();
    site.pods_of_the_deployment_are_admitted();
    let proxy = site.proxy();
    let webhook = site.webhook(&proxy);
    site.tenants_are_answered_through_the_service(&webhook);
    site.a_namespace_is_read_live(&webhook);
    site.what_a_resource_set_names_is_read_live();
    site.rights_are_exactly_those_that_are_used(&proxy);
    site.without_the_gate_everybody_passes();
}

struct Installation {
    sandbox: Sandbox,
    /// Holds a copy of `deploy/`, to which the certificate is added.
    directory: TempDir,
}

struct Webhook {
    _process: Process,
    _log: Receiver<Value>,
    port: String,
}

impl Installation {
    /// A cluster that has Cluster API and has never seen Basphere, and a certificate.
    fn begin() -> Self {
        let sandbox = Sandbox::start(&SandboxOptions {
            api_version: ApiVersion::V1Beta2,
            webhook: false,
            ..SandboxOptions::default()
        })
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let site = Self { sandbox, directory };
        site.admin(&[
            "delete",
            "crd",
            "sites.basphere.dev",
            "tenants.basphere.dev",
        ]);
        std::fs::create_dir(site.deploy()).unwrap();
        for file in ["install.yaml", "kustomization.yaml"] {
            std::fs::copy(repository("deploy").join(file), site.deploy().join(file)).unwrap();
        }
        site.sh("## 1. A certificate");
        site
    }

    /// Runs what the page shows first below a heading, as an administrator would.
    #[track_caller]
    fn sh(&self, heading: &str) -> String {
        let control_plane = self.sandbox.control_plane();
        let environment = control_plane.environment(self.sandbox.admin()).unwrap();
        let mut shell = Command::new("sh");
        shell.current_dir(self.directory.path()).envs(environment);
        shell.args(["-ec", &commands("docs/install.md", heading)]);
        run(&mut shell, "").unwrap().stdout().unwrap()
    }

    fn deploy(&self) -> PathBuf {
        self.directory.path().join("deploy")
    }

    fn kubectl(&self, user: &User, arguments: &[&str], stdin: &str) -> Outcome {
        let mut command = self.sandbox.kubectl(user).unwrap();
        command.current_dir(self.directory.path()).args(arguments);
        run(&mut command, stdin).unwrap()
    }

    #[track_caller]
    fn admin(&self, arguments: &[&str]) -> String {
        let outcome = self.kubectl(self.sandbox.admin(), arguments, "");
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    fn get(&self, object: &str) -> Value {
        let namespace = format!("--namespace={NAMESPACE}");
        serde_json::from_str(&self.admin(&["get", object, &namespace, "--output=json"])).unwrap()
    }

    /// What kim is told when she applies what must be refused.
    fn refused(&self) -> String {
        let path = example("refused.v1beta2.yaml").unwrap();
        let arguments = ["apply", "--filename", path.to_str().unwrap()];
        let outcome = self.kubectl(self.sandbox.kim(), &arguments, "");
        assert!(!outcome.succeeded(), "admitted: {}", outcome.stdout);
        outcome.stderr
    }

    fn everything_but_the_gate_comes_first(&self) {
        self.sh("## 2. Everything but the gate");
        for gate in GATES {
            assert_eq!(self.admin(&["get", gate, "--output=name"]), "");
        }
    }

    /// Applied in every way while what fails closed has nobody to ask.
    fn nobody_at_the_gate_holds_up_no_installation(&self) {
        self.sh("## 3. The gate");
        wait::until("what people create waits", PATIENCE, || {
            Ok(self
                .refused()
                .contains("failed calling webhook")
                .then_some(()))
        })
        .unwrap();
        self.admin(&[
            "apply",
            "--dry-run=server",
            "--validate=strict",
            "--filename=deploy/install.yaml",
        ]);
        const APPLY: [&str; 3] = ["apply", "--validate=strict", "--kustomize=deploy"];
        self.admin(&APPLY);
        // Their resourceVersions are part of it.
        let all = || self.admin(&["get", "--kustomize=deploy", "--output=json"]);
        let before = all();
        self.admin(&APPLY);
        assert_eq!(all(), before, "the same file again changes nothing");
        self.what_is_stored_is_what_the_code_says();
        // The new kinds may be served a moment after they are established.
        let path = example("site.yaml").unwrap();
        let apply = ["apply", "--filename", path.to_str().unwrap()];
        wait::until("a Site is taken", PATIENCE, || {
            let outcome = self.kubectl(self.sandbox.admin(), &apply, "");
            Ok(outcome.succeeded().then_some(()))
        })
        .unwrap();
    }

    fn what_is_stored_is_what_the_code_says(&self) {
        let ca = std::fs::read_to_string(self.deploy().join("tls/ca.crt")).unwrap();
        let registration = Registration {
            endpoint: Endpoint::Service {
                namespace: NAMESPACE.to_owned(),
                name: NAME.to_owned(),
                port: SERVICE_PORT,
            },
            ca_bundle: Some(ca),
        };
        let expected = [
            json!(registration.mutating())["webhooks"].clone(),
            json!(registration.validating())["webhooks"].clone(),
        ];
        for (gate, expected) in GATES.iter().zip(expected) {
            let stored = self.get(&format!("{gate}/{}", registration::NAME));
            // Defaults that the API server adds to rules and references are not ours to compare.
            let stored = stored["webhooks"].as_array().unwrap();
            assert_eq!(stored.len(), expected.as_array().unwrap().len());
            for (stored, expected) in stored.iter().zip(expected.as_array().unwrap()) {
                for (field, value) in expected.as_object().unwrap() {
                    assert_eq!(&stored[field], value, "{gate}: {field}");
                }
            }
        }
    }

    /// As the ReplicaSet's controller would create them.
    fn pods_of_the_deployment_are_admitted(&self) {
        let template = self.get(&format!("deployment/{NAME}"))["spec"]["template"].clone();
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "from-template",
                "namespace": NAMESPACE,
                "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"],
        });
        const CREATE: [&str; 4] = [
            "create",
            "--dry-run=server",
            "--filename=-",
            "--output=json",
        ];
        let created = self.kubectl(self.sandbox.admin(), &CREATE, &pod.to_string());
        assert!(created.succeeded(), "{}", created.stderr);
        assert!(!created.stderr.contains("Warning"), "{}", created.stderr);
        let created: Value = serde_json::from_str(&created.stdout).unwrap();
        assert_eq!(created["spec"]["priority"], 2_000_000_000);

        pod["spec"]["hostPID"] = true.into();
        let refused = self.kubectl(self.sandbox.admin(), &CREATE, &pod.to_string());
        let said = refused.stderr;
        assert!(said.contains("violates PodSecurity \"restricted"), "{said}");
    }

    fn proxy(&self) -> Proxy {
        let namespace = format!("--namespace={NAMESPACE}");
        let token = self.admin(&["create", "token", NAME, &namespace]);
        let kubeconfig = self.directory.path().join("service-account");
        std::fs::copy(self.sandbox.admin().kubeconfig(), &kubeconfig).unwrap();
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

        Proxy::start(self.sandbox.control_plane(), &kubeconfig)
    }

    /// With the arguments of the Deployment, but for addresses and the place of the certificate.
    fn webhook(&self, proxy: &Proxy) -> Webhook {
        let deployment = self.get(&format!("deployment/{NAME}"));
        let pod = &deployment["spec"]["template"]["spec"];
        let mounted = pod["containers"][0]["volumeMounts"][0]["mountPath"]
            .as_str()
            .unwrap();
        let tls = self.deploy().join("tls");
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        for argument in pod["containers"][0]["args"].as_array().unwrap() {
            let argument = argument.as_str().unwrap();
            match argument.split_once("=0.0.0.0:") {
                Some((flag, _)) => command.arg(format!("{flag}=127.0.0.1:0")),
                None => command.arg(argument.replace(mounted, tls.to_str().unwrap())),
            };
        }
        command.arg("--kubeconfig").arg(&proxy.kubeconfig);
        let mut process = Process(command.stderr(Stdio::piped()).spawn().unwrap());
        let log = read_log(&mut process.0);
        let line = wait_for(&log, "taking reviews");
        let (_, port) = line["address"].as_str().unwrap().rsplit_once(':').unwrap();
        wait_for(&log, "ready");
        Webhook {
            _process: process,
            port: port.to_owned(),
            _log: log,
        }
    }

    /// The sandbox has no network for Services, so that this one becomes a name for loopback. The API
    /// server still expects the certificate of the Service, by the CA that was put in.
    fn tenants_are_answered_through_the_service(&self, webhook: &Webhook) {
        let namespace = format!("--namespace={NAMESPACE}");
        let service = format!("service/{NAME}");
        let loopback = r#"{"spec":{"type":"ExternalName","externalName":"localhost"}}"#;
        self.admin(&["patch", &service, &namespace, "--patch", loopback]);
        for gate in GATES {
            let object = format!("{gate}/{}", registration::NAME);
            let count = self.get(&object)["webhooks"].as_array().unwrap().len();
            let patch: Vec<Value> = (0..count)
                .map(|index| {
                    let path = format!("/webhooks/{index}/clientConfig/service/port");
                    let port: i32 = webhook.port.parse().unwrap();
                    json!({"op": "replace", "path": path, "value": port})
                })
                .collect();
            let patch = json!(patch).to_string();
            self.admin(&["patch", &object, "--type=json", "--patch", &patch]);
        }
        wait::until("the API server calls the webhook", PATIENCE, || {
            Ok(self.refused().contains("[BSP-O002]").then_some(()))
        })
        .unwrap();
        let kim = self.sandbox.kim();
        // An OpenStackCluster is in no cache, so that its template has it read live.
        for name in ["cluster", "openstack"] {
            let path = example(&format!("{name}.v1beta2.yaml")).unwrap();
            let applied = self.kubectl(kim, &["apply", "-f", path.to_str().unwrap()], "");
            assert!(applied.succeeded(), "{}", applied.stderr);
        }
        let owner = [
            "get",
            "cluster/demo",
            "--output=jsonpath={.metadata.labels.owner}",
        ];
        assert_eq!(self.kubectl(kim, &owner, "").stdout, "kim");
    }

    /// Which only happens for a namespace that is too new for the cache, or not there.
    fn a_namespace_is_read_live(&self, webhook: &Webhook) {
        let mut review = creation(&cluster());
        review["request"]["namespace"] = "user-nobody".into();
        review["request"]["object"]["metadata"]["namespace"] = "user-nobody".into();
        let server = format!("--server=https://127.0.0.1:{}", webhook.port);
        let name = format!("--tls-server-name={NAME}.{NAMESPACE}.svc");
        let post = [
            "create",
            "--kubeconfig=/dev/null",
            // kubectl would ask for a password else; the webhook asks nobody who they are.
            "--token=none",
            &server,
            &name,
            "--certificate-authority=deploy/tls/ca.crt",
            "--raw=/validate",
            "--filename=-",
        ];
        let answer = self.kubectl(self.sandbox.admin(), &post, &review.to_string());
        let answer = answer.stdout().unwrap();
        assert!(answer.contains("AdmissionReview"), "{answer}");
    }

    /// It was stored past the gate, as if before there was one.
    fn what_a_resource_set_names_is_read_live(&self) {
        let manifest =
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/a/b:1\n";
        let metadata = json!({"name": "cni", "namespace": "user-kim"});
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"cni.yaml": manifest},
        });
        const PAST_THE_GATE: [&str; 5] = [
            "create",
            "--filename=-",
            "--as=system:serviceaccount:capi-system:capi-manager",
            "--as-group=system:serviceaccounts:capi-system",
            "--as-group=system:masters",
        ];
        let created = self.kubectl(self.sandbox.admin(), &PAST_THE_GATE, &map.to_string());
        assert!(created.succeeded(), "{}", created.stderr);
        let set = json!({
            "apiVersion": "addons.cluster.x-k8s.io/v1beta2",
            "kind": "ClusterResourceSet",
            "metadata": metadata,
            "spec": {
                "clusterSelector": {"matchLabels": {"cni": "ours"}},
                "resources": [{"kind": "ConfigMap", "name": "cni"}],
            },
        });
        let create = ["create", "--filename=-"];
        let refused = self.kubectl(self.sandbox.admin(), &create, &set.to_string());
        let words = "spec.resources[0].name: Unsupported value: \"quay.io/a/b:1\": ConfigMap cni, data[cni.yaml], line 5";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }

    fn rights_are_exactly_those_that_are_used(&self, proxy: &Proxy) {
        let mut granted = rights::granted(&self.get(&format!("clusterrole/{NAME}")));
        granted.extend(rights::granted(&self.get(&format!("role/{NAME}"))));
        // What the controllers do about things that go wrong, their own tests show with these rights.
        let repairs = rights::of_repairs();
        let mut used = BTreeSet::new();
        let same = wait::until("every right is used", PATIENCE, || {
            used = proxy.used()?;
            let idle: BTreeSet<_> = granted.difference(&used).cloned().collect();
            Ok((used.is_subset(&granted) && idle.is_subset(&repairs)).then_some(()))
        });
        let missing: Vec<_> = used.difference(&granted).collect();
        let idle: Vec<_> = granted
            .difference(&used)
            .filter(|it| !repairs.contains(it))
            .collect();
        assert!(same.is_ok(), "missing: {missing:?}, never used: {idle:?}");
    }

    fn without_the_gate_everybody_passes(&self) {
        self.sh("## When Basphere is away");
        let path = example("refused.v1beta2.yaml").unwrap();
        let apply = ["apply", "--filename", path.to_str().unwrap()];
        wait::until("nobody is asked", PATIENCE, || {
            let outcome = self.kubectl(self.sandbox.kim(), &apply, "");
            Ok(outcome.succeeded().then_some(()))
        })
        .unwrap();
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
