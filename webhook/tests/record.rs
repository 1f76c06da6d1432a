//! Records real reviews as the corpus of the fuzz targets: an API server of the sandbox calls a
//! webhook that writes down what it is asked. Run it after a change of the registration, or of
//! Cluster API:
//!
//! ```console
//! $ cargo test -p basphere-webhook --test record -- --ignored
//! ```
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use basphere_api::registration::{Endpoint, Registration};
use basphere_core::Kind;
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, example, run, wait};
use basphere_webhook::config::{CertificateSource, Config};
use basphere_webhook::metrics::Metrics;
use basphere_webhook::tls::Certificates;
use basphere_webhook::world::World;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use support::Stored;

const CONTROLLER: [&str; 3] = [
    "--as=system:serviceaccount:capi-system:capi-manager",
    "--as-group=system:serviceaccounts",
    "--as-group=system:masters",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes into the repository"]
async fn record() {
    for version in [ApiVersion::V1Beta1, ApiVersion::V1Beta2] {
        let options = SandboxOptions {
            api_version: version,
            webhook: false,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(&options).unwrap();
        let registration = serve(version).await;
        tokio::task::spawn_blocking(move || Work { sandbox, version }.record(&registration))
            .await
            .unwrap();
    }
}

/// Writes down what comes by.
struct Recorder {
    world: Arc<World>,
    version: &'static str,
    count: AtomicUsize,
}

async fn serve(version: ApiVersion) -> Registration {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = Config {
        kubeconfig: None,
        listen: listener.local_addr().unwrap(),
        metrics_listen: listener.local_addr().unwrap(),
        certificate: CertificateSource::SelfSigned {
            register_url: Some(url.clone()),
        },
        client_ca: None,
        shutdown_delay: Duration::ZERO,
        drain_timeout: Duration::ZERO,
        controllers: basphere_webhook::config::Controllers::default(),
        profile: basphere_webhook::config::Profile::Management,
        policies: None,
        images: None,
        audit: None,
        policies_from_cluster: false,
    };
    let certificates = Certificates::load(&config, Arc::new(Metrics::default()))
        .await
        .unwrap();
    let world = support::world();
    let recorder = Arc::new(Recorder {
        world: Arc::clone(&world),
        version: version.as_str(),
        count: AtomicUsize::default(),
    });
    let router = support::reviews(&world, &Stored::nothing(), basphere_core::decide)
        .layer(middleware::from_fn_with_state(recorder, take_down));
    let server = axum_server::from_tcp_rustls(listener, certificates.config()).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));
    Registration {
        endpoint: Endpoint::Url(url),
        ca_bundle: certificates.ca_bundle(),
    }
}

async fn take_down(
    State(recorder): State<Arc<Recorder>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    recorder.write(parts.uri.path().trim_start_matches('/'), &bytes);
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

impl Recorder {
    fn write(&self, phase: &str, bytes: &Bytes) {
        let mut review: Value = serde_json::from_slice(bytes).unwrap();
        let request = &mut review["request"];
        let word = |value: &Value| value.as_str().unwrap().to_lowercase();
        let (operation, kind) = (word(&request["operation"]), word(&request["kind"]["kind"]));
        if phase == "validate" {
            self.observe(request);
        }
        generalize(request);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            "{}-{number:03}-{operation}-{kind}-{phase}.json",
            self.version
        );
        let mut targets = vec!["review"];
        if phase == "mutate" {
            // That target validates by itself.
            targets.push("decide");
        }
        for target in targets {
            std::fs::write(corpus(target).join(&name), format!("{review}\n")).unwrap();
        }
    }

    /// What passes here is stored a moment later, and what comes next refers to it.
    fn observe(&self, request: &Value) {
        let kind = Kind::ALL
            .iter()
            .find(|kind| request["kind"]["kind"] == kind.as_str())
            .unwrap();
        let namespace = request["namespace"].as_str().unwrap();
        self.world.observe(*kind, namespace, &request["object"]);
    }
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/fuzz/corpus/{target}"))
}

/// Takes out what is another in every run.
fn generalize(request: &mut Value) {
    request["uid"] = json!("00000000-0000-4000-8000-000000000001");
    request["userInfo"].as_object_mut().unwrap().remove("extra");
    for object in ["object", "oldObject"] {
        let Some(metadata) = request[object]["metadata"].as_object_mut() else {
            continue;
        };
        metadata.remove("managedFields");
        for (field, value) in [
            ("uid", "00000000-0000-4000-8000-000000000002"),
            ("creationTimestamp", "2026-01-01T00:00:00Z"),
            ("resourceVersion", "1000"),
        ] {
            if let Some(place) = metadata.get_mut(field) {
                *place = json!(value);
            }
        }
    }
}

