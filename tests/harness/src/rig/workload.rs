//! The inside of a cluster whose machines run nothing: an API server at its endpoint, and nodes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_certs::{Authority, Usage};
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, create_directory};
use crate::kubectl::{User, run};
use crate::pki::{Pair, leaf, write_private};
use crate::processes::Listener;
use crate::rig::Rig;
use crate::rig::keys::pkcs8;
use crate::rig::kubelets::Kubelets;
use crate::wait;
use crate::watchdog::Guarded;

const BEGUN: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(60);
/// kubectl is asked, which takes a tenth of a second of one core.
const PAUSE: Duration = Duration::from_millis(500);
/// How often clusters are looked for.
const LOOK: Duration = Duration::from_secs(2);
const GRACE_SECONDS: u32 = 1;

/// A cluster as its users see it. Dropping it ends its API server and its kubelets.
#[derive(Debug)]
pub struct Workload {
    // Dropped first: kubelets only complain without an API server.
    kubelets: Kubelets,
    _api_server: Guarded,
    admin: User,
}

/// Where Cluster API looks for the cluster.
struct Endpoint {
    host: Ipv4Addr,
    port: u16,
}

impl Workload {
    pub(crate) fn start(rig: &Rig, namespace: &str, cluster: &str) -> Result<Self> {
        let key = Key {
            control_plane: rig.sandbox().control_plane(),
            namespace,
            cluster,
        };
        let what = "the first machine has its bootstrap data";
        let endpoint = wait::every(PAUSE, what, BEGUN, || key.endpoint())?;
        Self::begin(&key, &endpoint)
    }

    fn begin(key: &Key<'_>, endpoint: &Endpoint) -> Result<Self> {
        let control_plane = key.control_plane;
        let admin = key.admin()?;
        let api_server = key.api_server(endpoint)?;
        let what = format!(
            "the API server of {}/{} is ready",
            key.namespace, key.cluster
        );
        let ready = wait::every(PAUSE, &what, READY, || {
            if let Some(status) = api_server.try_wait()? {
                bail!("it ended with {status}");
            }
            let get = ["get", "--raw", "/readyz"];
            let answer = run(control_plane.kubectl(&admin)?.args(get), "")?;
            Ok(answer.succeeded().then_some(()))
        });
        ready.map_err(|e| anyhow!("{e:#}; its log ends:\n{}", api_server.log_tail()))?;
        initialize(control_plane, &admin)?;
        Ok(Self {
            kubelets: Kubelets::start(control_plane, &admin, key.namespace, key.cluster)?,
            _api_server: api_server,
            admin,
        })
    }

    /// The admin of the cluster, by the kubeconfig that Cluster API made: `sandbox.kubectl(workload.admin())`.
    #[must_use]
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// Lets the node of a machine say that it is ready, or that it is not, from now on.
    pub fn set_ready(&self, machine: &str, ready: bool) {
        self.kubelets.set_ready(machine, ready);
    }
}

/// Plays all clusters as they come and go, until the other end is dropped.
pub(crate) fn play_all(rig: &Rig, end: &Receiver<()>) {
    let mut played = BTreeMap::new();
    while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        // Somebody is at work in there, and may take away anything at any time: what failed is tried again.
        let _ = play_once(rig, &mut played);
    }
}

fn play_once(rig: &Rig, played: &mut BTreeMap<[String; 2], Workload>) -> Result<()> {
    let control_plane = rig.sandbox().control_plane();
    let columns = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{\"\\n\"}{end}";
    let list = ["get", "clusters", "--all-namespaces", "--output", columns];
    let listed = control_plane.admin_run(&list, "")?;
    let names = listed.lines().filter_map(|line| line.split_once(' '));
    let clusters: Vec<[String; 2]> = names.map(|(n, c)| [n, c].map(str::to_owned)).collect();
    played.retain(|cluster, _| clusters.contains(cluster));
    for identity in clusters {
        if played.contains_key(&identity) {
            continue;
        }
        let [namespace, cluster] = &identity;
        let key = Key {
            control_plane,
            namespace,
            cluster,
        };
        if let Some(endpoint) = key.endpoint()? {
            let workload = Workload::begin(&key, &endpoint)?;
            played.insert(identity, workload);
        }
    }
    Ok(())
}

/// What a real `kubeadm init` leaves behind: by this Cluster API knows that it has run.
fn initialize(control_plane: &ControlPlane, admin: &User) -> Result<()> {
    let configuration = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n";
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": configuration},
    });
    // The namespace comes a moment after the API server is ready.
    wait::until("kubeadm's configuration is stored", READY, || {
        let mut create = control_plane.kubectl(admin)?;
        create.args(["create", "--filename=-"]);
        let outcome = run(&mut create, &map.to_string())?;
        Ok((outcome.succeeded() || outcome.stderr.contains("AlreadyExists")).then_some(()))
    })
}

