//! What a real API server does with our registration: that it takes it, what it lets pass without a
//! call, what waits while Basphere is away, and that nothing is left when it ends in order.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use basphere_harness::{
    ApiVersion, Outcome, Sandbox, SandboxOptions, Stop, User, example, run, wait,
};
use serde_json::{Value, json};

/// A controller of Cluster API; it has an administrator's rights, so that only admission can refuse.
const CONTROLLER: [&str; 4] = [
    "--as=system:serviceaccount:capi-system:capi-manager",
    "--as-group=system:serviceaccounts",
    "--as-group=system:serviceaccounts:capi-system",
    "--as-group=system:masters",
];

/// How long the webhook may take to notice a change of its registration.
const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn away_v1beta1() {
    away(ApiVersion::V1Beta1);
}

#[test]
fn away_v1beta2() {
    away(ApiVersion::V1Beta2);
}

fn away(api_version: ApiVersion) {
    let sandbox = Sandbox::start(&SandboxOptions {
        api_version,
        ..SandboxOptions::default()
    })
    .unwrap();
    let site = Site {
        sandbox,
        version: api_version.as_str(),
    };
    site.prepare();
    site.sandbox.stop_webhook(Stop::Kill).unwrap();
    site.what_people_create_or_enlarge_waits();
    site.what_grows_by_scale_waits();
    site.what_could_steal_waits();
    site.what_concerns_us_not_passes_uncalled();
    site.what_controllers_create_passes();
    site.deleting_passes();
    site.sandbox.start_webhook().unwrap();
    site.what_vanishes_or_is_edited_is_put_back();
    site.what_another_holds_stays();
    site.an_end_in_order_unregisters();
}

struct Site {
    sandbox: Sandbox,
    version: &'static str,
}

impl Site {
    fn kubectl(&self, user: &User, arguments: &[&str], stdin: &Value) -> Outcome {
        let mut command = self.sandbox.kubectl(user).unwrap();
        command.args(["--namespace=user-kim"]).args(arguments);
        run(&mut command, &stdin.to_string()).unwrap()
    }

