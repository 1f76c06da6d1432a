//! An API server, policies, and a program that audits.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use basphere_harness::{ControlPlane, Options, Outcome, ReportCrds, User, run, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{read_log, wait_for};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// ConfigMaps have an owner.
const TEMPLATE: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: requiredowner
spec:
  crd:
    spec:
      names:
        kind: RequiredOwner
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package requiredowner

      violation[{"msg": msg}] {
        not input.review.object.metadata.labels.owner
        msg := sprintf("%v %v has no owner", [input.review.kind.kind, input.review.object.metadata.name])
      }
"#;

pub(crate) fn constraint(name: &str, action: &str, kinds: &[&str]) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "RequiredOwner",
        "metadata": {"name": name},
        "spec": {
            "enforcementAction": action,
            "match": {
                "kinds": [{"apiGroups": ["*"], "kinds": kinds}],
                "namespaceSelector": {"matchLabels": {"audited": "yes"}},
            },
        },
    })
}

pub(crate) fn config_map(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"audited": "yes"}}})
}

/// It ends with the test, however that ends.
pub(crate) struct Program {
    process: Child,
    pub(crate) log: Receiver<Value>,
    metrics: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    /// The next audit that ends.
    pub(crate) fn audited(&self) -> Value {
        wait_for(&self.log, "audited")
    }

    pub(crate) fn metrics(&self) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.metrics)).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

pub(crate) struct Cluster {
    pub(crate) control_plane: ControlPlane,
    pub(crate) policies: TempDir,
}

impl Cluster {
    pub(crate) fn start(reports: &[ReportCrds]) -> Self {
        let cluster = Self {
            control_plane: ControlPlane::start(&Options::default()).unwrap(),
            policies: tempfile::tempdir().unwrap(),
        };
        for crds in reports {
            let directory: PathBuf = crds.directory().unwrap();
            let directory = directory.to_str().unwrap();
            cluster.passes(&["create", "-f", directory], &Value::Null);
        }
        let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "basphere-system"}});
        cluster.create(&[system]);
        cluster.write("template.yaml", TEMPLATE);
        cluster
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.policies.path().join(name), text).unwrap();
    }

    /// A program that audits and is asked by nobody.
    pub(crate) fn serve(&self, user: &User, flags: &[&str]) -> Program {
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [reviews, metrics] = ports.map(|port| port.local_addr().unwrap().port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        command
            .args(["serve", "--profile=workload", "--self-signed"])
            .args([
                "--lease-duration=3s",
                "--lease-renew=2s",
                "--lease-retry=500ms",
            ])
            .arg(format!("--listen=127.0.0.1:{reviews}"))
            .arg(format!("--metrics-listen=127.0.0.1:{metrics}"))
            .arg("--kubeconfig")
            .arg(user.kubeconfig())
            .arg("--policies")
            .arg(self.policies.path())
            .args(flags);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = read_log(&mut process);
        Program {
            process,
            log,
            metrics,
        }
    }

    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: &Value) -> Outcome {
        let admin = self.control_plane.admin();
        let mut command = self.control_plane.kubectl(admin).unwrap();
        run(command.args(arguments), &stdin.to_string()).unwrap()
    }

    #[track_caller]
    pub(crate) fn passes(&self, arguments: &[&str], stdin: &Value) -> String {
        let outcome = self.kubectl(arguments, stdin);
        assert!(outcome.succeeded(), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    #[track_caller]
    pub(crate) fn create(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.passes(&["create", "-f", "-", "--output=name"], &list);
    }

    /// An object; null where there is none.
    #[track_caller]
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        let all = [&["get", "--ignore-not-found", "--output=json"], arguments].concat();
        let text = self.passes(&all, &Value::Null);
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    pub(crate) fn report(&self, plural: &str, namespace: &str) -> Value {
        let namespace = format!("--namespace={namespace}");
        self.get(&[plural, "basphere-audit", &namespace])
    }

    pub(crate) fn report_is(
        &self,
        what: &str,
        plural: &str,
        namespace: &str,
        is: impl Fn(&Value) -> bool,
    ) {
        wait::until(what, PATIENCE, || {
            Ok(is(&self.report(plural, namespace)).then_some(()))
        })
        .unwrap();
    }

    /// How often ConfigMaps were listed until now.
    pub(crate) fn lists(&self) -> u64 {
        let metrics = self.passes(&["get", "--raw=/metrics"], &Value::Null);
        let of_lists = |line: &&str| {
            let parts = [
                "apiserver_request_total{",
                "resource=\"configmaps\"",
                "verb=\"LIST\"",
                "scope=\"cluster\"",
            ];
            parts.iter().all(|part| line.contains(part))
        };
        let counts = metrics.lines().filter(of_lists);
        let counts = counts.map(|line| line.rsplit_once(' ').unwrap().1);
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }
}