/// A cluster, as the management cluster knows it.
struct Key<'a> {
    control_plane: &'a ControlPlane,
    namespace: &'a str,
    cluster: &'a str,
}

impl Key<'_> {
    /// The endpoint, once the first machine of the control plane could run `kubeadm init`.
    fn endpoint(&self) -> Result<Option<Endpoint>> {
        let labels = format!(
            "cluster.x-k8s.io/cluster-name={},cluster.x-k8s.io/control-plane",
            self.cluster
        );
        let machines = self.get(&["machines.v1beta2.cluster.x-k8s.io", "--selector", &labels])?;
        let items = machines.pointer("/items").and_then(Value::as_array);
        let mut items = items.into_iter().flatten();
        if !items.any(|m| m.pointer("/spec/bootstrap/dataSecretName").is_some()) {
            return Ok(None);
        }
        let cluster = self.get(&["clusters.v1beta2.cluster.x-k8s.io", self.cluster])?;
        let endpoint = cluster.pointer("/spec/controlPlaneEndpoint");
        let endpoint = endpoint.context("a cluster with machines and no endpoint")?;
        let host = endpoint.get("host").and_then(Value::as_str);
        let port = endpoint.get("port").and_then(Value::as_u64);
        Ok(Some(Endpoint {
            host: host.context("an endpoint without a host")?.parse()?,
            port: port.unwrap_or(6443).try_into()?,
        }))
    }

    /// Whoever has the kubeconfig that Cluster API made.
    fn admin(&self) -> Result<User> {
        let kubeconfig = wait::until("the kubeconfig is made", READY, || {
            self.secret("kubeconfig", "value")
        })?;
        let name = format!("{}-{}", self.namespace, self.cluster);
        self.control_plane.adopt(&name, &kubeconfig)
    }

    /// Starts the API server, under a certificate of the cluster's own authority.
    fn api_server(&self, endpoint: &Endpoint) -> Result<Guarded> {
        let name = format!("{}-{}", self.namespace, self.cluster);
        let directory = self.control_plane.directory().join(&name);
        create_directory(&directory)?;
        let listener = self.listener(endpoint, &directory)?;
        let mut command = self.control_plane.api_server(&listener)?;
        command.arg(format!("--etcd-prefix=/{name}"));
        self.control_plane.spawn(&command, &name, GRACE_SECONDS)
    }

    fn listener(&self, endpoint: &Endpoint, directory: &Path) -> Result<Listener> {
        let read = |key: &str| -> Result<String> {
            let found = self.secret("ca", key)?;
            found.with_context(|| format!("{} has no CA", self.cluster))
        };
        let certificate = read("tls.crt")?;
        let authority = Authority::from_pem(&certificate, &pkcs8(&read("tls.key")?)?)?;
        let host = endpoint.host.to_string();
        let issued = authority.issue(&leaf("kube-apiserver", None, &[&host], Usage::Server))?;
        let serving = Pair {
            certificate: directory.join("apiserver.crt"),
            key: directory.join("apiserver.key"),
        };
        let client_ca = directory.join("ca.crt");
        write_private(&serving.certificate, &issued.certificate_pem)?;
        write_private(&serving.key, &issued.key_pem)?;
        write_private(&client_ca, &certificate)?;
        Ok(Listener {
            address: endpoint.host,
            port: endpoint.port,
            serving,
            client_ca,
        })
    }

    /// A key of one of the cluster's Secrets, when it is there.
    fn secret(&self, suffix: &str, key: &str) -> Result<Option<String>> {
        let name = format!("{}-{suffix}", self.cluster);
        let secret = self.get(&["secret", &name, "--ignore-not-found"])?;
        let value = secret.get("data").and_then(|data| data.get(key)?.as_str());
        let Some(value) = value else {
            return Ok(None);
        };
        let text = STANDARD
            .decode(value)
            .context("a Secret that is no base64")?;
        Ok(Some(
            String::from_utf8(text).context("a Secret that is no text")?,
        ))
    }

    /// What kubectl reads; null when there is nothing.
    fn get(&self, arguments: &[&str]) -> Result<Value> {
        let flags = ["--namespace", self.namespace, "--output=json"];
        let json = [&["get"], arguments, &flags].concat();
        let json = self.control_plane.admin_run(&json, "")?;
        if json.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }
}