/// A tenant at work, and controllers, each with what the API server calls for.
struct Work {
    sandbox: Sandbox,
    version: ApiVersion,
}

impl Work {
    fn record(&self, registration: &Registration) {
        self.register(registration);
        let (kim, ops, admin) = (self.sandbox.kim(), self.sandbox.ops(), self.sandbox.admin());
        let file = example(&format!("cluster.{}.yaml", self.version.as_str())).unwrap();
        let apply = ["apply", "-f", file.to_str().unwrap()];
        self.send(kim, &apply, "");
        // The API server does not call for an update that changes nothing.
        self.send(
            kim,
            &[
                "annotate",
                "-f",
                file.to_str().unwrap(),
                "basphere.dev/node-spec=medium",
                "--overwrite",
            ],
            "",
        );
        for (name, patch) in [
            (
                "machinedeployment/demo-workers",
                r#"{"spec":{"replicas":5}}"#,
            ),
            (
                "kubeadmcontrolplane/demo-control-plane",
                r#"{"spec":{"version":"v1.34.4"}}"#,
            ),
            (
                "kubeadmcontrolplane/demo-control-plane",
                r#"{"spec":{"replicas":2}}"#,
            ),
            ("cluster/demo", r#"{"metadata":{"labels":{"owner":"lee"}}}"#),
            (
                "vspherecluster/demo",
                r#"{"spec":{"server":"elsewhere.example"}}"#,
            ),
        ] {
            self.send(kim, &["patch", name, "--type=merge", "-p", patch], "");
        }
        self.send(
            ops,
            &["label", "cluster/demo", "owner=lee", "--overwrite"],
            "",
        );
        let refused = example(&format!("refused.{}.yaml", self.version.as_str())).unwrap();
        self.send(kim, &["apply", "-f", refused.to_str().unwrap()], "");
        let create: Vec<_> = CONTROLLER
            .into_iter()
            .chain(["create", "-f", "-"])
            .collect();
        self.send(admin, &create, &self.machine().to_string());
        self.send(kim, &["create", "-f", "-"], &self.machine().to_string());
    }

    /// Sends something; whether it passes does not matter here.
    fn send(&self, user: &User, arguments: &[&str], stdin: &str) {
        let _ = self.kubectl(user, arguments, stdin);
    }

    fn kubectl(&self, user: &User, arguments: &[&str], stdin: &str) -> Outcome {
        let mut command = self.sandbox.kubectl(user).unwrap();
        command.arg("--namespace=user-kim").args(arguments);
        run(&mut command, stdin).unwrap()
    }

    fn register(&self, registration: &Registration) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [registration.mutating(), registration.validating()]});
        let admin = self.sandbox.admin();
        let outcome = self.kubectl(admin, &["create", "-f", "-"], &list.to_string());
        assert!(outcome.succeeded(), "{}", outcome.stderr);
        let probe = json!({
            "apiVersion": format!("cluster.x-k8s.io/{}", self.version.as_str()),
            "kind": "Cluster",
            "metadata": {"name": "probe", "labels": {"owner": "lee"}},
            "spec": {"paused": true},
        });
        wait::until("the API server calls us", Duration::from_secs(30), || {
            let create = ["create", "--dry-run=server", "-f", "-"];
            let outcome = self.kubectl(self.sandbox.kim(), &create, &probe.to_string());
            Ok((!outcome.succeeded()).then_some(()))
        })
        .unwrap();
    }

    fn machine(&self) -> Value {
        let reference = |kind: &str, group: &str| match self.version {
            ApiVersion::V1Beta1 => {
                json!({"apiVersion": format!("{group}/v1beta1"), "kind": kind, "name": "m"})
            }
            ApiVersion::V1Beta2 => json!({"apiGroup": group, "kind": kind, "name": "m"}),
        };
        json!({
            "apiVersion": format!("cluster.x-k8s.io/{}", self.version.as_str()),
            "kind": "Machine",
            "metadata": {"generateName": "demo-", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
            "spec": {
                "clusterName": "demo",
                "version": "v1.28.0",
                "bootstrap": {"dataSecretName": "m"},
                "infrastructureRef": reference("VSphereMachine", "infrastructure.cluster.x-k8s.io"),
            },
        })
    }
}