    #[track_caller]
    fn passes(&self, user: &User, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Refused because nobody answered, not because of what it says.
    #[track_caller]
    fn waits(&self, user: &User, arguments: &[&str], stdin: &Value) {
        let outcome = self.kubectl(user, arguments, stdin);
        assert!(!outcome.succeeded(), "{arguments:?} has passed");
        assert!(
            outcome.stderr.contains("failed calling webhook"),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }

    fn prepare(&self) {
        let kim = self.sandbox.kim();
        let path = example(&format!("cluster.{}.yaml", self.version)).unwrap();
        self.passes(kim, &["apply", "-f", path.to_str().unwrap()], &Value::Null);
        // The largest spec that etcd takes must still be comparable within CEL's budget.
        let mut large: Value = serde_json::from_str(&self.passes(
            kim,
            &["get", "kcp/demo-control-plane", "-o=json"],
            &Value::Null,
        ))
        .unwrap();
        large["metadata"] =
            json!({"name": "large", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}});
        let file =
            |index| json!({"path": format!("/etc/large/{index}"), "content": "x".repeat(10_000)});
        large["spec"]["kubeadmConfigSpec"]["files"] = (0..100).map(file).collect();
        self.passes(kim, &["create", "-f", "-"], &large);
    }

    fn what_people_create_or_enlarge_waits(&self) {
        let kim = self.sandbox.kim();
        let cluster = json!({
            "apiVersion": format!("cluster.x-k8s.io/{}", self.version),
            "kind": "Cluster",
            "metadata": {"name": "second"},
            "spec": {"paused": true},
        });
        self.waits(kim, &["create", "-f", "-"], &cluster);
        self.waits(kim, &["create", "-f", "-"], &self.machine("by-hand"));
        self.waits(
            kim,
            &[
                "patch",
                "machinedeployment/demo-workers",
                "--type=merge",
                "-p",
                r#"{"spec":{"replicas":9}}"#,
            ],
            &Value::Null,
        );
        self.waits(
            kim,
            &["label", "cluster/demo", "owner=lee", "--overwrite"],
            &Value::Null,
        );
        self.waits(
            kim,
            &[
                "annotate",
                "cluster/demo",
                "basphere.dev/requester=lee",
                "--overwrite",
            ],
            &Value::Null,
        );
        self.waits(
            kim,
            &["annotate", "cluster/demo", "basphere.dev/requester-"],
            &Value::Null,
        );
    }

    fn what_grows_by_scale_waits(&self) {
        for (replicas, passes) in [(9, false), (2, true), (1, true)] {
            let scale = format!("--replicas={replicas}");
            let arguments = ["scale", "machinedeployment/demo-workers", &scale];
            if passes {
                self.passes(self.sandbox.kim(), &arguments, &Value::Null);
            } else {
                self.waits(self.sandbox.kim(), &arguments, &Value::Null);
            }
        }
    }

    fn what_could_steal_waits(&self) {
        let elsewhere = r#"{"spec":{"server":"vcenter.elsewhere.example"}}"#;
        self.waits(
            self.sandbox.kim(),
            &[
                "patch",
                "vspherecluster/demo",
                "--type=merge",
                "-p",
                elsewhere,
            ],
            &Value::Null,
        );
        let mut machine = json!({
            "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", self.version),
            "kind": "VSphereMachine",
            "metadata": {"name": "stolen", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
            "spec": {"server": "vcenter.elsewhere.example", "template": "t", "network": {"devices": [{"networkName": "n", "dhcp4": true}]}},
        });
        self.waits(self.sandbox.kim(), &["create", "-f", "-"], &machine);
        // A controller can be led to another vCenter, by the variables of a class.
        let steal = [
            "patch",
            "vspherecluster/demo",
            "--type=merge",
            "-p",
            elsewhere,
        ];
        self.waits(
            self.sandbox.admin(),
            &[&CONTROLLER[..], &steal].concat(),
            &Value::Null,
        );
        machine["kind"] = "VSphereVM".into();
        self.waits(self.sandbox.kim(), &["create", "-f", "-"], &machine);
    }

    fn what_concerns_us_not_passes_uncalled(&self) {
        let kim = self.sandbox.kim();
        for object in [
            "cluster/demo",
            "kcp/large",
            "machinedeployment/demo-workers",
            "vspheremachinetemplate/demo-workers",
        ] {
            self.passes(
                kim,
                &["annotate", object, "example.dev/note=1"],
                &Value::Null,
            );
            let finalizer = r#"{"metadata":{"finalizers":["example.dev/wait"]}}"#;
            self.passes(
                kim,
                &["patch", object, "--type=merge", "-p", finalizer],
                &Value::Null,
            );
            self.passes(
                kim,
                &[
                    "patch",
                    object,
                    "--type=merge",
                    "-p",
                    r#"{"metadata":{"finalizers":null}}"#,
                ],
                &Value::Null,
            );
        }
        let status = r#"{"status":{"observedGeneration":1}}"#;
        let admin = self.sandbox.admin();
        self.passes(
            admin,
            &[
                "patch",
                "cluster/demo",
                "--subresource=status",
                "--type=merge",
                "-p",
                status,
            ],
            &Value::Null,
        );
    }

    fn what_controllers_create_passes(&self) {
        let create = [&CONTROLLER[..], &["create", "-f", "-"]].concat();
        self.passes(self.sandbox.admin(), &create, &self.machine("made"));
        let owner = r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"u"}]}}"#;
        let adopt = ["patch", "machine/made", "--type=merge", "-p", owner];
        self.waits(self.sandbox.kim(), &adopt, &Value::Null);
        self.passes(
            self.sandbox.admin(),
            &[&CONTROLLER[..], &adopt].concat(),
            &Value::Null,
        );
        let enlarge = [
            "patch",
            "machinedeployment/demo-workers",
            "--type=merge",
            "-p",
            r#"{"spec":{"replicas":9}}"#,
        ];
        self.waits(self.sandbox.kim(), &enlarge, &Value::Null);
        self.passes(
            self.sandbox.admin(),
            &[&CONTROLLER[..], &enlarge].concat(),
            &Value::Null,
        );
    }

    fn deleting_passes(&self) {
        for object in [
            "machine/made",
            "vspheremachinetemplate/demo-workers",
            "cluster/demo",
        ] {
            self.passes(self.sandbox.kim(), &["delete", object], &Value::Null);
        }
    }

    /// What a field of both configurations is.
    fn registered(&self, path: &str) -> [String; 2] {
        [
            "validatingwebhookconfiguration",
            "mutatingwebhookconfiguration",
        ]
        .map(|kind| {
            let output = format!("-o=jsonpath={path}");
            let get = ["get", kind, "basphere", "--ignore-not-found", &output];
            self.passes(self.sandbox.admin(), &get, &Value::Null)
        })
    }

    #[track_caller]
    fn becomes(&self, path: &str, expected: &[String; 2]) {
        wait::until("the registration is as expected", PATIENCE, || {
            Ok((self.registered(path) == *expected).then_some(()))
        })
        .unwrap();
    }

    /// Waits until the webhook has said that another process holds this configuration.
    fn webhook_has_seen(&self, kind: &str) {
        wait::until("the webhook has seen it", PATIENCE, || {
            let log = std::fs::read_to_string(self.sandbox.webhook_log())?;
            let is_told = |line: &str| {
                line.contains(kind) && line.contains("another webhook holds the configuration")
            };
            Ok(log.lines().any(is_told).then_some(()))
        })
        .unwrap();
    }

    fn delete_registration(&self) {
        let both = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
        let delete = ["delete", both, "basphere"];
        self.passes(self.sandbox.admin(), &delete, &Value::Null);
    }

    fn patch_registration(&self, patch: &str) {
        for kind in [
            "validatingwebhookconfiguration",
            "mutatingwebhookconfiguration",
        ] {
            let patch = ["patch", kind, "basphere", "--type=json", "-p", patch];
            self.passes(self.sandbox.admin(), &patch, &Value::Null);
        }
    }

    fn what_vanishes_or_is_edited_is_put_back(&self) {
        let all = "{.webhooks[*]}";
        let ours = self.registered(all);
        self.delete_registration();
        self.becomes(all, &ours);
        self.patch_registration(
            r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]"#,
        );
        self.becomes(all, &ours);
        self.patch_registration(r#"[{"op": "remove", "path": "/webhooks/0"}]"#);
        self.becomes(all, &ours);
    }

    /// Two processes do not fight: the last one keeps its registration until it takes it back.
    fn what_another_holds_stays(&self) {
        let bundles = "{.webhooks[*].clientConfig.caBundle}";
        let ours = self.registered(bundles);
        // Any valid CA does for another process.
        let ca = std::fs::read(self.sandbox.control_plane().webhook_client_ca()).unwrap();
        let client = json!({"url": "https://127.0.0.1:1/validate", "caBundle": BASE64.encode(&ca)});
        for kind in [
            "validatingwebhookconfiguration",
            "mutatingwebhookconfiguration",
        ] {
            let get = ["get", kind, "basphere", "-o=json"];
            let found = self.passes(self.sandbox.admin(), &get, &Value::Null);
            let mut object: Value = serde_json::from_str(&found).unwrap();
            for webhook in object["webhooks"].as_array_mut().unwrap() {
                webhook["clientConfig"] = client.clone();
            }
            self.passes(self.sandbox.admin(), &["replace", "-f", "-"], &object);
        }
        let theirs = self.registered(bundles);
        assert_ne!(theirs, ours);
        for kind in [
            "ValidatingWebhookConfiguration",
            "MutatingWebhookConfiguration",
        ] {
            self.webhook_has_seen(kind);
        }
        assert_eq!(self.registered(bundles), theirs, "it is not fought for");
        self.delete_registration();
        self.becomes(bundles, &ours);
    }

    fn an_end_in_order_unregisters(&self) {
        let configurations = [
            "get",
            "mutatingwebhookconfiguration,validatingwebhookconfiguration",
            "-o=name",
        ];
        let both = self.passes(self.sandbox.admin(), &configurations, &Value::Null);
        assert_eq!(both.lines().count(), 2, "{both}");
        let status = self.sandbox.stop_webhook(Stop::Terminate).unwrap().unwrap();
        assert_eq!(status.code(), Some(0));
        assert_eq!(
            self.passes(self.sandbox.admin(), &configurations, &Value::Null),
            ""
        );
    }

    fn machine(&self, name: &str) -> Value {
        let group = "infrastructure.cluster.x-k8s.io";
        let reference = match self.version {
            "v1beta1" => {
                json!({"apiVersion": format!("{group}/v1beta1"), "kind": "VSphereMachine", "name": name})
            }
            _ => json!({"apiGroup": group, "kind": "VSphereMachine", "name": name}),
        };
        json!({
            "apiVersion": format!("cluster.x-k8s.io/{}", self.version),
            "kind": "Machine",
            "metadata": {"name": name, "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
            "spec": {"clusterName": "demo", "bootstrap": {"dataSecretName": "x"}, "infrastructureRef": reference},
        })
    }
}
