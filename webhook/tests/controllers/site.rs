//! A cluster with Basphere's kinds, short delays, and processes of the webhook that nobody calls.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_api::install::{NAME, NAMESPACE};
use basphere_core::Timestamp;
use basphere_harness::{ApiVersion, Sandbox, SandboxOptions, run, wait};
use serde_json::{Value, json};

#[path = "../support/mod.rs"]
mod support;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) sandbox: Sandbox,
    pub(crate) version: &'static str,
    logs: Mutex<Vec<Receiver<Value>>>,
}

/// A process that does not outlive its test.
pub(crate) struct Process {
    child: std::process::Child,
    pub(crate) metrics: String,
}

impl Process {
    /// By KILL, as the kernel does when memory is short.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Site {
    pub(crate) fn begin(api_version: ApiVersion) -> Self {
        let sandbox = Sandbox::start(&SandboxOptions {
            api_version,
            webhook: false,
            ..SandboxOptions::default()
        })
        .unwrap();
        let site = Self {
            sandbox,
            version: api_version.as_str(),
            logs: Mutex::default(),
        };
        // With the rights of an installation, and not one more.
        for object in basphere_api::install::objects().unwrap() {
            let kind = object["kind"].as_str().unwrap();
            if kind.contains("Role") {
                let namespace = format!("--namespace={NAMESPACE}");
                site.admin_with(&["create", &namespace, "-f=-"], &object.to_string());
            }
        }
        // Until a test wants it, nothing but what a test writes is leased.
        let short = json!({"spec": {
            "addresses": {"reservationGrace": "1s", "loadBalancers": null},
            "vsphere": {"addresses": null},
            "kubeVip": null,
        }})
        .to_string();
        site.admin(&["patch", "site/default", "--type=merge", "--patch", &short]);
        // Pools of a few addresses in the place of the example's.
        site.admin(&["delete", "addresspools", "--all"]);
        site.create(&pool("nodes", "10.254.0.0/24", json!({"blockSize": 29})));
        site.create(&pool("small", "10.253.0.0/30", json!({})));
        site
    }

    /// A process with short times of its Lease, once it has begun to work.
    pub(crate) fn webhook(&self, name: &str) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        let account = format!("system:serviceaccount:{NAMESPACE}:{NAME}");
        let user = self.sandbox.control_plane().user(&account, &[]).unwrap();
        let kubeconfig = user.kubeconfig();
        command.arg("serve").arg("--self-signed");
        command.arg("--kubeconfig").arg(kubeconfig);
        command.args(["--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0"]);
        command.args(["--lease-duration=2s", "--lease-renew=1500ms"]);
        command.args(["--lease-retry=200ms", "--resync=3s"]);
        command.env("HOSTNAME", name);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = support::read_log(&mut child);
        let line = support::wait_for(&log, "serving metrics and health");
        let metrics = line["address"].as_str().unwrap().to_owned();
        support::wait_for(&log, "ready");
        self.logs.lock().unwrap().push(log);
        Process { child, metrics }
    }

    #[track_caller]
    pub(crate) fn admin_with(&self, arguments: &[&str], stdin: &str) -> String {
        let mut command = self.sandbox.kubectl(self.sandbox.admin()).unwrap();
        command.args(["--namespace=user-kim"]).args(arguments);
        let outcome = run(&mut command, stdin).unwrap();
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    pub(crate) fn admin(&self, arguments: &[&str]) -> String {
        self.admin_with(arguments, "")
    }

    /// Creates an object and returns it as it is stored.
    #[track_caller]
    pub(crate) fn create(&self, object: &Value) -> Value {
        let created = self.admin_with(&["create", "-f=-", "-o=json"], &object.to_string());
        serde_json::from_str(&created).unwrap()
    }

    #[track_caller]
    pub(crate) fn patch(&self, object: &str, patch: &Value) {
        let patch = patch.to_string();
        self.admin(&["patch", object, "--type=merge", "--patch", &patch]);
    }

    pub(crate) fn get(&self, object: &str) -> Option<Value> {
        let found = self.admin(&["get", object, "--ignore-not-found", "-o=json"]);
        serde_json::from_str(&found).ok()
    }

    /// Waits until an object is there and as it should be.
    #[track_caller]
    pub(crate) fn wait(&self, object: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        let found = wait::until(&format!("{object} is right"), PATIENCE, || {
            last = self.get(object);
            Ok(last.clone().filter(&is_right))
        });
        found.unwrap_or_else(|error| panic!("{error:#}: {last:#?}"))
    }

    /// As [`Self::wait`], in another namespace.
    #[track_caller]
    pub(crate) fn wait_in(
        &self,
        namespace: &str,
        object: &str,
        is_right: impl Fn(&Value) -> bool,
    ) -> Value {
        let namespace = format!("--namespace={namespace}");
        wait::until(&format!("{object} is right"), PATIENCE, || {
            let found = self.admin(&["get", object, &namespace, "-o=json"]);
            Ok(serde_json::from_str(&found).ok().filter(&is_right))
        })
        .unwrap()
    }

    #[track_caller]
    pub(crate) fn wait_gone(&self, object: &str) {
        let gone = || Ok(self.get(object).is_none().then_some(()));
        wait::until(&format!("{object} is gone"), PATIENCE, gone).unwrap();
    }

    /// Waits until somebody was told of something.
    #[track_caller]
    pub(crate) fn wait_event(&self, reason: &str, kind: &str, name: &str) -> String {
        let mut seen = String::new();
        let found = wait::until(&format!("an Event {reason} on {name}"), PATIENCE, || {
            seen = self.admin(&["get", "events.events.k8s.io", "-o=json"]);
            let events: Value = serde_json::from_str(&seen)?;
            let mut events = events["items"].as_array().cloned().unwrap().into_iter();
            let is_it = |event: &Value| {
                event["reason"] == reason
                    && event["regarding"]["kind"] == kind
                    && event["regarding"]["name"] == name
            };
            Ok(events.find(is_it))
        });
        let event = found.unwrap_or_else(|error| panic!("{error:#}: {seen}"));
        event["note"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn pool(name: &str, cidr: &str, extra: Value) -> Value {
    let mut spec = json!({"domain": "lan", "cidr": cidr, "reuseAfter": "3s"});
    json_patch::merge(&mut spec, &extra);
    json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "AddressPool",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// A lease as a review makes it; `extra` is merged into its spec.
pub(crate) fn lease(name: &str, kind: &str, address: &str, purpose: &str, extra: Value) -> Value {
    let mut spec = json!({
        "kind": kind, "domain": "lan", "address": address, "pool": "nodes", "tenant": "kim",
        "purpose": purpose, "state": "Reserved", "since": Timestamp::now().to_string(),
    });
    json_patch::merge(&mut spec, &extra);
    json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "AddressLease",
        "metadata": {"name": name},
        "spec": spec,
    })
}

pub(crate) fn holder(kind: &str, name: &str) -> Value {
    json!({"holder": {"kind": kind, "namespace": "user-kim", "name": name}})
}
